/**
 * The reader and printer of iptables rules against the iptables project's own tests (`extensions/*.t`), which are not kept here.
 * In: the files, read where they stand. Out: for each line that iptables accepts whether its command is brought to the
 * form that iptables-save prints, and whether a save file with that form comes back as it was.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { formatRule, isRuleError, parseRuleArgs } from '../../src/firewall/args.ts';
import { builtinChains, type TableName } from '../../src/firewall/ruleset.ts';
import { parseSave, printSave } from '../../src/firewall/save.ts';
import { splitWords } from '../../src/firewall/words.ts';
import type { Family } from '../../src/net/addr.ts';
import type { ParserVerdict } from './parser-verdict.ts';

/** Judges every accepted line of these files, once for each family that the file's name stands for. */
export function judgeIptablesTests(files: readonly string[]): readonly ParserVerdict[] {
  return files.flatMap((file) => {
    const lines = acceptedLines(readFileSync(file, 'utf8'));
    return familiesOf(file).flatMap((family) => lines.flatMap((line) => judge(file, family, line)));
  });
}

interface AcceptedLine {
  readonly number: number;
  readonly table: TableName;
  readonly chain: string;
  /** As a person types it, without `-A CHAIN`. */
  readonly given: string;
  /** As iptables-save prints it. */
  readonly printed: string;
}

/**
 * iptables-test.py: `lib*_` says which programs know the extension; ARP and Ethernet have other rules. Before 1.8.10, when the
 * IPv6 lines got files of their own, it gave those for all families to iptables alone.
 */
function familiesOf(file: string): readonly Family[] {
  const name = basename(file);
  if (/^lib(?:arpt|ebt)_/.test(name)) return [];
  if (name.startsWith('libip6t_')) return ['ipv6'];
  const forBoth = name.startsWith('libxt_') && existsSync(join(dirname(file), 'libip6t_connlimit.t'));
  return forBoth ? ['ipv4', 'ipv6'] : ['ipv4'];
}

/** Lines are `RULE;PRINTED;OK|FAIL[;VARIANT[;RESULT]]`; `=` stands for a rule that is printed as given. */
function acceptedLines(text: string): readonly AcceptedLine[] {
  const accepted: AcceptedLine[] = [];
  let table: TableName = 'filter';
  let chain = 'INPUT';
  for (const [index, line] of text.split('\n').entries()) {
    if (/^(?:#|@|%|\s*$)/.test(line)) continue;
    if (line.startsWith('*')) table = line.slice(1).trim() as TableName;
    else if (line.startsWith(':')) chain = line.slice(1).trim().split(',')[0] ?? '';
    else {
      const [given = '', printed = '', result, variant, other] = line.split(';').map((part) => part.trim());
      const anyVariant = result === 'OK' || (variant !== undefined && (other ?? 'OK') === 'OK');
      // What only one variant refuses has no printed form in the other's column.
      if (!anyVariant || printed === '') continue;
      accepted.push({ number: index + 1, table, chain, given, printed: printed === '=' ? given : printed });
    }
  }
  return accepted;
}

function judge(file: string, family: Family, line: AcceptedLine): readonly ParserVerdict[] {
  const name = `${basename(file)}:${line.number} (${family})`;
  const fromCommand = printedOfCommand(line.given, family);
  const fromSave = printedOfSave(line, family);
  return [
    verdict('command', name, line.given, line.printed, fromCommand),
    verdict('save', name, line.printed, line.printed, fromSave),
  ];
}

function verdict(form: string, name: string, given: string, wanted: string, got: string): ParserVerdict {
  const differences = got === wanted ? [] : [`given  ${given}`, `wanted ${wanted}`, `got    ${got}`];
  return { form, name, differences };
}

function printedOfCommand(given: string, family: Family): string {
  const words = splitWords(given);
  if (words === undefined) return 'error: a quote is not closed';
  const rule = parseRuleArgs(words, family);
  return isRuleError(rule) ? `error: ${rule.error}` : formatRule(rule);
}

function printedOfSave({ table, chain, printed }: AcceptedLine, family: Family): string {
  const chains = builtinChains[table].map((name) => `:${name} ACCEPT [0:0]\n`).join('');
  const text = `*${table}\n${chains}-A ${chain} ${printed}\nCOMMIT\n`;
  const backend = 'iptables-nft';
  const { tables, errors } = parseSave(text, { backend, family, file: 'test' });
  const [error] = errors;
  if (error !== undefined) return `error: ${error.message}`;
  const rule = printSave({ tables }, { family })
    .split('\n')
    .find((line) => line.startsWith('-A '));
  return (rule ?? '').replace(`-A ${chain}`, '').trim();
}
