/**
 * Operations on a Ruleset: iptables commands as values, with the reason why the engine issues them.
 * A generation is written as a list of these; the machine (`machine.ts`) runs it in memory.
 */
import type { Family } from '../net/addr.ts';
import type { Reason } from '../net/reason.ts';
import type { Backend, Rule, TableName } from './ruleset.ts';

/** What an iptables command does to its table; `at` is iptables' 1-based rule number. */
export type Command =
  | { readonly op: 'new-chain'; readonly chain: string }
  | { readonly op: 'append'; readonly chain: string; readonly rule: Rule }
  | { readonly op: 'insert'; readonly chain: string; readonly at: number; readonly rule: Rule }
  | { readonly op: 'delete'; readonly chain: string; readonly rule: Rule }
  | { readonly op: 'delete-at'; readonly chain: string; readonly at: number }
  | { readonly op: 'check'; readonly chain: string; readonly rule: Rule }
  | { readonly op: 'flush'; readonly chain?: string }
  | { readonly op: 'delete-chain'; readonly chain?: string }
  | { readonly op: 'policy'; readonly chain: string; readonly policy: 'ACCEPT' | 'DROP' };

export interface Operation {
  readonly backend: Backend;
  readonly family: Family;
  readonly table: TableName;
  readonly command: Command;
  /**
   * `always`: run it, an error stops the transaction. `if-absent`: only when `-C` of the same rule fails
   * (or, for new-chain, when the chain is not there). `ignore-errors`: run it, an error changes nothing.
   * These are the three ways in which dockerd issues commands.
   */
  readonly when: 'always' | 'if-absent' | 'ignore-errors';
  readonly reason: Reason;
}
