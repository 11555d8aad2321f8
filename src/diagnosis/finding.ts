/**
 * Findings: what the doctor says, as data. In: made by `diagnose.ts`. Out: printed by report/.
 * The text of a finding is made at the rim from its cause and parameters, in the reader's language.
 */

import type { StateChange } from '../host/change.ts';
import type { HostState } from '../host/state.ts';
import type { Flow } from '../net/flow.ts';
import type { Because } from '../net/reason.ts';
import type { Outcome, Trace, Unknown } from '../packet/trace.ts';
import type { Cause } from './causes.ts';
import type { RulesAlone } from './rules-alone.ts';

/** `error`: a flow that should work does not. `warning`: works, but fragile. `info`: a restriction that was asked for. */
export type Severity = 'error' | 'warning' | 'info';

/** A line of a raw fact. */
export interface Evidence {
  readonly file: string;
  readonly line?: number;
  readonly text: string;
}

/**
 * One way to repair, copy-ready. `config`: edit the engine's configuration and restart it; `command`: commands for
 * a root shell, one per line, gone at the next restart; `rule`: the same for firewall rules alone.
 */
export interface Repair {
  readonly kind: 'config' | 'command' | 'rule';
  readonly change: string;
  /** Of a proved `config`: what the proof takes the change through. */
  readonly transition?: ProvedBy;
}

/**
 * `restart`: the engine restarts and all containers with it. `live-restore`: they run on while it does. `recreate`: one network or
 * container is removed and made again.
 */
export type ProvedBy = 'restart' | 'live-restore' | 'recreate';

export interface ProvedFlow {
  readonly flow: Flow;
  readonly before: Outcome;
  readonly after: Outcome;
}

export interface Finding {
  readonly cause: Cause;
  readonly severity: Severity;
  /** What the text of this cause speaks of: network, bridge, rule, setting, address ... */
  readonly params: Readonly<Record<string, string>>;
  /** Flows that fail because of it. */
  readonly flows: readonly Flow[];
  /** Where the first of them dies: `nat/POSTROUTING`. */
  readonly hop: string;
  readonly because: readonly Because[];
  readonly evidence: readonly Evidence[];
  readonly repairs: readonly Repair[];
  /** The one command that would decide, where the facts only raise the suspicion. */
  readonly decide?: string;
  /** The repair as changes of the model, with those of `together`; what the proof was made with. */
  readonly changes: readonly StateChange[];
  /** Findings whose repair is needed too, and by how many of `flows`. */
  readonly together?: readonly { readonly cause: Cause; readonly flows: number }[];
  readonly proof: {
    readonly flows: readonly ProvedFlow[];
    /** Flows that did not work and were not asked to, and that the repair lets through. */
    readonly newlyAllowed: readonly Flow[];
  };
  /** The walk of the first failing flow, before the repair. */
  readonly walk?: Trace;
}

export interface Diagnosis {
  /** No finding of severity error. */
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
  /** Every flow that was walked, in the order in which it was asked. */
  readonly asked: readonly Trace[];
  /** The doctor chose the flows itself: each of them should work, so a failure without a finding is not health. */
  readonly choseFlows: boolean;
  /** What the facts do not say and would matter. */
  readonly unknowns: readonly Unknown[];
  /** Why the rules that should be there are not known, when they are not. */
  readonly unexpected?: string;
  readonly state: HostState;
  /** Where only rules are known: what they tell, and what was supposed around them. */
  readonly alone?: RulesAlone;
}
