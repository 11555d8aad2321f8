import { describe, expect, it } from 'vitest';
import { manyHosts } from '../../test/support/many-hosts.ts';
import { planOf, rulesetOf } from '../../test/support/plan.ts';
import { formatRule } from '../firewall/args.ts';
import type { Family } from '../net/addr.ts';
import { bridgesIn, dockerRuleOf, makersOfChain, plannedRules } from './docker-rules.ts';
import { generationOf } from './generation.ts';
import type { Generation } from './plan.ts';

/** One engine of every generation, two where the rules changed within it. */
const engines = [
  ...['17.06.2', '18.03.0', '18.09.9', '20.10.24', '23.0.6', '26.1.5', '27.5.1'],
  ...['28.0.0', '28.1.1', '28.2.1', '28.5.2', '29.7.2'],
];

const made = engines.flatMap((engine) => {
  const generation = generationOf(engine);
  if (generation === undefined) throw new Error(engine);
  return manyHosts(engine).flatMap((spec) =>
    planOf(spec).ruleset.tables.flatMap(({ family, name: table, chains }) =>
      chains.flatMap(({ name: chain, policy, rules }) =>
        rules.map((rule) => ({ generation, family, table, chain, rule, builtin: policy !== undefined })),
      ),
    ),
  );
});

describe('dockerRuleOf', () => {
  it('knows every rule of every plan as one that its generation makes', () => {
    expect(made.length).toBeGreaterThan(3000);
    const unknown = made.filter(
      (placed) => dockerRuleOf(placed, new Set())?.madeBy[placed.family].includes(placed.generation) !== true,
    );
    expect(
      unknown.map(
        ({ generation, table, chain, rule }) => `${generation} ${table} ${chain} ${formatRule(rule)}`,
      ),
    ).toEqual([]);
  });

  it('claims of no generation what its plans never have', () => {
    const seen = new Map<string, Set<Generation>>();
    for (const placed of made) {
      const row = dockerRuleOf(placed, new Set());
      const key = `${placed.family} ${row?.at} ${row?.pattern}`;
      seen.set(key, (seen.get(key) ?? new Set()).add(placed.generation));
    }
    const families: readonly Family[] = ['ipv4', 'ipv6'];
    for (const { at, pattern, madeBy } of plannedRules)
      for (const family of families) {
        if (madeBy[family].length === 0) continue;
        const key = `${family} ${at} ${pattern}`;
        expect([key, [...(seen.get(key) ?? [])]]).toEqual([key, madeBy[family]]);
      }
  });

  const fits = (save: string): readonly boolean[] => {
    const ruleset = rulesetOf(save);
    const bridges = bridgesIn(ruleset);
    return ruleset.tables.flatMap(({ family, name: table, chains }) =>
      chains.flatMap(({ name: chain, rules }) =>
        rules.map((rule) => dockerRuleOf({ family, table, chain, rule }, bridges) !== undefined),
      ),
    );
  };
  const filter = (...rules: readonly string[]) =>
    `*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER - [0:0]\n:DOCKER-FORWARD - [0:0]\n${rules.join('\n')}\nCOMMIT\n`;

  it.each([
    '-A FORWARD -i docker0 -o br-0123456789ab -j ACCEPT',
    '-A FORWARD -i br-lan ! -o br-lan -j ACCEPT',
    '-A FORWARD -i virbr0 ! -o virbr0 -j ACCEPT',
    '-A FORWARD -i docker0 -p tcp -j ACCEPT',
    '-A FORWARD -o docker0 -m comment --comment mine -j DOCKER',
    '-A FORWARD -j DROP',
    '-A DOCKER -s 192.0.2.1/32 -j DROP',
    '-A DOCKER -i eth0 -j DROP',
    '-A DOCKER-FORWARD -i wg0 -j ACCEPT',
    '-A DOCKER-FORWARD -i wg0 -o eth1 -j ACCEPT',
  ])('leaves to others what only resembles it: %s', (rule) => {
    expect(fits(filter(rule))).toEqual([false]);
  });

  it('knows a bridge by the name that engines give, or because it leads to DOCKER', () => {
    const custom = '-A FORWARD -i mine ! -o mine -j ACCEPT';
    expect(fits(filter('-A FORWARD -i br-0123456789ab ! -o br-0123456789ab -j ACCEPT'))).toEqual([true]);
    expect(fits(filter(custom))).toEqual([false]);
    expect(fits(filter(custom, '-A FORWARD -o mine -j DOCKER'))).toEqual([true, true]);
    expect(fits(filter(custom, '-A DOCKER ! -i mine -o mine -j DROP'))).toEqual([true, true]);
  });
});

it("makersOfChain knows the chains of engines, and not the administrator's", () => {
  expect(makersOfChain('DOCKER-INTERNAL')).toEqual(['G10']);
  expect(makersOfChain('DOCKER-USER')).toBeUndefined();
  expect(makersOfChain('DOCKER-BLOCK')).toBeUndefined();
  expect(makersOfChain('constructor')).toBeUndefined();
});
