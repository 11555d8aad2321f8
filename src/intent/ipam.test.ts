import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Addr, formatAddr, parseAddr, parseIpv4 } from '../net/addr.ts';
import { containsAddr, formatPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import type { IpamConfig } from './intent.ts';
import { candidatePools, chooseSubnet, defaultPools, gatewayOf, macOf, nextAddress } from './ipam.ts';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function addr(text: string): Addr {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function config(subnet: string, ipRange?: string, gateway?: string): IpamConfig {
  return {
    subnet: prefix(subnet),
    ...(ipRange === undefined ? {} : { ipRange: prefix(ipRange) }),
    ...(gateway === undefined ? {} : { gateway: addr(gateway) }),
  };
}

function gatewayText(ipam: IpamConfig): string {
  const gateway = gatewayOf(ipam);
  return gateway === undefined ? '' : formatAddr(gateway);
}

function nextText(ipam: IpamConfig, taken: readonly string[] = [], after?: string): string {
  const next = nextAddress(ipam, taken.map(addr), after === undefined ? undefined : addr(after));
  return next === undefined ? 'exhausted' : formatPrefix(next);
}

describe('pools', () => {
  it("are Docker's 31", () => {
    const texts = defaultPools.map(formatPrefix);
    expect(texts).toHaveLength(31);
    expect([texts[0], texts[14], texts[15], texts[16], texts[30]]).toEqual([
      '172.17.0.0/16',
      '172.31.0.0/16',
      '192.168.0.0/20',
      '192.168.16.0/20',
      '192.168.240.0/20',
    ]);
  });

  it('of the configuration are cut in order; malformed ones are passed over', () => {
    const pools = [
      { base: '10.99.0.0/23', size: 24 },
      { base: 'x', size: 24 },
      { base: '10.0.0.0/24', size: 23 },
      { base: 'fd00::/8', size: 64 },
      { base: '10.98.0.7/24', size: 24 },
    ];
    expect([...candidatePools(pools)].map(formatPrefix)).toEqual([
      '10.99.0.0/24',
      '10.99.1.0/24',
      '10.98.0.0/24',
    ]);
    expect([...candidatePools([])]).toEqual(defaultPools);
  });

  it('are cut lazily', () => {
    const [first] = candidatePools([{ base: '0.0.0.0/0', size: 32 }]);
    expect(first && formatPrefix(first)).toBe('0.0.0.0/32');
  });

  it('that overlap what is taken are not chosen', () => {
    const chosen = (...taken: string[]) => chooseSubnet(defaultPools, taken.map(prefix));
    expect(formatPrefix(chosen() ?? prefix('0.0.0.0/0'))).toBe('172.17.0.0/16');
    expect(formatPrefix(chosen('172.17.5.0/24', '172.18.0.0/15') ?? prefix('0.0.0.0/0'))).toBe(
      '172.20.0.0/16',
    );
    expect(chosen('172.16.0.0/12', '192.168.0.0/16')).toBeUndefined();
  });
});

describe('gatewayOf', () => {
  it('is what was asked for, else the first address', () => {
    expect(gatewayText(config('10.0.0.0/24', undefined, '10.0.0.9'))).toBe('10.0.0.9');
    expect(gatewayText(config('10.0.0.0/24'))).toBe('10.0.0.1');
    expect(gatewayText(config('10.0.0.0/24', '10.0.0.128/25'))).toBe('10.0.0.128');
    expect(gatewayText(config('10.0.0.0/24', '10.0.0.0/25'))).toBe('10.0.0.1');
    expect(gatewayText(config('fd00::/64'))).toBe('fd00::1');
  });

  it('lays a range outside the subnet over it, as 17.06 does', () => {
    expect(gatewayText(config('172.17.0.0/16', '192.168.81.0/25'))).toBe('172.17.81.0');
  });
});

describe('nextAddress', () => {
  it('gives the lowest free address with the length of the subnet', () => {
    expect(nextText(config('172.17.0.0/16'))).toBe('172.17.0.2/16');
    expect(nextText(config('172.17.0.0/16'), ['172.17.0.2', '172.17.0.4'])).toBe('172.17.0.3/16');
    expect(nextText(config('172.17.0.0/16', undefined, '172.17.0.2'))).toBe('172.17.0.1/16');
    expect(nextText(config('172.17.0.0/16', '192.168.81.0/25'))).toBe('172.17.81.1/16');
    expect(nextText(config('192.168.80.0/24', '192.168.80.128/25', '192.168.80.1'))).toBe(
      '192.168.80.128/24',
    );
  });

  it('goes on behind the last one and wraps', () => {
    const small = config('10.0.0.0/29');
    expect(nextText(small, [], '10.0.0.4')).toBe('10.0.0.5/29');
    expect(nextText(small, [], '10.0.0.6')).toBe('10.0.0.2/29');
  });

  it('never gives the network, the broadcast, the gateway, or one that is taken', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 24, max: 30 }),
        fc.array(fc.integer({ min: 0, max: 255 })),
        fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
        (bits, hosts, after) => {
          const ipam = config(`10.0.0.0/${bits}`);
          const taken = hosts.map((host) => `10.0.0.${host}`);
          const next = nextText(ipam, taken, after === undefined ? undefined : `10.0.0.${after}`);
          const size = 2 ** (32 - bits);
          const free = Array.from({ length: size }, (_, i) => `10.0.0.${i}`).filter(
            (text, i) => i > 1 && i < size - 1 && !taken.includes(text),
          );
          if (free.length === 0) expect(next).toBe('exhausted');
          else expect(free.map((text) => `${text}/${bits}`)).toContain(next);
        },
      ),
    );
  });

  it('stays in the range', () => {
    const ipam = config('10.0.0.0/24', '10.0.0.64/30');
    expect(nextText(ipam, ['10.0.0.65', '10.0.0.66'])).toBe('10.0.0.67/24');
    expect(nextText(ipam, ['10.0.0.65', '10.0.0.66', '10.0.0.67'])).toBe('exhausted');
    expect(containsAddr(prefix('10.0.0.64/30'), addr('10.0.0.67'))).toBe(true);
  });
});

it('macOf is 02:42 and the address', () => {
  const parsed = parseIpv4('172.17.0.10');
  expect(parsed && macOf(parsed)).toBe('02:42:ac:11:00:0a');
});
