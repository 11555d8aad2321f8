import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { optionsOf } from '../../test/support/plan.ts';
import { optionNames, optionTable } from '../options/table.ts';
import { type How, settle } from './settle.ts';

const held = optionsOf('28.5.2', '{}');

function fates(config: string, how: How): Readonly<Record<string, string>> {
  const { outcomes } = settle(held, optionsOf('28.5.2', config), how);
  return Object.fromEntries(outcomes.map(({ option, fate }) => [option, fate]));
}

const changed = '{"icc":false,"mtu":1400,"userland-proxy":false,"live-restore":true}';

describe('settle', () => {
  it('takes up everything at a start or a restart', () => {
    expect(new Set(Object.values(fates(changed, 'restart')))).toEqual(new Set(['applied']));
    expect(fates(changed, 'start')).toEqual(fates(changed, 'restart'));
  });

  it('leaves to the default network what it was made with, under live restore', () => {
    expect(fates(changed, 'live-restore')).toEqual({
      icc: 'kept-by-network',
      mtu: 'kept-by-network',
      'userland-proxy': 'applied',
      'live-restore': 'applied',
    });
  });

  it('takes up little on SIGHUP', () => {
    expect(fates(changed, 'reload')).toEqual({
      icc: 'waits-for-restart',
      mtu: 'waits-for-restart',
      'userland-proxy': 'waits-for-restart',
      'live-restore': 'applied',
    });
  });

  it('has the held value in force where the wanted one is not taken up, with its origin', () => {
    const { options } = settle(held, optionsOf('28.5.2', changed), 'live-restore');
    expect(options.settings.icc).toEqual({ value: true, origin: { kind: 'default' } });
    expect(options.settings['userland-proxy']).toMatchObject({ value: false, origin: { kind: 'file' } });
  });

  it('sees no change where two values mean the same', () => {
    expect(fates('{"mtu":1500,"ip":"0.0.0.0"}', 'reload')).toEqual({});
  });

  it('takes up nothing twice: what is in force then is settled', () => {
    const switches = optionNames.filter(
      (name) => optionTable[name].type[0].value === 'bool' && name !== 'rootless',
    );
    const configs = fc.subarray(switches).map((names) => ({ ...held, settings: flipped(names) }));
    const hows = fc.constantFrom<How>('start', 'restart', 'live-restore', 'reload');
    fc.assert(
      fc.property(configs, configs, hows, (before, wanted, how) => {
        const { options, outcomes } = settle(before, wanted, how);
        expect(settle(options, options, how).outcomes).toEqual([]);
        for (const { option, fate } of outcomes)
          expect(options.settings[option].value).toBe(
            (fate === 'applied' ? wanted : before).settings[option].value,
          );
      }),
    );
  });
});

function flipped(names: readonly string[]): typeof held.settings {
  const changes = names.map((name) => [name, { value: 'other', origin: { kind: 'default' } }]);
  return { ...held.settings, ...Object.fromEntries(changes) };
}
