/**
 * What of a plan is not on the host, besides rules: bridges, their addresses, ports of bridges, proxies; and the changes that
 * bring a bridge back. In: a host and what is expected of it. Out: the parts. What they mean for packets is diagnosis' subject.
 */
import type { StateChange } from '../host/change.ts';
import type { Link, LinkAddress, Namespace } from '../host/state.ts';
import { formatAddr, sameAddr } from '../net/addr.ts';
import type { PlannedLink, PlannedProxy } from '../plan/plan.ts';
import { bridgeOf, type ExpectingHost } from './networks.ts';

export interface RenamedBridge {
  readonly planned: PlannedLink;
  /** The bridge that carries its address now. */
  readonly link: Link;
}

/** Bridges of the plan that are there under another name. */
export function renamedBridges({ expected }: ExpectingHost, host: Namespace): readonly RenamedBridge[] {
  return (expected?.plan.links ?? []).flatMap((planned) => {
    if (linkNamed(host, planned.name) !== undefined) return [];
    const link = host.links.find(
      ({ kind, addresses }) =>
        kind === 'bridge' &&
        planned.addresses.some((wanted) =>
          addresses.some(
            ({ prefix, scope }) => scope === 'global' && sameAddr(prefix.addr, wanted.prefix.addr),
          ),
        ),
    );
    return link === undefined ? [] : [{ planned, link }];
  });
}

/** Bridges of the plan that are gone. */
export function lostBridges(whole: ExpectingHost, host: Namespace): readonly PlannedLink[] {
  const renamed = renamedBridges(whole, host).map(({ planned }) => planned);
  return (whole.expected?.plan.links ?? []).filter(
    (planned) => linkNamed(host, planned.name) === undefined && !renamed.includes(planned),
  );
}

/** Makes a bridge anew, with the containers' links that were its ports. */
export function bringBackBridge(
  whole: ExpectingHost,
  host: Namespace,
  { name, mtu, addresses }: PlannedLink,
): readonly StateChange[] {
  const [prefix, ...others] = addresses.map((address) => address.prefix);
  const ports = host.links.filter((link) => link.master === undefined && bridgeOf(whole, link) === name);
  return [
    { namespace: host.name, kind: 'add-bridge', dev: name, mtu, prefix },
    ...others.map((other): StateChange => addAddress(host, name, other)),
    ...ports.map((port): StateChange => joinBridge(host, port, name)),
  ];
}

export interface LostAddress {
  readonly planned: PlannedLink;
  readonly address: LinkAddress;
}

/** Addresses that the plan puts on bridges which are there. */
export function lostAddresses({ expected }: ExpectingHost, host: Namespace): readonly LostAddress[] {
  return (expected?.plan.links ?? []).flatMap((planned) => {
    const link = linkNamed(host, planned.name);
    if (link === undefined) return [];
    return planned.addresses
      .filter(({ prefix }) => !link.addresses.some((own) => sameAddr(own.prefix.addr, prefix.addr)))
      .map((address) => ({ planned, address }));
  });
}

export function addAddress(host: Namespace, dev: string, prefix: LinkAddress['prefix']): StateChange {
  return { namespace: host.name, kind: 'add-address', dev, prefix };
}

/** A container's link on the host that is a port of no bridge, or of another than its network's. */
export interface StrayPort {
  readonly link: Link;
  readonly bridge: string;
}

/** Ports of bridges that are there. */
export function strayPorts(whole: ExpectingHost, host: Namespace): readonly StrayPort[] {
  return host.links.flatMap((link) => {
    const bridge = bridgeOf(whole, link);
    return bridge === undefined || link.master === bridge || linkNamed(host, bridge) === undefined
      ? []
      : [{ link, bridge }];
  });
}

export function joinBridge(host: Namespace, port: Link, master: string): StateChange {
  return { namespace: host.name, kind: 'link-master', dev: port.name, master };
}

/** Proxies of the plan that do not run; none where it is not known which run. */
export function lostProxies({ expected, state }: ExpectingHost): readonly PlannedProxy[] {
  const running = state.proxies;
  if (running === undefined) return [];
  return (expected?.plan.proxies ?? []).filter(
    (planned) =>
      !running.some(
        (proxy) =>
          proxy.hostPort === planned.hostPort &&
          proxy.protocol === planned.protocol &&
          formatAddr(proxy.hostAddress) === planned.hostAddress,
      ),
  );
}

export function linkNamed(host: Namespace, name: string): Link | undefined {
  return host.links.find((link) => link.name === name);
}
