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
  const harmless = harmlessOnes(
    out.filter((pair) => commutesWithPassed(pair, stable, planned, kind)),
    planned,
    kind,
  );
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

/** Of rules that each may stay where they are, those that may stay together: two that have passed each other must commute. */
function harmlessOnes<T>(
  placed: readonly Placed[],
  planned: readonly T[],
  kind: RuleKind<T>,
): ReadonlySet<Placed> {
  const kept: Placed[] = [];
  for (const pair of placed) {
    const passed = kept.filter((above) => above.planned > pair.planned);
    if (passed.every((above) => commuteAt(pair.planned, above.planned, planned, kind))) kept.push(pair);
  }
  return new Set(kept);
}

function commuteAt<T>(a: number, b: number, rules: readonly T[], kind: RuleKind<T>): boolean {
  const [left, right] = [rules[a], rules[b]];
  return left !== undefined && right !== undefined && kind.commute(left, right);
}

/**
 * Whether a rule that is out of order commutes with every planned rule that it has passed, present or missing: those between its
 * planned place and the next stable rule beyond the place where it stands.
 */
function commutesWithPassed<T>(
  { planned: own, observed }: Placed,
  stable: readonly Placed[],
  planned: readonly T[],
  kind: RuleKind<T>,
): boolean {
  const before = stable.findLast((other) => other.observed < observed)?.planned ?? -1;
  const after = stable.find((other) => other.observed > observed)?.planned ?? planned.length;
  const from = own < before ? own + 1 : before + 1;
  const to = own < before ? after : own;
  for (let other = from; other < to; other++) if (!commuteAt(own, other, planned, kind)) return false;
  return true;
}
