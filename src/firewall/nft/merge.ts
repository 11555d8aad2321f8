/**
 * Three-way merge of native tables: what a host would hold if a plan changed under it. In: what is observed, the tables that a plan
 * made, and those of another plan. Out: the observed tables with just that difference made.
 * What neither plan knows keeps its place. Commands to get there are `commands.ts`'s subject.
 */
import { mergeLists, minus } from '../merge-list.ts';
import {
  findNftChain,
  findNftTable,
  type NftChain,
  type NftRuleset,
  type NftSet,
  type NftTable,
} from './model.ts';
import { sameElement, sameNftRule } from './same.ts';

/** From nothing everything of `to` that is missing is put in and nothing is taken away. */
export function mergeNft(observed: NftRuleset, from: NftRuleset, to: NftRuleset): NftRuleset {
  const isNew = (table: NftTable) => findNftTable(observed, table) === undefined;
  const isGone = (table: NftTable) =>
    findNftTable(from, table) !== undefined && findNftTable(to, table) === undefined;
  const kept = observed.tables
    .filter((table) => !isGone(table))
    .map((table) => {
      const wanted = findNftTable(to, table);
      return wanted === undefined ? table : mergeTable(table, findNftTable(from, table), wanted);
    });
  return { ...observed, tables: [...kept, ...to.tables.filter(isNew)] };
}

function mergeTable(observed: NftTable, from: NftTable | undefined, to: NftTable): NftTable {
  return {
    ...observed,
    chains: mergeNamed(observed.chains, from?.chains, to.chains, mergeChain),
    sets: mergeNamed(observed.sets, from?.sets, to.sets, mergeSet),
  };
}

/** Things with names: each merged with its namesakes, the new ones at the end, and those gone that only `from` has. */
function mergeNamed<T extends { readonly name: string }>(
  observed: readonly T[],
  from: readonly T[] | undefined,
  to: readonly T[],
  merge: (observed: T, from: T | undefined, to: T) => T,
): readonly T[] {
  const find = (list: readonly T[] | undefined, { name }: T) => list?.find((other) => other.name === name);
  const kept = observed.flatMap((each) => {
    const wanted = find(to, each);
    if (wanted !== undefined) return [merge(each, find(from, each), wanted)];
    return find(from, each) === undefined ? [each] : [];
  });
  return [...kept, ...to.filter((each) => find(observed, each) === undefined)];
}

function mergeChain(observed: NftChain, from: NftChain | undefined, to: NftChain): NftChain {
  const rules = mergeLists(observed.rules, from?.rules ?? [], to.rules, sameNftRule);
  const policy = to.base?.policy;
  const changes = policy !== undefined && from?.base !== undefined && from.base.policy !== policy;
  const base = changes && observed.base !== undefined ? { ...observed.base, policy } : observed.base;
  return { ...observed, ...(base === undefined ? {} : { base }), rules };
}

function mergeSet(observed: NftSet, from: NftSet | undefined, to: NftSet): NftSet {
  return {
    ...observed,
    elements: mergeLists(observed.elements, from?.elements ?? [], to.elements, sameElement),
  };
}

/** What of these tables another ruleset has not: each table with what is missing of it alone. */
export function missingFrom(expected: NftRuleset, observed: NftRuleset): NftRuleset {
  return {
    ...expected,
    tables: expected.tables.flatMap((table) => {
      const there = findNftTable(observed, table);
      if (there === undefined) return [table];
      const chains = table.chains.flatMap((chain) => {
        const other = findNftChain(there, chain.name);
        if (other === undefined) return [chain];
        const rules = minus(chain.rules, other.rules, sameNftRule);
        return rules.length === 0 ? [] : [{ ...chain, rules }];
      });
      const sets = table.sets.flatMap((set) => {
        const other = there.sets.find(({ name }) => name === set.name);
        if (other === undefined) return [set];
        const elements = minus(set.elements, other.elements, sameElement);
        return elements.length === 0 ? [] : [{ ...set, elements }];
      });
      return chains.length + sets.length === 0 ? [] : [{ ...table, chains, sets }];
    }),
  };
}
