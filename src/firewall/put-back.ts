/**
 * Puts back what is missing of a plan. In: an observed Ruleset, the planned one, and which rules the engine inserts at the head
 * of their chain. Out: the observed Ruleset with all of the plan in an order that means the same. Rules that the plan does not
 * know stay where they are and in their order. It computes the result; commands to get there are `edit.ts`'s.
 */
import { alignChains } from './align.ts';
import { ruleKey } from './args.ts';
import type { Operation } from './operation.ts';
import { type Chain, findChain, findTable, type Rule, type Ruleset, type Table } from './ruleset.ts';

/** Whether the engine inserts this rule above what is in the chain; else it appends it. */
export type InsertedFirst = (table: Table, chain: string, rule: Rule) => boolean;

/** What the engine's own commands say; the last one that places a rule counts. */
export function insertedFirst(operations: readonly Operation[]): InsertedFirst {
  const key = (at: Pick<Table, 'backend' | 'family'>, table: string, chain: string, rule: Rule) =>
    [at.backend, at.family, table, chain, ruleKey(rule)].join(' ');
  const heads = new Map<string, boolean>();
  for (const operation of operations) {
    const { command, table } = operation;
    if (command.op !== 'insert' && command.op !== 'append') continue;
    heads.set(key(operation, table, command.chain, command.rule), command.op === 'insert');
  }
  return (table, chain, rule) => heads.get(key(table, table.name, chain, rule)) ?? false;
}

/** The observed Ruleset with all chains and rules of the plan; policies of what is there are left alone. */
export function putBack(observed: Ruleset, planned: Ruleset, isFirst: InsertedFirst): Ruleset {
  const tables = observed.tables.map((table) => {
    const wanted = findTable(planned, { ...table, table: table.name });
    return wanted === undefined ? table : putBackTable(table, wanted, isFirst);
  });
  const added = planned.tables.filter(
    (table) => findTable(observed, { ...table, table: table.name }) === undefined,
  );
  return { tables: [...tables, ...added] };
}

function putBackTable(observed: Table, planned: Table, isFirst: InsertedFirst): Table {
  const chains = observed.chains.map((chain): Chain => {
    const wanted = findChain(planned, chain.name);
    if (wanted === undefined) return chain;
    const rules = putBackRules(chain.rules, wanted.rules, (rule) => isFirst(planned, chain.name, rule));
    return { ...chain, rules };
  });
  const added = planned.chains.filter(({ name }) => findChain(observed, name) === undefined);
  return { ...observed, chains: [...chains, ...added] };
}

/**
 * A rule goes behind the nearest rule that precedes it in the plan and is there, else before the nearest that follows it; only
 * neighbours that the engine puts at the same end of the chain count, since foreign rules stand between the two. Without
 * a neighbour it goes to its end. Misordered rules are taken out and put back the same way.
 */
function putBackRules(
  observed: readonly Rule[],
  planned: readonly Rule[],
  isFirst: (rule: Rule) => boolean,
): readonly Rule[] {
  const { pairs } = alignChains(planned, observed);
  const misplaced = new Set(pairs.filter(({ order }) => order === 'misordered').map((pair) => pair.observed));
  const result = observed.filter((_, place) => !misplaced.has(place));
  /** The rule of `result` that stands for each planned one, where it stands in the planned order. */
  const anchors = new Map<number, Rule>();
  const present = new Map(pairs.map((pair) => [pair.planned, pair]));
  for (const { planned: place, observed: at, order } of pairs) {
    const rule = observed[at];
    if (order === 'in-place' && rule !== undefined) anchors.set(place, rule);
  }
  // What is inserted stands above what is appended; an appended rule above it says that the chain was made in another way.
  const appended = planned.findIndex((rule) => !isFirst(rule));
  const heads = appended < 0 ? planned.length : appended;
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

function placeOf(rules: readonly Rule[], rule: Rule | undefined): number {
  return rule === undefined ? rules.length : rules.indexOf(rule);
}
