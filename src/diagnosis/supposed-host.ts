/**
 * A host around rules that are all that is known of it. In: its namespace as observed, the networks that the rules tell of, and the plan
 * of the engine that made them, where it is known. Out: a HostState with links, addresses, routes and containers as the engine makes
 * them, and in words what was supposed. Whatever a walk on it meets besides the rules is supposition: who uses it has to say so.
 */
import { startProxies } from '../drift/proxies.ts';
import { applyChanges, defaultRoute, type StateChange } from '../host/change.ts';
import type { HostState, Link, Namespace } from '../host/state.ts';
import type { Intent, Network, Sandbox } from '../intent/intent.ts';
import { gatewayOf, nextAddress } from '../intent/ipam.ts';
import { type Addr, formatAddr, ipv4, parseAddr } from '../net/addr.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import { labels } from '../plan/bridge/choices.ts';
import type { Plan } from '../plan/plan.ts';
import { enginePort, furtherAddresses } from './attachment.ts';

export interface SupposedHost {
  readonly state: HostState;
  /** The networks with containers that stand in where the rules name fewer than two. */
  readonly intent: Intent;
  /** One phrase each. */
  readonly supposed: readonly string[];
}

/** Supposes everything that rules do not say. */
export function supposeHost(host: Namespace, seen: Intent, plan: Plan | undefined): SupposedHost {
  const knowsIpv6 = !host.missing?.some(({ part, family }) => part === 'firewall' && family === 'ipv6');
  const ipv6 = knowsIpv6 && seen.networks.some((network) => network.ipv6);
  const uplink = uplinkName(host, seen);
  const { intent, standIns } = withStandIns(seen);
  const bare: Namespace = {
    ...host,
    links: [loopback, ethernet(uplink, ipv6)],
    routes: [defaultRoute(uplink, outside), ...(ipv6 ? [defaultRoute(uplink, outside6)] : [])],
    sysctls: new Map(
      ['net.ipv4.ip_forward', 'net.ipv4.conf.default.forwarding', 'net.ipv6.conf.all.forwarding'].map(
        (name) => [name, { value: '1' }],
      ),
    ),
    sockets: [],
    missing: (host.missing ?? []).filter(({ part }) => part === 'firewall'),
  };
  const containers = intent.sandboxes.map(({ name }) => emptyContainer(name));
  const start: HostState = { namespaces: [bare, ...containers], proxies: [] };
  const bridges = intent.networks.flatMap((network) => bridgeChanges(host, network, plan));
  const ends = intent.sandboxes.flatMap((sandbox) => endChanges(sandbox, intent));
  const sysctls = [...(plan?.sysctls ?? [])].map(
    ([name, { value }]): StateChange => ({
      namespace: host.name,
      kind: 'sysctl',
      name,
      value,
      before: undefined,
    }),
  );
  const proxies = startProxies(host, plan?.proxies ?? []);
  const made = applyChanges(start, [...bridges, ...ends, ...sysctls, ...proxies]);
  const hairpin = plan !== undefined && plan.proxies.length === 0;
  return {
    state: {
      ...made,
      namespaces: made.namespaces.map((ns) => (ns.kind === 'host' ? ported(ns, hairpin) : ns)),
    },
    intent,
    supposed: [
      'links, addresses, routes and sysctls are as the engine makes them',
      'settings that no rule shows are the defaults: what is missing may also have been turned off',
      `the uplink is ${uplink} with ${formatPrefix(uplinkAddress)}`,
      'nothing on the host listens but docker-proxy, and every port of a container does',
      ...(standIns.length === 0
        ? []
        : [`containers that stand in for those that no rule names: ${standIns.join(', ')}`]),
      ...(host.nft === undefined ? ['there are no native nftables besides'] : []),
      ...(knowsIpv6 ? [] : ['IPv6 is left out: its rules are not there']),
    ],
  };
}

/** Addresses for documentation (RFC 5737, RFC 3849). */
const outside: Addr = ipv4(0xcb007101);
const uplinkAddress: Prefix = { addr: ipv4(0xcb007102), bits: 24 };
const outside6 = parseAddr('2001:db8:113::1') ?? outside;
const uplinkAddress6 = parsePrefix('2001:db8:113::2/64');

const loopback: Link = {
  index: 1,
  name: 'lo',
  kind: 'loopback',
  up: true,
  carrier: true,
  mtu: 65_536,
  addresses: [
    { prefix: { addr: ipv4(0x7f000001), bits: 8 }, scope: 'host' },
    ...['::1/128'].flatMap((text) => {
      const prefix = parsePrefix(text);
      return prefix === undefined ? [] : [{ prefix, scope: 'host' } as const];
    }),
  ],
};

function ethernet(name: string, ipv6: boolean): Link {
  const addresses = [uplinkAddress, ...(ipv6 && uplinkAddress6 !== undefined ? [uplinkAddress6] : [])];
  return {
    index: 2,
    name,
    kind: 'ether',
    up: true,
    carrier: true,
    mtu: 1500,
    mac: 'supposed:uplink',
    addresses: addresses.map((prefix) => ({ prefix, scope: 'global' })),
  };
}

/** The first device of the rules that is neither loopback nor a bridge of the engine. */
function uplinkName({ firewall }: Namespace, { networks }: Intent): string {
  const bridges = new Set(networks.map(({ options }) => options[labels.bridgeName]));
  const devices = firewall.tables.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) =>
      rules.flatMap(({ inInterface, outInterface }) => [inInterface, outInterface]),
    ),
  );
  const first = devices.find(
    (device) =>
      device !== undefined &&
      /^[\w.-]+$/.test(device.value) &&
      !/^(?:lo|docker|br-|veth)/.test(device.value) &&
      !bridges.has(device.value),
  );
  return first?.value ?? 'eth0';
}

function emptyContainer(name: string): Namespace {
  return {
    name,
    kind: 'container',
    sharedBy: [],
    links: [loopback],
    routes: [],
    policyRules: [],
    neighbours: [],
    sysctls: new Map(),
    firewall: { tables: [] },
    unmodelledHooks: [],
  };
}

/** Two containers on each network, so that it can be asked whether they reach the outside and each other. */
function withStandIns(seen: Intent): { readonly intent: Intent; readonly standIns: readonly string[] } {
  const standIns: Sandbox[] = seen.networks.flatMap((network) => {
    const [config] = network.ipam;
    const known = seen.sandboxes.filter(({ endpoints }) => endpoints[0]?.network === network.id);
    const taken = known.flatMap(({ endpoints }) =>
      endpoints.flatMap(({ addresses }) => addresses.map(({ addr }) => addr)),
    );
    const made: Sandbox[] = [];
    while (config !== undefined && known.length + made.length < 2) {
      const address = nextAddress(config, taken);
      if (address === undefined) break;
      taken.push(address.addr);
      const name = formatAddr(address.addr);
      const endpoint = { network: network.id, id: name, addresses: [address], ports: [] };
      made.push({ id: name, name, mode: { kind: 'own' }, running: true, endpoints: [endpoint] });
    }
    return made;
  });
  return {
    intent: { networks: seen.networks, sandboxes: [...seen.sandboxes, ...standIns] },
    standIns: standIns.map(({ name }) => name),
  };
}

function bridgeChanges(host: Namespace, network: Network, plan: Plan | undefined): readonly StateChange[] {
  const dev = network.options[labels.bridgeName] ?? network.name;
  const mtu = plan?.links.find(({ name }) => name === dev)?.mtu ?? 1500;
  const [first, ...others] = network.ipam.flatMap((config): Prefix[] => {
    const gateway = gatewayOf(config);
    return gateway === undefined ? [] : [{ addr: gateway, bits: config.subnet.bits }];
  });
  return [
    { namespace: host.name, kind: 'add-bridge', dev, mtu, prefix: first },
    ...others.map((prefix): StateChange => ({ namespace: host.name, kind: 'add-address', dev, prefix })),
  ];
}

function endChanges(sandbox: Sandbox, { networks }: Intent): readonly StateChange[] {
  return sandbox.endpoints.flatMap((endpoint, index): readonly StateChange[] => {
    const network = networks.find(({ id }) => id === endpoint.network);
    const [first, ...others] = endpoint.addresses;
    if (network === undefined || first === undefined) return [];
    const gatewayFor = ({ addr }: Prefix) => {
      const config = network.ipam.find(({ subnet }) => subnet.addr.family === addr.family);
      return config === undefined || network.internal ? undefined : gatewayOf(config);
    };
    const dev = `eth${index}`;
    const at = { namespace: sandbox.name, dev } as const;
    return [
      {
        ...at,
        kind: 'attach',
        mac: `supposed:${sandbox.name}`,
        prefix: first,
        gateway: gatewayFor(first),
        bridge: network.options[labels.bridgeName] ?? network.name,
      },
      ...furtherAddresses(at, others, gatewayFor),
    ];
  });
}

/** Bridge ports as the engine leaves them: with hairpin where no userland proxy serves a container's own ports. */
function ported(host: Namespace, hairpin: boolean): Namespace {
  const port = enginePort(hairpin);
  return {
    ...host,
    links: host.links.map((link) => (link.master === undefined ? link : { ...link, port })),
  };
}
