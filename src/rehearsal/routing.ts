/**
 * Routes, policy rules and neighbours of a namespace: from what a kernel made by itself to what the facts say. In: both, as parsed.
 * Out: steps. Pure. What the kernel keeps for itself (multicast, link-local) is left to it.
 */
import type { Namespace, PolicyRule, Route } from '../host/state.ts';
import type { RouteSpec, Step } from '../kernel/change.ts';
import { type Family, formatAddr, isLinkLocal, isMulticast } from '../net/addr.ts';
import { formatPrefix, samePrefix } from '../net/prefix.ts';
import type { Unbuilt } from '../report/rehearsal.ts';
import { isLinkName, isStationMac } from './blueprint.ts';

export interface RoutingPlan {
  readonly steps: readonly Step[];
  readonly unbuilt: readonly Unbuilt[];
}

/** Names of tables that every kernel's tools know; others are told apart by numbers of ours. */
const knownTables = new Set(['main', 'local', 'default']);
const firstNumber = 10_000;

/** Numbers for tables that go by names of /etc/iproute2/rt_tables of the host, which is not here. */
export function tableNumbers({ routes, policyRules }: Namespace): ReadonlyMap<string, string> {
  const names = [...routes.map(({ table }) => table), ...policyRules.map(({ table }) => table ?? 'main')];
  const own = [...new Set(names)].filter((name) => !knownTables.has(name) && !/^\d{1,10}$/.test(name));
  return new Map(own.map((name, index) => [name, `${firstNumber + index}`]));
}

/** From the routes and rules that are there to those of the facts. A family whose listing is not in the facts is left alone. */
export function routingPlan(wanted: Namespace, there: Namespace, netns: string): RoutingPlan {
  const numbers = tableNumbers(wanted);
  const numbered = (name: string) => numbers.get(name) ?? name;
  const unbuilt: Unbuilt[] = [];
  const leave = (what: string) => unbuilt.push({ namespace: wanted.name, what, why: 'not-writable' });
  const known = (part: 'routes' | 'policyRules', family: Family) =>
    wanted.missing?.some((m) => m.part === part && (m.family === undefined || m.family === family)) !== true;

  const steps: Step[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    if (known('routes', family)) {
      const hasLocal = wanted.routes.some((r) => r.family === family && r.table === 'local');
      const counts = (r: Route) => r.family === family && isMade(r) && (hasLocal || r.table !== 'local');
      const want = wanted.routes.filter(counts).map((r) => ({ ...r, table: numbered(r.table) }));
      const have = there.routes.filter(counts);
      const writable = want.filter((route) => {
        const plain = !route.flags.some((flag) => ['multipath', 'tos', 'from'].includes(flag));
        const sane = plain && (route.dev === undefined || isLinkName(route.dev));
        if (!sane) leave(routeText(route));
        return sane;
      });
      const wantKeys = new Set(want.map(routeKey));
      const haveKeys = new Set(have.map(routeKey));
      steps.push(
        ...have
          .filter((r) => !wantKeys.has(routeKey(r)))
          .map((r): Step => ({ kind: 'delete-route', netns, route: specOf(r) })),
        ...writable
          .filter((r) => !haveKeys.has(routeKey(r)))
          // A gateway has to be on a link that is known by then.
          .toSorted((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined))
          .map((r): Step => ({ kind: 'add-route', netns, route: { ...specOf(r), ...besideOf(r, want) } })),
      );
    }
    if (known('policyRules', family)) {
      const want = wanted.policyRules.filter((r) => r.family === family);
      const have = there.policyRules.filter((r) => r.family === family);
      // No rule at all is what older tools say of a family that was never used.
      if (want.length === 0) continue;
      const wantKeys = new Set(want.map((rule) => ruleKey(rule, numbered)));
      const haveKeys = new Set(have.map((rule) => ruleKey(rule, (name) => name)));
      for (const rule of want) {
        if (haveKeys.has(ruleKey(rule, numbered))) continue;
        const names = [rule.inInterface, rule.outInterface].filter((name) => name !== undefined);
        if (rule.unknownSelectors.length > 0 || !names.every(isLinkName)) {
          leave(`rule ${rule.priority}`);
          continue;
        }
        const table = rule.table === undefined ? {} : { table: numbered(rule.table) };
        steps.push({ kind: 'add-policy-rule', netns, rule: { ...rule, ...table } });
      }
      for (const rule of have)
        if (!wantKeys.has(ruleKey(rule, (name) => name)))
          steps.push({ kind: 'delete-policy-rule', netns, family, priority: rule.priority });
    }
  }
  return { steps, unbuilt };
}

/** Neighbours that the kernel believes without asking; it finds all others by itself. */
export function neighbourSteps({ neighbours, links }: Namespace, netns: string): readonly Step[] {
  return neighbours.flatMap(({ addr, dev, mac, state }): Step[] => {
    const at = { kind: 'add-neighbour', netns, dev, addr } as const;
    if (!isStationMac(mac) || !links.some(({ name }) => name === dev) || !isLinkName(dev)) return [];
    if (state.includes('PERMANENT')) return [{ ...at, mac, state: 'permanent' }];
    return state.includes('REACHABLE') ? [{ ...at, mac, state: 'reachable' }] : [];
  });
}

/** The kernel itself adds a link's own routes behind others of the same kind (fib_add_ifaddr); a second one has to say where it stands. */
function besideOf(route: Route, all: readonly Route[]): Pick<RouteSpec, 'beside'> {
  if (route.family !== 'ipv4') return {};
  const rivals = all.filter(
    ({ dst, table, metric }) =>
      samePrefix(dst, route.dst) && table === route.table && metric === route.metric,
  );
  if (rivals.length < 2) return {};
  return { beside: rivals[0] === route ? 'before' : 'after' };
}

function isMade({ family, type, dst }: Route): boolean {
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return false;
  return family === 'ipv4' || (!isLinkLocal(dst.addr) && !isMulticast(dst.addr));
}

/** What tells one route from another. A refusing route has no device of its own, whatever the listing says. */
function routeKey({ family, type, dst, table, dev, gateway, metric, preferredSource }: Route): string {
  const refuses = type !== 'unicast' && type !== 'local';
  return [
    type,
    formatPrefix(dst),
    table,
    refuses ? '' : (dev ?? ''),
    gateway === undefined ? '' : formatAddr(gateway),
    metric,
    family === 'ipv6' || preferredSource === undefined ? '' : formatAddr(preferredSource),
  ].join(' ');
}

function specOf(route: Route): RouteSpec {
  const { type, dst, gateway, dev, preferredSource, metric, table, mtu, flags } = route;
  const refuses = type !== 'unicast' && type !== 'local';
  return {
    type,
    dst,
    metric,
    table,
    ...(gateway === undefined ? {} : { gateway }),
    ...(dev === undefined || refuses ? {} : { dev }),
    ...(preferredSource === undefined || type === 'local' ? {} : { preferredSource }),
    ...(mtu === undefined || mtu < 68 ? {} : { mtu }),
    ...(flags.includes('onlink') ? { onlink: true } : {}),
  };
}

function ruleKey(rule: PolicyRule, numbered: (table: string) => string): string {
  const { priority, not, from, to, mark, inInterface, outInterface, action, table, goto } = rule;
  return JSON.stringify([
    priority,
    not,
    from === undefined ? '' : formatPrefix(from),
    to === undefined ? '' : formatPrefix(to),
    mark ?? '',
    inInterface ?? '',
    outInterface ?? '',
    action,
    numbered(table ?? ''),
    goto ?? '',
  ]);
}

function routeText({ type, dst, gateway, dev, table }: Route): string {
  const via = gateway === undefined ? '' : ` via ${formatAddr(gateway)}`;
  return `${type === 'unicast' ? '' : `${type} `}${formatPrefix(dst)}${via}${dev === undefined ? '' : ` dev ${dev}`} table ${table}`;
}
