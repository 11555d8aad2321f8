/**
 * Changes to a HostState, as values: what a repair would do, tried in memory before anything is touched.
 * In: a state and changes. Out: another state, with what the kernel does by itself (connected routes come and go
 * with links and addresses). How a change is made on a kernel is kernel/'s subject.
 */

import { mergeRulesets } from '../firewall/merge.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import { type Addr, sameAddr } from '../net/addr.ts';
import { hostPrefix, lastAddr, maskPrefix, type Prefix, samePrefix } from '../net/prefix.ts';
import type { BridgePort, HostState, Link, Namespace, Route, Sysctl } from './state.ts';

export type StateChange = { readonly namespace: string } & (
  | { readonly kind: 'ruleset'; readonly from: Ruleset; readonly to: Ruleset }
  | {
      readonly kind: 'sysctl';
      readonly name: string;
      readonly value: string;
      readonly before: string | undefined;
    }
  | { readonly kind: 'link-up'; readonly dev: string }
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
);

/** The state after these changes, in order. A change to what is not there changes nothing. */
export function applyChanges(state: HostState, changes: readonly StateChange[]): HostState {
  return changes.reduce(applyChange, state);
}

function applyChange(state: HostState, change: StateChange): HostState {
  const namespaces = state.namespaces.map((ns) => (ns.name === change.namespace ? changed(ns, change) : ns));
  const result = { ...state, namespaces };
  return change.kind === 'link-up' ? raisePeer(result, change.namespace, change.dev) : result;
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
    case 'link-up':
      return addConnected(
        editLink(ns, change.dev, (l) => ({ ...l, up: true, carrier: true })),
        change.dev,
      );
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
  }
}

/** net.ipv4.ip_forward and net.ipv4.conf.all.forwarding are one switch, and it sets every device's own. */
function withSysctl(ns: Namespace, name: string, value: string): Namespace['sysctls'] {
  const sysctls = new Map(ns.sysctls);
  sysctls.set(name, { value });
  if (name === 'net.ipv4.ip_forward' || name === 'net.ipv4.conf.all.forwarding') {
    for (const key of sysctls.keys()) {
      if (/^net\.ipv4\.(ip_forward|conf\.[^.]+\.forwarding)$/.test(key)) sysctls.set(key, { value });
    }
  }
  return sysctls;
}

function editLink(ns: Namespace, dev: string, edit: (link: Link) => Link): Namespace {
  return { ...ns, links: ns.links.map((l) => (l.name === dev ? edit(l) : l)) };
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

function raisePeer(state: HostState, namespace: string, dev: string): HostState {
  const peer = state.namespaces.find((n) => n.name === namespace)?.links.find((l) => l.name === dev)?.peer;
  if (peer?.namespace === undefined) return state;
  return {
    ...state,
    namespaces: state.namespaces.map((ns) =>
      ns.name === peer.namespace
        ? { ...ns, links: ns.links.map((l) => (l.index === peer.index ? { ...l, carrier: true } : l)) }
        : ns,
    ),
  };
}

function addConnected(ns: Namespace, dev: string): Namespace {
  const link = ns.links.find((l) => l.name === dev);
  if (link === undefined || !link.up) return ns;
  const routes = link.addresses.flatMap((a) => routesOfAddress(link, a.prefix));
  return { ...ns, routes: [...ns.routes, ...routes.filter((r) => !ns.routes.some((o) => sameRoute(o, r)))] };
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
  return { ...edited, routes: edited.routes.filter((r) => !gone.some((g) => sameRoute(g, r))) };
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
