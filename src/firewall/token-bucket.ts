/**
 * Token buckets: rules that let so many packets pass in a while (xt_limit.c, xt_hashlimit.c, nft_limit.c). In: the rate as written. Out: how
 * many packets pass at once. A bucket starts full. One that fills faster than a packet a second never stops what is sent again when it
 * was lost; a slower one stops a conversation for good once it is empty. Whether others have emptied it is not asked.
 */

/** Packets that pass at once; undefined where the bucket fills while a conversation waits, or where it counts bytes. */
export function slowBurst(rate: string, burst: number): number | undefined {
  const [, count, unit] = /^(\d+)\/([a-z]+)$/.exec(rate) ?? [];
  if (count === undefined || unit === undefined) return undefined;
  const seconds = unitSeconds.find(([name]) => name.startsWith(unit) || unit.startsWith(name))?.[1];
  return seconds === undefined || Number(count) >= seconds ? undefined : burst;
}

/** By the beginnings that iptables takes and prints: `1/min`, `7/day`. */
const unitSeconds = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
  ['week', 604_800],
] as const;

/** Where no burst is written (xt_limit, xt_hashlimit and nft_limit alike). */
export const defaultBurst = 5;
