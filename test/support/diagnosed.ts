/**
 * The diagnosis of a small bundle, as `doctor` makes it. In: a spec of the bundle and what is asked. Out: a Diagnosis.
 */
import { type DiagnoseInput, diagnose } from '../../src/diagnosis/diagnose.ts';
import type { Diagnosis } from '../../src/diagnosis/finding.ts';
import type { MissingFact } from '../../src/host/state.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { expectedFromFacts } from '../../src/plan/expected.ts';
import { type IncidentSpec, incidentFacts } from './incident.ts';

export function diagnosed(
  spec: IncidentSpec,
  asked: Pick<DiagnoseInput, 'flows' | 'outsideRoutes'> = {},
): Diagnosis {
  const facts = incidentFacts(spec);
  const { state } = hostStateFromFacts(facts);
  return diagnose({ state, expected: expectedFromFacts(facts, { state }), facts, ...asked });
}

/** The same diagnosis of a host of which a part is not in the facts. */
export function lacking(diagnosis: Diagnosis, missing: MissingFact): Diagnosis {
  const { state } = diagnosis;
  const namespaces = state.namespaces.map((n) => (n.kind === 'host' ? { ...n, missing: [missing] } : n));
  return { ...diagnosis, state: { ...state, namespaces } };
}
