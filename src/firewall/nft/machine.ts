/**
 * The nftables machine: transactions run on native tables in memory, with the results of nft(8) and the checks of the engine.
 * In: an NftRuleset and transactions. Out: the ruleset after them, and the first error. Expressions are not checked.
 * Order is the kernel's: tables and chains as they were made, the new chains of one transaction by name, because the engine names
 * them so; rules by group, sets and elements by name. Each operation takes the same time, however many there are.
 */
import { chainOfVerdict } from './condition.ts';
import type {
  NftChain,
  NftRule,
  NftRuleset,
  NftSet,
  NftTable,
  NftVerdict,
  SetElement,
  Statement,
} from './model.ts';
import type { NftOperation, NftTransaction } from './operation.ts';
import { byElementKey, elementKey, nftRuleKey, sameElement } from './same.ts';

export interface NftError {
  readonly kind: 'exists' | 'not-found' | 'busy';
  readonly message: string;
}

export interface NftResult {
  /** What is there at the end; a transaction that fails leaves nothing behind, and none follows it. */
  readonly ruleset: NftRuleset;
  readonly failed?: { readonly operation: NftOperation; readonly error: NftError };
}

/** Runs transactions in order until one fails. Tables, chains, sets, elements and rules get the reason of their operation. */
export function runNftTransactions(ruleset: NftRuleset, transactions: readonly NftTransaction[]): NftResult {
  const drafts: Drafts = new Map(
    ruleset.tables.map((table) => [keyOf(table.family, table.name), draftOf(table)]),
  );
  for (const [index, transaction] of transactions.entries()) {
    const made: string[] = [];
    for (const operation of transaction.operations) {
      const error = run(drafts, transaction, operation, made);
      // What came before is there without it.
      if (error !== undefined)
        return { ...runNftTransactions(ruleset, transactions.slice(0, index)), failed: { operation, error } };
    }
    orderByName(drafts.get(keyOf(transaction.family, transaction.table)), made);
  }
  return { ruleset: { ...ruleset, tables: [...drafts.values()].map(finished) } };
}

/** Tables while transactions run. */
type Drafts = Map<string, Draft>;

interface Draft {
  readonly table: NftTable;
  readonly chains: Map<string, DraftChain>;
  readonly sets: Map<string, DraftSet>;
}

interface DraftChain {
  readonly chain: NftChain;
  readonly groups: Map<number, Group>;
}

interface Group {
  readonly rules: NftRule[];
  readonly keys: Set<string>;
}

interface DraftSet {
  readonly set: Omit<NftSet, 'elements'>;
  readonly elements: Map<string, SetElement>;
}

function keyOf(family: string, name: string): string {
  return `${family} ${name}`;
}

/** Rules that were there before are of the lowest group. */
function draftOf(table: NftTable): Draft {
  const chains = table.chains.map((chain): [string, DraftChain] => [
    chain.name,
    { chain, groups: new Map([[Number.NEGATIVE_INFINITY, groupOf(chain.rules)]]) },
  ]);
  const sets = table.sets.map((set): [string, DraftSet] => [
    set.name,
    { set, elements: new Map(set.elements.map((element) => [elementKey(element), element])) },
  ]);
  return { table, chains: new Map(chains), sets: new Map(sets) };
}

function groupOf(rules: readonly NftRule[]): Group {
  return { rules: [...rules], keys: new Set(rules.map(nftRuleKey)) };
}

function finished({ table, chains, sets }: Draft): NftTable {
  return {
    ...table,
    chains: [...chains.values()].map(({ chain, groups }) => {
      const inOrder = [...groups].sort(([a], [b]) => a - b);
      return { ...chain, rules: inOrder.flatMap(([, { rules }]) => rules) };
    }),
    sets: [...sets.values()]
      .map(({ set, elements }) => ({ ...set, elements: [...elements.values()].sort(byElementKey) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** Puts the chains of a transaction at the end by name. */
function orderByName(draft: Draft | undefined, made: readonly string[]): void {
  for (const name of made.toSorted()) {
    const chain = draft?.chains.get(name);
    if (draft === undefined || chain === undefined) continue;
    draft.chains.delete(name);
    draft.chains.set(name, chain);
  }
}

/** The error, if there is one; names of chains that it makes are added to `made`. */
function run(
  drafts: Drafts,
  { family, table: name }: NftTransaction,
  operation: NftOperation,
  made: string[],
): NftError | undefined {
  const key = keyOf(family, name);
  const draft = drafts.get(key);
  if (operation.kind === 'table' && operation.op === 'add') {
    if (draft === undefined)
      drafts.set(key, draftOf({ family, name, chains: [], sets: [], reason: operation.reason }));
    return undefined;
  }
  if (draft === undefined) return notFound(`table ${key}`);
  switch (operation.kind) {
    case 'table':
      if (operation.op === 'delete') drafts.delete(key);
      else for (const { groups } of draft.chains.values()) groups.clear();
      return undefined;
    case 'chain':
      return runOnChain(draft, operation, made);
    case 'rule':
      return runOnRule(draft, operation);
    case 'set':
      return runOnSet(draft, operation);
    case 'element':
      return runOnElement(draft, operation);
  }
}

function runOnChain(
  draft: Draft,
  { op, chain: name, base, reason }: Extract<NftOperation, { kind: 'chain' }>,
  made: string[],
): NftError | undefined {
  const existing = draft.chains.get(name);
  if (op === 'add') {
    if (existing !== undefined) return undefined;
    const chain = { name, ...(base === undefined ? {} : { base }), rules: [], reason };
    draft.chains.set(name, { chain, groups: new Map() });
    made.push(name);
    return undefined;
  }
  if (existing === undefined) return notFound(`chain ${name}`);
  if (op === 'flush') existing.groups.clear();
  else if (isUsed(draft, { kind: 'chain', name })) return busy(`chain ${name}`);
  else draft.chains.delete(name);
  return undefined;
}

function runOnRule(
  draft: Draft,
  { op, chain: name, group: number, rule, once, reason }: Extract<NftOperation, { kind: 'rule' }>,
): NftError | undefined {
  const chain = draft.chains.get(name);
  if (chain === undefined) return notFound(`chain ${name}`);
  const group = chain.groups.get(number) ?? groupOf([]);
  const key = nftRuleKey(rule);
  const isThere = group.keys.has(key);
  if (op === 'delete') {
    if (!isThere) return once === true ? undefined : notFound(`such a rule in chain ${name}`);
    group.rules.splice(
      group.rules.findIndex((other) => nftRuleKey(other) === key),
      1,
    );
    group.keys.delete(key);
    return undefined;
  }
  if (isThere) {
    return once === true ? undefined : { kind: 'exists', message: `chain ${name} has this rule already` };
  }
  const lost = rule.statements.flatMap(namesIn).find((wanted) => !has(draft, wanted));
  if (lost !== undefined) return notFound(`${lost.kind} ${lost.name}`);
  group.rules.push({ ...rule, reason });
  group.keys.add(key);
  chain.groups.set(number, group);
  return undefined;
}

function runOnSet(draft: Draft, operation: Extract<NftOperation, { kind: 'set' }>): NftError | undefined {
  const { name } = operation.set;
  const existing = draft.sets.get(name);
  if (operation.op === 'add') {
    const set = { ...operation.set, dynamic: false, reason: operation.reason };
    if (existing === undefined) draft.sets.set(name, { set, elements: new Map() });
    return undefined;
  }
  if (existing === undefined) return notFound(`set ${name}`);
  if (operation.op === 'flush') existing.elements.clear();
  else if (isUsed(draft, { kind: 'set', name })) return busy(`set ${name}`);
  else draft.sets.delete(name);
  return undefined;
}

function runOnElement(
  draft: Draft,
  { op, set: name, element, reason }: Extract<NftOperation, { kind: 'element' }>,
): NftError | undefined {
  const set = draft.sets.get(name);
  if (set === undefined) return notFound(`set ${name}`);
  const key = elementKey(element);
  const existing = set.elements.get(key);
  if (op === 'delete') {
    if (existing === undefined) return notFound(`element ${key} of set ${name}`);
    set.elements.delete(key);
    return undefined;
  }
  if (existing !== undefined) {
    return sameElement(existing, element)
      ? undefined
      : { kind: 'exists', message: `set ${name} has another element ${key}` };
  }
  const lost = chainIn(element.verdict).find((wanted) => !has(draft, wanted));
  if (lost !== undefined) return notFound(`${lost.kind} ${lost.name}`);
  set.elements.set(key, { ...element, reason });
  return undefined;
}

function notFound(what: string): NftError {
  return { kind: 'not-found', message: `there is no ${what}` };
}

function busy(what: string): NftError {
  return { kind: 'busy', message: `${what} is in use` };
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

function has({ chains, sets }: Draft, { kind, name }: Name): boolean {
  return kind === 'chain' ? chains.has(name) : sets.has(name);
}

/** Whether a rule or an element names it. */
function isUsed({ chains, sets }: Draft, { kind, name }: Name): boolean {
  const named = [
    ...[...chains.values()].flatMap(({ groups }) =>
      [...groups.values()].flatMap(({ rules }) =>
        rules.flatMap(({ statements }) => statements.flatMap(namesIn)),
      ),
    ),
    ...[...sets.values()].flatMap(({ elements }) =>
      [...elements.values()].flatMap(({ verdict }) => chainIn(verdict)),
    ),
  ];
  return named.some((other) => other.kind === kind && other.name === name);
}
