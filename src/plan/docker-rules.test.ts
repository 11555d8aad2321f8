import { describe, expect, it } from 'vitest';
import { manyHosts } from '../../test/support/many-hosts.ts';
import { planOf, rulesetOf } from '../../test/support/plan.ts';
import { formatRule } from '../firewall/args.ts';
import type { Family } from '../net/addr.ts';
import { dockerRuleOf, isDockerBridge, makersOfChain, plannedRules } from './docker-rules.ts';
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
      (placed) => dockerRuleOf(placed)?.madeBy[placed.family].includes(placed.generation) !== true,
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
      const row = dockerRuleOf(placed);
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

  const fits = (save: string, bridges?: ReadonlySet<string>) =>
    rulesetOf(save).tables.flatMap(({ family, name: table, chains }) =>
      chains.flatMap(({ name: chain, rules }) =>
        rules.map((rule) => dockerRuleOf({ family, table, chain, rule }, bridges) !== undefined),
      ),
    );
  const forward = (...rules: readonly string[]) =>
    `*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER - [0:0]\n${rules.join('\n')}\nCOMMIT\n`;

  it('leaves to others what only resembles it', () => {
    expect(
      fits(
        forward(
          '-A FORWARD -i docker0 -o br-0123456789ab -j ACCEPT',
          '-A FORWARD -i virbr0 ! -o virbr0 -j ACCEPT',
          '-A FORWARD -i docker0 -p tcp -j ACCEPT',
          '-A FORWARD -o docker0 -m comment --comment mine -j DOCKER',
          '-A FORWARD -j DROP',
          '-A DOCKER -s 192.0.2.1/32 -j DROP',
          '-A DOCKER -i eth0 -j DROP',
        ),
      ),
    ).toEqual([false, false, false, false, false, false, false]);
  });

  it('knows bridges by the names that engines give, by those that it is told, and in its own chains any', () => {
    const rules = forward(
      '-A FORWARD -i br-0123456789ab ! -o br-0123456789ab -j ACCEPT',
      '-A FORWARD -i mine ! -o mine -j ACCEPT',
      '-A DOCKER ! -i mine -o mine -j DROP',
    );
    expect(fits(rules)).toEqual([true, false, true]);
    expect(fits(rules, new Set(['mine']))).toEqual([true, true, true]);
    expect(['docker0', 'br-lan', 'br-0123456789ab', 'docker_gwbridge'].map(isDockerBridge)).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});

it("makersOfChain knows the chains of engines, and not the administrator's", () => {
  expect(makersOfChain('DOCKER-INTERNAL')).toEqual(['G10']);
  expect(makersOfChain('DOCKER-USER')).toBeUndefined();
  expect(makersOfChain('DOCKER-BLOCK')).toBeUndefined();
  expect(makersOfChain('constructor')).toBeUndefined();
});
