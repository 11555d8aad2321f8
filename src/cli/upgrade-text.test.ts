import { describe, expect, it } from 'vitest';
import type { Reason } from '../net/reason.ts';
import type { Upgrade } from '../plan/upgrade.ts';
import { onlyFamily, upgradeText } from './upgrade-text.ts';

const made: Reason = {
  step: "keep the administrator's chain first",
  because: [{ setting: 'iptables', value: true, origin: { kind: 'default' } }],
};

const rule = (family: 'ipv4' | 'ipv6', text: string) =>
  ({ kind: 'rule', table: 'filter', family, text, reason: { step: 'do it', because: [] } }) as const;

const nothing: Upgrade = { removed: [], added: [], leftBehind: [], defaults: [], unmodelled: [] };

const upgrade: Upgrade = {
  ...nothing,
  removed: [rule('ipv4', '-A FORWARD -j OLD')],
  added: [rule('ipv6', '-A FORWARD -j NEW'), { kind: 'sysctl', text: 'net.x = 1' }],
  leftBehind: [
    {
      kind: 'rule',
      family: 'ipv4',
      table: 'filter',
      text: '-A DOCKER-USER -j RETURN',
      made,
      why: 'nobody-removes-it',
    },
  ],
  defaults: [
    {
      option: 'ip6tables',
      from: false,
      to: true,
      difference: { removed: [], added: [rule('ipv6', '-A FORWARD -j NEW')] },
    },
  ],
};

const versions = { from: '26.1.5 (G4)', to: '28.5.2 (G9)' };

describe('upgradeText', () => {
  it('says what goes, what comes and what stays behind, each with its reason', () => {
    expect(upgradeText(upgrade, versions)).toBe(`from 26.1.5 (G4) to 28.5.2 (G9): 1 go, 2 come, 1 stay behind

defaults that change, and matter here
  ip6tables: false to true, which brings 1 of what is listed

go
  - filter -A FORWARD -j OLD  # do it

come
  + ip6tables filter -A FORWARD -j NEW  # do it
  + sysctl net.x = 1

stay behind: an earlier engine made them, a host that starts with the new one would not have them
  = filter -A DOCKER-USER -j RETURN  # made to keep the administrator's chain first: iptables=true (default)
`);
  });

  it('says in one line that nothing changes', () => {
    expect(upgradeText(nothing, versions)).toBe(
      'from 26.1.5 (G4) to 28.5.2 (G9): no rule, link, route, sysctl or proxy changes\n',
    );
  });
});

describe('onlyFamily', () => {
  it('leaves what is no rule, and drops defaults that matter to the other family alone', () => {
    const { removed, added, leftBehind, defaults } = onlyFamily(upgrade, 'ipv4');
    expect([removed.length, added.map(({ kind }) => kind), leftBehind.length, defaults.length]).toEqual([
      1,
      ['sysctl'],
      1,
      0,
    ]);
  });
});
