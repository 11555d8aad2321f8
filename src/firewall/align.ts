/**
 * A planned chain beside an observed one: which rules are there, which are missing, which are too many, which stand in a place
 * that changes what packets meet. In: two lists of rules, of iptables or of nftables. Out: places in them. What to do about it is
 * decided elsewhere.
 */
import { ruleKey } from './args.ts';
import { commute } from './commute.ts';
import { longestIncreasing } from './increasing.ts';
import type { Rule } from './ruleset.ts';

/** What has to be known of rules to compare chains of them. */
export interface RuleKind<T> {
  /** Equal for rules that are the same. */
  readonly key: (rule: T) => string;
  /** Whether two rules may change places without any packet noticing. */
  readonly commute: (a: T, b: T) => boolean;
}

export const iptablesRules: RuleKind<Rule> = { key: ruleKey, commute };

/** Places are 0-based. */
export interface Alignment {
  /** Rules of both sides, in the observed order. */
  readonly pairs: readonly Pair[];
  /** Places in the planned chain. */
  readonly missing: readonly number[];
  /** Places in the observed chain. */
  readonly extra: readonly number[];
}

export interface Pair {
  readonly planned: number;
  readonly observed: number;
  /** `in-place`: one of a largest set of rules in the planned order. `harmless`: in another order, which no packet notices. */
  readonly order: 'in-place' | 'harmless' | 'misordered';
}

/** Pairs each observed rule with the first equal planned one that has no partner yet. */
export function alignChains<T>(planned: readonly T[], observed: readonly T[], kind: RuleKind<T>): Alignment {
  const open = new Map<string, number[]>();
  for (const [place, rule] of planned.entries()) {
    const places = open.get(kind.key(rule));
    if (places === undefined) open.set(kind.key(rule), [place]);
    else places.push(place);
  }
  for (const places of open.values()) places.reverse();
  const extra: number[] = [];
  const common: Placed[] = [];
  for (const [place, rule] of observed.entries()) {
    const partner = open.get(kind.key(rule))?.pop();
    if (partner === undefined) extra.push(place);
    else common.push({ planned: partner, observed: place });
  }
  const missing = [...open.values()].flat().sort((a, b) => a - b);
  const fixed = new Set(longestIncreasing(common.map((pair) => pair.planned)));
  const stable = common.filter((_, index) => fixed.has(index));
  const out = common.filter((_, index) => !fixed.has(index));
  const harmless = harmlessOnes(out, stable, planned, kind);
  const pairs = common.map((pair, index): Pair => {
    if (fixed.has(index)) return { ...pair, order: 'in-place' };
    return { ...pair, order: harmless.has(pair) ? 'harmless' : 'misordered' };
  });
  return { pairs, missing, extra };
}

interface Placed {
  readonly planned: number;
  readonly observed: number;
}

/**
 * Of rules that are out of order, those that may stay where they are. Each commutes with every rule that it has passed: with others that
 * stay and stand on the wrong side of it, and with those that are, or will be put, where the plan has them (stable ones, missing ones,
 * ones that have to move) between its planned place and the next stable rule beyond the place where it stands. One at a time is found that
 * has to move, since it may be the reason why others seemed to.
 */
function harmlessOnes<T>(
  out: readonly Placed[],
  stable: readonly Placed[],
  planned: readonly T[],
  kind: RuleKind<T>,
): ReadonlySet<Placed> {
  const commuteAt = (a: number, b: number): boolean => {
    const [left, right] = [planned[a], planned[b]];
    return left !== undefined && right !== undefined && kind.commute(left, right);
  };
  const staying = new Map(out.map((pair) => [pair.planned, pair]));
  /** Whether it commutes with what it has passed of what is, or will be put, where the plan has it. */
  const mayStay = ({ planned: own, observed }: Placed): boolean => {
    const before = stable.findLast((other) => other.observed < observed)?.planned ?? -1;
    const after = stable.find((other) => other.observed > observed)?.planned ?? planned.length;
    const [from, to] = own < before ? [own + 1, after] : [before + 1, own];
    for (let other = from; other < to; other++)
      if (!staying.has(other) && !commuteAt(own, other)) return false;
    return true;
  };
  const conflictsOf = ({ planned: own, observed }: Placed): number =>
    [...staying.values()].filter(
      (other) => other.planned < own !== other.observed < observed && !commuteAt(own, other.planned),
    ).length;
  for (;;) {
    const first =
      [...staying.values()].find((pair) => !mayStay(pair)) ?? mostBy([...staying.values()], conflictsOf);
    if (first === undefined) break;
    staying.delete(first.planned);
  }
  return new Set(staying.values());
}

/** The one with the highest count; undefined where all are zero. */
function mostBy<T>(things: readonly T[], count: (thing: T) => number): T | undefined {
  let most: T | undefined;
  let highest = 0;
  for (const thing of things) {
    const counted = count(thing);
    if (counted > highest) [most, highest] = [thing, counted];
  }
  return most;
}
