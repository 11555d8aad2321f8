/**
 * The detectors, in one list: each says by itself what it looks for. In: a case. Out: findings without a proof.
 */
import type { Finding } from '../finding.ts';
import { containersByRequest } from './by-request.ts';
import { type Case, type Detector, findingOf } from './case.ts';
import { settingsNotInForce } from './in-force.ts';
import { intentDifferences } from './intent.ts';
import { refusedStart } from './start.ts';
import { addresslessUplink, smallUplink } from './uplink.ts';

const detectors: readonly Detector[] = [
  refusedStart,
  addresslessUplink,
  smallUplink,
  settingsNotInForce,
  intentDifferences,
  containersByRequest,
];

export function unprovedFindings(patient: Case): readonly Finding[] {
  return detectors.flatMap((detect) => detect(patient).map(findingOf));
}
