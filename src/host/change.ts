/**
 * Changes to a HostState, as values: what a repair would do, tried in memory before anything is touched.
 * In: a state and changes. Out: another state, with what the kernel does by itself (connected routes come and go
 * with links and addresses). How a change is made on a kernel is kernel/'s subject.
 */

import { mergeRulesets } from '../firewall/merge.ts';
import { mergeNft } from '../firewall/nft/merge.ts';
import type { NftRuleset } from '../firewall/nft/model.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import { type Addr, ipv4, ipv6, sameAddr } from '../net/addr.ts';
import { hostPrefix, lastAddr, maskPrefix, type Prefix, samePrefix } from '../net/prefix.ts';
import type {
  BridgePort,
  HostState,
  Link,
  Namespace,
  PolicyRule,
  PortProxy,
  Route,
  Socket,
  Sysctl,
  UnmodelledHook,
} from './state.ts';

export type StateChange = { readonly namespace: string } & (
  | { readonly kind: 'ruleset'; readonly from: Ruleset; readonly to: Ruleset }
  | {
      readonly kind: 'sysctl';
      readonly name: string;
      readonly value: string;
      readonly before: string | undefined;
    }
  | { readonly kind: 'link-up'; readonly dev: string }
  | { readonly kind: 'link-down'; readonly dev: string }
  | { readonly kind: 'delete-link'; readonly dev: string }
  | { readonly kind: 'rename-link'; readonly dev: string; readonly name: string }
  | { readonly kind: 'link-master'; readonly dev: string; readonly master: string }
  | { readonly kind: 'link-mtu'; readonly dev: string; readonly mtu: number }
  | { readonly kind: 'port-flags'; readonly dev: string; readonly flags: Partial<BridgePort> }
  | { readonly kind: 'add-address'; readonly dev: string; readonly prefix: Prefix }
  | { readonly kind: 'delete-address'; readonly dev: string; readonly prefix: Prefix }
  | { readonly kind: 'add-route'; readonly route: Route }
  | { readonly kind: 'delete-route'; readonly route: Route }
  | { readonly kind: 'delete-neighbour'; readonly dev: string; readonly addr: Addr }
  | { readonly kind: 'delete-policy-rule'; readonly priority: number }
  /** Packets from these sources ask this table; of the family of the prefix. */
  | {
      readonly kind: 'add-policy-rule';
      readonly from: Prefix;
      readonly table: string;
      readonly priority: number;
    }
  | { readonly kind: 'link-mac'; readonly dev: string; readonly mac: string }
  /** What only the service itself can do. */
  | { readonly kind: 'listen'; readonly socket: Socket }
  | {
      readonly kind: 'add-bridge';
      readonly dev: string;
      readonly mtu: number;
      readonly prefix: Prefix | undefined;
    }
  /** What the engine does when it connects a container anew: a veth pair from the bridge into its namespace. */
  | {
      readonly kind: 'attach';
      readonly dev: string;
      readonly mac: string;
      readonly prefix: Prefix;
      readonly gateway: Addr | undefined;
      readonly bridge: string;
    }
  | { readonly kind: 'start-proxy'; readonly proxy: PortProxy }
  | { readonly kind: 'stop-proxy'; readonly proxy: PortProxy }
  | { readonly kind: 'delete-nft-chain'; readonly chain: UnmodelledHook }
  /** Native nftables. */
  | { readonly kind: 'nft'; readonly from: NftRuleset; readonly to: NftRuleset }
);

/** The state after these changes, in order. A change to what is not there changes nothing. */
export function applyChanges(state: HostState, changes: readonly StateChange[]): HostState {
  return changes.reduce(applyChange, state);
}

function applyChange(state: HostState, change: StateChange): HostState {
  const namespaces = state.namespaces.map((ns) => (ns.name === change.namespace ? changed(ns, change) : ns));
  const result = { ...state, namespaces };
  switch (change.kind) {
    case 'link-up':
      return setPeer(result, change.namespace, change.dev, (l) => startPort({ ...l, carrier: true }));
    case 'link-down':
      return setPeer(result, change.namespace, change.dev, (l) => stopPort({ ...l, carrier: false }));
    case 'attach':
      return attach(result, change);
    case 'start-proxy':
      return { ...result, proxies: [...(state.proxies ?? []), change.proxy] };
    case 'stop-proxy': {
      const left = state.proxies?.filter((proxy) => !sameProxy(proxy, change.proxy));
      return left === undefined ? result : { ...result, proxies: left };
    }
    default:
      return result;
  }
}

function changed(ns: Namespace, change: StateChange): Namespace {
  switch (change.kind) {
    case 'ruleset':
      // On another base than it was made for, only its difference is made.
      return {
        ...ns,
        firewall:
          ns.firewall === change.from ? change.to : mergeRulesets(ns.firewall, change.from, change.to),
      };
    case 'sysctl':
      return { ...ns, sysctls: withSysctl(ns, change.name, change.value) };
    case 'attach':
      return ns;
    case 'add-bridge':
      return addBridge(ns, change.dev, change.mtu, change.prefix);
    case 'start-proxy':
      return {
        ...ns,
        sockets: [...withoutHolder(ns.sockets ?? [], change.proxy), proxySocket(change.proxy)],
      };
    case 'stop-proxy': {
      const gone = proxySocket(change.proxy);
      const left = ns.sockets?.filter((socket) => !sameSocket(socket, gone));
      return left === undefined ? ns : { ...ns, sockets: left };
    }
    case 'delete-nft-chain':
      return { ...ns, unmodelledHooks: ns.unmodelledHooks.filter((c) => c.name !== change.chain.name) };
    case 'nft':
      return ns.nft === undefined
        ? ns
        : { ...ns, nft: ns.nft === change.from ? change.to : mergeNft(ns.nft, change.from, change.to) };
    case 'link-up':
      return startPorts(
        addConnected(
          editLink(ns, change.dev, (l) => startPort({ ...l, up: true, carrier: true })),
          change.dev,
        ),
        change.dev,
      );
    case 'link-down':
      return lowerLink(ns, change.dev);
    case 'delete-link':
      return deleteLink(ns, change.dev);
    case 'rename-link':
      return renameLink(ns, change.dev, change.name);
    case 'link-master':
      return editLink(ns, change.dev, (l) => ({ ...l, master: change.master }));
    case 'link-mtu':
      return editLink(ns, change.dev, (l) => ({ ...l, mtu: change.mtu }));
    case 'port-flags':
      return editLink(ns, change.dev, (l) =>
        l.port === undefined ? l : { ...l, port: { ...l.port, ...change.flags } },
      );
    case 'add-address':
      return addConnected(
        editLink(ns, change.dev, (l) => ({
          ...l,
          addresses: [...l.addresses, { prefix: change.prefix, scope: 'global' }],
        })),
        change.dev,
      );
    case 'delete-address':
      return removeAddress(ns, change.dev, change.prefix);
    case 'add-route':
      return { ...ns, routes: [...ns.routes.filter((r) => !sameRoute(r, change.route)), change.route] };
    case 'delete-route':
      return { ...ns, routes: ns.routes.filter((r) => !sameRoute(r, change.route)) };
    case 'delete-neighbour':
      return {
        ...ns,
        neighbours: ns.neighbours.filter((n) => n.dev !== change.dev || !sameAddr(n.addr, change.addr)),
      };
    case 'delete-policy-rule':
      return { ...ns, policyRules: ns.policyRules.filter((r) => r.priority !== change.priority) };
    case 'add-policy-rule':
      return { ...ns, policyRules: withPolicyRule(ns.policyRules, addedPolicyRule(change)) };
    case 'link-mac':
      return editLink(ns, change.dev, (l) => ({ ...l, mac: change.mac }));
    case 'listen':
      // Where no sockets are known every port listens already.
      return ns.sockets === undefined ? ns : { ...ns, sockets: [...ns.sockets, change.socket] };
  }
}

/** The rule that such a change adds. */
export function addedPolicyRule({
  from,
  table,
  priority,
}: Pick<Extract<StateChange, { kind: 'add-policy-rule' }>, 'from' | 'table' | 'priority'>): PolicyRule {
  const { family } = from.addr;
  return { family, priority, not: false, from, action: 'lookup', table, unknownSelectors: [] };
}

/** Lowest priority first; of equal ones the new rule stands last (fib_rules.c, fib_nl_newrule). */
function withPolicyRule(rules: readonly PolicyRule[], rule: PolicyRule): readonly PolicyRule[] {
  const before = rules.filter((r) => r.priority <= rule.priority);
  return [...before, rule, ...rules.filter((r) => r.priority > rule.priority)];
}

/** net.ipv4.ip_forward and net.ipv4.conf.all.forwarding are one switch, and it sets every device's own. */
function withSysctl(ns: Namespace, name: string, value: string): Namespace['sysctls'] {
  const sysctls = new Map(ns.sysctls);
  sysctls.set(name, { value });
  if (name === 'net.ipv4.ip_forward' || name === 'net.ipv4.conf.all.forwarding') {
    for (const key of sysctls.keys()) {
      if (/^net\.ipv4\.(ip_forward|conf\..+\.forwarding)$/.test(key)) sysctls.set(key, { value });
    }
  }
  return sysctls;
}

function editLink(ns: Namespace, dev: string, edit: (link: Link) => Link): Namespace {
  return { ...ns, links: ns.links.map((l) => (l.name === dev ? edit(l) : l)) };
}

/** A bridge that goes lets its ports go; routes through it go with it. */
function deleteLink(ns: Namespace, dev: string): Namespace {
  const links = ns.links
    .filter(({ name }) => name !== dev)
    .map(
      ({ master, port, ...link }): Link =>
        master === undefined || master === dev
          ? link
          : { ...link, master, ...(port === undefined ? {} : { port }) },
    );
  return { ...ns, links, routes: ns.routes.filter((route) => route.dev !== dev) };
}

function renameLink(ns: Namespace, dev: string, name: string): Namespace {
  const links = ns.links.map((l) => ({
    ...l,
    name: l.name === dev ? name : l.name,
    ...(l.master === dev ? { master: name } : {}),
  }));
  const sysctls = new Map<string, Sysctl>();
  // conf/DEV follows the device (net/ipv4/devinet.c, NETDEV_CHANGENAME).
  for (const [key, value] of ns.sysctls) sysctls.set(key.replace(`.conf.${dev}.`, `.conf.${name}.`), value);
  return { ...ns, links, sysctls, routes: ns.routes.map((r) => (r.dev === dev ? { ...r, dev: name } : r)) };
}

/** A carrier comes and goes at both ends of a veth; with it a bridge port forwards, or not. */
function setPeer(state: HostState, namespace: string, dev: string, set: (link: Link) => Link): HostState {
  const peer = state.namespaces.find((n) => n.name === namespace)?.links.find((l) => l.name === dev)?.peer;
  if (peer?.namespace === undefined) return state;
  return {
    ...state,
    namespaces: state.namespaces.map((ns) =>
      ns.name === peer.namespace
        ? { ...ns, links: ns.links.map((l) => (l.index === peer.index ? set(l) : l)) }
        : ns,
    ),
  };
}

/** A device that goes down loses its routes but the local ones, and its IPv6 addresses (fib_sync_down_dev, addrconf_ifdown). */
function lowerLink(ns: Namespace, dev: string): Namespace {
  const lowered = editLink(ns, dev, (l) =>
    stopPort({
      ...l,
      up: false,
      carrier: false,
      addresses: l.addresses.filter(({ prefix }) => prefix.addr.family === 'ipv4'),
    }),
  );
  const stays = (r: Route) => r.dev !== dev || (r.family === 'ipv4' && r.type === 'local');
  return { ...lowered, routes: ns.routes.filter(stays) };
}

function stopPort(link: Link): Link {
  return link.port === undefined ? link : { ...link, port: { ...link.port, state: 'disabled' } };
}

/** Ports of a bridge that goes up start to forward (br_dev_open, br_stp_enable_bridge). */
function startPorts(ns: Namespace, bridge: string): Namespace {
  return { ...ns, links: ns.links.map((l) => (l.master === bridge ? startPort(l) : l)) };
}

function startPort(link: Link): Link {
  if (link.port?.state !== 'disabled' || !link.up) return link;
  return { ...link, port: { ...link.port, state: 'forwarding' } };
}

function addBridge(ns: Namespace, dev: string, mtu: number, prefix: Prefix | undefined): Namespace {
  const link: Link = {
    index: freeIndex(ns),
    name: dev,
    kind: 'bridge',
    up: true,
    carrier: true,
    mtu,
    mac: `new:${dev}`,
    addresses: prefix === undefined ? [] : [{ prefix, scope: 'global' }],
    bridge: { vlanFiltering: false, callIptables: false, callIp6tables: false },
  };
  const sysctls = new Map(ns.sysctls);
  const forwarding = sysctls.get('net.ipv4.conf.default.forwarding') ?? sysctls.get('net.ipv4.ip_forward');
  if (forwarding !== undefined) sysctls.set(`net.ipv4.conf.${dev}.forwarding`, forwarding);
  return addConnected({ ...ns, sysctls, links: [...ns.links, link] }, dev);
}

function freeIndex(ns: Namespace): number {
  return Math.max(0, ...ns.links.map((l) => l.index)) + 1;
}

function attach(state: HostState, change: Extract<StateChange, { kind: 'attach' }>): HostState {
  const host = state.namespaces.find((n) => n.kind === 'host');
  const inside = state.namespaces.find((n) => n.name === change.namespace);
  if (host === undefined || inside === undefined) return state;
  const near = freeIndex(host);
  const far = freeIndex(inside);
  const base = { kind: 'veth', up: true, carrier: true, mtu: 1500 } as const;
  const port: Link = {
    ...base,
    index: near,
    name: `veth-${change.namespace}`,
    mac: `new:${change.namespace}`,
    addresses: [],
    master: change.bridge,
    peer: { index: far, namespace: inside.name },
  };
  const own: Link = {
    ...base,
    index: far,
    name: change.dev,
    mac: change.mac,
    addresses: [{ prefix: change.prefix, scope: 'global' }],
    peer: { index: near, namespace: host.name },
  };
  const connected = addConnected({ ...inside, links: [...inside.links, own] }, change.dev);
  const routes = change.gateway === undefined ? [] : [defaultRoute(change.dev, change.gateway)];
  return {
    ...state,
    namespaces: state.namespaces.map((ns) => {
      if (ns === inside) return { ...connected, routes: [...connected.routes, ...routes] };
      return ns === host ? { ...ns, links: [...ns.links, port] } : ns;
    }),
  };
}

/** The default route of the main table by a gateway. */
export function defaultRoute(dev: string, gateway: Addr): Route {
  const any = gateway.family === 'ipv4' ? ipv4(0) : ipv6(0n);
  const { family } = gateway;
  return {
    family,
    type: 'unicast',
    dst: { addr: any, bits: 0 },
    table: 'main',
    dev,
    gateway,
    metric: 0,
    flags: [],
  };
}

function proxySocket(proxy: PortProxy): Socket {
  return {
    protocol: proxy.protocol === 'udp' ? 'udp' : 'tcp',
    address: proxy.hostAddress,
    families: [proxy.hostAddress.family],
    port: proxy.hostPort,
    process: 'docker-proxy',
  };
}

/** Without the userland proxy the engine holds a published port by a socket of its own, and leaves it to a proxy (portallocator, until 28). */
function withoutHolder(sockets: readonly Socket[], proxy: PortProxy): readonly Socket[] {
  const { process: _, ...place } = proxySocket(proxy);
  return sockets.filter(
    (socket) => socket.process !== 'dockerd' || !sameSocket(socket, { ...place, process: 'dockerd' }),
  );
}

function sameProxy(a: PortProxy, b: PortProxy): boolean {
  return a.protocol === b.protocol && a.hostPort === b.hostPort && sameAddr(a.hostAddress, b.hostAddress);
}

function sameSocket(a: Socket, b: Socket): boolean {
  return (
    a.process === b.process &&
    a.protocol === b.protocol &&
    a.port === b.port &&
    // Engines before 20.10 listen for 0.0.0.0 on a socket of both families.
    (a.address === undefined ||
      (b.address !== undefined && (sameAddr(a.address, b.address) || a.families.length === 2)))
  );
}

function addConnected(ns: Namespace, dev: string): Namespace {
  const link = ns.links.find((l) => l.name === dev);
  if (link === undefined || !link.up) return ns;
  const routes = link.addresses.flatMap((a) => routesOfAddress(link, a.prefix));
  // Facts without a local table have all of it derived from the addresses; a part of it would hide the rest.
  const has = (table: string, family: Route['family']) =>
    ns.routes.some((r) => r.table === table && r.family === family);
  const added = routes.filter(
    (r) => (r.table !== 'local' || has('local', r.family)) && !ns.routes.some((o) => sameRoute(o, r)),
  );
  return { ...ns, routes: [...ns.routes, ...added] };
}

function removeAddress(ns: Namespace, dev: string, prefix: Prefix): Namespace {
  const link = ns.links.find((l) => l.name === dev);
  const gone = link === undefined ? [] : routesOfAddress(link, prefix);
  const edited = editLink(ns, dev, (l) => ({
    ...l,
    addresses: l.addresses.filter(
      (a) => a.prefix.bits !== prefix.bits || !sameAddr(a.prefix.addr, prefix.addr),
    ),
  }));
  const left = edited.routes.filter((r) => !gone.some((g) => sameRoute(g, r)));
  // Another address of the same subnet keeps its route (fib_del_ifaddr).
  return addConnected({ ...edited, routes: left }, dev);
}

/** The routes that the kernel adds for an address of an up link (net/ipv4/fib_frontend.c, fib_add_ifaddr). */
export function routesOfAddress(link: Link, prefix: Prefix): Route[] {
  const { addr, bits } = prefix;
  const base = { family: addr.family, dev: link.name, metric: 0, flags: [], preferredSource: addr } as const;
  const own: Route = { ...base, type: 'local', dst: hostPrefix(addr), table: 'local', scope: 'host' };
  const whole = addr.family === 'ipv4' ? 32 : 128;
  if (link.kind === 'loopback') {
    const all: Route = { ...own, dst: maskPrefix(prefix) };
    return addr.family === 'ipv4' && bits < whole ? [own, all] : [own];
  }
  if (bits === whole) return [own];
  const connected: Route = {
    ...base,
    type: 'unicast',
    dst: maskPrefix(prefix),
    table: 'main',
    scope: 'link',
    metric: addr.family === 'ipv4' ? 0 : 256,
  };
  if (addr.family === 'ipv6' || bits === 31) return [own, connected];
  const broadcast: Route = {
    ...base,
    type: 'broadcast',
    dst: hostPrefix(lastAddr(prefix)),
    table: 'local',
    scope: 'link',
  };
  return [own, connected, broadcast];
}

/** The same entry of the same table. */
export function sameRoute(a: Route, b: Route): boolean {
  return (
    a.family === b.family &&
    a.type === b.type &&
    a.table === b.table &&
    a.dev === b.dev &&
    a.metric === b.metric &&
    samePrefix(a.dst, b.dst) &&
    (a.gateway === undefined || b.gateway === undefined
      ? a.gateway === b.gateway
      : sameAddr(a.gateway, b.gateway))
  );
}
