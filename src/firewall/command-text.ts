/**
 * Commands as text: the iptables command line that a person would type, and its part after the table.
 * In: a Command. Out: text. Nothing is run here.
 */
import type { Family } from '../net/addr.ts';
import { formatRule } from './args.ts';
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

/** The whole command line for a root shell: `iptables -t nat -A POSTROUTING ...`; the filter table goes without saying. */
export function shellCommand(
  key: { readonly backend: Backend; readonly family: Family; readonly table: TableName },
  command: Command,
): string {
  const base = key.family === 'ipv4' ? 'iptables' : 'ip6tables';
  const program = key.backend === 'iptables-legacy' ? `${base}-legacy` : base;
  const table = key.table === 'filter' ? '' : ` -t ${key.table}`;
  return `${program}${table} ${commandLine(command)}`;
}
