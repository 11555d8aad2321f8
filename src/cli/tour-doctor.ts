/**
 * Step 4 of the tour: the doctor's answer about a lab. In: the lab, and how to print. Out: lines, and the first finding's repair as a
 * change of the kernel. It asks and prints as `doctor` does on any host; of several findings it shows the first.
 */
import { captureFacts } from '../bundle/capture.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { engineTarget } from '../engine/live.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { Change } from '../kernel/change.ts';
import { changeOf } from '../kernel/state-change.ts';
import type { Lab } from '../lab/build.ts';
import { expectedFromFacts } from '../plan/expected.ts';
import { layRows, type TextOptions } from '../report/text/doctor.ts';
import { findingText } from '../report/text/finding.ts';
import { wrap } from '../report/text/layout.ts';

export interface LabDiagnosis {
  readonly lines: readonly string[];
  readonly repair: Change;
  /** Parts of the repair that cannot be applied from here. */
  readonly left: readonly string[];
}

/** Looks at the lab's host; undefined when nothing is wrong with it. */
export async function diagnoseLab(lab: Lab, options: TextOptions): Promise<LabDiagnosis | undefined> {
  const facts = await captureFacts(engineTarget(lab.facts));
  const { state } = hostStateFromFacts(facts);
  const diagnosis = diagnose({ state, expected: expectedFromFacts(facts, { state }), facts });
  const finding = diagnosis.findings.find(({ severity }) => severity === 'error');
  if (finding === undefined) return undefined;
  const { head, summary, rows } = findingText(finding, diagnosis, options.words);
  const where = (name: string) => (name === 'host' ? undefined : lab.engine.containers.get(name)?.path);
  const { change, left } = changeOf(finding.changes, where);
  return {
    lines: [
      options.paint('bad', head),
      ...wrap(summary, options.width - 3),
      '',
      // Rows come indented by two.
      ...layRows(rows, options).map((line) => line.slice(2)),
    ],
    repair: change,
    left: left.map(({ kind }) => kind),
  };
}
