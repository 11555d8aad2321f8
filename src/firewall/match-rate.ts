/**
 * Matches that count: rates (xt_limit.c, xt_hashlimit.c) and connections (xt_connlimit.c). In: a module. Out: a matcher.
 * The buckets are the PacketView's, so that the packets of one walk empty them.
 */
import { formatAddr } from '../net/addr.ts';
import type { Matcher } from './conditions.ts';
import type { PacketView, UnknownTruth } from './packet-view.ts';
import type { ModuleMatch } from './ruleset.ts';
import { defaultBurst, slowBurst } from './token-bucket.ts';

/** `limit` and `--hashlimit-upto` match while there are tokens, `--hashlimit-above` when there are none. */
export function rateMatcher(match: ModuleMatch): Matcher {
  const option = (name: string) => match.options.find((given) => given.name === name);
  const limit = option('--limit') ?? option('--hashlimit-upto') ?? option('--hashlimit-above');
  const above = limit?.name === '--hashlimit-above' ? !limit.not : limit?.not === true;
  const burst = (option('--limit-burst') ?? option('--hashlimit-burst'))?.values[0];
  const size = slowBurst(limit?.values[0] ?? '', burst === undefined ? defaultBurst : Number(burst));
  if (size === undefined) return () => !above;
  const mode = option('--hashlimit-mode')?.values[0];
  return (view) => {
    const bucket = mode === undefined ? match : `${JSON.stringify(match)} ${bucketKey(mode, view)}`;
    return (view.takeToken?.(bucket, size) ?? true) !== above;
  };
}

/** `--hashlimit-mode srcip,dstport`: each has a bucket of its own; masks are taken for whole addresses, as a flow has only its own. */
function bucketKey(mode: string, view: PacketView): string {
  const parts: Readonly<Record<string, string>> = {
    srcip: formatAddr(view.src),
    dstip: formatAddr(view.dst),
    srcport: `${view.sport}`,
    dstport: `${view.dport}`,
  };
  return mode
    .split(',')
    .map((part) => parts[part] ?? '')
    .join(' ');
}

/**
 * A connection that is counted is one itself: above none is always true, and up to none never (xt_connlimit.c). How many there are else
 * is not in the facts.
 */
export function connlimitMatcher(match: ModuleMatch): Matcher {
  const limit = match.options.find(({ name }) => name === '--connlimit-above' || name === '--connlimit-upto');
  if (limit?.values[0] === '0') {
    const above = (limit.name === '--connlimit-above') !== limit.not;
    return () => above;
  }
  const truth: UnknownTruth = {
    unknown: 'how many connections the address has',
    command: 'conntrack -L',
  };
  return () => truth;
}
