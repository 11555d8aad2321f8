/**
 * Settings that wait for another start of the engine: then the host will behave otherwise, though nobody changes anything that day.
 * In: a case. Out: a warning for each that no proved finding tells already.
 */
import { settingEvidence } from '../evidence.ts';
import { becauseOf, notInForceParams } from '../sources/option-flips.ts';
import type { Detector } from './case.ts';

export const settingsNotInForce: Detector = ({ expected, line, proved }) =>
  (expected?.notInForce ?? [])
    .filter(
      ({ option }) => !proved.some((f) => f.cause === 'config-not-in-force' && f.params.setting === option),
    )
    .map((entry) => {
      const because = becauseOf(entry.option, entry.configured);
      return {
        cause: 'config-not-in-force',
        severity: 'warning',
        params: { setting: entry.option, value: String(because.value), ...notInForceParams(entry) },
        hop: 'dockerd',
        because: [because, becauseOf(entry.option, entry.inForce)],
        evidence: settingEvidence(because.origin, { line }),
      };
    });
