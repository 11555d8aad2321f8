/**
 * The nftables machine: transactions run on native tables in memory, with the results of nft(8) and the checks of the engine.
 * In: an NftRuleset and transactions. Out: the ruleset after them, and the first error. Expressions are not checked.
 * Order is the kernel's: tables and chains as they were made, the new chains of one transaction by name, because the engine names
 * them so; rules by group, elements by key.
 */
import { chainOfVerdict } from './condition.ts';
import type { NftChain, NftRule, NftRuleset, NftSet, NftTable, NftVerdict, Statement } from './model.ts';
import type { NftOperation, NftTransaction } from './operation.ts';
import { byElementKey, elementKey, sameElement, sameNftRule } from './same.ts';

export interface NftError {
  readonly kind: 'exists' | 'not-found' | 'busy';
  readonly message: string;
}

export interface NftResult {
  /** What is there at the end; a transaction that fails leaves nothing behind, and none follows it. */
  readonly ruleset: NftRuleset;
  readonly failed?: { readonly operation: NftOperation; readonly error: NftError };
}

/** A table while transactions run. Rules that were there before are of the lowest group. */
interface Draft extends Omit<NftTable, 'chains'> {
  readonly chains: readonly DraftChain[];
}

interface DraftChain extends Omit<NftChain, 'rules'> {
  readonly rules: readonly { readonly group: number; readonly rule: NftRule }[];
}

/** Runs transactions in order until one fails. Tables, chains, sets, elements and rules get the reason of their operation. */
export function runNftTransactions(ruleset: NftRuleset, transactions: readonly NftTransaction[]): NftResult {
  let tables: readonly Draft[] = ruleset.tables.map(draftOf);
  for (const transaction of transactions) {
    const { family, table: name, operations } = transaction;
    const index = tables.findIndex((t) => t.family === family && t.name === name);
    const before = tables[index];
    let table = before;
    for (const operation of operations) {
      const result = run(table, transaction, operation);
      if (isError(result))
        return {
          ruleset: { ...ruleset, tables: tables.map(finished) },
          failed: { operation, error: result },
        };
      table = result;
    }
    const after = table === undefined ? [] : [withNewChainsByName(before, table)];
    tables = before === undefined ? [...tables, ...after] : tables.toSpliced(index, 1, ...after);
  }
  return { ruleset: { ...ruleset, tables: tables.map(finished) } };
}

function draftOf(table: NftTable): Draft {
  const chains = table.chains.map((chain) => ({
    ...chain,
    rules: chain.rules.map((rule) => ({ group: Number.NEGATIVE_INFINITY, rule })),
  }));
  return { ...table, chains };
}

function finished(draft: Draft): NftTable {
  const chains = draft.chains.map((chain) => ({ ...chain, rules: chain.rules.map(({ rule }) => rule) }));
  return { ...draft, chains };
}

function withNewChainsByName(before: Draft | undefined, after: Draft): Draft {
  const isOld = ({ name }: DraftChain) => before?.chains.some((chain) => chain.name === name) === true;
  const made = after.chains.filter((chain) => !isOld(chain));
  return {
    ...after,
    chains: [...after.chains.filter(isOld), ...made.toSorted((a, b) => (a.name < b.name ? -1 : 1))],
  };
}

/** The table after an operation; undefined where it is gone. */
type Outcome = Draft | undefined | NftError;

function isError(outcome: Outcome): outcome is NftError {
  return outcome !== undefined && 'kind' in outcome;
}

function run(table: Draft | undefined, at: NftTransaction, operation: NftOperation): Outcome {
  if (operation.kind === 'table' && operation.op === 'add') {
    return table ?? { family: at.family, name: at.table, chains: [], sets: [], reason: operation.reason };
  }
  if (table === undefined) return notFound(`table ${at.family} ${at.table}`);
  switch (operation.kind) {
    case 'table':
      return operation.op === 'delete'
        ? undefined
        : { ...table, chains: table.chains.map((chain) => ({ ...chain, rules: [] })) };
    case 'chain':
      return runOnChain(table, operation);
    case 'rule':
      return runOnRule(table, operation);
    case 'set':
      return runOnSet(table, operation);
    case 'element':
      return runOnElement(table, operation);
  }
}

function runOnChain(table: Draft, operation: Extract<NftOperation, { kind: 'chain' }>): Outcome {
  const { op, chain: name, base, reason } = operation;
  const existing = table.chains.find((chain) => chain.name === name);
  if (op === 'add') {
    if (existing !== undefined) return table;
    const made = { name, ...(base === undefined ? {} : { base }), rules: [], reason };
    return { ...table, chains: [...table.chains, made] };
  }
  if (existing === undefined) return notFound(`chain ${name}`);
  if (op === 'flush') return withChain(table, { ...existing, rules: [] });
  if (leadsTo(table, name)) return { kind: 'busy', message: `chain ${name} is in use` };
  return { ...table, chains: table.chains.filter((chain) => chain !== existing) };
}

function runOnRule(table: Draft, operation: Extract<NftOperation, { kind: 'rule' }>): Outcome {
  const { op, chain: name, group, rule, once, reason } = operation;
  const chain = table.chains.find((each) => each.name === name);
  if (chain === undefined) return notFound(`chain ${name}`);
  const at = chain.rules.findIndex((other) => other.group === group && sameNftRule(other.rule, rule));
  if (op === 'delete') {
    if (at < 0) return once === true ? table : notFound(`such a rule in chain ${name}`);
    return withChain(table, { ...chain, rules: chain.rules.toSpliced(at, 1) });
  }
  if (at >= 0) {
    return once === true ? table : { kind: 'exists', message: `chain ${name} has this rule already` };
  }
  const lost = rule.statements.flatMap(namesIn).find((wanted) => !has(table, wanted));
  if (lost !== undefined) return notFound(`${lost.kind} ${lost.name}`);
  const place = chain.rules.findLastIndex((other) => other.group <= group) + 1;
  const added = { group, rule: { ...rule, reason } };
  return withChain(table, { ...chain, rules: chain.rules.toSpliced(place, 0, added) });
}

function runOnSet(table: Draft, operation: Extract<NftOperation, { kind: 'set' }>): Outcome {
  const { name } = operation.set;
  const existing = table.sets.find((set) => set.name === name);
  if (operation.op === 'add') {
    if (existing !== undefined) return table;
    const made: NftSet = { ...operation.set, dynamic: false, elements: [], reason: operation.reason };
    return { ...table, sets: [...table.sets, made].toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  }
  if (existing === undefined) return notFound(`set ${name}`);
  if (operation.op === 'flush') return withSet(table, { ...existing, elements: [] });
  const isUsed = table.chains.some(({ rules }) =>
    rules.some(({ rule }) =>
      rule.statements.flatMap(namesIn).some((used) => used.kind === 'set' && used.name === name),
    ),
  );
  if (isUsed) return { kind: 'busy', message: `set ${name} is in use` };
  return { ...table, sets: table.sets.filter((set) => set !== existing) };
}

function runOnElement(table: Draft, operation: Extract<NftOperation, { kind: 'element' }>): Outcome {
  const { op, element, reason } = operation;
  const set = table.sets.find(({ name }) => name === operation.set);
  if (set === undefined) return notFound(`set ${operation.set}`);
  const key = elementKey(element);
  const existing = set.elements.find((other) => elementKey(other) === key);
  if (op === 'delete') {
    if (existing === undefined) return notFound(`element ${key} of set ${set.name}`);
    return withSet(table, { ...set, elements: set.elements.filter((other) => other !== existing) });
  }
  if (existing !== undefined) {
    return sameElement(existing, element)
      ? table
      : { kind: 'exists', message: `set ${set.name} has another element ${key}` };
  }
  const lost = [element.verdict].flatMap(chainIn).find((wanted) => !has(table, wanted));
  if (lost !== undefined) return notFound(`${lost.kind} ${lost.name}`);
  const elements = [...set.elements, { ...element, reason }];
  return withSet(table, { ...set, elements: elements.toSorted(byElementKey) });
}

function notFound(what: string): NftError {
  return { kind: 'not-found', message: `there is no ${what}` };
}

function withChain(table: Draft, chain: DraftChain): Draft {
  return { ...table, chains: table.chains.map((each) => (each.name === chain.name ? chain : each)) };
}

function withSet(table: Draft, set: NftSet): Draft {
  return { ...table, sets: table.sets.map((each) => (each.name === set.name ? set : each)) };
}

interface Name {
  readonly kind: 'chain' | 'set';
  readonly name: string;
}

/** The chains and sets that a statement names. */
function namesIn(statement: Statement): readonly Name[] {
  switch (statement.kind) {
    case 'verdict':
      return chainIn(statement.verdict);
    case 'match':
      return statement.right.kind === 'set' && 'name' in statement.right.set
        ? [{ kind: 'set', name: statement.right.set.name }]
        : [];
    case 'vmap':
      return 'name' in statement.map
        ? [{ kind: 'set', name: statement.map.name }]
        : statement.map.elements.flatMap(({ verdict }) => chainIn(verdict));
    default:
      return [];
  }
}

function chainIn(verdict: NftVerdict | undefined): readonly Name[] {
  return chainOfVerdict(verdict).map((name) => ({ kind: 'chain', name }));
}

function has(table: Draft, { kind, name }: Name): boolean {
  return (kind === 'chain' ? table.chains : table.sets).some((each) => each.name === name);
}

/** Whether a rule or an element leads to this chain. */
function leadsTo(table: Draft, chain: string): boolean {
  const named = [
    ...table.chains.flatMap(({ rules }) => rules.flatMap(({ rule }) => rule.statements.flatMap(namesIn))),
    ...table.sets.flatMap(({ elements }) => elements.flatMap(({ verdict }) => chainIn(verdict))),
  ];
  return named.some((name) => name.kind === 'chain' && name.name === chain);
}
