/**
 * Counts of a diagnosis: which flows work, fail, are not known, and which failures no finding explains. In: a Diagnosis.
 * Out: lists of traces, and whether the question was decided at all. It changes no judgement of the diagnosis.
 */
import type { Diagnosis } from '../diagnosis/finding.ts';
import type { MissingFact } from '../host/state.ts';
import type { Trace, Unknown } from '../packet/trace.ts';

export interface Tally {
  readonly ok: readonly Trace[];
  /** Also flows that are answered by somebody else than whom they are meant for: a finding names them. */
  readonly failing: readonly Trace[];
  readonly unknown: readonly Trace[];
  /** Failing, and in no finding. */
  readonly unexplained: readonly Trace[];
  /** No error was found, and something that was asked is not known, or all but the rules is supposed: healthy cannot be said. */
  readonly undecided: boolean;
  /** Parts of the host itself that are not in the facts, though every walk rests on them. */
  readonly missing: readonly Unknown[];
}

export function tally(diagnosis: Diagnosis): Tally {
  const { asked, choseFlows, healthy, findings, unexpected, alone } = diagnosis;
  const explained = new Set(findings.flatMap((finding) => finding.flows));
  const unknown = asked.filter((t) => t.outcome === 'unknown');
  const failing = asked.filter(
    (t) => t.outcome !== 'unknown' && (t.outcome !== 'ok' || explained.has(t.flow)),
  );
  const bad = new Set(failing);
  const unexplained = failing.filter((t) => !explained.has(t.flow));
  const missing = missingFacts(diagnosis);
  return {
    missing,
    ok: asked.filter((t) => t.outcome === 'ok' && !bad.has(t)),
    failing,
    unknown,
    unexplained,
    undecided:
      healthy &&
      (alone !== undefined ||
        unknown.length > 0 ||
        missing.length > 0 ||
        (asked.length === 0 && findings.length === 0) ||
        // A flow that people care about fails and nothing explains it; of flows that were given, that may be right.
        // Without a plan a failure's cause is looked for in the host alone: finding none says nothing.
        ((choseFlows || unexpected !== undefined) && unexplained.length > 0)),
  };
}

const needed: ReadonlySet<MissingFact['part']> = new Set(['links', 'addresses', 'routes', 'firewall']);

/** The model takes an absent list for an empty one: nothing may be called healthy on such ground. */
function missingFacts({ state }: Diagnosis): readonly Unknown[] {
  const host = state.namespaces.find((n) => n.kind === 'host');
  return (host?.missing ?? [])
    .filter(({ part, family }) => needed.has(part) && family !== 'ipv6')
    .map(({ part, file }) => ({ fact: `${part} of ${host?.name ?? 'host'} (${file})` }));
}
