/**
 * The text that iptables-restore reads for a firewall step. In: the tables as observed and as wanted. Out: one text of
 * `*table` ... `COMMIT` blocks; empty when nothing differs. Pure. Each COMMIT is one kernel transaction: iptables has
 * none that spans tables.
 */
import { commandLine } from '../firewall/command-text.ts';
import { editTable } from '../firewall/edit.ts';
import type { Command } from '../firewall/operation.ts';
import type { Backend, Ruleset, Table, TableName } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';

/**
 * Commands per COMMIT in an unprivileged user namespace: there iptables-nft cannot raise its socket's send buffer
 * (SO_SNDBUFFORCE needs the initial namespace's CAP_NET_ADMIN) and some 400 rules fail with "Message too long".
 */
export const smallTransaction = 250;

/** What one COMMIT does. */
export interface RestoreBlock {
  readonly table: TableName;
  readonly commands: readonly Command[];
}

/** The difference as blocks, in the order in which they are sent. `limit` is the greatest number of commands in one. */
export function restoreBlocks(
  from: Ruleset,
  to: Ruleset,
  limit = Number.POSITIVE_INFINITY,
): readonly RestoreBlock[] {
  return tableNames(from, to).flatMap((table) => {
    const commands = editTable(tableOf(from, table), tableOf(to, table));
    const blocks: RestoreBlock[] = [];
    for (let start = 0; start < commands.length; start += blocks.at(-1)?.commands.length ?? 0)
      blocks.push({ table, commands: commands.slice(start, start + limit) });
    return blocks;
  });
}

/** The text that iptables-restore reads; empty when nothing differs. */
export function restoreText(blocks: readonly RestoreBlock[]): string {
  return blocks
    .map(({ table, commands }) => [`*${table}`, ...commands.map(commandLine), 'COMMIT', ''].join('\n'))
    .join('');
}

/** The blocks that were committed before the line (1-based) of the text at which iptables-restore gave up. */
export function committedBefore(blocks: readonly RestoreBlock[], line: number): readonly RestoreBlock[] {
  let end = 0;
  return blocks.filter(({ commands }) => {
    end += commands.length + 2;
    return end < line;
  });
}

/** The program that restores this backend and family. */
export function restoreProgram(backend: Backend, family: Family): string {
  const base = family === 'ipv4' ? 'iptables' : 'ip6tables';
  return `${base}-${backend === 'iptables-nft' ? 'nft' : 'legacy'}-restore`;
}

function tableNames(from: Ruleset, to: Ruleset): readonly TableName[] {
  return [...new Set([...to.tables, ...from.tables].map((table) => table.name))];
}

function tableOf(ruleset: Ruleset, name: TableName): Table | undefined {
  return ruleset.tables.find((table) => table.name === name);
}
