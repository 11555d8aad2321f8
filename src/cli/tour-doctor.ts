/**
 * Step 4 of the tour: the doctor's answer about a lab. In: the lab. Out: rows to print, and the first finding's repair as a change
 * of the kernel.
 */
import { captureFacts } from '../bundle/capture.ts';
import { engineTarget } from '../engine/live.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { Change } from '../kernel/change.ts';
import { changeOf } from '../kernel/state-change.ts';
import type { Lab } from '../lab/build.ts';
import { planBridge } from '../plan/bridge/plan.ts';
import { expectedFromFacts } from '../plan/expected.ts';
import type { Language, Tone } from './terminal.ts';

export interface LabDiagnosis {
  readonly rows: readonly (readonly [label: string, text: string, tone?: Tone])[];
  readonly repair: Change;
}

export async function diagnoseLab(lab: Lab, _language: Language): Promise<LabDiagnosis> {
  const facts = await captureFacts(engineTarget(lab.facts));
  const { state } = hostStateFromFacts(facts);
  const expected = expectedFromFacts(facts);
  if ('cannot' in expected) throw new Error(expected.cannot);
  const host = state.namespaces[0];
  if (host === undefined) throw new Error('no host');
  const { settings } = expected.options;
  const options = {
    ...expected.options,
    settings: { ...settings, 'ip-masq': { ...settings['ip-masq'], value: true } },
  };
  const plan = planBridge({ ...expected, options, before: { ruleset: host.firewall, ipForward: true } });
  const repair = changeOf(
    [{ namespace: 'host', kind: 'ruleset', from: host.firewall, to: plan.ruleset }],
    () => undefined,
  );
  return { rows: [['interim', 'interim']], repair };
}
