/**
 * Difference: one thing on a host that is not as its engine would have it, or that the engine does not know. Plain data.
 * In: made by the files beside this one. Out: the report, and `heal.ts`, which puts back what is missing.
 */
import type { NftFamily } from '../firewall/nft/model.ts';
import type { Backend, TableName } from '../firewall/ruleset.ts';
import type { StateChange } from '../host/change.ts';
import type { Family } from '../net/addr.ts';
import type { Reason } from '../net/reason.ts';

/**
 * `missing`: planned and not there. `changed`: there with another value. `misordered`: there, where it cannot do what it is
 * for. `stale`: the engine's own, and no longer planned. `foreign`: somebody else's. The last alone is no drift.
 */
export type DifferenceKind = 'missing' | 'changed' | 'misordered' | 'stale' | 'foreign';

/** Where on the host. */
export type Place =
  | {
      readonly in: 'iptables';
      readonly backend: Backend;
      readonly family: Family;
      readonly table: TableName;
      readonly chain: string;
    }
  /** `chain` names a set or map too; absent: the table itself. */
  | { readonly in: 'nft'; readonly family: NftFamily; readonly table: string; readonly chain?: string }
  | { readonly in: 'links' | 'routes' | 'sysctls' | 'proxies' | 'firewalld' };

export interface Difference {
  readonly kind: DifferenceKind;
  readonly place: Place;
  /** The part as iptables-save, ip or sysctl print it. */
  readonly text: string;
  /** What is there instead, or what stands above it. */
  readonly observed?: string;
  /** 1-based, of a rule: in the plan for what is missing, on the host for what is there. */
  readonly position?: number;
  /** Why it is planned. */
  readonly reason?: Reason;
  /** Who made what is foreign, where that can be recognised: `ufw`, `kube-proxy`. */
  readonly owner?: string;
  /** What would mend it, for what is not a rule; absent where only the engine can. */
  readonly changes?: readonly StateChange[];
}

/** Whether the host is not as it should be; others' parts are no drift. */
export function isDrift({ kind }: Difference): boolean {
  return kind !== 'foreign';
}

/** A text that is equal for the same difference, seen at another time. */
export function differenceKey({ kind, place, text, position, observed }: Difference): string {
  return JSON.stringify([kind, place, text, position, observed]);
}
