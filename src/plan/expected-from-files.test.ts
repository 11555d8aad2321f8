import { describe, expect, it } from 'vitest';
import { rulesOf } from '../../test/support/plan.ts';
import { expectedFromConfiguration, type FromConfiguration } from './expected-from-files.ts';

function from(config: string | undefined, networks?: unknown, engine = '28.5.2'): FromConfiguration {
  return expectedFromConfiguration({
    engine,
    ...(config === undefined ? {} : { config: { path: 'd.json', text: config } }),
    ...(networks === undefined ? {} : { networks: { path: 'n.json', text: JSON.stringify(networks) } }),
  });
}

function rules(result: FromConfiguration): readonly string[] {
  if (result.kind !== 'planned') throw new Error(result.why);
  return rulesOf(result.plan);
}

const shop = { Name: 'shop', Id: 'shop', Driver: 'bridge', IPAM: { Config: [{ Subnet: '172.17.0.0/16' }] } };

describe('expectedFromConfiguration', () => {
  it('has the default network, clear of the listed ones', () => {
    expect(rules(from(undefined))).toContain(
      'nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
    );
    const both = rules(from('{}', [shop]));
    expect(both).toContain('nat -A POSTROUTING -s 172.17.0.0/16 ! -o br-shop -j MASQUERADE');
    expect(both).toContain('nat -A POSTROUTING -s 172.18.0.0/16 ! -o docker0 -j MASQUERADE');
  });

  it('takes a default network from the list, and none for bridge=none', () => {
    const listed = rules(
      from('{}', [{ ...shop, Name: 'bridge', IPAM: { Config: [{ Subnet: '10.0.0.0/8' }] } }]),
    );
    expect(listed.filter((rule) => rule.includes('MASQUERADE'))).toEqual([
      'nat -A POSTROUTING -s 10.0.0.0/8 ! -o docker0 -j MASQUERADE',
    ]);
    expect(rules(from('{"bridge":"none"}')).some((rule) => rule.includes('docker0'))).toBe(false);
  });

  it('refuses what dockerd refuses, wrong files, and unsupported engines', () => {
    expect(from('{"nope":1}')).toMatchObject({
      kind: 'bad-input',
      why: expect.stringContaining('dockerd refuses to start'),
    });
    expect(from('{"bip":"10.0.0.0/24"}')).toMatchObject({
      kind: 'bad-input',
      why: expect.stringContaining('10.0.0.0'),
    });
    expect(from('{}', [{ Name: 'x' }])).toMatchObject({
      kind: 'bad-input',
      why: expect.stringContaining('n.json'),
    });
    expect(from('{}', [], '17.03.2')).toMatchObject({
      kind: 'cannot',
      why: expect.stringContaining('17.03.2'),
    });
  });

  it('plans native tables where the options choose them', () => {
    expect(from('{"firewall-backend":"nftables"}', [], '29.7.2')).toMatchObject({
      plan: {
        generation: 'N1',
        ruleset: { tables: [] },
        nft: { tables: [{ family: 'ip' }, { family: 'ip6' }] },
      },
    });
  });

  it('gives the default network the IPv6 subnet that the options name', () => {
    const six = (config: string, engine: string) => {
      const result = from(config, undefined, engine);
      if (result.kind !== 'planned') throw new Error(result.why);
      return rulesOf(result.plan, 'ipv6').filter((rule) => rule.includes('MASQUERADE'));
    };
    const rule = 'nat -A POSTROUTING -s 2001:db8:1::/64 ! -o docker0 -j MASQUERADE';
    expect(six('{"ipv6":true,"fixed-cidr-v6":"2001:db8:1::/64"}', '28.5.2')).toEqual([rule]);
    expect(six('{"ipv6":true,"bip6":"2001:db8:1::9/64"}', '28.5.2')).toEqual([rule]);
    expect(six('{"fixed-cidr-v6":"2001:db8:1::/64"}', '28.5.2')).toEqual([]);
    expect(six('{"ipv6":true,"fixed-cidr-v6":"2001:db8:1::/64"}', '26.1.5')).toEqual([]);
  });
});
