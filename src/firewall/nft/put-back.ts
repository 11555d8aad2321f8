/**
 * Puts back what is missing of planned native tables. In: the observed tables and the planned ones. Out: the observed tables with all
 * of the plan, rules in an order that means the same, policies as planned. What the plan does not know stays. Pure.
 */
import type { RuleKind } from '../align.ts';
import { minus } from '../merge-list.ts';
import { putBackRules } from '../put-back-list.ts';
import { nftCommute } from './commute.ts';
import {
  findNftTable,
  type NftChain,
  type NftRule,
  type NftRuleset,
  type NftSet,
  type NftTable,
} from './model.ts';
import { nftRuleKey, sameElement } from './same.ts';

export const nftRules: RuleKind<NftRule> = { key: nftRuleKey, commute: nftCommute };

export function putBackNft(observed: NftRuleset, planned: NftRuleset): NftRuleset {
  const tables = observed.tables.map((table) => {
    const wanted = findNftTable(planned, table);
    return wanted === undefined ? table : putBackTable(table, wanted);
  });
  const added = planned.tables.filter((table) => findNftTable(observed, table) === undefined);
  return { ...observed, tables: [...tables, ...added] };
}

function putBackTable(observed: NftTable, planned: NftTable): NftTable {
  return {
    ...observed,
    chains: putBackNamed(observed.chains, planned.chains, putBackChain),
    sets: putBackNamed(observed.sets, planned.sets, putBackSet),
  };
}

function putBackNamed<T extends { readonly name: string }>(
  observed: readonly T[],
  planned: readonly T[],
  putBack: (observed: T, planned: T) => T,
): readonly T[] {
  const named = (list: readonly T[], { name }: T) => list.find((other) => other.name === name);
  return [
    ...observed.map((each) => {
      const wanted = named(planned, each);
      return wanted === undefined ? each : putBack(each, wanted);
    }),
    ...planned.filter((each) => named(observed, each) === undefined),
  ];
}

/** The engine adds all of its rules at the end. */
function putBackChain(observed: NftChain, planned: NftChain): NftChain {
  const rules = putBackRules(observed.rules, planned.rules, 0, nftRules);
  const { base } = observed;
  if (base === undefined || planned.base === undefined) return { ...observed, rules };
  return { ...observed, base: { ...base, policy: planned.base.policy }, rules };
}

function putBackSet(observed: NftSet, planned: NftSet): NftSet {
  return {
    ...observed,
    elements: [...observed.elements, ...minus(planned.elements, observed.elements, sameElement)],
  };
}
