/**
 * Longest increasing run: which elements of a permutation may stay where they are. In: numbers. Out: places. n log n, where a
 * table of all pairs would need a square.
 */

/** Indices of a longest strictly increasing subsequence, in order (patience sorting). */
export function longestIncreasing(values: readonly number[]): readonly number[] {
  /** ends[k]: index of the smallest value that ends an increasing run of length k + 1. */
  const ends: number[] = [];
  const previous: (number | undefined)[] = [];
  for (const [index, value] of values.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[ends[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous.push(low > 0 ? ends[low - 1] : undefined);
    ends[low] = index;
  }
  const chosen: number[] = [];
  for (let at = ends.at(-1); at !== undefined; at = previous[at]) chosen.push(at);
  return chosen.reverse();
}
