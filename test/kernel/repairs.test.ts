/**
 * Repairs are real: hosts are rebuilt from captures of faults, the flows that broke are broken there too, and after the doctor's printed
 * commands they work. A few of the captures in test/corpus; `npm run repairs -- FOLDER` takes all of a folder.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/kernel/process.ts';
import { healthyFlows } from '../judge/capture.ts';
import { judgeRepair } from '../judge/repair.ts';

const corpus = fileURLToPath(new URL('../corpus/', import.meta.url));
const possible = (await run({ argv: ['unshare', '--user', '--map-root-user', '--net', 'true'] })).code === 0;
if (!possible) console.warn('skipped: no user namespace can be made here');

/** Rules of iptables, a link, a bridge port, a native table. */
const faults = [
  '28.5.2/nat-flushed',
  '28.5.2/veth-detached',
  '17.06.2/docker0-down',
  '29.7.2-nft/nft-own-table-forward-drop',
];

describe.skipIf(!possible)('on a host rebuilt from a capture', () => {
  test.each(faults)('the doctor’s commands mend %s', { timeout: 120_000 }, async (name) => {
    const [version = ''] = name.split('/');
    const healthy = await healthyFlows(join(corpus, version, 'default.tar.gz'));
    const verdict = await judgeRepair(join(corpus, `${name}.tar.gz`), healthy);
    expect(verdict).toMatchObject({ kind: 'healed' });
  });

  test('a repair that only the engine can make is not pretended', { timeout: 120_000 }, async () => {
    const healthy = await healthyFlows(join(corpus, '28.5.2/default.tar.gz'));
    const verdict = await judgeRepair(join(corpus, '28.5.2/proxy-killed.tar.gz'), healthy);
    expect(verdict?.kind).toBe('no command');
  });
});
