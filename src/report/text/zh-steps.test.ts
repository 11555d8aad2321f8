import { expect, test } from 'vitest';
import { manyHosts } from '../../../test/support/many-hosts.ts';
import { planOf } from '../../../test/support/plan.ts';
import { planParts } from '../../plan/difference.ts';
import { generations, lastEngineOf } from '../../plan/generation.ts';
import { steps } from './zh-steps.ts';

test('every step of every generation has its words in Chinese', () => {
  const native = manyHosts('29.7.2').map((host) => ({
    ...host,
    config: JSON.stringify({ ...JSON.parse(host.config ?? '{}'), 'firewall-backend': 'nftables' }),
  }));
  const hosts = [...generations.flatMap((generation) => manyHosts(lastEngineOf(generation))), ...native];
  const said = hosts.flatMap((host) => planParts(planOf(host)).flatMap(({ reason }) => reason?.step ?? []));
  expect(new Set(said).size).toBeGreaterThan(30);
  expect([...new Set(said)].filter((step) => !steps.has(step))).toEqual([]);
});
