/**
 * Trace: the answer to a Flow. Words of Batfish: a trace has hops (one namespace each), a hop has steps.
 * Produced by `walk.ts`; printed by report/; read by diagnosis/.
 */

import type { NftRule } from '../firewall/nft/model.ts';
import type { Backend, Rule, TableName } from '../firewall/ruleset.ts';
import type { Addr, Family } from '../net/addr.ts';
import type { Flow, Protocol } from '../net/flow.ts';

/** What the sender would see; the list is DESIGN section 6. `icmp-T/C` carries type and code. */
export type Outcome =
  | 'ok'
  | 'timeout'
  | 'refused'
  | 'connected-then-timeout'
  | 'connected-then-closed'
  | 'net-unreachable'
  | 'host-unreachable'
  | 'EPERM'
  | 'EACCES'
  | 'EINVAL'
  | 'EMSGSIZE'
  | 'unknown'
  | `icmp-${number}/${number}`
  | `icmp6-${number}/${number}`
  | `rcode${number}`;

export interface Trace {
  readonly flow: Flow;
  readonly outcome: Outcome;
  /** Source address as the receiver saw it, for delivered tcp and udp. */
  readonly seenAs?: Addr;
  readonly deliveredTo?: { readonly namespace: string; readonly address: Addr; readonly port?: number };
  /** The addresses that the engine's resolver answered; empty where it knows the name without one. */
  readonly answers?: readonly Addr[];
  /** The request, hop by hop, until it is delivered or dies. */
  readonly hops: readonly Hop[];
  /** The reply; empty when none was sent. */
  readonly reply: readonly Hop[];
  /** What was sent after the handshake and did not arrive, hop by hop; absent where all did, or nothing was sent. */
  readonly data?: readonly Hop[];
  /** When the outcome is unknown, every outcome that it may have. */
  readonly possible?: readonly Outcome[];
  /** Facts that would decide, when the outcome is unknown, the most telling first; also those that were met and did not matter. */
  readonly unknowns: readonly Unknown[];
  /** Assumptions that the facts did not cover, e.g. `listening`. */
  readonly assumed: readonly string[];
}

export interface Hop {
  readonly namespace: string;
  readonly steps: readonly Step[];
}

/** The header as it is on the wire at that point. */
export interface Header {
  readonly src: Addr;
  readonly dst: Addr;
  readonly protocol: Protocol;
  readonly sport?: number;
  readonly dport?: number;
  readonly icmp?: { readonly type: number; readonly code: number };
}

export type Step =
  | { readonly kind: 'send'; readonly header: Header }
  | { readonly kind: 'receive'; readonly dev: string; readonly header: Header }
  | {
      readonly kind: 'route';
      readonly result: string;
      readonly table?: string;
      readonly dev?: string;
      readonly gateway?: Addr;
      readonly src?: Addr;
    }
  | {
      readonly kind: 'hook';
      readonly backend: RuleHit['backend'];
      /** Of native nftables with its family: `inet firewalld`. */
      readonly table: string;
      readonly chain: string;
      readonly verdict: string;
      readonly rules: readonly RuleHit[];
    }
  | {
      readonly kind: 'nat';
      readonly manip: 'src' | 'dst';
      readonly before: Header;
      readonly after: Header;
      readonly undo: boolean;
    }
  | {
      readonly kind: 'transmit';
      readonly dev: string;
      readonly to?: { readonly namespace: string; readonly dev: string };
      readonly nexthop?: Addr;
    }
  | { readonly kind: 'bridge'; readonly bridge: string; readonly from?: string; readonly to: string }
  /** A listener asks somebody else before it answers: docker-proxy, or the engine's resolver. What it sends follows. */
  | { readonly kind: 'proxy'; readonly listener: string; readonly to: Header }
  | {
      readonly kind: 'drop';
      readonly where: string;
      readonly why: string;
      readonly detail?: string;
      readonly rule?: RuleHit;
    };

export type RuleHit = IptablesHit | NftHit;

export interface IptablesHit {
  readonly backend: Backend;
  readonly family: Family;
  readonly table: TableName;
  readonly chain: string;
  /** 1-based position in the chain; 0 for the policy. */
  readonly position: number;
  /** Absent for a policy. */
  readonly rule?: Rule;
}

export interface NftHit {
  readonly backend: 'nftables';
  /** `inet firewalld`. */
  readonly table: string;
  readonly chain: string;
  /** 1-based position in the chain; 0 for the policy. */
  readonly position: number;
  /** Absent for a policy. */
  readonly rule?: NftRule;
}

export interface Unknown {
  readonly fact: string;
  /** The one command that would decide it. */
  readonly command?: string;
  /** Of a walk whose outcome is unknown: the outcomes that are left if the fact holds, and if it does not. */
  readonly outcomes?: { readonly ifSo: readonly Outcome[]; readonly ifNot: readonly Outcome[] };
}
