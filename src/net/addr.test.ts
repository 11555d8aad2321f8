import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addrPlus,
  compareAddr,
  formatAddr,
  ipv4,
  ipv6,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
  parseAddr,
  parseIpv4,
  parseIpv6,
  sameAddr,
} from './addr.ts';

const anyIpv4 = fc.nat(0xffffffff).map(ipv4);
const anyIpv6 = fc.bigInt(0n, 2n ** 128n - 1n).map(ipv6);
/** Few and many zero groups, where the abbreviation has its cases. */
const sparseIpv6 = fc
  .array(fc.constantFrom(0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 })
  .map((groups) => ipv6(groups.reduce<bigint>((value, group) => (value << 16n) | group, 0n)));
const anyAddr = fc.oneof(anyIpv4, anyIpv6, sparseIpv6);

function parse(text: string) {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(`bad address ${text}`);
  return parsed;
}

describe('what is an address', () => {
  test.each([
    '010.0.0.1',
    '10.0.0.01',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '256.0.0.1',
    '1.2.3.1000',
    '0x7f.0.0.1',
    '2130706433',
    '+1.2.3.4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '１.2.3.4',
    '',
  ])('not %j: netip refuses it', (text) => {
    expect(parseAddr(text)).toBeUndefined();
  });

  test.each([
    ':',
    ':::',
    '1:',
    ':1',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '::ffff:010.0.0.1',
    '::1.2.3',
    '::1.2.3.4:5',
    '1.2.3.4::',
    '1:2:3:4:5:6:7:1.2.3.4',
    '[::1]',
    '::1 ',
  ])('not %j: netip refuses it, or it has a zone', (text) => {
    expect(parseAddr(text)).toBeUndefined();
  });

  test.each([
    ['0.0.0.0', 0],
    ['1.2.3.4', 0x01020304],
    ['255.255.255.255', 0xffffffff],
    ['128.0.0.1', 0x80000001],
  ])('%s is %i in host order', (text, value) => {
    expect(parseIpv4(text)).toEqual({ family: 'ipv4', value });
  });

  test.each([
    ['::', 0n],
    ['::1', 1n],
    ['1::', 1n << 112n],
    ['2001:db8::7', 0x20010db8000000000000000000000007n],
    ['1:2:3:4:5:6:7:8', 0x00010002000300040005000600070008n],
    ['1:2:3:4:5:6:7::', 0x00010002000300040005000600070000n],
    ['::ffff:203.0.113.2', 0xffffcb007102n],
    ['64:ff9b::192.0.2.33', 0x0064ff9b0000000000000000c0000221n],
    ['1:2:3:4:5:6:1.2.3.4', 0x00010002000300040005000601020304n],
    ['FE80::ABCD', 0xfe80000000000000000000000000abcdn],
  ])('%s has the right bits', (text, value) => {
    expect(parseIpv6(text)).toEqual({ family: 'ipv6', value });
  });

  test('agrees with inet_pton on any text; a zone is refused', () => {
    const alphabet = fc.constantFrom(...'0123456789afF:.x% ');
    const text = fc.oneof(
      fc.string({ unit: alphabet, maxLength: 24 }),
      fc
        .array(fc.constantFrom('0', '1', '01', '255', '256', 'ffff', '1.2.3.4', '', ':'), { maxLength: 10 })
        .map((p) => p.join(':')),
      fc.array(fc.constantFrom('0', '7', '07', '255', '256', ''), { maxLength: 6 }).map((p) => p.join('.')),
    );
    fc.assert(
      fc.property(text, (t) => {
        expect(parseAddr(t) !== undefined).toBe(isIP(t) !== 0 && !t.includes('%'));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('text', () => {
  test('parse reads what format wrote', () => {
    fc.assert(
      fc.property(anyAddr, (a) => {
        expect(parse(formatAddr(a))).toEqual(a);
      }),
    );
  });

  test.each([
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
    ['::ffff:cb00:7102', '::ffff:203.0.113.2'],
    ['::cb00:7102', '::cb00:7102'],
    ['0:0:0:0:1:ffff:cb00:7102', '::1:ffff:cb00:7102'],
  ])('%s is written %s (RFC 5952)', (text, canonical) => {
    expect(formatAddr(parse(text))).toBe(canonical);
  });

  test('the abbreviation is the one that the WHATWG URL parser writes', () => {
    fc.assert(
      fc.property(sparseIpv6, (a) => {
        fc.pre(a.value >> 32n !== 0xffffn);
        expect(`[${formatAddr(a)}]`).toBe(new URL(`http://[${formatAddr(a)}]`).hostname);
      }),
    );
  });
});

describe('arithmetic and order', () => {
  test('addrPlus wraps within the family and is undone by its negative', () => {
    expect(formatAddr(addrPlus(parse('172.17.255.255'), 1))).toBe('172.18.0.0');
    expect(formatAddr(addrPlus(parse('255.255.255.255'), 1))).toBe('0.0.0.0');
    expect(formatAddr(addrPlus(parse('0.0.0.0'), -1))).toBe('255.255.255.255');
    expect(formatAddr(addrPlus(parse('::'), -1))).toBe('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
    fc.assert(
      fc.property(anyAddr, fc.integer({ min: -70_000, max: 70_000 }), (a, n) => {
        expect(addrPlus(addrPlus(a, n), -n)).toEqual(a);
      }),
    );
  });

  test('compareAddr is a total order: IPv4 first, then by value', () => {
    const sorted = ['::', '2.0.0.0', '::1', '128.0.0.0', '1.255.255.255']
      .map(parse)
      .sort(compareAddr)
      .map(formatAddr);
    expect(sorted).toEqual(['1.255.255.255', '2.0.0.0', '128.0.0.0', '::', '::1']);
    fc.assert(
      fc.property(anyAddr, anyAddr, (a, b) => {
        expect(compareAddr(a, b) + compareAddr(b, a)).toBe(0);
        expect(compareAddr(a, b) === 0).toBe(sameAddr(a, b));
      }),
    );
  });

  test('the same bits in another family are another address', () => {
    expect(sameAddr(parse('0.0.0.1'), parse('::1'))).toBe(false);
    expect(sameAddr(parse('10.0.0.1'), parse('10.0.0.1'))).toBe(true);
  });
});

test.each([
  [
    isLoopback,
    ['127.0.0.0', '127.255.255.255', '::1'],
    ['126.255.255.255', '128.0.0.0', '::2', '::', '::ffff:127.0.0.1'],
  ],
  [isUnspecified, ['0.0.0.0', '::'], ['0.0.0.1', '::1']],
  [
    isMulticast,
    ['224.0.0.0', '239.255.255.255', 'ff00::', 'ff02::1'],
    ['223.255.255.255', '240.0.0.0', 'fe80::1'],
  ],
  [
    isLinkLocal,
    ['169.254.0.0', '169.254.255.255', 'fe80::1', 'febf::1'],
    ['169.253.255.255', '169.255.0.0', 'fec0::', 'fe7f::1'],
  ],
])('%o', (is, inside, outside) => {
  expect(inside.filter((text) => !is(parse(text)))).toEqual([]);
  expect(outside.filter((text) => is(parse(text)))).toEqual([]);
});
