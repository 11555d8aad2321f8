/**
 * What is wrong and cannot be walked: the form in which detectors say it, beside each other in this folder, one file for each
 * subject. In: the patient, and what was walked and proved of it. Out: suspicions, which become findings without a proof.
 */
import type { Namespace } from '../../host/state.ts';
import type { Resolution } from '../../options/resolve.ts';
import type { Trace } from '../../packet/trace.ts';
import type { Patient } from '../candidate.ts';
import type { Finding } from '../finding.ts';

export interface Case extends Patient {
  /** Undefined where the facts hold no namespace of a host. */
  readonly host: Namespace | undefined;
  /** The configuration as far as it could be read, also of a daemon that refused it. */
  readonly configuration: Resolution | undefined;
  /** All walks, in the order of the questions. */
  readonly asked: readonly Trace[];
  /** The doctor chose the flows itself: nobody asked for one of them in particular. */
  readonly choseFlows: boolean;
  /** The failing walks that no candidate healed. */
  readonly unhealed: readonly Trace[];
  /** What was proved: a detector may keep silent about what that explains. */
  readonly proved: readonly Finding[];
}

/** A finding without a proof. */
export interface Suspicion
  extends Pick<Finding, 'cause' | 'severity' | 'params' | 'evidence'>,
    Partial<Pick<Finding, 'because' | 'repairs' | 'decide'>> {
  /** Where it happens: a link, a chain, `dockerd`. */
  readonly hop: string;
  /** The failing walks that it explains. */
  readonly failing?: readonly Trace[];
}

/** Pure. Empty where the host is not so, or where the facts do not say. */
export type Detector = (patient: Case) => readonly Suspicion[];

export function findingOf({ failing = [], ...suspicion }: Suspicion): Finding {
  const [walk] = failing;
  return {
    because: [],
    repairs: [],
    ...suspicion,
    flows: failing.map(({ flow }) => flow),
    changes: [],
    proof: { flows: [], newlyAllowed: [] },
    ...(walk === undefined ? {} : { walk }),
  };
}
