/**
 * What an engine leaves behind: rules, chains and policies of an earlier run that a fresh start would not make.
 * In: a ruleset after a transition, whose parts carry the reasons of those that an engine made, and that of a fresh start.
 * Out: one entry each, with why it is still there. Rules without a reason are somebody else's, and not its subject.
 */
import { formatRule } from '../firewall/args.ts';
import { diffRulesets } from '../firewall/diff.ts';
import { findChain, findTable, type Ruleset, type TableName } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import type { Reason } from '../net/reason.ts';
import type { Options } from '../options/options.ts';

export interface LeftBehind {
  readonly kind: 'rule' | 'chain' | 'policy';
  readonly family: Family;
  readonly table: TableName;
  /** As iptables-save shows it. */
  readonly text: string;
  /** Why an engine made it. */
  readonly made: Reason;
  /**
   * `tables-off`: the engine makes no rules of this family any more, and takes none away. `nobody-removes-it`: no start of this
   * engine does.
   */
  readonly why: 'tables-off' | 'nobody-removes-it';
}

/** Parts of `result` that an engine made and that are not in `fresh`. */
export function leftBehind(result: Ruleset, fresh: Ruleset, options: Options): readonly LeftBehind[] {
  const { extra, extraChains, policies } = diffRulesets(fresh, result);
  const parts: readonly (Omit<LeftBehind, 'why' | 'made'> & { readonly made: Reason | undefined })[] = [
    ...policies.map(({ key, chain, observed }) => ({
      kind: 'policy' as const,
      ...key,
      text: `-P ${chain} ${observed}`,
      made: chainReason(result, key, chain),
    })),
    ...extraChains.map(({ key, chain }) => ({
      kind: 'chain' as const,
      ...key,
      text: `-N ${chain}`,
      made: chainReason(result, key, chain),
    })),
    ...extra.map(({ key, chain, rule }) => ({
      kind: 'rule' as const,
      ...key,
      text: `-A ${chain} ${formatRule(rule)}`,
      made: rule.reason,
    })),
  ];
  return parts.flatMap(({ kind, family, table, text, made }) => {
    if (made === undefined) return [];
    const off = !options.settings[family === 'ipv4' ? 'iptables' : 'ip6tables'].value;
    return [{ kind, family, table, text, made, why: off ? 'tables-off' : 'nobody-removes-it' }];
  });
}

function chainReason(
  ruleset: Ruleset,
  key: Parameters<typeof findTable>[1],
  chain: string,
): Reason | undefined {
  const table = findTable(ruleset, key);
  return table === undefined ? undefined : findChain(table, chain)?.reason;
}
