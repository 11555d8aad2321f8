/**
 * Which addresses a new network cannot have, because the host has routes to them. In: the host and a generation. Out: prefixes.
 * Sources: libnetwork netutils of 17.06 (CheckRouteOverlaps) and of 20.10 on, which looks at connected routes alone.
 */
import type { Namespace } from '../host/state.ts';
import type { Prefix } from '../net/prefix.ts';
import { isSince } from './generation.ts';
import type { Generation } from './plan.ts';

export function takenByRoutes(host: Namespace, generation: Generation): readonly Prefix[] {
  return host.routes
    .filter(
      ({ family, table, dst, gateway }) =>
        family === 'ipv4' &&
        table === 'main' &&
        dst.bits > 0 &&
        (!isSince(generation, 'G3') || gateway === undefined),
    )
    .map(({ dst }) => dst);
}
