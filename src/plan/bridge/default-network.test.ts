import { describe, expect, it } from 'vitest';
import { optionsOf, prefix } from '../../../test/support/plan.ts';
import { formatAddr } from '../../net/addr.ts';
import { formatPrefix } from '../../net/prefix.ts';
import type { Generation } from '../plan.ts';
import { defaultNetwork } from './default-network.ts';

function elect(
  config: string,
  host: { readonly taken?: readonly string[]; readonly has?: readonly string[] } = {},
  generation: Generation = 'G9',
): string {
  const made = defaultNetwork(optionsOf(generation === 'G9' ? '28.5.2' : '17.06.2', config), generation, {
    taken: (host.taken ?? []).map(prefix),
    bridgeAddresses: (host.has ?? []).map(prefix),
  });
  if (made.kind !== 'network') return made.kind === 'none' ? 'none' : `impossible: ${made.why}`;
  const [ipam] = made.network.ipam;
  if (ipam?.gateway === undefined) return 'no gateway';
  const range = ipam.ipRange === undefined ? '' : ` range ${formatPrefix(ipam.ipRange)}`;
  return `${formatPrefix(ipam.subnet)} by ${formatAddr(ipam.gateway)}${range}`;
}

const both: readonly Generation[] = ['G1', 'G9'];

describe.each(both)('defaultNetwork of %s', (generation) => {
  it('is the first free pool', () => {
    expect(elect('{}', {}, generation)).toBe('172.17.0.0/16 by 172.17.0.1');
    expect(elect('{}', { taken: ['172.17.3.0/24'] }, generation)).toBe('172.18.0.0/16 by 172.18.0.1');
    expect(elect('{}', { taken: ['172.16.0.0/12', '192.168.0.0/16'] }, generation)).toContain('impossible');
  });

  it('keeps an address that the bridge has', () => {
    expect(elect('{}', { has: ['172.30.5.1/16'] }, generation)).toBe('172.30.0.0/16 by 172.30.5.1');
    expect(elect('{"bip":"10.0.0.9/24"}', { has: ['172.30.5.1/16'] }, generation)).toBe(
      '10.0.0.0/24 by 10.0.0.9',
    );
  });

  it('takes bip', () => {
    expect(elect('{"bip":"10.200.0.1/24","fixed-cidr":"10.200.0.128/25"}', {}, generation)).toBe(
      '10.200.0.0/24 by 10.200.0.1 range 10.200.0.128/25',
    );
  });

  it('is none for bridge=none', () => {
    expect(elect('{"bridge":"none"}', {}, generation)).toBe('none');
  });

  it('with several addresses takes the one of fixed-cidr', () => {
    expect(
      elect(
        '{"bridge":"br0","fixed-cidr":"10.2.0.0/24"}',
        { has: ['10.1.0.1/16', '10.2.0.1/16'] },
        generation,
      ),
    ).toBe('10.2.0.0/16 by 10.2.0.1 range 10.2.0.0/24');
  });
});

describe('fixed-cidr without an address', () => {
  it('is a range anywhere in 17.06, and the subnet in 28', () => {
    expect(elect('{"fixed-cidr":"192.168.81.0/25"}', {}, 'G1')).toBe(
      '172.17.0.0/16 by 172.17.81.0 range 192.168.81.0/25',
    );
    expect(elect('{"fixed-cidr":"192.168.81.0/25"}')).toBe(
      '192.168.81.0/25 by 192.168.81.1 range 192.168.81.0/25',
    );
  });
});

describe('28 with an address on the bridge', () => {
  it("gives docker0's up or widens it for fixed-cidr", () => {
    expect(elect('{"fixed-cidr":"10.2.0.0/24"}', { has: ['10.1.0.1/16'] })).toBe(
      '10.2.0.0/24 by 10.2.0.1 range 10.2.0.0/24',
    );
    expect(elect('{"fixed-cidr":"10.1.0.0/16"}', { has: ['10.1.0.9/24'] })).toBe(
      '10.1.0.0/16 by 10.1.0.9 range 10.1.0.0/16',
    );
    expect(elect('{"fixed-cidr":"10.1.1.0/24"}', { has: ['10.1.0.9/16'] })).toBe(
      '10.1.0.0/16 by 10.1.0.9 range 10.1.1.0/24',
    );
  });

  it("keeps the administrator's and drops a range outside", () => {
    expect(elect('{"bridge":"br0","fixed-cidr":"10.2.0.0/24"}', { has: ['10.1.0.1/16'] })).toBe(
      '10.1.0.0/16 by 10.1.0.1',
    );
    expect(elect('{"bridge":"br0","fixed-cidr":"10.0.0.0/8"}', { has: ['10.1.0.1/16'] })).toBe(
      '10.1.0.0/16 by 10.1.0.1',
    );
  });
});
