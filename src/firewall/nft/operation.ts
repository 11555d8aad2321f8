/**
 * Operations on native nftables as values, with the reason why the engine issues them, in transactions as it sends them.
 * A generation with native tables is written as a list of these; the machine (`machine.ts`) runs it in memory.
 */
import type { Reason } from '../../net/reason.ts';
import type { NftFamily, NftHook, NftRule, NftSet, SetElement } from './model.ts';

export type NftOperation = { readonly reason: Reason } & (
  | { readonly op: 'add' | 'delete' | 'flush'; readonly kind: 'table' }
  /** A chain with a hook is a base chain; deleting and flushing need its name alone. */
  | {
      readonly op: 'add' | 'delete' | 'flush';
      readonly kind: 'chain';
      readonly chain: string;
      readonly base?: NftHook;
    }
  | {
      readonly op: 'add' | 'delete';
      readonly kind: 'rule';
      readonly chain: string;
      /** Rules stand by group, lowest first, and in a group as they were added. Of this the kernel knows nothing. */
      readonly group: number;
      readonly rule: NftRule;
      /** What is there already is not added, and what is not there not deleted; else both are errors. */
      readonly once?: true;
    }
  | { readonly op: 'add'; readonly kind: 'set'; readonly set: Pick<NftSet, 'name' | 'type' | 'data'> }
  | { readonly op: 'delete' | 'flush'; readonly kind: 'set'; readonly set: Pick<NftSet, 'name'> }
  | {
      readonly op: 'add' | 'delete';
      readonly kind: 'element';
      readonly set: string;
      readonly element: SetElement;
    }
);

/** Operations on one table that take effect together or not at all. */
export interface NftTransaction {
  readonly family: NftFamily;
  readonly table: string;
  readonly operations: readonly NftOperation[];
}
