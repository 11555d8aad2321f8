/**
 * A Diagnosis as JSON, schema `bridgekeeper.doctor/1`. In: a Diagnosis. Out: plain values, with flows and addresses as
 * text. `summary` is the English text of the cause. It judges nothing.
 */
import type { Diagnosis, Finding } from '../diagnosis/finding.ts';
import type { RulesAlone } from '../diagnosis/rules-alone.ts';
import type { Flow } from '../net/flow.ts';
import { flowRef } from './flow-text.ts';
import { tally } from './tally.ts';
import { english } from './text/en.ts';
import { summaryText } from './text/finding.ts';
import { plain } from './text/layout.ts';

/** The whole answer of `doctor --json`. */
export function doctorJson(diagnosis: Diagnosis) {
  const { failing, unknown, missing } = tally(diagnosis);
  return {
    schema: 'bridgekeeper.doctor/1',
    healthy: diagnosis.healthy,
    asked: diagnosis.asked.length,
    failing: failing.length,
    unknown: unknown.length,
    findings: diagnosis.findings.map((finding) => findingJson(finding, diagnosis)),
    unknowns: [
      ...missing.map(({ fact }) => ({ fact: `not in the facts: ${fact}` })),
      // What follows from a fact differs by flow: it stands with each of them.
      ...diagnosis.unknowns.map(({ outcomes: _, ...unknown }) => unknown),
    ],
    undecided: unknown.map(({ flow, possible = [], unknowns }) => ({ ...flowRef(flow), possible, unknowns })),
    ...(diagnosis.unexpected === undefined ? {} : { unexpected: diagnosis.unexpected }),
    ...(diagnosis.alone === undefined ? {} : { rulesAlone: rulesAloneJson(diagnosis.alone) }),
  } as const;
}

function rulesAloneJson({ engine, networks, drifted, drops, supposed }: RulesAlone) {
  return {
    ...(engine === undefined
      ? {}
      : {
          engine: engine.version,
          engineKnownBy: engine.by,
          ...(engine.generations === undefined ? {} : { engineMayBe: engine.generations }),
        }),
    networks,
    ...(drifted === undefined ? {} : { drifted }),
    drops,
    supposed,
  };
}

function findingJson(finding: Finding, diagnosis: Diagnosis) {
  const { proof } = finding;
  const [first] = proof.flows;
  return {
    cause: finding.cause,
    severity: finding.severity,
    summary: plain(summaryText(finding, diagnosis, english)),
    flows: finding.flows.map(flowRef),
    hop: finding.hop,
    because: finding.because,
    evidence: finding.evidence,
    repair: finding.repairs,
    ...(finding.decide === undefined ? {} : { decide: finding.decide }),
    ...(finding.together === undefined || finding.together.length === 0
      ? {}
      : { together: finding.together }),
    proof: {
      ...(first === undefined ? {} : { before: first.before, after: first.after }),
      flows: proof.flows.map(({ flow, before, after }) => ({ ...flowRef(flow), before, after })),
      newlyAllowed: proof.newlyAllowed.map((flow) => extraFlow(flow, diagnosis)),
    },
  };
}

/** The doctor's own panel numbers its flows too: an id stands only for a flow that was asked. */
function extraFlow(flow: Flow, diagnosis: Diagnosis) {
  const { id, ...rest } = flowRef(flow);
  const wasAsked = diagnosis.asked.some((trace) => trace.flow === flow);
  return {
    ...(wasAsked && id !== undefined ? { id } : {}),
    ...rest,
    ...(flow.direct ? { direct: true } : {}),
  };
}
