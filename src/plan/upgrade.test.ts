import { describe, expect, it } from 'vitest';
import { optionsOf } from '../../test/support/plan.ts';
import { expectedFromConfiguration } from './expected-from-files.ts';
import { generationOf } from './generation.ts';
import { type Upgrade, upgradeOf } from './upgrade.ts';

function upgrade(from: string, to: string, config = '{}'): Upgrade {
  const before = expectedFromConfiguration({ engine: from, config: { path: 'daemon.json', text: config } });
  const generation = generationOf(to);
  if (before.kind !== 'planned' || generation === undefined) throw new Error('no plan');
  return upgradeOf(before.plan, before.held, { options: optionsOf(to, config), generation });
}

describe('upgradeOf', () => {
  it('finds nothing between versions of one generation', () => {
    const { removed, added, leftBehind, defaults } = upgrade('28.3.0', '28.5.2');
    expect([removed, added, leftBehind, defaults]).toEqual([[], [], [], []]);
  });

  it('shows what goes and what comes, with the reasons', () => {
    const { removed, added } = upgrade('28.5.2', '29.7.2');
    expect(removed.map(({ text }) => text)).toContain('-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP');
    expect(removed.find(({ text }) => text.includes('STAGE-2 -o'))?.reason?.step).toBe('keep networks apart');
    expect(added.map(({ text }) => text)).toContain('-N DOCKER-INTERNAL');
  });

  it('names a default that changes and makes the difference, and only such', () => {
    const { defaults, added } = upgrade('26.1.5', '27.5.1');
    expect(defaults).toMatchObject([{ option: 'ip6tables', from: false, to: true }]);
    expect(defaults[0]?.difference.added).toEqual(added);
    expect(upgrade('26.1.5', '27.5.1', '{"ip6tables":false}').defaults).toEqual([]);
  });

  it('tells what nobody removes', () => {
    expect(upgrade('26.1.5', '28.5.2').leftBehind).toMatchObject([
      { kind: 'rule', text: '-A DOCKER-USER -j RETURN', why: 'nobody-removes-it' },
    ]);
  });
});
