import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addrPlus, formatAddr, ipv4, ipv6, parseAddr } from './addr.ts';
import {
  addressBits,
  containsAddr,
  containsPrefix,
  formatPrefix,
  lastAddr,
  maskPrefix,
  overlaps,
  type Prefix,
  parsePrefix,
  parsePrefixOrAddr,
  samePrefix,
} from './prefix.ts';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`bad prefix ${text}`);
  return parsed;
}

function addr(text: string) {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(`bad address ${text}`);
  return parsed;
}

const anyIpv4Prefix = fc.record({ addr: fc.nat(0xffffffff).map(ipv4), bits: fc.nat(32) });
const anyIpv6Prefix = fc.record({ addr: fc.bigInt(0n, 2n ** 128n - 1n).map(ipv6), bits: fc.nat(128) });
const anyPrefix = fc.oneof(anyIpv4Prefix, anyIpv6Prefix);
/** Two prefixes of one family that have something to do with each other. */
const related = fc
  .tuple(anyIpv4Prefix, fc.nat(32), fc.integer({ min: -3, max: 3 }))
  .map(([a, bits, step]): [Prefix, Prefix] => [
    a,
    { addr: addrPlus(a.addr, step * 2 ** Math.min(30, 32 - a.bits)), bits },
  ]);

describe('text', () => {
  test.each([
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '10.0.0.0/-1',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0/255.0.0.0',
    '/8',
    '::/129',
    '::/0128',
    'fe80::1%eth0/64',
    '::ffff:010.0.0.0/104',
  ])('not %j', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test.each(['0.0.0.0/0', '172.17.0.1/16', '10.0.0.1/32', '::/0', '2001:db8::1/64', '::1/128'])(
    '%s stays as it is',
    (text) => {
      expect(formatPrefix(prefix(text))).toBe(text);
    },
  );

  test('parse reads what format wrote, host bits and all', () => {
    fc.assert(
      fc.property(anyPrefix, (p) => {
        expect(parsePrefix(formatPrefix(p))).toEqual(p);
      }),
    );
  });

  test('a bare address is a prefix of full length only where asked for', () => {
    expect(parsePrefixOrAddr('10.0.0.1')).toEqual(prefix('10.0.0.1/32'));
    expect(parsePrefixOrAddr('::1')).toEqual(prefix('::1/128'));
    expect(parsePrefixOrAddr('10.0.0.1/24')).toEqual(prefix('10.0.0.1/24'));
    expect(parsePrefixOrAddr('10.0.0.1/33')).toBeUndefined();
    expect(parsePrefixOrAddr('10.0.0')).toBeUndefined();
  });
});

describe('what it holds', () => {
  test.each([
    ['172.17.0.1/16', '172.17.0.0', '172.17.255.255'],
    ['10.1.2.3/32', '10.1.2.3', '10.1.2.3'],
    ['10.1.2.3/31', '10.1.2.2', '10.1.2.3'],
    ['200.1.2.3/1', '128.0.0.0', '255.255.255.255'],
    ['1.2.3.4/0', '0.0.0.0', '255.255.255.255'],
    ['2001:db8::1/64', '2001:db8::', '2001:db8::ffff:ffff:ffff:ffff'],
    ['::1/0', '::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ])('%s goes from %s to %s', (text, first, last) => {
    const p = prefix(text);
    expect(formatAddr(maskPrefix(p).addr)).toBe(first);
    expect(formatAddr(lastAddr(p))).toBe(last);
    expect([containsAddr(p, addr(first)), containsAddr(p, addr(last))]).toEqual([true, true]);
    if (p.bits > 0) {
      expect([containsAddr(p, addrPlus(addr(first), -1)), containsAddr(p, addrPlus(addr(last), 1))]).toEqual([
        false,
        false,
      ]);
    }
  });

  test('containsAddr agrees with another implementation', () => {
    fc.assert(
      fc.property(anyIpv4Prefix, fc.nat(0xffffffff), fc.nat(31), (p, other, bit) => {
        const list = new BlockList();
        list.addSubnet(formatAddr(maskPrefix(p).addr), p.bits, 'ipv4');
        for (const a of [ipv4(other), ipv4(p.addr.value ^ (1 << bit))]) {
          expect(containsAddr(p, a)).toBe(list.check(formatAddr(a), 'ipv4'));
        }
      }),
    );
  });

  test('never an address of the other family', () => {
    expect(containsAddr(prefix('0.0.0.0/0'), addr('::'))).toBe(false);
    expect(containsAddr(prefix('::/0'), addr('0.0.0.0'))).toBe(false);
  });

  test('one prefix in another, and overlap', () => {
    expect(containsPrefix(prefix('172.16.0.0/12'), prefix('172.17.0.1/16'))).toBe(true);
    expect(containsPrefix(prefix('172.17.0.0/16'), prefix('172.16.0.0/12'))).toBe(false);
    expect(overlaps(prefix('172.17.0.0/16'), prefix('172.16.0.0/12'))).toBe(true);
    expect(overlaps(prefix('172.17.0.0/16'), prefix('172.18.0.0/16'))).toBe(false);
    fc.assert(
      fc.property(related, ([a, b]) => {
        const shared = containsAddr(a, maskPrefix(b).addr) || containsAddr(b, maskPrefix(a).addr);
        expect(overlaps(a, b)).toBe(shared);
        expect(overlaps(b, a)).toBe(shared);
        expect(containsPrefix(a, b)).toBe(
          containsAddr(a, maskPrefix(b).addr) && containsAddr(a, lastAddr(b)),
        );
        expect(samePrefix(a, b)).toBe(containsPrefix(a, b) && containsPrefix(b, a));
      }),
    );
  });

  test('masking changes nothing that matters', () => {
    fc.assert(
      fc.property(anyPrefix, (p) => {
        expect(maskPrefix(maskPrefix(p))).toEqual(maskPrefix(p));
        expect(samePrefix(p, maskPrefix(p))).toBe(true);
        expect(containsPrefix(p, { addr: p.addr, bits: addressBits(p.addr.family) })).toBe(true);
      }),
    );
  });
});
