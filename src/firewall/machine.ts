/**
 * The iptables machine: iptables commands run on a Ruleset in memory, with the results and errors of the real ones.
 * In: a Ruleset and a Command, or a list of Operations. Out: a new Ruleset, or the error that iptables would print.
 * Extensions are not checked as the kernel checks them (MASQUERADE outside POSTROUTING passes here).
 * The semantics are those of iptables 1.8.9, nft and legacy, which differ; the kernel tests compare them.
 */
import type { Family } from '../net/addr.ts';
import type { Reason } from '../net/reason.ts';
import { isTargetExtension } from './modules.ts';
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
import { changeTable, fail, type MachineError } from './table-change.ts';

export type { MachineError, MachineErrorKind } from './table-change.ts';

export interface TableKey {
  readonly backend: Backend;
  readonly family: Family;
  readonly table: TableName;
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
  const result = changeTable(table, command, reason, existing !== undefined);
  if ('kind' in result) return { ok: false, ruleset: onError, error: result };
  const makesTable = key.backend === 'iptables-legacy' || makesNftTable(command);
  return { ok: true, ruleset: existing !== undefined || makesTable ? putTable(ruleset, result) : ruleset };
}

function makesNftTable(command: Command): boolean {
  return command.op === 'flush' || command.op === 'delete-chain' ? command.chain !== undefined : true;
}

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
