/**
 * Fault: one thing on a host that is not as a working host has it, and the change that would mend it.
 * In: made by the files that look at links, routes, containers and sysctls. Out: candidates of `host-faults.ts`.
 */
import type { StateChange } from '../../host/change.ts';
import type { Candidate } from '../candidate.ts';
import type { Cause } from '../causes.ts';

export interface Fault {
  readonly cause: Cause;
  readonly changes: readonly StateChange[];
  readonly params: Readonly<Record<string, string>>;
  /** As of a candidate: what was done alike to several links is one fault. */
  readonly origin?: string;
  readonly cost?: number;
  readonly evidence?: Candidate['evidence'];
  readonly because?: Candidate['because'];
  readonly repairs?: Candidate['repairs'];
}
