/**
 * Candidates: changes that might heal a flow, each with the cause that it would prove. In: made by the sources
 * beside this file from a host and what is expected of it. Out: tried by `search.ts`. Nothing is decided here.
 */
import type { StateChange } from '../host/change.ts';
import type { HostState, Namespace } from '../host/state.ts';
import type { Because } from '../net/reason.ts';
import type { Outcome } from '../packet/trace.ts';
import type { Expected } from '../plan/expected.ts';
import type { Cause } from './causes.ts';
import type { Evidence, Repair } from './finding.ts';
import type { LoggedMessage } from './log-messages.ts';

export interface Candidate {
  /** Tells candidates apart; two sources may find the same. */
  readonly key: string;
  readonly cause: Cause;
  /**
   * What it comes from, where that is one thing: the same firewall, the same flag of all ports. Candidates of one origin are one
   * fault, with one finding.
   */
  readonly origin?: string;
  /** Outcomes that are no error by this cause, since the sender is told what to do. */
  readonly warns?: readonly Outcome[];
  /** The change undoes a restriction that somebody asked for. */
  readonly restriction: boolean;
  readonly params: Readonly<Record<string, string>>;
  readonly changes: readonly StateChange[];
  /**
   * How much is touched: 1 for one fact, more for wider or riskier changes. Smallest first is the search's order.
   */
  readonly cost: number;
  readonly because: readonly Because[];
  readonly evidence: readonly Evidence[];
  /** Repairs that are not commands made from `changes`: configuration. */
  readonly repairs: readonly Repair[];
}

/** What sources of candidates look at. */
export interface Patient {
  readonly state: HostState;
  /** Undefined where the engine's version or configuration is not known, or its rules are not written yet. */
  readonly expected: Expected | undefined;
  /** Text of a line of a raw file, for evidence; undefined when the file or line is not there. */
  readonly line: (file: string, line: number) => string | undefined;
  /** All lines of a raw file as they are; undefined when the facts do not hold the file. */
  readonly lines: (file: string) => readonly string[] | undefined;
  /** A raw file that is no text. */
  readonly bytes: (file: string) => Uint8Array | undefined;
  /** Names of the raw files, for folders such as `networkd/`. */
  readonly files: readonly string[];
  /** What dockerd.log says that is known; empty without it. */
  readonly messages: () => readonly LoggedMessage[];
}

/** The origin of what one firewall of a namespace stops: that which `owner` made, or `default` for what is denied by default. */
export function firewallOrigin({ name }: Namespace, owner: string): string {
  return `${name} ${owner}`;
}
