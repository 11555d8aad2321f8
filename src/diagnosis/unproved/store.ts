/**
 * Docker's store where it contradicts itself: what dockerd refuses to start with, or keeps for ever. In: local-kv.db. Out: one
 * suspicion. `store check` says more.
 */
import { checkRecords, type StoreFinding } from '../../bolt/docker-check.ts';
import { storeRecords } from '../../bolt/docker-records.ts';
import { readBolt } from '../../bolt/read.ts';
import type { Detector } from './case.ts';

export const inconsistentStore: Detector = (patient) => {
  const bytes = patient.bytes('local-kv.db');
  const reading = bytes === undefined ? undefined : readBolt(bytes);
  if (reading?.kind !== 'bolt') return [];
  const { root, lost } = reading.file;
  const found = checkRecords(storeRecords(root), { complete: !lost }).flatMap(
    (finding) => told(finding) ?? [],
  );
  if (found.length === 0) return [];
  return [
    {
      cause: 'store-inconsistent',
      severity: 'warning',
      params: { count: `${found.length}`, reason: '' },
      hop: 'local-kv.db',
      evidence: found.slice(0, 3).map((text) => ({ file: 'local-kv.db', text })),
      repairs: [
        {
          kind: 'config',
          change:
            'stop dockerd, move local-kv.db aside and keep it, start dockerd and create the networks again',
        },
      ],
      decide: 'bridgekeeper store check local-kv.db',
    },
  ];
};

/** Of what the check finds only what no step of a running dockerd leaves for a moment. */
function told(finding: StoreFinding): string | undefined {
  switch (finding.kind) {
    case 'duplicate-bridge':
      return `bridge ${finding.bridge} belongs to networks ${finding.networks.join(', ')}`;
    case 'overlapping-subnets':
      return `networks ${finding.networks.join(', ')} overlap: ${finding.subnets.join(', ')}`;
    case 'orphan-endpoint':
      return `endpoint ${finding.name} (${finding.endpoint}) of network ${finding.network}, which is gone`;
    case 'phantom-network':
      return `network ${finding.name} (${finding.network}) is missing for the ${finding.missing === 'driver' ? 'driver' : 'engine'}`;
    default:
      return undefined;
  }
}
