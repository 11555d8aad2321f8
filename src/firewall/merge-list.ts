/**
 * Three-way merge of lists whose order matters: the rules of a chain, of iptables and of nftables alike.
 * In: what is observed, the list that it was made from, the list wanted, and what counts as the same. Out: the observed list with
 * just that difference made. What neither list knows keeps its place.
 */

/** Whether two entries are the same one. */
export type Same<T> = (a: T, b: T) => boolean;

/**
 * From an empty list everything of `to` that is missing is put in and nothing is taken away.
 * An entry that `to` has and `from` has not goes after the nearest that precedes it in `to` and is there, else before the nearest that follows, else to the end.
 */
export function mergeLists<T>(
  observed: readonly T[],
  from: readonly T[],
  to: readonly T[],
  same: Same<T>,
): readonly T[] {
  const dropped = minus(from, to, same);
  return insertMissing(minus(observed, dropped, same), to, from, same);
}

/** `entries` without one occurrence of each of `taken`. */
export function minus<T>(entries: readonly T[], taken: readonly T[], same: Same<T>): readonly T[] {
  const left = [...entries];
  for (const entry of taken) {
    const at = left.findIndex((other) => same(other, entry));
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

/** Puts what of `wanted` is neither in `present` nor in `known` in. */
function insertMissing<T>(
  present: readonly T[],
  wanted: readonly T[],
  known: readonly T[],
  same: Same<T>,
): readonly T[] {
  const result = [...present];
  const spare = [...present];
  const place = wanted.map((entry) => {
    const at = spare.findIndex((other) => same(other, entry));
    return at < 0 ? undefined : spare.splice(at, 1)[0];
  });
  const alreadyMissing = [...minus(known, present, same)];
  for (const [index, entry] of wanted.entries()) {
    if (place[index] !== undefined) continue;
    const lost = alreadyMissing.findIndex((other) => same(other, entry));
    if (lost >= 0) {
      alreadyMissing.splice(lost, 1);
      continue;
    }
    result.splice(positionFor(result, place, index), 0, entry);
    place[index] = entry;
  }
  return result;
}

function positionFor<T>(result: readonly T[], place: readonly (T | undefined)[], index: number): number {
  for (let before = index - 1; before >= 0; before--) {
    const entry = place[before];
    if (entry !== undefined) return result.indexOf(entry) + 1;
  }
  for (let after = index + 1; after < place.length; after++) {
    const entry = place[after];
    if (entry !== undefined) return result.indexOf(entry);
  }
  return result.length;
}
