/**
 * Judges causes: the doctor's first finding against what was really broken, and whether its repair heals the flows that broke: when
 * it asks by itself, and when it is asked for the capture's flows (`doctor --flows`). In: facts. Out: a verdict. Healthy captures must
 * have no finding of severity error.
 */
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import type { Diagnosis, Finding } from '../../src/diagnosis/finding.ts';
import { applyChanges } from '../../src/host/change.ts';
import type { Facts } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { makeScene, walk } from '../../src/packet/walk.ts';
import { expectedFromFacts } from '../../src/plan/expected.ts';
import { nameServiceOf } from '../../src/plan/name-service.ts';
import { flowKey, flowOf, type Probe, probesOf, scenarioOf } from './capture.ts';

export interface CauseVerdict {
  readonly kind: 'fault' | 'healthy';
  /** The first finding's cause, or that there is none. */
  readonly said: string;
  readonly wanted: readonly string[];
  readonly right: boolean;
  /** Broken flows of the capture that the first finding's repair makes succeed, of how many; faults only. */
  readonly healed: number;
  readonly broken: number;
  readonly diagnosis: Diagnosis;
  /** The same of the capture's flows; undefined where nothing is broken. */
  readonly asked?: {
    readonly said: string;
    readonly right: boolean;
    /** Broken flows that the first finding says it heals and, walked with its repair, heals. */
    readonly healed: number;
  };
}

/** `healthy`: flows that work in the version's default capture. Undefined for captures that do not say what is right. */
export function judgeCauses(facts: Facts, healthy: ReadonlySet<string>): CauseVerdict | undefined {
  const scenario = scenarioOf(facts);
  if (scenario.labelled === false || scenario.healthy == null) return undefined;
  const { state } = hostStateFromFacts(facts);
  const expected = expectedFromFacts(facts, { state });
  const diagnosis = diagnose({ state, expected, facts });
  const first = diagnosis.findings[0];
  const said = first?.cause ?? 'nothing';
  if (scenario.healthy) {
    return { kind: 'healthy', said, wanted: [], right: diagnosis.healthy, healed: 0, broken: 0, diagnosis };
  }
  const wanted = [...(scenario.causes ?? []), ...(scenario.alsoAcceptable ?? [])];
  const probes = probesOf(facts);
  const broken = brokenProbes(facts, healthy);
  const healedBy = (finding: Finding | undefined): readonly Probe[] => {
    const scene = makeScene(applyChanges(state, finding?.changes ?? []), [], nameServiceOf(expected, state));
    return broken.filter((p) => walk(scene, flowOf(p)).outcome === 'ok');
  };
  const [asked] = diagnose({ state, expected, facts, flows: probes.map(flowOf) }).findings;
  const stated = new Set(asked?.proof.flows.flatMap(({ flow, after }) => (after === 'ok' ? [flow.id] : [])));
  return {
    kind: 'fault',
    said,
    wanted,
    right: wanted.includes(said),
    healed: healedBy(first).length,
    broken: broken.length,
    diagnosis,
    asked: {
      said: asked?.cause ?? 'nothing',
      right: wanted.includes(asked?.cause ?? 'nothing'),
      healed: healedBy(asked).filter(({ id }) => stated.has(id)).length,
    },
  };
}

/** Probes that work in the version's default capture and fail here because of what was broken. */
export function brokenProbes(facts: Facts, healthy: ReadonlySet<string>): readonly Probe[] {
  const names = new Set(scenarioOf(facts).brokenFlows ?? []);
  return probesOf(facts).filter(
    (p) => names.has(p.name) && healthy.has(flowKey(p)) && p.success === false && p.decidable !== false,
  );
}
