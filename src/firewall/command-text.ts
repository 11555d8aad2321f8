/**
 * Commands as words: the line that iptables-restore reads, and the arguments of the iptables program.
 * In: a Command. Out: text or arguments. Nothing is run here.
 */
import type { Family } from '../net/addr.ts';
import { formatRule, ruleToArgs } from './args.ts';
import type { Command } from './operation.ts';
import type { Backend, TableName } from './ruleset.ts';

/** One command without program and table, as iptables-restore reads it within its table's block. */
export function commandLine(command: Command): string {
  switch (command.op) {
    case 'new-chain':
      return `-N ${command.chain}`;
    case 'append':
      return ruleLine(`-A ${command.chain}`, formatRule(command.rule));
    case 'insert':
      return ruleLine(`-I ${command.chain} ${command.at}`, formatRule(command.rule));
    case 'delete':
      return ruleLine(`-D ${command.chain}`, formatRule(command.rule));
    case 'delete-at':
      return `-D ${command.chain} ${command.at}`;
    case 'check':
      return ruleLine(`-C ${command.chain}`, formatRule(command.rule));
    case 'flush':
      return command.chain === undefined ? '-F' : `-F ${command.chain}`;
    case 'delete-chain':
      return command.chain === undefined ? '-X' : `-X ${command.chain}`;
    case 'policy':
      return `-P ${command.chain} ${command.policy}`;
  }
}

function ruleLine(head: string, rule: string): string {
  return rule === '' ? head : `${head} ${rule}`;
}

/** The whole command as arguments, the program first; the filter table goes without saying. */
export function commandArgs(
  key: { readonly backend: Backend; readonly family: Family; readonly table: TableName },
  command: Command,
): readonly string[] {
  const base = key.family === 'ipv4' ? 'iptables' : 'ip6tables';
  const program = key.backend === 'iptables-legacy' ? `${base}-legacy` : base;
  return [program, ...(key.table === 'filter' ? [] : ['-t', key.table]), ...verbArgs(command)];
}

function verbArgs(command: Command): readonly string[] {
  switch (command.op) {
    case 'new-chain':
      return ['-N', command.chain];
    case 'append':
      return ['-A', command.chain, ...ruleToArgs(command.rule)];
    case 'insert':
      return ['-I', command.chain, `${command.at}`, ...ruleToArgs(command.rule)];
    case 'delete':
      return ['-D', command.chain, ...ruleToArgs(command.rule)];
    case 'delete-at':
      return ['-D', command.chain, `${command.at}`];
    case 'check':
      return ['-C', command.chain, ...ruleToArgs(command.rule)];
    case 'flush':
      return command.chain === undefined ? ['-F'] : ['-F', command.chain];
    case 'delete-chain':
      return command.chain === undefined ? ['-X'] : ['-X', command.chain];
    case 'policy':
      return ['-P', command.chain, command.policy];
  }
}
