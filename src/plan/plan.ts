/**
 * Plan: what a driver computes from Options and Intent. Values only; every part carries its reason.
 * `kernel/` applies it, the reader prints it, the doctor compares it with what is there.
 */
import type { NftRuleset } from '../firewall/nft/model.ts';
import type { NftTransaction } from '../firewall/nft/operation.ts';
import type { Operation } from '../firewall/operation.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import type { Link, LinkAddress, Route, Sysctl } from '../host/state.ts';
import type { Reason } from '../net/reason.ts';
import type { FirewalldOperation } from './bridge/firewalld.ts';
import type { PlannedSandbox } from './sandbox.ts';

export interface Plan {
  readonly generation: Generation;
  /** What the engine does, in its order, starting from the ruleset that the plan was asked for. */
  readonly operations: readonly Operation[];
  /** The result of those operations. Rules carry reasons. */
  readonly ruleset: Ruleset;
  /** The same with native nftables: what the engine does, and its tables, of which generations with iptables have none. */
  readonly nftTransactions: readonly NftTransaction[];
  readonly nft: NftRuleset;
  /** Links of the host's namespace that should exist (bridges; veth ends where names are known). */
  readonly links: readonly PlannedLink[];
  readonly routes: readonly Route[];
  readonly sysctls: ReadonlyMap<string, Sysctl>;
  /** Published ports that the userland proxy should serve. */
  readonly proxies: readonly PlannedProxy[];
  /** Containers in whose namespaces the engine makes rules, and those. */
  readonly sandboxes: readonly PlannedSandbox[];
  /** What the engine asks of firewalld; absent where that does not run, or is not known to. */
  readonly firewalld?: readonly FirewalldOperation[];
  /** What this generation would do and the model does not hold yet; never silently left out. */
  readonly unmodelled: readonly string[];
}

export interface PlannedLink {
  readonly name: string;
  readonly kind: Link['kind'];
  readonly up: boolean;
  readonly mtu: number;
  readonly addresses: readonly LinkAddress[];
  readonly reason: Reason;
}

export interface PlannedProxy {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerAddress: string;
  readonly containerPort: number;
  readonly reason: Reason;
}

/** Rule layouts by engine version and firewall backend; see `generation.ts`. N1 is native nftables. */
export type Generation = 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'G7' | 'G8' | 'G9' | 'G10' | 'N1';
