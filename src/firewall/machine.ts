/**
 * The iptables machine: iptables commands run on a Ruleset in memory, with the results and errors of the real ones.
 * In: a Ruleset and a Command, or a list of Operations. Out: a new Ruleset, or the error that iptables would print.
 * Extensions are not checked as the kernel checks them (MASQUERADE outside POSTROUTING passes here).
 * The semantics are those of iptables 1.8.9, nft and legacy, which differ; the kernel tests compare them.
 */
import type { Family } from '../net/addr.ts';
import type { Reason } from '../net/reason.ts';
import { ruleKey } from './args.ts';
import { hasLoop, jumpsTo } from './chain-graph.ts';
import { isTargetExtension, isVerdict } from './modules.ts';
import type { Command, Operation } from './operation.ts';
import {
  type Backend,
  builtinChains,
  type Chain,
  findChain,
  findTable,
  type Rule,
  type Ruleset,
  type Table,
  type TableName,
} from './ruleset.ts';

export interface TableKey {
  readonly backend: Backend;
  readonly family: Family;
  readonly table: TableName;
}

export type MachineErrorKind =
  | 'chain-exists'
  | 'no-chain'
  | 'no-rule'
  | 'index-too-big'
  /** -X of a chain with rules. */
  | 'not-empty'
  /** -X of a chain that a rule jumps to; with nft also of one with rules. */
  | 'referenced'
  /** -P of a user-defined chain, -X of a built-in one. */
  | 'builtin'
  | 'bad-chain-name'
  /** Neither a chain of the table nor a known extension. */
  | 'no-target'
  /** A jump to a built-in chain, DROP in the nat table. */
  | 'bad-target'
  /** A device that the chain's hook does not have. */
  | 'bad-device'
  | 'loop';

export interface MachineError {
  readonly kind: MachineErrorKind;
  /** One line, as iptables prints it, without the program's name. */
  readonly message: string;
}

export type CommandResult =
  | { readonly ok: true; readonly ruleset: Ruleset }
  /** `ruleset` as the failed command leaves it: a legacy one brings its table into being. */
  | { readonly ok: false; readonly ruleset: Ruleset; readonly error: MachineError };

export interface OperationLog {
  readonly operation: Operation;
  /** `skipped`: `if-absent`, and it was there. `ignored`: failed under `ignore-errors`. `not-run`: after a failed one. */
  readonly result: 'done' | 'skipped' | 'ignored' | 'failed' | 'not-run';
  readonly error?: MachineError;
}

export interface OperationsResult {
  /** What is there at the end; operations before a failed one are not undone, as dockerd does not undo them. */
  readonly ruleset: Ruleset;
  /** One entry per operation, in order. */
  readonly log: readonly OperationLog[];
}

/** Runs operations in order until one that may not fail does. Rules and chains get the operation's reason. */
export function runOperations(ruleset: Ruleset, operations: readonly Operation[]): OperationsResult {
  let current = ruleset;
  let failed = false;
  const log = operations.map((operation): OperationLog => {
    if (failed) return { operation, result: 'not-run' };
    const probe = operation.when === 'if-absent' ? presenceCheck(current, operation) : undefined;
    if (probe?.ok === true) return { operation, result: 'skipped' };
    const done = runCommand(probe?.ruleset ?? current, operation, operation.command, operation.reason);
    current = done.ruleset;
    if (done.ok) return { operation, result: 'done' };
    failed = operation.when !== 'ignore-errors';
    return { operation, result: failed ? 'failed' : 'ignored', error: done.error };
  });
  return { ruleset: current, log };
}

/** What dockerd asks first: `-C` of the rule, or whether the chain is there; undefined for commands without such a question. */
function presenceCheck(ruleset: Ruleset, { command, ...key }: Operation): CommandResult | undefined {
  switch (command.op) {
    case 'append':
    case 'insert':
      return runCommand(ruleset, key, { op: 'check', chain: command.chain, rule: command.rule });
    case 'new-chain': {
      const table = findTable(ruleset, key);
      return table !== undefined && findChain(table, command.chain) !== undefined
        ? { ok: true, ruleset }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** Runs one iptables command. `reason` is kept on the chain or rule that it makes. */
export function runCommand(
  ruleset: Ruleset,
  key: TableKey,
  command: Command,
  reason?: Reason,
): CommandResult {
  const refused = refusedAtOnce(key, command);
  if (refused !== undefined) return { ok: false, ruleset, error: refused };
  const existing = findTable(ruleset, key);
  const table = existing ?? newTable(key);
  // A legacy table is there as soon as anything asks for it; an nft one when a command has put something into it.
  const onError = key.backend === 'iptables-legacy' ? putTable(ruleset, table) : ruleset;
  const result = change(table, command, reason, existing !== undefined);
  if ('kind' in result) return { ok: false, ruleset: onError, error: result };
  const makesTable = key.backend === 'iptables-legacy' || makesNftTable(command);
  return { ok: true, ruleset: existing !== undefined || makesTable ? putTable(ruleset, result) : ruleset };
}

function makesNftTable(command: Command): boolean {
  return command.op === 'flush' || command.op === 'delete-chain' ? command.chain !== undefined : true;
}

function fail(kind: MachineErrorKind, message: string): MachineError {
  return { kind, message };
}

const noChain = fail('no-chain', 'No chain/target/match by that name.');
const noRule = fail('no-rule', 'Bad rule (does a matching rule exist in that chain?).');
const notEmpty = fail('not-empty', 'Directory not empty.');
const invalid = "Invalid argument. Run `dmesg' for more information.";

/** What iptables refuses before it looks at the kernel. */
function refusedAtOnce(key: TableKey, command: Command): MachineError | undefined {
  const drops =
    (command.op === 'policy' && command.policy === 'DROP') ||
    ('rule' in command && command.rule.target?.name === 'DROP');
  if (key.table === 'nat' && drops) {
    return fail(
      'bad-target',
      'The "nat" table is not intended for filtering, the use of DROP is therefore inhibited.',
    );
  }
  if (command.op === 'new-chain') return badChainName(command.chain);
  if ('rule' in command) {
    const flag = deviceWithoutHook(command.chain, command.rule);
    if (flag !== undefined) return fail('bad-device', `Can't use ${flag} with ${command.chain}`);
  }
  const at = command.op === 'insert' || command.op === 'delete-at' ? command.at : 1;
  return at >= 1 ? undefined : fail('index-too-big', `Invalid rule number \`${at}'`);
}

/** Built-in chains have an input or an output device or both; only user-defined ones may name either. */
function deviceWithoutHook(chain: string, rule: Rule): '-i' | '-o' | undefined {
  if (rule.outInterface !== undefined && (chain === 'PREROUTING' || chain === 'INPUT')) return '-o';
  return rule.inInterface !== undefined && (chain === 'OUTPUT' || chain === 'POSTROUTING') ? '-i' : undefined;
}

function badChainName(name: string): MachineError | undefined {
  const first = name.charAt(0);
  const why =
    name === ''
      ? 'chain name must not be empty'
      : first === '-' || first === '!'
        ? `chain name not allowed to start with \`${first}'`
        : name.length > 28
          ? `chain name \`${name}' too long (must be under 29 chars)`
          : isTargetExtension(name)
            ? 'chain name may not clash with target name'
            : undefined;
  return why === undefined ? undefined : fail('bad-chain-name', why);
}

function newTable(key: TableKey): Table {
  const chains = builtinChains[key.table].map((name): Chain => ({ name, policy: 'ACCEPT', rules: [] }));
  return { backend: key.backend, family: key.family, name: key.table, chains };
}

/** The order in which iptables-nft-save prints tables. */
const nftOrder: readonly TableName[] = ['mangle', 'security', 'raw', 'filter', 'nat'];

/** Replaces the table, or puts a new one where the save command prints it: nft in its order, legacy the newest first. */
function putTable(ruleset: Ruleset, table: Table): Ruleset {
  const { tables } = ruleset;
  const isSameKind = (t: Table) => t.backend === table.backend && t.family === table.family;
  const index = tables.findIndex((t) => isSameKind(t) && t.name === table.name);
  if (index >= 0) return { tables: tables.with(index, table) };
  const rank = (t: Table) => (t.backend === 'iptables-nft' ? nftOrder.indexOf(t.name) : 0);
  const before = tables.findIndex((t) => isSameKind(t) && rank(t) >= rank(table));
  const last = tables.findLastIndex(isSameKind);
  const place = before >= 0 ? before : last >= 0 ? last + 1 : tables.length;
  return { tables: tables.toSpliced(place, 0, table) };
}

function putChain(table: Table, chain: Chain): Table {
  const index = table.chains.findIndex((c) => c.name === chain.name);
  return { ...table, chains: table.chains.with(index, chain) };
}

function change(
  table: Table,
  command: Command,
  reason: Reason | undefined,
  exists: boolean,
): Table | MachineError {
  switch (command.op) {
    case 'new-chain':
      return addChain(table, command.chain, reason);
    case 'append':
    case 'insert':
      return addRule(table, command, reason);
    case 'check': {
      const error = missingTarget(table, command.rule);
      if (error !== undefined) return error;
      return ruleIndex(table, command.chain, command.rule) < 0 ? noRule : table;
    }
    case 'delete': {
      const error = missingTarget(table, command.rule);
      if (error !== undefined) return error;
      const index = ruleIndex(table, command.chain, command.rule);
      return index < 0 ? noRule : removeRule(table, command.chain, index);
    }
    case 'delete-at': {
      const chain = findChain(table, command.chain);
      // iptables-nft has no built-in chains to look into before the table is there.
      if (chain === undefined || (!exists && table.backend === 'iptables-nft')) return noChain;
      if (command.at > chain.rules.length) return fail('index-too-big', 'Index of deletion too big.');
      return removeRule(table, chain.name, command.at - 1);
    }
    case 'flush':
      return flush(table, command.chain);
    case 'delete-chain':
      if (command.chain === undefined) return deleteUserChains(table);
      return exists || table.backend === 'iptables-legacy' ? deleteChain(table, command.chain) : noChain;
    case 'policy': {
      const chain = findChain(table, command.chain);
      if (chain?.policy === undefined) return fail('builtin', 'Bad built-in chain name.');
      return putChain(table, {
        ...chain,
        policy: command.policy,
        ...(reason === undefined ? {} : { reason }),
      });
    }
    default: {
      const impossible: never = command;
      return impossible;
    }
  }
}

/** User-defined chains stand in the order of their names, as both variants list them. */
function addChain(table: Table, name: string, reason: Reason | undefined): Table | MachineError {
  if (findChain(table, name) !== undefined) return fail('chain-exists', 'Chain already exists.');
  const index = table.chains.findIndex((c) => c.policy === undefined && c.name > name);
  const chain: Chain = { name, rules: [], ...(reason === undefined ? {} : { reason }) };
  return { ...table, chains: table.chains.toSpliced(index < 0 ? table.chains.length : index, 0, chain) };
}

function addRule(
  table: Table,
  command: Extract<Command, { op: 'append' | 'insert' }>,
  reason: Reason | undefined,
): Table | MachineError {
  const { rule } = command;
  const error = missingTarget(table, rule);
  if (error !== undefined) return error;
  const chain = findChain(table, command.chain);
  if (chain === undefined) return noChain;
  const index = command.op === 'append' ? chain.rules.length : command.at - 1;
  if (index > chain.rules.length) return fail('index-too-big', 'Index of insertion too big.');
  const refused = (kind: MachineErrorKind, nft: string, legacy: string): MachineError => {
    const verb = command.op === 'append' ? 'RULE_APPEND' : 'RULE_INSERT';
    return fail(
      kind,
      table.backend === 'iptables-nft' ? `${verb} failed (${nft}): rule in chain ${chain.name}` : legacy,
    );
  };
  const jump = rule.target === undefined ? undefined : findChain(table, rule.target.name);
  if (jump?.policy !== undefined) return refused('bad-target', 'Operation not supported', invalid);
  const kept: Rule = rule.reason === undefined && reason !== undefined ? { ...rule, reason } : rule;
  const after = putChain(table, { ...chain, rules: chain.rules.toSpliced(index, 0, kept) });
  return jump !== undefined && hasLoop(after)
    ? refused('loop', 'Too many links', 'Too many levels of symbolic links.')
    : after;
}

/** Where `-j` or `-g` names nothing that is there. */
function missingTarget(table: Table, { target }: Rule): MachineError | undefined {
  if (target === undefined || findChain(table, target.name) !== undefined) return undefined;
  if (target.kind === 'jump' && isTargetExtension(target.name)) return undefined;
  if (table.backend === 'iptables-nft') return fail('no-target', `Chain '${target.name}' does not exist`);
  return fail(
    'no-target',
    target.kind === 'goto'
      ? `goto '${target.name}' is not a chain`
      : `Couldn't load target \`${target.name}':No such file or directory`,
  );
}

function ruleIndex(table: Table, chain: string, rule: Rule): number {
  const key = ruleKey(rule);
  return findChain(table, chain)?.rules.findIndex((r) => ruleKey(r) === key) ?? -1;
}

function removeRule(table: Table, name: string, index: number): Table | MachineError {
  const chain = findChain(table, name);
  if (chain === undefined) return noChain;
  const after = putChain(table, { ...chain, rules: chain.rules.toSpliced(index, 1) });
  // Without a verdict that hid it, a loop may come to light: legacy looks at the whole table at every change.
  const exposes = table.backend === 'iptables-legacy' && isVerdict(chain.rules[index]?.target?.name ?? '');
  return exposes && hasLoop(after) ? fail('loop', 'Too many levels of symbolic links.') : after;
}

function flush(table: Table, name: string | undefined): Table | MachineError {
  if (name === undefined) return { ...table, chains: table.chains.map((c) => ({ ...c, rules: [] })) };
  const chain = findChain(table, name);
  return chain === undefined ? noChain : putChain(table, { ...chain, rules: [] });
}

function isReferenced(table: Table, chain: Chain): boolean {
  return table.chains.some((c) => c.rules.some((rule) => jumpsTo(rule, chain.name)));
}

function deleteChain(table: Table, name: string): Table | MachineError {
  const chain = findChain(table, name);
  if (chain === undefined) return noChain;
  const error =
    table.backend === 'iptables-nft' ? nftUndeletable(table, chain) : legacyUndeletable(table, chain);
  if (error !== undefined) return error;
  // nft lets an unused built-in chain go; iptables-save goes on to list it, and the next command makes it again.
  return chain.policy === undefined ? { ...table, chains: table.chains.filter((c) => c !== chain) } : table;
}

/** nft counts rules and jumps as uses alike. */
function nftUndeletable(table: Table, chain: Chain): MachineError | undefined {
  if (chain.policy === 'DROP') return notEmpty;
  if (chain.rules.length === 0 && !isReferenced(table, chain)) return undefined;
  return fail('referenced', `CHAIN_DEL failed (Device or resource busy): chain ${chain.name}`);
}

function legacyUndeletable(table: Table, chain: Chain): MachineError | undefined {
  if (chain.policy !== undefined) return fail('builtin', invalid);
  if (isReferenced(table, chain)) return fail('referenced', 'Too many links.');
  return chain.rules.length > 0 ? notEmpty : undefined;
}

/** `-X` without a name: all user-defined chains or, if one of them is in use, none. */
function deleteUserChains(table: Table): Table | MachineError {
  const users = table.chains.filter((c) => c.policy === undefined);
  // nft stops at the first that is in use; legacy goes through them from the end.
  const inOrder = table.backend === 'iptables-nft' ? users : users.toReversed();
  for (const chain of inOrder) {
    const error =
      table.backend === 'iptables-nft' ? nftUndeletable(table, chain) : legacyUndeletable(table, chain);
    if (error !== undefined) return error;
  }
  return { ...table, chains: table.chains.filter((c) => c.policy !== undefined) };
}
