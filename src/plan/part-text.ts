/**
 * Parts of a plan that are no rules, as text: the way in which ip and ps would show them. In: a part. Out: one line.
 */
import type { Route } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { PlannedLink, PlannedProxy } from './plan.ts';

/** `docker0 mtu 1500 172.17.0.1/16` */
export function linkText({ name, mtu, addresses }: PlannedLink): string {
  return [`${name} mtu ${mtu}`, ...addresses.map(({ prefix }) => formatPrefix(prefix))].join(' ');
}

/** `172.17.0.0/16 dev docker0 src 172.17.0.1` */
export function routeText({ dst, dev, preferredSource }: Route): string {
  const source = preferredSource === undefined ? '' : ` src ${formatAddr(preferredSource)}`;
  return `${formatPrefix(dst)} dev ${dev}${source}`;
}

/** `docker-proxy tcp 0.0.0.0:8080 to 172.17.0.2:80` */
export function proxyText(proxy: PlannedProxy): string {
  const host = endOf(proxy.hostAddress, proxy.hostPort);
  const container = endOf(proxy.containerAddress, proxy.containerPort);
  return `docker-proxy ${proxy.protocol} ${host} to ${container}`;
}

function endOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
