/**
 * The hosts of random cases: their bridges, containers, names, addresses and ports, and how words are put together. In: nothing.
 * Out: values and arbitraries that rules, routes and flows are made of.
 */
import fc from 'fast-check';

export const bridges = [
  { name: 'docker0', address: '172.17.0.1/16', address6: 'fd00:17::1/64' },
  { name: 'br-neta', address: '172.18.0.1/16', address6: 'fd00:18::1/64' },
] as const;

export const containers = [
  {
    ...{ name: 'web', bridge: 'docker0', address: '172.17.0.2/16', gateway: '172.17.0.1' },
    ...{ address6: 'fd00:17::2/64', gateway6: 'fd00:17::1' },
  },
  {
    ...{ name: 'peer', bridge: 'docker0', address: '172.17.0.3/16', gateway: '172.17.0.1' },
    ...{ address6: 'fd00:17::3/64', gateway6: 'fd00:17::1' },
  },
  {
    ...{ name: 'other', bridge: 'br-neta', address: '172.18.0.2/16', gateway: '172.18.0.1' },
    ...{ address6: 'fd00:18::2/64', gateway6: 'fd00:18::1' },
  },
] as const;

export const devices = ['eth0', 'docker0', 'br-neta', 'lo', 'veth-web'] as const;
export const ports = [53, 80, 81, 2222, 2223, 5353, 7777, 8080] as const;

export const addresses = {
  ipv4: [
    '172.17.0.1',
    '172.17.0.2',
    '172.17.0.3',
    '172.18.0.2',
    '203.0.113.1',
    '203.0.113.2',
    '198.51.100.7',
    '127.0.0.1',
  ],
  ipv6: [
    'fd00:17::1',
    'fd00:17::2',
    'fd00:17::3',
    'fd00:18::2',
    '2001:db8:113::1',
    '2001:db8:113::2',
    '2001:db8:ffff::7',
    '::1',
  ],
} as const;

export const prefixes = {
  ipv4: ['172.17.0.0/16', '172.18.0.0/16', '203.0.113.0/24', '127.0.0.0/8', '172.16.0.0/12'],
  ipv6: ['fd00:17::/64', 'fd00:18::/64', '2001:db8:113::/64', '::1/128', 'fd00::/16'],
} as const;

/** The machine on the internet. */
export const far = { ipv4: '198.51.100.7', ipv6: '2001:db8:ffff::7' } as const;

/** Parts with a blank between them; empty ones leave none. */
export function words(
  ...parts: readonly (string | number | fc.Arbitrary<string | number>)[]
): fc.Arbitrary<string> {
  return fc
    .tuple(...parts.map((part) => (typeof part === 'object' ? part : fc.constant(part))))
    .map((texts) => texts.filter((text) => text !== '').join(' '));
}

export function one<T>(...values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values);
}

/** Of `often` in so many of ten cases, else nothing. */
export function sometimes<T>(often: number, lists: fc.Arbitrary<readonly T[]>): fc.Arbitrary<readonly T[]> {
  return fc.oneof(
    { weight: 10 - often, arbitrary: fc.constant<readonly T[]>([]) },
    { weight: often, arbitrary: lists },
  );
}
