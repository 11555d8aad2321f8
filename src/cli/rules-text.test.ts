import { describe, expect, it } from 'vitest';
import { planOf } from '../../test/support/plan.ts';
import {
  describeReason,
  firewalldAsComments,
  nftWithReasons,
  rulesAsJson,
  rulesAsSave,
  rulesWithReasons,
  tablesOf,
} from './rules-text.ts';

const { ruleset } = planOf({
  engine: '28.5.2',
  containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' } }],
});

describe('rulesWithReasons', () => {
  const lines = rulesWithReasons(ruleset, 'ipv4').split('\n');

  it('is the iptables-save text with comments', () => {
    const bare = lines.map((line) => line.replace(/ +# .*$/, '')).join('\n');
    expect(bare).toBe(rulesAsSave(ruleset, 'ipv4'));
  });

  it('aligns them and names the setting', () => {
    const columns = new Set(lines.filter((line) => line.includes(' # ')).map((line) => line.indexOf(' # ')));
    expect(columns.size).toBe(1);
    expect(lines.find((line) => line.includes('MASQUERADE'))).toContain(
      "# give what leaves the network the host's address: ip-masq=true (default), network=bridge (network bridge)",
    );
  });

  it('gives each rule its own reason', () => {
    expect(lines.find((line) => line.startsWith('-A DOCKER -i docker0 -j RETURN'))).toContain(
      'userland proxy',
    );
    expect(lines.find((line) => line.startsWith('-A DOCKER ! -i docker0'))).toContain('keep out');
    expect(lines.find((line) => line.startsWith(':FORWARD'))).toContain('ip-forward=true');
  });
});

it('describeReason without settings is the step', () => {
  expect(describeReason({ step: 'a step', because: [] })).toBe('a step');
  const because = { setting: 'bip', value: '', origin: { kind: 'default' } } as const;
  expect(describeReason({ step: 'a step', because: [because] })).toBe('a step: bip="" (default)');
});

it('rulesAsJson keeps rules and reasons', () => {
  expect(JSON.stringify(rulesAsJson(ruleset, 'ipv4'))).toContain(
    '"rule":"-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE","reason":{"step"',
  );
});

it('each prints one family', () => {
  expect(rulesAsSave(ruleset, 'ipv6')).toContain('-A DOCKER-FORWARD -j DOCKER-CT');
  expect(rulesAsSave(ruleset, 'ipv6')).not.toContain('172.17');
  expect(rulesWithReasons(ruleset, 'ipv6')).toContain('ip6tables=true');
  expect(JSON.stringify(rulesAsJson(ruleset, 'ipv6'))).not.toContain('"ipv4"');
  expect(JSON.stringify(rulesAsJson(ruleset, 'ipv4'))).not.toContain('"ipv6"');
});

describe('native tables', () => {
  const host = { engine: '29.7.2', config: '{"firewall-backend":"nftables"}' } as const;
  const { nft } = planOf(host);

  it('are of one family, or of both', () => {
    expect(tablesOf(nft, 'ipv6').map(({ family }) => family)).toEqual(['ip6']);
    expect(tablesOf(nft, undefined)).toHaveLength(2);
  });

  it('have the reason of each line behind it, in one column where there is room', () => {
    const lines = nftWithReasons(tablesOf(nft, 'ipv4')).split('\n');
    const masquerade = lines.find((line) => line.includes('masquerade'));
    expect(masquerade).toMatch(
      /comment "MASQUERADE" +# give what leaves the network the host's address: ip-masq=true/,
    );
    const columns = lines.filter((line) => line.includes('  # ')).map((line) => line.indexOf('  # '));
    expect(new Set(columns.filter((column) => column <= 88))).toEqual(new Set([88]));
    expect(lines.filter((line) => line.endsWith('policy accept;')).length).toBeGreaterThan(4);
  });
});

it('firewalldAsComments are commands that iptables-restore passes over, with reasons when asked for', () => {
  const operations = planOf({ engine: '26.1.5', firewalld: true }).firewalld ?? [];
  expect(firewalldAsComments(operations, false)).toBe(
    [
      '# firewall-cmd --permanent --new-zone=docker',
      '# firewall-cmd --permanent --zone=docker --set-target=ACCEPT',
      '# firewall-cmd --zone=docker --add-interface=docker0',
      '',
    ].join('\n'),
  );
  expect(firewalldAsComments(operations, true)).toContain(
    "# put the network's bridge into the engine's zone: bridge=docker0 (default)\n",
  );
});
