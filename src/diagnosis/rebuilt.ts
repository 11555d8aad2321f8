/**
 * The default network made anew, as a restart of the engine makes it when an option changes its bridge, its addresses or its MTU. In: a
 * host, and what the engine holds and plans before and after. Out: the host with the new bridge and its containers connected to it again,
 * or why the engine would not make it. Rules and proxies are the plans' subject.
 */
import { applyChanges, type StateChange } from '../host/change.ts';
import type { NoChange } from '../host/change-command.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { type Endpoint, type Intent, isDefaultBridge, type Network, type Sandbox } from '../intent/intent.ts';
import { gatewayOf } from '../intent/ipam.ts';
import { type Addr, type Family, parseAddr, sameAddr } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Options } from '../options/options.ts';
import type { Plan } from '../plan/plan.ts';
import { enginePort, furtherAddresses } from './attachment.ts';

export interface Held {
  readonly intent: Intent;
  readonly options: Options;
  readonly plan: Plan;
}

/** Whether the default network is another afterwards: its bridge, its addresses, or those of its containers. */
export function isMadeAnew(before: Held, after: Held): boolean {
  const shape = ({ intent, options, plan }: Held) => {
    const network = intent.networks.find(isDefaultBridge);
    const { mtu, addresses = [] } = plan.links.find(({ name }) => name === bridgeName(options)) ?? {};
    return JSON.stringify([
      bridgeName(options),
      network?.ipam,
      mtu,
      addresses.map(({ prefix }) => prefix),
      gatewayOption(options, 'ipv4'),
      gatewayOption(options, 'ipv6'),
      network === undefined ? [] : endpointsOn(network, intent).map(({ endpoint }) => endpoint.addresses),
    ]);
  };
  return shape(before) !== shape(after);
}

/** Takes the old bridge away and connects the containers that were on it to the new one. */
export function madeAnew(state: HostState, before: Held, after: Held): HostState | NoChange {
  const host = state.namespaces.find(({ kind }) => kind === 'host');
  const [old, made] = [before, after].map(({ intent }) => intent.networks.find(isDefaultBridge));
  if (host === undefined) return { error: 'the host itself is not in the facts' };
  const bridge = bridgeName(after.options);
  const isThere = host.links.some(({ name }) => name === bridge);
  if (made !== undefined && after.options.settings.bridge.value !== '' && !isThere)
    return { error: `dockerd refuses to start: there is no bridge ${bridge}, and it makes none but docker0` };
  const devices =
    old === undefined ? [] : endpointsOn(old, before.intent).flatMap((on) => deviceOf(state, on));
  const cleared = applyChanges(state, [
    ...devices.flatMap(({ container, dev, port }): StateChange[] => [
      { namespace: container, kind: 'delete-link', dev },
      ...(port === undefined ? [] : [{ namespace: host.name, kind: 'delete-link', dev: port } as const]),
    ]),
    ...(before.options.settings.bridge.value === '' && old !== undefined
      ? [{ namespace: host.name, kind: 'delete-link', dev: bridgeName(before.options) } as const]
      : []),
  ]);
  if (made === undefined) return cleared;
  const mtu = after.plan.links.find(({ name }) => name === bridge)?.mtu ?? 1500;
  const built = applyChanges(cleared, [
    ...bridgeChanges(host, bridge, made, mtu, isThere && after.options.settings.bridge.value !== ''),
    ...endpointsOn(made, after.intent).flatMap((on) => attachments(state, host, on, made, after, mtu)),
  ]);
  const hairpin = !after.options.settings['userland-proxy'].value;
  return {
    ...built,
    namespaces: built.namespaces.map((ns) => (ns.kind === 'host' ? ported(ns, hairpin) : ns)),
  };
}

function bridgeName({ settings }: Options): string {
  return settings.bridge.value === '' ? 'docker0' : settings.bridge.value;
}

function gatewayOption({ settings }: Options, family: Family): Addr | undefined {
  return parseAddr(settings[family === 'ipv4' ? 'default-gateway' : 'default-gateway-v6'].value);
}

interface OnNetwork {
  readonly sandbox: Sandbox;
  readonly endpoint: Endpoint;
}

function endpointsOn(network: Network, { sandboxes }: Intent): readonly OnNetwork[] {
  return sandboxes.flatMap((sandbox) =>
    sandbox.running
      ? sandbox.endpoints
          .filter((endpoint) => endpoint.network === network.id)
          .map((endpoint) => ({ sandbox, endpoint }))
      : [],
  );
}

/** A container's device on the network, known by its address, and the bridge port at its other end. */
function deviceOf(
  { namespaces }: HostState,
  { sandbox, endpoint }: OnNetwork,
): readonly { readonly container: string; readonly dev: string; readonly port: string | undefined }[] {
  const inside = namespaces.find(({ name, kind }) => kind === 'container' && name === sandbox.name);
  const link = inside?.links.find(({ addresses }) =>
    addresses.some(({ prefix }) => endpoint.addresses.some(({ addr }) => sameAddr(addr, prefix.addr))),
  );
  if (link === undefined) return [];
  const port = namespaces
    .find(({ kind }) => kind === 'host')
    ?.links.find(({ index }) => index === link.peer?.index);
  return [{ container: sandbox.name, dev: link.name, port: port?.name }];
}

function bridgeChanges(
  { name: namespace }: Namespace,
  dev: string,
  network: Network,
  mtu: number,
  isThere: boolean,
): readonly StateChange[] {
  const prefixes = network.ipam.flatMap((config): Prefix[] => {
    const gateway = gatewayOf(config);
    return gateway === undefined ? [] : [{ addr: gateway, bits: config.subnet.bits }];
  });
  const [first, ...others] = prefixes;
  const added = (prefix: Prefix): StateChange => ({ namespace, kind: 'add-address', dev, prefix });
  // A bridge of the administrator's keeps what it has.
  if (isThere) return [];
  return [{ namespace, kind: 'add-bridge', dev, mtu, prefix: first }, ...others.map(added)];
}

function attachments(
  state: HostState,
  host: Namespace,
  on: OnNetwork,
  network: Network,
  after: Held,
  mtu: number,
): readonly StateChange[] {
  const { sandbox, endpoint } = on;
  const [first, ...others] = endpoint.addresses;
  if (first === undefined || !state.namespaces.some(({ name }) => name === sandbox.name)) return [];
  const gatewayFor = ({ addr }: Prefix) => {
    const config = network.ipam.find(({ subnet }) => subnet.addr.family === addr.family);
    return (
      gatewayOption(after.options, addr.family) ?? (config === undefined ? undefined : gatewayOf(config))
    );
  };
  const dev = 'eth0';
  const at = { namespace: sandbox.name, dev } as const;
  return [
    {
      ...at,
      kind: 'attach',
      mac: endpoint.mac ?? `new:${sandbox.name}`,
      prefix: first,
      gateway: gatewayFor(first),
      bridge: bridgeName(after.options),
    },
    { ...at, kind: 'link-mtu', mtu },
    { namespace: host.name, kind: 'link-mtu', dev: `veth-${sandbox.name}`, mtu },
    ...furtherAddresses(at, others, gatewayFor),
  ];
}

/** New ports of bridges, as the engine leaves them. */
function ported(host: Namespace, hairpin: boolean): Namespace {
  const port = enginePort(hairpin);
  return {
    ...host,
    links: host.links.map((link) =>
      link.master === undefined || link.port !== undefined ? link : { ...link, port },
    ),
  };
}
