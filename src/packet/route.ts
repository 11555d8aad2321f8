/**
 * Routing: policy rules, longest prefix, and the checks that the kernel makes on the way in.
 * In: a namespace and the keys of a packet. Out: a decision as data. Sources: net/ipv4/fib_frontend.c,
 * fib_rules.c, fib_trie.c, route.c. It sends nothing and resolves no neighbour.
 */

import type { AddrType } from '../firewall/match.ts';
import type { Namespace, PolicyRule, Route } from '../host/state.ts';
import {
  type Addr,
  type Family,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  sameAddr,
} from '../net/addr.ts';
import { containsAddr } from '../net/prefix.ts';
import type { Decisions } from './decisions.ts';
import {
  deviceSetting,
  forwardingEnabled,
  limitedBroadcast,
  type Node,
  onLink,
  ownerOf,
  usableAddresses,
  type Wire,
} from './world.ts';

export interface RouteKey {
  readonly dst: Addr;
  /** Undefined for a local socket that is not bound yet. */
  readonly src: Addr | undefined;
  readonly mark: number;
  /** The device that the packet came in on; undefined for one that is sent here. */
  readonly inDev: string | undefined;
  /** A device that the sender insists on. */
  readonly outDev?: string;
}

/** Result of a lookup, or the error of the route type that was met. */
export type Lookup =
  | { readonly kind: 'route'; readonly route: Route; readonly table: string }
  | { readonly kind: 'none'; readonly why: string }
  | {
      readonly kind: 'refused';
      readonly type: 'blackhole' | 'unreachable' | 'prohibit';
      readonly table: string;
    };

/** Answers of namespaces whose policy rules ask nothing of a packet: there the destination alone decides. */
const answers = new WeakMap<Namespace, Map<Addr['value'], Lookup>>();

/** Looks a destination up through the policy rules, as fib_rules_lookup does. */
export function lookupRoute(node: Node, key: RouteKey, decisions: Decisions): Lookup {
  if (key.outDev !== undefined || !node.plainRules[key.dst.family]) return lookUp(node, key, decisions);
  const known = answers.get(node.facts);
  const byDestination = known ?? new Map<Addr['value'], Lookup>();
  if (known === undefined) answers.set(node.facts, byDestination);
  const answer = byDestination.get(key.dst.value);
  if (answer !== undefined) return answer;
  const found = lookUp(node, key, decisions);
  byDestination.set(key.dst.value, found);
  return found;
}

function lookUp(node: Node, key: RouteKey, decisions: Decisions): Lookup {
  const family = key.dst.family;
  const rules = node.rules[family];
  let skipTo = Number.NEGATIVE_INFINITY;
  for (const rule of rules) {
    if (rule.priority < skipTo || !ruleMatches(node, rule, key, decisions)) continue;
    switch (rule.action) {
      case 'nop':
        continue;
      case 'goto':
        skipTo = rule.goto ?? skipTo;
        continue;
      case 'unreachable':
        // Of a rule this is ENETUNREACH, as if there were no route; of a route it is EHOSTUNREACH (fib4_rule_action, fib_props).
        return { kind: 'none', why: `rule ${rule.priority} says unreachable` };
      case 'blackhole':
      case 'prohibit':
        return { kind: 'refused', type: rule.action, table: `rule ${rule.priority}` };
      case 'lookup': {
        const found = lookupTable(node, rule.table ?? 'main', key, rule.suppressPrefixLength);
        if (found !== undefined) return found;
      }
    }
  }
  return { kind: 'none', why: 'no route' };
}

function ruleMatches(node: Node, rule: PolicyRule, key: RouteKey, decisions: Decisions): boolean {
  const selected =
    (rule.from === undefined || (key.src !== undefined && containsAddr(rule.from, key.src))) &&
    (rule.to === undefined || containsAddr(rule.to, key.dst)) &&
    (rule.mark === undefined || ((key.mark ^ rule.mark.value) & rule.mark.mask) === 0) &&
    (rule.inInterface === undefined || rule.inInterface === (key.inDev ?? 'lo')) &&
    (rule.outInterface === undefined || rule.outInterface === key.outDev);
  const matches = selected !== rule.not;
  if (!matches || rule.unknownSelectors.length === 0) return matches;
  const fact = `policy rule ${rule.priority} of ${node.name} selects by ${rule.unknownSelectors.join(', ')}`;
  return decisions.decide(fact, `ip route get ...`);
}

function lookupTable(
  node: Node,
  table: string,
  key: RouteKey,
  suppress: number | undefined,
): Lookup | undefined {
  for (const route of node.tables[key.dst.family].get(table) ?? []) {
    if (!containsAddr(route.dst, key.dst)) continue;
    if (route.flags.includes('dead')) continue;
    if (key.outDev !== undefined && route.dev !== key.outDev) continue;
    if (suppress !== undefined && suppress >= 0 && route.dst.bits <= suppress) return undefined;
    switch (route.type) {
      case 'throw':
        return undefined;
      case 'blackhole':
      case 'unreachable':
      case 'prohibit':
        return { kind: 'refused', type: route.type, table };
      default:
        return { kind: 'route', route, table };
    }
  }
  return undefined;
}

const refusedTypes = { blackhole: 'BLACKHOLE', unreachable: 'UNREACHABLE', prohibit: 'PROHIBIT' } as const;

/** What an address is to this namespace, as iptables' addrtype sees it. */
export function addressType(node: Node, addr: Addr, dev: string | undefined, decisions: Decisions): AddrType {
  if (isUnspecified(addr)) return 'UNSPEC';
  if (isMulticast(addr)) return 'MULTICAST';
  if (limitedBroadcast !== undefined && sameAddr(addr, limitedBroadcast)) return 'BROADCAST';
  // inet_addr_type asks the local table only, not the policy rules (net/ipv4/fib_frontend.c, __inet_dev_addr_type).
  const found = lookupTable(
    node,
    'local',
    { dst: addr, src: undefined, mark: 0, inDev: undefined },
    undefined,
  );
  if (found?.kind === 'route') {
    const { route } = found;
    if (dev !== undefined && route.dev !== dev) return 'UNICAST';
    if (route.type === 'local') return 'LOCAL';
    if (route.type === 'broadcast') return 'BROADCAST';
  }
  // So of IPv4 no other type is ever seen; for IPv6 the whole lookup counts (xt_addrtype.c, match_lookup_rt6).
  if (addr.family === 'ipv4') return 'UNICAST';
  const other = lookupRoute(node, { dst: addr, src: undefined, mark: 0, inDev: undefined }, decisions);
  return other.kind === 'refused' ? refusedTypes[other.type] : 'UNICAST';
}

export type OutputRoute =
  | {
      readonly kind: 'ok';
      readonly wire: Wire;
      readonly src: Addr;
      readonly nexthop: Addr;
      readonly gateway: Addr | undefined;
      readonly route: Route;
      readonly table: string;
    }
  | {
      readonly kind: 'error';
      readonly error: 'net-unreachable' | 'host-unreachable' | 'EACCES' | 'EINVAL';
      readonly why: string;
    };

/** Routes a packet that is sent here (ip_route_output_key): device, next hop and, unless given, the source. */
export function routeOutput(node: Node, key: RouteKey, decisions: Decisions): OutputRoute {
  if (key.src !== undefined && isMulticast(key.src))
    return { kind: 'error', error: 'EINVAL', why: 'source is multicast' };
  const found = lookupRoute(node, key, decisions);
  if (found.kind === 'none') return { kind: 'error', error: 'net-unreachable', why: found.why };
  if (found.kind === 'refused') {
    const error = { blackhole: 'EINVAL', unreachable: 'host-unreachable', prohibit: 'EACCES' } as const;
    return { kind: 'error', error: error[found.type], why: `${found.type} route in ${found.table}` };
  }
  const { route, table } = found;
  if (route.type === 'local') return localOutput(node, key, route, table);
  const wire = route.dev === undefined ? undefined : node.byName.get(route.dev);
  if (wire === undefined || !wire.link.up)
    return { kind: 'error', error: 'net-unreachable', why: `${route.dev ?? 'device'} is down or gone` };
  const nexthop = route.gateway ?? key.dst;
  const src =
    key.src ??
    route.preferredSource ??
    selectSource(node, wire, key.dst.family === 'ipv6' ? key.dst : nexthop);
  if (src === undefined)
    return { kind: 'error', error: 'net-unreachable', why: `no source address for ${wire.link.name}` };
  // __mkroute_output: a loopback source leaves only by lo, unless route_localnet. IPv6 has no such check.
  const leaks = src.family === 'ipv4' && isLoopback(src) && wire.link.kind !== 'loopback';
  if (leaks && deviceSetting(node, wire.link.name, 'route_localnet') === 0) {
    return {
      kind: 'error',
      error: 'EINVAL',
      why: `source ${'127.0.0.0/8'} may not leave by ${wire.link.name} (route_localnet=0)`,
    };
  }
  return { kind: 'ok', wire, src, nexthop, gateway: route.gateway, route, table };
}

function localOutput(node: Node, key: RouteKey, route: Route, table: string): OutputRoute {
  const wire = node.loopback;
  if (wire === undefined || !wire.link.up)
    return { kind: 'error', error: 'net-unreachable', why: 'lo is down' };
  const src = key.src ?? route.preferredSource ?? key.dst;
  return { kind: 'ok', wire, src, nexthop: key.dst, gateway: undefined, route, table };
}

/** inet_select_addr: the device's address in the next hop's subnet, else its first, else any other global one. */
export function selectSource(node: Node, wire: Wire, nexthop: Addr): Addr | undefined {
  const family = nexthop.family;
  if (family === 'ipv6') return selectSource6(node, wire, nexthop);
  const own = usableAddresses(wire.link, family).filter((a) => a.scope !== 'host');
  const primary = own.filter((a) => a.secondary !== true);
  const inSubnet = primary.find((a) => containsAddr(a.prefix, nexthop)) ?? primary[0];
  if (inSubnet !== undefined) return inSubnet.prefix.addr;
  for (const other of node.links) {
    const global = usableAddresses(other.link, family).find((a) => a.scope === 'global');
    if (global !== undefined) return global.prefix.addr;
  }
  return undefined;
}

/**
 * ipv6_dev_get_saddr (RFC 6724), as far as it decides here: the destination itself, its scope, the device's own, the longest common
 * prefix. Unlike IPv4, which looks for an address near the gateway, it asks for the destination.
 */
function selectSource6(node: Node, wire: Wire, dst: Addr): Addr | undefined {
  const same = ownerOf(node, dst)?.link;
  if (same !== undefined && usableAddresses(same, 'ipv6').some((a) => sameAddr(a.prefix.addr, dst)))
    return dst;
  const linkLocal = isLinkLocal(dst);
  const of = (w: Wire) =>
    usableAddresses(w.link, 'ipv6')
      .map((a) => a.prefix.addr)
      .filter((a) => isLinkLocal(a) === linkLocal && !isLoopback(a));
  const own = of(wire);
  const candidates = own.length > 0 ? own : node.links.flatMap(of);
  return candidates.toSorted((a, b) => commonBits(b, dst) - commonBits(a, dst))[0];
}

function commonBits(a: Addr, b: Addr): number {
  if (a.family !== 'ipv6' || b.family !== 'ipv6') return 0;
  return 128 - (a.value ^ b.value).toString(2).replace(/^0$/, '').length;
}

export type InputRoute =
  | { readonly kind: 'local'; readonly route: Route | undefined }
  | {
      readonly kind: 'forward';
      readonly wire: Wire;
      readonly nexthop: Addr;
      readonly gateway: Addr | undefined;
      readonly route: Route;
      readonly table: string;
    }
  /** An ICMP error goes back. */
  | {
      readonly kind: 'error';
      readonly problem: 'no-route' | 'host-unreachable' | 'prohibited';
      readonly why: string;
    }
  | { readonly kind: 'drop'; readonly why: string; readonly detail?: string };

/** Routes a packet that came in (ip_route_input_slow): source checks, local or forward, forwarding switched on. */
export function routeInput(
  node: Node,
  key: RouteKey & { readonly inDev: string },
  decisions: Decisions,
): InputRoute {
  const { src, dst, inDev } = key;
  if (src === undefined) return { kind: 'drop', why: 'no source address' };
  if (dst.family === 'ipv6') return routeInput6(node, key, src, decisions);
  const localnet = deviceSetting(node, inDev, 'route_localnet') !== 0;
  const onLoopback = node.byName.get(inDev)?.link.kind === 'loopback';
  if (isMulticast(src) || isUnspecified(src) || isUnspecified(dst))
    return { kind: 'drop', why: 'martian source' };
  if (!onLoopback && !localnet) {
    if (isLoopback(dst))
      return { kind: 'drop', why: 'martian destination', detail: `route_localnet of ${inDev} is 0` };
    if (isLoopback(src))
      return { kind: 'drop', why: 'martian source', detail: `route_localnet of ${inDev} is 0` };
  }
  const found = lookupRoute(node, key, decisions);
  const forwarding = mayForward(node, inDev, dst.family, decisions);
  if (found.kind !== 'route' && node.answersAnything) return { kind: 'local', route: undefined };
  if (found.kind !== 'route') {
    if (!forwarding) return { kind: 'drop', why: 'forwarding off', detail: `forwarding of ${inDev} is 0` };
    if (found.kind === 'none') return { kind: 'error', problem: 'no-route', why: found.why };
    if (found.type === 'blackhole') return { kind: 'drop', why: 'blackhole route', detail: found.table };
    return {
      kind: 'error',
      problem: found.type === 'prohibit' ? 'prohibited' : 'host-unreachable',
      why: `${found.type} route in ${found.table}`,
    };
  }
  const { route, table } = found;
  const local = route.type === 'local' || route.type === 'broadcast';
  const invalid = onLoopback ? undefined : invalidSource(node, key, local ? undefined : route.dev, decisions);
  if (local) {
    return invalid ?? { kind: 'local', route };
  }
  if (node.answersAnything) return { kind: 'local', route };
  if (!forwarding) return { kind: 'drop', why: 'forwarding off', detail: `forwarding of ${inDev} is 0` };
  if (invalid !== undefined) return invalid;
  const wire = route.dev === undefined ? undefined : node.byName.get(route.dev);
  if (wire === undefined || !wire.link.up)
    return { kind: 'error', problem: 'no-route', why: `${route.dev ?? 'device'} is down or gone` };
  return { kind: 'forward', wire, nexthop: route.gateway ?? dst, gateway: route.gateway, route, table };
}

/**
 * ip6_route_input and ip6_forward: without the checks of source and reverse path that IPv4 makes. A missing route is
 * answered also where forwarding is off (ip6_pkt_discard), everything else is then dropped in silence.
 */
function routeInput6(
  node: Node,
  key: RouteKey & { readonly inDev: string },
  src: Addr,
  decisions: Decisions,
): InputRoute {
  const { dst, inDev } = key;
  const onLoopback = node.byName.get(inDev)?.link.kind === 'loopback';
  if (!onLoopback && (isLoopback(src) || isLoopback(dst))) return { kind: 'drop', why: 'martian source' };
  if (isMulticast(src)) return { kind: 'drop', why: 'martian source' };
  const found = lookupRoute(node, key, decisions);
  if (found.kind === 'route' && (found.route.type === 'local' || found.route.type === 'anycast')) {
    return { kind: 'local', route: found.route };
  }
  if (node.answersAnything) return { kind: 'local', route: undefined };
  if (found.kind === 'none') return { kind: 'error', problem: 'no-route', why: found.why };
  if (found.kind === 'refused') {
    if (found.type === 'blackhole') return { kind: 'drop', why: 'blackhole route', detail: found.table };
    return {
      kind: 'error',
      problem: found.type === 'prohibit' ? 'prohibited' : 'no-route',
      why: `${found.type} route in ${found.table}`,
    };
  }
  if (!mayForward(node, inDev, 'ipv6', decisions)) {
    return { kind: 'drop', why: 'forwarding off', detail: `forwarding of ${inDev} is 0` };
  }
  const { route, table } = found;
  const wire = route.dev === undefined ? undefined : node.byName.get(route.dev);
  if (wire === undefined || !wire.link.up) {
    return { kind: 'error', problem: 'no-route', why: `${route.dev ?? 'device'} is down or gone` };
  }
  return { kind: 'forward', wire, nexthop: route.gateway ?? dst, gateway: route.gateway, route, table };
}

/** Forwarding as the facts say; a host whose sysctls are not in them may forward or not, a container does not by default. */
function mayForward(node: Node, dev: string, family: Family, decisions: Decisions): boolean {
  const known = forwardingEnabled(node, dev, family);
  if (known !== undefined || node.facts.kind !== 'host') return known === true;
  const name = family === 'ipv4' ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
  return decisions.decide(`${node.name} forwards packets of ${dev}`, `sysctl ${name}`);
}

/**
 * fib_validate_source: our own address as source, and reverse path filtering (0 off, 1 strict, 2 loose). To policy rules the way
 * back begins at `out`, by which the packet will leave; at lo if it stays here.
 */
function invalidSource(
  node: Node,
  key: RouteKey & { readonly inDev: string },
  out: string | undefined,
  decisions: Decisions,
): { readonly kind: 'drop'; readonly why: string; readonly detail?: string } | undefined {
  const src = key.src;
  if (src === undefined) return undefined;
  const acceptLocal = deviceSetting(node, key.inDev, 'accept_local') !== 0;
  const mode = src.family === 'ipv4' ? deviceSetting(node, key.inDev, 'rp_filter') : 0;
  const isOwn = ownerOf(node, src) !== undefined || addressType(node, src, undefined, decisions) === 'LOCAL';
  if (isOwn && !acceptLocal)
    return { kind: 'drop', why: 'martian source', detail: 'the source is an address of this host' };
  if (mode === 0) return undefined;
  const mark = deviceSetting(node, key.inDev, 'src_valid_mark') === 0 ? 0 : key.mark;
  const back = lookupRoute(node, { dst: src, src: key.dst, mark, inDev: out }, decisions);
  if (back.kind === 'route' && back.route.dev === key.inDev) return undefined;
  const why = 'reverse path filter';
  if (mode === 1) {
    const via =
      back.kind === 'route' ? `the route back is by ${back.route.dev ?? '?'}` : 'there is no route back';
    return { kind: 'drop', why, detail: `rp_filter of ${key.inDev} is 1 (strict) and ${via}` };
  }
  if (back.kind === 'route') return undefined;
  return { kind: 'drop', why, detail: `rp_filter of ${key.inDev} is 2 (loose) and there is no route back` };
}

/** Whether this node answers for `target` when asked on `dev` (net/ipv4/arp.c, arp_process; net/ipv6/ndisc.c). */
export function answersAsk(
  node: Node,
  dev: string,
  target: Addr,
  asker: Addr,
  decisions: Decisions,
): boolean {
  return target.family === 'ipv4'
    ? answersArp(node, dev, target, asker, decisions)
    : answersSolicitation(node, dev, target);
}

/** ndisc_recv_ns: only an address of the very device is answered for, unless there is a proxy entry (not in the facts). */
function answersSolicitation(node: Node, dev: string, target: Addr): boolean {
  if (node.answersAnything) return true;
  const link = node.byName.get(dev)?.link;
  return link?.addresses.some((a) => a.tentative !== true && sameAddr(a.prefix.addr, target)) === true;
}

/** Most who hear a question are containers that have neither the address nor anything to say for others. */
function isBystander(node: Node, dev: string, target: Addr): boolean {
  return (
    node.facts.kind === 'container' &&
    node.plainRules.ipv4 &&
    deviceSetting(node, dev, 'proxy_arp') === 0 &&
    !node.localPrefixes.some((prefix) => containsAddr(prefix, target))
  );
}

/** The same for IPv4 alone. */
export function answersArp(
  node: Node,
  dev: string,
  target: Addr,
  asker: Addr,
  decisions: Decisions,
): boolean {
  if (isBystander(node, dev, target)) return false;
  const reached = routeInput(node, { dst: target, src: asker, mark: 0, inDev: dev }, decisions);
  if (reached.kind === 'local') {
    if (node.answersAnything) return true;
    const ignore = deviceSetting(node, dev, 'arp_ignore');
    const wire = node.byName.get(dev);
    if (ignore === 0) return true;
    if (ignore === 8) return false;
    const here = wire?.link.addresses.some((a) => sameAddr(a.prefix.addr, target)) === true;
    return ignore === 1 ? here : here && wire !== undefined && onLink(wire.link, asker);
  }
  if (reached.kind !== 'forward') return false;
  return reached.wire.link.name !== dev && deviceSetting(node, dev, 'proxy_arp') !== 0;
}
