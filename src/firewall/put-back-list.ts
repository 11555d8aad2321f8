/**
 * Puts the missing rules of one planned chain into an observed one, of iptables and of nftables alike. In: two lists, how many of the
 * planned rules belong at the head, and what counts as the same. Out: the observed list with all of the plan in an order that means the
 * same; what the plan does not know stays where it is.
 */
import { alignChains, type RuleKind } from './align.ts';

/**
 * The first `heads` planned rules are those that the engine inserts above what is in the chain; the others it appends.
 * A rule goes behind the nearest rule that precedes it in the plan and is there, else before the nearest that follows it; only
 * neighbours that the engine puts at the same end of the chain count, since foreign rules stand between the two. Without
 * a neighbour it goes to its end. Misordered rules are taken out and put back the same way.
 */
export function putBackRules<T>(
  observed: readonly T[],
  planned: readonly T[],
  heads: number,
  kind: RuleKind<T>,
): readonly T[] {
  const { pairs } = alignChains(planned, observed, kind);
  const misplaced = new Set(pairs.filter(({ order }) => order === 'misordered').map((pair) => pair.observed));
  const result = observed.filter((_, place) => !misplaced.has(place));
  /** The rule of `result` that stands for each planned one, where it stands in the planned order. */
  const anchors = new Map<number, T>();
  const present = new Map(pairs.map((pair) => [pair.planned, pair]));
  for (const { planned: place, observed: at, order } of pairs) {
    const rule = observed[at];
    if (order === 'in-place' && rule !== undefined) anchors.set(place, rule);
  }
  for (const [place, wanted] of planned.entries()) {
    const pair = present.get(place);
    if (pair !== undefined && pair.order !== 'misordered') continue;
    const rule = pair === undefined ? wanted : (observed[pair.observed] ?? wanted);
    const first = place < heads;
    const isNeighbour = (other: number) => anchors.has(other) && other < heads === first;
    const before = nearest(place, -1, planned.length, isNeighbour);
    const after = nearest(place, 1, planned.length, isNeighbour);
    const at =
      before !== undefined
        ? placeOf(result, anchors.get(before)) + 1
        : after !== undefined
          ? placeOf(result, anchors.get(after))
          : first
            ? 0
            : result.length;
    result.splice(at, 0, rule);
    anchors.set(place, rule);
  }
  return result;
}

function nearest(
  from: number,
  step: 1 | -1,
  length: number,
  accept: (place: number) => boolean,
): number | undefined {
  for (let place = from + step; place >= 0 && place < length; place += step) if (accept(place)) return place;
  return undefined;
}

function placeOf<T>(rules: readonly T[], rule: T | undefined): number {
  return rule === undefined ? rules.length : rules.indexOf(rule);
}
