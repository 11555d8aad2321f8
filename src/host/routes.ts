/**
 * Routes, from `ip -j route show table all`, with `-6` or for both families at once.
 * In: the parsed JSON, which says a family only by the addresses in it. Out: Route[] in the order listed.
 */
import { z } from 'zod';
import { type Addr, type Family, ipv4, ipv6, parseAddr } from '../net/addr.ts';
import { type Prefix, parsePrefixOrAddr } from '../net/prefix.ts';
import type { FactProblem, Parsed } from './facts.ts';
import { elements } from './json.ts';
import type { Route, RouteType } from './state.ts';

const hopSchema = z.object({
  gateway: z.string().optional(),
  via: z.object({ host: z.string() }).optional(),
  dev: z.string().optional(),
  flags: z.array(z.string()).optional(),
});

const routeSchema = hopSchema.extend({
  type: z.string().optional(),
  dst: z.string(),
  from: z.string().optional(),
  tos: z.unknown().optional(),
  table: z.union([z.string(), z.number()]).optional(),
  prefsrc: z.string().optional(),
  metric: z.number().optional(),
  scope: z.union([z.string(), z.number()]).optional(),
  protocol: z.unknown().optional(),
  /** Printed with IPv6 routes only (iproute2, ip/iproute.c). */
  pref: z.string().optional(),
  metrics: z.array(z.object({ mtu: z.number().optional() })).optional(),
  nexthops: z.array(hopSchema).optional(),
});
type RouteJson = z.infer<typeof routeSchema>;
type HopJson = z.infer<typeof hopSchema>;

/** Routes of one listing. A route with several next hops becomes one Route for each, flagged `multipath`. */
export function parseRoutes(value: unknown, file: string): Parsed<readonly Route[]> {
  const listed = elements(value, routeSchema, file);
  const routes: Route[] = [];
  const problems: FactProblem[] = [...listed.problems];
  for (const json of listed.value) {
    const made = routesOf(json);
    if (made === undefined) problems.push({ file, message: `not a route that is understood: ${json.dst}` });
    else routes.push(...made);
  }
  return { value: routes, problems };
}

function routesOf(json: RouteJson): readonly Route[] | undefined {
  const family = familyOf(json);
  const dst = destination(json.dst, family);
  const type = routeTypes.find((t) => t === (json.type ?? 'unicast'));
  if (dst === undefined || type === undefined) return undefined;
  if (json.nexthops === undefined) return [routeVia(json, json, family, dst, type, [])];
  return json.nexthops.map((hop) => routeVia(json, hop, family, dst, type, ['multipath']));
}

function routeVia(
  json: RouteJson,
  hop: HopJson,
  family: Family,
  dst: Prefix,
  type: RouteType,
  extraFlags: readonly string[],
): Route {
  const gateway = optionalAddr(hop.gateway ?? hop.via?.host);
  const preferredSource = optionalAddr(json.prefsrc);
  const mtu = json.metrics?.find((m) => m.mtu !== undefined)?.mtu;
  return {
    family,
    type,
    dst,
    table: json.table === undefined ? 'main' : String(json.table),
    ...(hop.dev === undefined ? {} : { dev: hop.dev }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(preferredSource === undefined ? {} : { preferredSource }),
    metric: json.metric ?? 0,
    ...(json.scope === undefined ? {} : { scope: String(json.scope) }),
    ...(mtu === undefined ? {} : { mtu }),
    flags: [
      ...(hop.flags ?? []),
      ...extraFlags,
      ...(json.tos === undefined ? [] : ['tos']),
      ...(json.from === undefined ? [] : ['from']),
      ...(json.protocol === 'ra' ? ['ra'] : []),
    ],
  };
}

/** `default` has no family of its own; what stands beside it has. `via` (RTA_VIA) is an IPv4 route's IPv6 next hop. */
function familyOf(json: RouteJson): Family {
  if (json.dst !== 'default') return json.dst.includes(':') ? 'ipv6' : 'ipv4';
  if (json.pref !== undefined) return 'ipv6';
  const beside = [json.gateway, json.prefsrc, json.from, ...(json.nexthops ?? []).map((hop) => hop.gateway)];
  return beside.some((address) => address?.includes(':') === true) ? 'ipv6' : 'ipv4';
}

function destination(dst: string, family: Family): Prefix | undefined {
  if (dst !== 'default') return parsePrefixOrAddr(dst);
  return { addr: family === 'ipv4' ? ipv4(0) : ipv6(0n), bits: 0 };
}

function optionalAddr(value: string | undefined): Addr | undefined {
  return value === undefined ? undefined : parseAddr(value);
}

const routeTypes: readonly RouteType[] = [
  'unicast',
  'local',
  'broadcast',
  'multicast',
  'anycast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
];
