/**
 * The planned rules as text: in the form of iptables-save or of nft, optionally with the reason of each line, and JSON.
 * In: a plan's rulesets. Out: lines. What is planned is decided elsewhere.
 */
import { formatRule } from '../firewall/args.ts';
import { type NftRuleset, type NftTable, nftFamilies } from '../firewall/nft/model.ts';
import { nftLines } from '../firewall/nft/print.ts';
import type { Chain, Rule, Ruleset, Table } from '../firewall/ruleset.ts';
import { printSave } from '../firewall/save.ts';
import type { Family } from '../net/addr.ts';
import type { Because, Reason } from '../net/reason.ts';
import { describeOrigin } from '../options/problem.ts';
import { type FirewalldOperation, firewallCmd } from '../plan/bridge/firewalld.ts';

/** iptables-save form without counters. */
export function rulesAsSave(ruleset: Ruleset, family: Family): string {
  return printSave(ruleset, { family });
}

/** Comments begin at this column where the rule leaves room. */
const widestRule = 88;

/** The same with the reason of every chain and rule behind it, aligned; no longer input for iptables-restore. */
export function rulesWithReasons(ruleset: Ruleset, family: Family): string {
  return aligned(annotate(rulesAsSave(ruleset, family).split('\n'), ruleset, family)).join('\n');
}

/** Native tables of one family, or all. */
export function tablesOf({ tables }: NftRuleset, family: Family | undefined): readonly NftTable[] {
  return family === undefined ? tables : tables.filter((table) => table.family === nftFamilies[family]);
}

/** As `nft -s list ruleset` with blanks for tabs, and the reason of every line that has one behind it. */
export function nftWithReasons(tables: readonly NftTable[]): string {
  const lines = tables
    .flatMap(nftLines)
    .map(({ text, reason }) => ({ text: text.replaceAll('\t', '    '), why: reason }));
  return aligned(lines)
    .map((line) => `${line}\n`)
    .join('');
}

interface Line {
  readonly text: string;
  readonly why?: Reason | undefined;
}

function aligned(lines: readonly Line[]): readonly string[] {
  const width = Math.min(
    widestRule,
    Math.max(0, ...lines.filter(({ why }) => why).map(({ text }) => text.length)),
  );
  return lines.map(({ text, why }) =>
    why === undefined ? text : `${text.padEnd(width)}  # ${describeReason(why)}`,
  );
}

/** Joins printed lines with what they print: rules of a chain are printed in their order. */
function annotate(lines: readonly string[], ruleset: Ruleset, family: Family): readonly Line[] {
  let chains = new Map<string, { readonly chain: Chain; readonly rules: Rule[] }>();
  return lines.map((text) => {
    const [, mark, name] = /^(\*|:|-A )(\S+)/.exec(text) ?? [];
    if (mark === undefined || name === undefined) return { text };
    if (mark === '*') {
      const table = ruleset.tables.find((t) => t.family === family && t.name === name);
      chains = new Map(table?.chains.map((chain) => [chain.name, { chain, rules: [...chain.rules] }]));
      return { text };
    }
    const entry = chains.get(name);
    const why = mark === ':' ? entry?.chain.reason : entry?.rules.shift()?.reason;
    return why === undefined ? { text } : { text, why };
  });
}

/** `give what leaves the network the host's address: ip-masq=true (default), network=bridge (network bridge)` */
export function describeReason(reason: Reason): string {
  const because = reason.because.map(describeBecause).join(', ');
  return because === '' ? reason.step : `${reason.step}: ${because}`;
}

function describeBecause({ setting, value, origin }: Because): string {
  return `${setting}=${value === '' ? '""' : value} (${describeOrigin(origin)})`;
}

/** What firewalld is asked for, as comments, which iptables-restore passes over. */
export function firewalldAsComments(operations: readonly FirewalldOperation[], why: boolean): string {
  return operations
    .flatMap((operation) => [
      ...(why ? [`# ${describeReason(operation.reason)}`] : []),
      ...firewallCmd(operation).map((args) => `# firewall-cmd ${args.join(' ')}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

/** The same as JSON values: arguments of firewall-cmd. */
export function firewalldAsJson(operations: readonly FirewalldOperation[]): readonly object[] {
  return operations.map((operation) => ({
    operation: operation.kind,
    firewallCmd: firewallCmd(operation),
    reason: operation.reason,
  }));
}

/** Tables, chains and rules of one family as JSON values. */
export function rulesAsJson(ruleset: Ruleset, family: Family): readonly object[] {
  const tables = ruleset.tables.filter((table) => table.family === family);
  return tables.map((table: Table) => ({
    backend: table.backend,
    family: table.family,
    table: table.name,
    chains: table.chains.map((chain) => ({
      chain: chain.name,
      ...(chain.policy === undefined ? {} : { policy: chain.policy }),
      ...(chain.reason === undefined ? {} : { reason: chain.reason }),
      rules: chain.rules.map((rule) => ({
        rule: formatRule(rule),
        ...(rule.reason === undefined ? {} : { reason: rule.reason }),
      })),
    })),
  }));
}
