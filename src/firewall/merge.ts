/**
 * Three-way merge of Rulesets: what a host would hold if a plan changed under it. In: what is observed, the plan
 * that it was made from, and the plan wanted. Out: the observed Ruleset with just the plan's difference made.
 * Rules that neither plan knows keep their place. It computes the result; commands to get there are `edit.ts`'s.
 */
import { sameRule } from './args.ts';
import { type Chain, findChain, type Rule, type Ruleset, type Table } from './ruleset.ts';

/**
 * A rule that `to` has and `from` has not goes after the nearest rule that precedes it in `to` and is there, else before the nearest that
 * follows, else to the end.
 */
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
  const wanted = to?.rules ?? [];
  const dropped = minus(from?.rules ?? [], wanted);
  const kept = minus(observed.rules, dropped);
  const rules = insertMissing(kept, wanted, from?.rules ?? []);
  const policyChanged = to?.policy !== undefined && from?.policy !== undefined && from.policy !== to.policy;
  return { ...observed, rules, ...(policyChanged && to?.policy !== undefined ? { policy: to.policy } : {}) };
}

/** `rules` without one occurrence of each rule of `taken`. */
function minus(rules: readonly Rule[], taken: readonly Rule[]): Rule[] {
  const left = [...rules];
  for (const rule of taken) {
    const at = left.findIndex((r) => sameRule(r, rule));
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

/** Puts the rules of `wanted` in that are neither in `present` nor in `known`. */
function insertMissing(
  present: readonly Rule[],
  wanted: readonly Rule[],
  known: readonly Rule[],
): readonly Rule[] {
  const result = [...present];
  const spare = [...present];
  const place = wanted.map((rule) => {
    const at = spare.findIndex((r) => sameRule(r, rule));
    return at < 0 ? undefined : spare.splice(at, 1)[0];
  });
  const alreadyMissing = minus(known, present);
  for (const [index, rule] of wanted.entries()) {
    if (place[index] !== undefined) continue;
    const lost = alreadyMissing.findIndex((r) => sameRule(r, rule));
    if (lost >= 0) {
      alreadyMissing.splice(lost, 1);
      continue;
    }
    result.splice(positionFor(result, place, index), 0, rule);
    place[index] = rule;
  }
  return result;
}

function positionFor(result: readonly Rule[], place: readonly (Rule | undefined)[], index: number): number {
  for (let before = index - 1; before >= 0; before--) {
    const rule = place[before];
    if (rule !== undefined) return result.indexOf(rule) + 1;
  }
  for (let after = index + 1; after < place.length; after++) {
    const rule = place[after];
    if (rule !== undefined) return result.indexOf(rule);
  }
  return result.length;
}
