import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HostCase } from './case.ts';
import { shrink } from './shrink.ts';

const empty: HostCase = {
  bridges: [],
  containers: [],
  sysctls: [],
  routes: [],
  policyRules: [],
  iptables: [],
  nft: [],
  links: [],
  policyRules6: [],
  ip6tables: [],
  legacy: [],
  legacy6: [],
  inside: [],
  proxies: [],
  flows: [],
};
const line = fc.constantFrom('a', 'b', 'c', 'd', 'e');

test('what is left shows it, and every line of it is needed', async () => {
  const parts = fc.record({
    iptables: fc.array(line, { maxLength: 12 }),
    routes: fc.array(line, { maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(parts, fc.uniqueArray(line, { maxLength: 3 }), async (lists, needed) => {
      const shows = async ({ iptables, routes }: HostCase) =>
        needed.every((word) => iptables.includes(word) || routes.includes(word));
      fc.pre(await shows({ ...empty, ...lists }));
      const small = await shrink({ ...empty, ...lists }, shows);
      expect([...small.iptables, ...small.routes].toSorted()).toEqual(needed.toSorted());
    }),
  );
});
