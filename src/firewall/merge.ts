/**
 * Three-way merge of Rulesets: what a host would hold if a plan changed under it. In: what is observed, the plan
 * that it was made from, and the plan wanted. Out: the observed Ruleset with just the plan's difference made.
 * Rules that neither plan knows keep their place. It computes the result; commands to get there are `edit.ts`'s.
 */
import { sameRule } from './args.ts';
import { mergeLists } from './merge-list.ts';
import { type Chain, findChain, type Ruleset, type Table } from './ruleset.ts';

/** From nothing everything of `to` that is missing is put in and nothing is taken away; where each rule goes is `mergeLists`'s subject. */
export function mergeRulesets(observed: Ruleset, from: Ruleset, to: Ruleset): Ruleset {
  const tables = observed.tables.map((table) => mergeTable(table, find(from, table), find(to, table)));
  const added = to.tables.filter((table) => find(observed, table) === undefined);
  return { tables: [...tables, ...added] };
}

function find(ruleset: Ruleset | undefined, like: Table): Table | undefined {
  return ruleset?.tables.find(
    (t) => t.backend === like.backend && t.family === like.family && t.name === like.name,
  );
}

function mergeTable(observed: Table, from: Table | undefined, to: Table | undefined): Table {
  if (from === undefined && to === undefined) return observed;
  const chains = observed.chains.map((chain) =>
    mergeChain(chain, from && findChain(from, chain.name), to && findChain(to, chain.name)),
  );
  const gone = (chain: Chain) =>
    chain.policy === undefined &&
    from !== undefined &&
    findChain(from, chain.name) !== undefined &&
    (to === undefined || findChain(to, chain.name) === undefined);
  const added = (to?.chains ?? []).filter((chain) => findChain(observed, chain.name) === undefined);
  return { ...observed, chains: [...chains.filter((c) => !gone(c)), ...added] };
}

function mergeChain(observed: Chain, from: Chain | undefined, to: Chain | undefined): Chain {
  const rules = mergeLists(observed.rules, from?.rules ?? [], to?.rules ?? [], sameRule);
  const policyChanged = to?.policy !== undefined && from?.policy !== undefined && from.policy !== to.policy;
  return { ...observed, rules, ...(policyChanged && to?.policy !== undefined ? { policy: to.policy } : {}) };
}
