/**
 * Puts back what is missing of a plan. In: an observed Ruleset, the planned one, and which rules the engine inserts at the head
 * of their chain. Out: the observed Ruleset with all of the plan in an order that means the same. Rules that the plan does not
 * know stay where they are and in their order. It computes the result; commands to get there are `edit.ts`'s.
 */
import { iptablesRules, type RuleKind } from './align.ts';
import { ruleKey } from './args.ts';
import type { Operation } from './operation.ts';
import { putBackRules } from './put-back-list.ts';
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
export function putBack(
  observed: Ruleset,
  planned: Ruleset,
  isFirst: InsertedFirst,
  kind: RuleKind<Rule> = iptablesRules,
): Ruleset {
  const tables = observed.tables.map((table) => {
    const wanted = findTable(planned, { ...table, table: table.name });
    return wanted === undefined ? table : putBackTable(table, wanted, isFirst, kind);
  });
  const added = planned.tables.filter(
    (table) => findTable(observed, { ...table, table: table.name }) === undefined,
  );
  return { tables: [...tables, ...added] };
}

function putBackTable(observed: Table, planned: Table, isFirst: InsertedFirst, kind: RuleKind<Rule>): Table {
  const chains = observed.chains.map((chain): Chain => {
    const wanted = findChain(planned, chain.name);
    if (wanted === undefined) return chain;
    // What is inserted stands above what is appended; an appended rule above it says that the chain was made in another way.
    const appended = wanted.rules.findIndex((rule) => !isFirst(planned, chain.name, rule));
    const heads = appended < 0 ? wanted.rules.length : appended;
    return { ...chain, rules: putBackRules(chain.rules, wanted.rules, heads, kind) };
  });
  const added = planned.chains.filter(({ name }) => findChain(observed, name) === undefined);
  return { ...observed, chains: [...chains, ...added] };
}
