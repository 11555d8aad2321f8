/**
 * A dockerd log that was never written: the commands of a plan in dockerd's words, with the question before each that is guarded.
 * In: operations, and the ruleset that they find. Out: text. For tests of what reads logs.
 */
import { ruleToArgs } from '../../src/firewall/args.ts';
import { runCommand } from '../../src/firewall/machine.ts';
import type { Command, Operation } from '../../src/firewall/operation.ts';
import { findChain, findTable, type Ruleset } from '../../src/firewall/ruleset.ts';

export const logEntry = (message: string, level = 'info', rest = ''): string =>
  `time="2026-11-23T10:00:00.000000001Z" level=${level} msg=${JSON.stringify(message)}${rest}`;

export interface WrittenLog {
  readonly text: string;
  readonly ruleset: Ruleset;
}

/** One start of an engine, from its first message to its last. */
export function writeStart(engine: string, operations: readonly Operation[], before: Ruleset): WrittenLog {
  const { lines, ruleset } = writeCommands(operations, before);
  const text = [
    logEntry('Starting up'),
    logEntry('Loading containers: start.'),
    logEntry('Option DefaultDriver: bridge', 'debug'),
    ...lines,
    logEntry('Loading containers: done.'),
    logEntry('Docker daemon', 'info', ` commit=x version=${engine}`),
    logEntry('API listen on /run/docker.sock'),
  ].join('\n');
  return { text: `${text}\n`, ruleset };
}

function writeCommands(operations: readonly Operation[], before: Ruleset) {
  let ruleset = before;
  const lines: string[] = [];
  const write = ({ family, table }: Operation, words: readonly string[]) => {
    const program = family === 'ipv4' ? 'iptables' : 'ip6tables';
    lines.push(logEntry(`/usr/sbin/${program}, [--wait -t ${table} ${words.join(' ')}]`, 'debug'));
  };
  for (const operation of operations) {
    const { command } = operation;
    if (isGuarded(operation)) {
      if (command.op === 'new-chain') write(operation, ['-n', '-L', command.chain]);
      else if ('rule' in command) write(operation, ['-C', command.chain, ...ruleToArgs(command.rule)]);
      if (isThere(ruleset, operation) !== (command.op === 'delete')) continue;
    }
    write(operation, wordsOf(command));
    ruleset = runCommand(ruleset, operation, command).ruleset;
  }
  return { lines, ruleset };
}

/** dockerd asks before it adds, and since 18.09 before most removals; of the latter every jump and rule with a target here. */
function isGuarded({ when, command }: Operation): boolean {
  if (when === 'if-absent') return true;
  return when === 'ignore-errors' && command.op === 'delete' && command.rule.target !== undefined;
}

function isThere(ruleset: Ruleset, { command, ...key }: Operation): boolean {
  if (command.op === 'new-chain') {
    const table = findTable(ruleset, key);
    return table !== undefined && findChain(table, command.chain) !== undefined;
  }
  return (
    'rule' in command &&
    runCommand(ruleset, key, { op: 'check', chain: command.chain, rule: command.rule }).ok
  );
}

function wordsOf(command: Command): readonly string[] {
  switch (command.op) {
    case 'new-chain':
      return ['-N', command.chain];
    case 'append':
      return ['-A', command.chain, ...ruleToArgs(command.rule)];
    case 'insert':
      return ['-I', command.chain, ...ruleToArgs(command.rule)];
    case 'delete':
      return ['-D', command.chain, ...ruleToArgs(command.rule)];
    case 'flush':
      return ['-F', command.chain ?? ''];
    case 'delete-chain':
      return ['-X', command.chain ?? ''];
    case 'policy':
      return ['-P', command.chain, command.policy];
    default:
      throw new Error(`dockerd never says ${command.op}`);
  }
}
