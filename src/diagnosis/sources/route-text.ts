/**
 * Routes in short, as a person would type them. In: a route. Out: text, without what is usual.
 */
import type { Route } from '../../host/state.ts';
import { formatAddr } from '../../net/addr.ts';
import { formatPrefix, maskPrefix } from '../../net/prefix.ts';

/** `default via 203.0.113.1 dev eth0` */
export function describeRoute(route: Route): string {
  const dst = route.dst.bits === 0 ? 'default' : formatPrefix(maskPrefix(route.dst));
  const via = route.gateway === undefined ? '' : ` via ${formatAddr(route.gateway)}`;
  const dev = route.dev === undefined ? '' : ` dev ${route.dev}`;
  return `${route.type === 'unicast' ? '' : `${route.type} `}${dst}${via}${dev}`;
}
