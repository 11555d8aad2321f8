/**
 * Expected against observed: what is missing, what is extra, what stands in another order, which policies differ.
 * In: two Rulesets. Out: plain data. It does not judge which difference matters and repairs nothing.
 */
import { ruleKey } from './args.ts';
import type { TableKey } from './machine.ts';
import { type Chain, findChain, findTable, type Rule, type Ruleset, type Table } from './ruleset.ts';

export interface ChainRef {
  readonly key: TableKey;
  readonly chain: string;
}

export interface RuleAt extends ChainRef {
  readonly rule: Rule;
  /** 1-based, in the expected chain for what is missing, in the observed one for what is extra. */
  readonly position: number;
}

export interface MovedRule extends ChainRef {
  /** As observed. */
  readonly rule: Rule;
  /** Both 1-based. */
  readonly expected: number;
  readonly observed: number;
}

export interface PolicyDifference extends ChainRef {
  readonly expected: 'ACCEPT' | 'DROP';
  readonly observed: 'ACCEPT' | 'DROP';
}

export interface RulesetDifference {
  readonly missing: readonly RuleAt[];
  readonly extra: readonly RuleAt[];
  /** A smallest set of rules that are on both sides and would have to move. */
  readonly misordered: readonly MovedRule[];
  /** User-defined chains; their rules are in `missing` and `extra` too. */
  readonly missingChains: readonly ChainRef[];
  readonly extraChains: readonly ChainRef[];
  readonly policies: readonly PolicyDifference[];
}

/** The difference, table by table; a table that is absent counts as one with empty built-in chains that accept. */
export function diffRulesets(expected: Ruleset, observed: Ruleset): RulesetDifference {
  const out = {
    missing: [] as RuleAt[],
    extra: [] as RuleAt[],
    misordered: [] as MovedRule[],
    missingChains: [] as ChainRef[],
    extraChains: [] as ChainRef[],
    policies: [] as PolicyDifference[],
  };
  for (const table of [
    ...expected.tables,
    ...observed.tables.filter((t) => twin(expected, t) === undefined),
  ]) {
    const key: TableKey = { backend: table.backend, family: table.family, table: table.name };
    const left = twin(expected, table);
    const right = twin(observed, table);
    for (const name of chainNames(left, right)) {
      const ref: ChainRef = { key, chain: name };
      const before = left && findChain(left, name);
      const after = right && findChain(right, name);
      if (before?.policy === undefined && after?.policy === undefined) {
        if (after === undefined) out.missingChains.push(ref);
        if (before === undefined) out.extraChains.push(ref);
      } else if ((before?.policy ?? 'ACCEPT') !== (after?.policy ?? 'ACCEPT')) {
        out.policies.push({
          ...ref,
          expected: before?.policy ?? 'ACCEPT',
          observed: after?.policy ?? 'ACCEPT',
        });
      }
      const chain = diffChain(before, after);
      for (const { rule, position } of chain.missing) out.missing.push({ ...ref, rule, position });
      for (const { rule, position } of chain.extra) out.extra.push({ ...ref, rule, position });
      for (const moved of chain.moved) out.misordered.push({ ...ref, ...moved });
    }
  }
  return out;
}

function twin(ruleset: Ruleset, table: Table): Table | undefined {
  return findTable(ruleset, { backend: table.backend, family: table.family, table: table.name });
}

function chainNames(left: Table | undefined, right: Table | undefined): ReadonlySet<string> {
  return new Set([...(left?.chains ?? []), ...(right?.chains ?? [])].map((chain) => chain.name));
}

interface Placed {
  readonly rule: Rule;
  readonly position: number;
}

interface ChainDifference {
  readonly missing: readonly Placed[];
  readonly extra: readonly Placed[];
  readonly moved: readonly { readonly rule: Rule; readonly expected: number; readonly observed: number }[];
}

function diffChain(before: Chain | undefined, after: Chain | undefined): ChainDifference {
  /** Places of each rule in the expected chain that have no partner yet, first one first. */
  const open = new Map<string, number[]>();
  for (const [index, rule] of (before?.rules ?? []).entries()) {
    const key = ruleKey(rule);
    const places = open.get(key);
    if (places === undefined) open.set(key, [index]);
    else places.push(index);
  }
  for (const places of open.values()) places.reverse();
  const extra: Placed[] = [];
  const pairs: { rule: Rule; expected: number; observed: number }[] = [];
  for (const [index, rule] of (after?.rules ?? []).entries()) {
    const place = open.get(ruleKey(rule))?.pop();
    if (place === undefined) extra.push({ rule, position: index + 1 });
    else pairs.push({ rule, expected: place + 1, observed: index + 1 });
  }
  const absent = new Set([...open.values()].flat());
  const missing = (before?.rules ?? []).flatMap((rule, index) =>
    absent.has(index) ? [{ rule, position: index + 1 }] : [],
  );
  const inPlace = longestIncreasing(pairs.map((pair) => pair.expected));
  return { missing, extra, moved: pairs.filter((_, index) => !inPlace.has(index)) };
}

/** Indices of a longest increasing subsequence: what may stay where it is (patience sorting). */
function longestIncreasing(values: readonly number[]): ReadonlySet<number> {
  /** Index of the smallest last element of a run of each length. */
  const ends: number[] = [];
  const previous: (number | undefined)[] = [];
  for (const [index, value] of values.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((values[ends[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous.push(ends[low - 1]);
    ends[low] = index;
  }
  const chosen = new Set<number>();
  for (let at = ends.at(-1); at !== undefined; at = previous[at]) chosen.add(at);
  return chosen;
}
