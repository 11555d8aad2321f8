/**
 * Expected against observed: what is missing, what is extra, what stands in another order, which policies differ.
 * In: two Rulesets. Out: plain data. It does not judge which difference matters and repairs nothing.
 */
import { alignChains, iptablesRules, type RuleKind } from './align.ts';
import type { TableKey } from './machine.ts';
import { findChain, findTable, type Rule, type Ruleset, type Table } from './ruleset.ts';

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
  /** False: no packet notices. */
  readonly matters: boolean;
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
export function diffRulesets(
  expected: Ruleset,
  observed: Ruleset,
  kind: RuleKind<Rule> = iptablesRules,
): RulesetDifference {
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
      const [planned, seen] = [before?.rules ?? [], after?.rules ?? []];
      const { pairs, missing, extra } = alignChains(planned, seen, kind);
      for (const place of missing) out.missing.push(...ruleAt(ref, planned, place));
      for (const place of extra) out.extra.push(...ruleAt(ref, seen, place));
      for (const { planned: expected, observed: at, order } of pairs) {
        if (order === 'in-place') continue;
        for (const moved of ruleAt(ref, seen, at)) {
          const { position, ...where } = moved;
          out.misordered.push({
            ...where,
            expected: expected + 1,
            observed: position,
            matters: order === 'misordered',
          });
        }
      }
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

function ruleAt(ref: ChainRef, rules: readonly Rule[], place: number): readonly RuleAt[] {
  const rule = rules[place];
  return rule === undefined ? [] : [{ ...ref, rule, position: place + 1 }];
}
