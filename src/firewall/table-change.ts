/**
 * What one iptables command does to one table. In: a table and a Command. Out: the table after it, or an error.
 * The two backends differ in what they refuse; both are kept. Creating the table itself is `machine.ts`'s subject.
 */
import type { Reason } from '../net/reason.ts';
import { hasLoop, jumpsTo } from './chain-graph.ts';
import { findRule, hasRule, insertRule, removeRule } from './chain-rules.ts';
import { isTargetExtension, isVerdict } from './modules.ts';
import type { Command } from './operation.ts';
import { type Chain, findChain, type Rule, type Table } from './ruleset.ts';

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

/** An error as a value. */
export function fail(kind: MachineErrorKind, message: string): MachineError {
  return { kind, message };
}

const noChain = fail('no-chain', 'No chain/target/match by that name.');
const noRule = fail('no-rule', 'Bad rule (does a matching rule exist in that chain?).');
const notEmpty = fail('not-empty', 'Directory not empty.');
const invalid = "Invalid argument. Run `dmesg' for more information.";

function putChain(table: Table, chain: Chain): Table {
  const index = table.chains.findIndex((c) => c.name === chain.name);
  return { ...table, chains: table.chains.with(index, chain) };
}

/**
 * Runs the command on the table. `exists` is false for an nft table that this command would be the first to fill.
 */
export function changeTable(
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
      const chain = findChain(table, command.chain);
      return chain !== undefined && hasRule(chain, command.rule) ? table : noRule;
    }
    case 'delete': {
      const error = missingTarget(table, command.rule);
      if (error !== undefined) return error;
      const chain = findChain(table, command.chain);
      const index = chain === undefined ? -1 : findRule(chain, command.rule);
      return chain === undefined || index < 0 ? noRule : withoutRule(table, chain, index);
    }
    case 'delete-at': {
      const chain = findChain(table, command.chain);
      // iptables-nft has no built-in chains to look into before the table is there.
      if (chain === undefined || (!exists && table.backend === 'iptables-nft')) return noChain;
      if (command.at > chain.rules.length) return fail('index-too-big', 'Index of deletion too big.');
      return withoutRule(table, chain, command.at - 1);
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
  const after = putChain(table, insertRule(chain, index, kept));
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

function withoutRule(table: Table, chain: Chain, index: number): Table | MachineError {
  const after = putChain(table, removeRule(chain, index));
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
