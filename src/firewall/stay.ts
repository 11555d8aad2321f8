/**
 * Which entries of a list can stay when it becomes another. In: two lists of rules as texts. Out: pairs of places, increasing on
 * both sides. Commands that take away and put in the others are made elsewhere.
 */
import { longestIncreasing } from './increasing.ts';

/** Places of one entry that stays, in both lists. */
export interface Stays {
  readonly old: number;
  readonly wanted: number;
}

/**
 * A subsequence of both lists. What they have in common at their ends stays. In between, the n-th of equal entries is paired
 * with the n-th, and the longest increasing run of pairs stays: n log n, where a table of all pairs would need a square.
 */
export function entriesThatStay(old: readonly string[], wanted: readonly string[]): readonly Stays[] {
  const shorter = Math.min(old.length, wanted.length);
  let head = 0;
  while (head < shorter && old[head] === wanted[head]) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === wanted.at(-1 - tail)) tail++;

  const pairs: Stays[] = [];
  for (let i = 0; i < head; i++) pairs.push({ old: i, wanted: i });
  pairs.push(...middlePairs(old, wanted, head, tail));
  for (let i = tail; i > 0; i--) pairs.push({ old: old.length - i, wanted: wanted.length - i });
  return pairs;
}

function middlePairs(
  old: readonly string[],
  wanted: readonly string[],
  head: number,
  tail: number,
): readonly Stays[] {
  const places = new Map<string, number[]>();
  for (let i = head; i < wanted.length - tail; i++) {
    const text = wanted[i] ?? '';
    const list = places.get(text);
    if (list === undefined) places.set(text, [i]);
    else list.push(i);
  }
  const pairs: Stays[] = [];
  for (let i = head; i < old.length - tail; i++) {
    const place = places.get(old[i] ?? '')?.shift();
    if (place !== undefined) pairs.push({ old: i, wanted: place });
  }
  return longestIncreasing(pairs.map((pair) => pair.wanted)).flatMap((i) => pairs[i] ?? []);
}
