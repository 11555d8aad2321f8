import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withSetting } from './implied.ts';
import { resolveOptions } from './resolve.ts';

const origin = { kind: 'flag', flag: '--test', index: 9 } as const;

describe('withSetting', () => {
  const without = resolveOptions({ engine: '28.5.2', argv: ['dockerd', '--iptables=false'] }).options;

  it('turns masquerading off with iptables, and says why', () => {
    expect(without.settings['ip-masq']).toEqual({
      value: false,
      origin: { kind: 'implied', by: 'iptables', origin: { kind: 'flag', flag: '--iptables', index: 1 } },
    });
  });

  it('brings back what was configured when iptables comes back', () => {
    const again = withSetting(without, 'iptables', true, origin);
    expect(again.settings['ip-masq']).toEqual({ value: true, origin: { kind: 'default' } });
    expect(again.settings.iptables).toEqual({ value: true, origin });
    expect(without.settings.iptables.value).toBe(false);
  });

  it('does not masquerade without iptables, whatever ip-masq says', () => {
    expect(withSetting(without, 'ip-masq', true, origin).settings['ip-masq'].value).toBe(false);
  });

  it('leaves an explicit false its own origin', () => {
    const argv = ['dockerd', '--iptables=false', '--ip-masq=false'];
    const { settings } = resolveOptions({ engine: '28.5.2', argv }).options;
    expect(settings['ip-masq'].origin).toMatchObject({ kind: 'flag', flag: '--ip-masq' });
  });

  it('does not depend on the way by which settings were reached', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('iptables', 'ip-masq', 'icc'), fc.boolean())),
        (changes) => {
          const last = new Map(changes);
          const apply = (list: Iterable<[string, boolean]>) =>
            [...list].reduce(
              (options, [name, value]) => withSetting(options, name as 'icc', value, origin),
              resolveOptions({ engine: '28.5.2' }).options,
            );
          expect(apply(changes as [string, boolean][])).toEqual(apply(last));
        },
      ),
    );
  });
});
