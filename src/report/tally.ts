/**
 * Counts of a diagnosis: which flows work, fail, are not known, and which failures no finding explains. In: a Diagnosis.
 * Out: lists of traces, and whether the question was decided at all. It changes no judgement of the diagnosis.
 */
import type { Diagnosis } from '../diagnosis/finding.ts';
import type { Trace } from '../packet/trace.ts';

export interface Tally {
  readonly ok: readonly Trace[];
  /** Also flows that are answered by somebody else than whom they are meant for: a finding names them. */
  readonly failing: readonly Trace[];
  readonly unknown: readonly Trace[];
  /** Failing, and in no finding. */
  readonly unexplained: readonly Trace[];
  /** No error was found, and something that was asked is not known: healthy cannot be said. */
  readonly undecided: boolean;
}

export function tally(diagnosis: Diagnosis): Tally {
  const { asked, healthy, findings, unexpected } = diagnosis;
  const explained = new Set(findings.flatMap((finding) => finding.flows));
  const unknown = asked.filter((t) => t.outcome === 'unknown');
  const failing = asked.filter(
    (t) => t.outcome !== 'unknown' && (t.outcome !== 'ok' || explained.has(t.flow)),
  );
  const bad = new Set(failing);
  const unexplained = failing.filter((t) => !explained.has(t.flow));
  return {
    ok: asked.filter((t) => t.outcome === 'ok' && !bad.has(t)),
    failing,
    unknown,
    unexplained,
    undecided:
      healthy &&
      (unknown.length > 0 ||
        (asked.length === 0 && findings.length === 0) ||
        // Without a plan a failure's cause is looked for in the host alone: finding none says nothing.
        (unexpected !== undefined && unexplained.length > 0)),
  };
}
