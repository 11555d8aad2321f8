import { describe, expect, test } from 'vitest';
import { boltFile, storeFile, u64 } from '../../test/fixtures/bolt.ts';
import { checkRecords, type StoreFinding } from './docker-check.ts';
import { decodeValue } from './docker-decode.ts';
import { type StoreRecords, storeRecords } from './docker-records.ts';
import { readBolt } from './read.ts';

function recordsOf(bytes: Uint8Array): StoreRecords {
  const reading = readBolt(bytes);
  if (reading.kind !== 'bolt') throw new Error(reading.kind);
  expect(reading.file.problems).toEqual([]);
  return storeRecords(reading.file.root);
}

const store = (records: Readonly<Record<string, unknown>>) => recordsOf(storeFile(records));
const check = (records: Readonly<Record<string, unknown>>, complete = true): readonly StoreFinding[] =>
  checkRecords(store(records), { complete });

describe('records', () => {
  test.each<[string, string, readonly string[]]>([
    ['network/n1/', 'network', ['n1']],
    ['endpoint/n1/e1/', 'endpoint', ['n1', 'e1']],
    ['endpoint_count/', 'endpoint_count', []],
    ['bridge-endpoint/e1/', 'bridge-endpoint', ['e1']],
    ['macvlan/network/n1/', 'macvlan/network', ['n1']],
    [
      'ipam/default/data/LocalDefault/172.17.0.0/16/',
      'ipam/default/data',
      ['LocalDefault', '172.17.0.0', '16'],
    ],
    ['something-new/x', 'something-new', ['x']],
  ])('%s', (key, kind, ids) => {
    expect(store({ [key]: { a: 1 } }).records).toMatchObject([
      { key: `docker/network/v1.0/${key}`, kind, ids, index: 1n, json: { a: 1 }, fault: undefined },
    ]);
  });

  test('a value of its index only', () => {
    const { records } = store({ 'endpoint_count/': undefined });
    expect(records).toMatchObject([
      { index: 1n, json: undefined, fault: undefined, bytes: new Uint8Array(0) },
    ]);
  });

  test.each<[string, unknown]>([
    ['not-json', '{"a":'],
    ['too-deep', `${'['.repeat(65)}${']'.repeat(65)}`],
  ])('a value that is %s', (fault, value) => {
    expect(store({ 'network/n1/': value }).records).toMatchObject([{ fault, json: undefined, index: 1n }]);
  });

  test('brackets in a string are not depth', () => {
    expect(store({ 'network/n1/': { a: `\\"${'['.repeat(99)}` } }).records).toMatchObject([
      { fault: undefined },
    ]);
  });

  test.each<[string, string, Uint8Array]>([
    ['no-index', 'docker/network/v1.0/network/n1/', Uint8Array.of(1, 2, 3)],
    ['not-utf8', 'docker/network/v1.0/network/n1/', Uint8Array.of(...u64(1), 0x22, 0xff, 0x22)],
    ['foreign-key', 'docker/network/v2.0/network/n1/', Uint8Array.of(...u64(1), 0x31)],
    ['foreign-key', 'docker/network/v1.0/', Uint8Array.of(...u64(1), 0x31)],
  ])('%s', (fault, key, value) => {
    const { records } = recordsOf(boltFile({ buckets: { libnetwork: { entries: [[key, value]] } } }));
    expect(records).toMatchObject([{ key, fault }]);
  });

  test('an index is as wide as 64 bits, and little-endian', () => {
    const value = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80);
    const { records } = recordsOf(boltFile({ buckets: { libnetwork: { entries: [['k', value]] } } }));
    expect(records[0]?.index).toBe(2n ** 63n);
  });

  test('other buckets are named, and not read as records', () => {
    const other = { entries: [['k', 'v']] as const, buckets: { inner: {} } };
    const found = recordsOf(boltFile({ buckets: { other, libnetwork: { buckets: { deep: {} } } } }));
    expect(found).toEqual({
      records: [],
      hasBucket: true,
      foreignBuckets: [
        { path: 'libnetwork/deep', entries: 0 },
        { path: 'other', entries: 1 },
        { path: 'other/inner', entries: 0 },
      ],
    });
    expect(recordsOf(boltFile({})).hasBucket).toBe(false);
  });
});

describe('decoding', () => {
  test('a network: what is folded in strings, once and twice', () => {
    const data = { Pool: '172.17.0.0/16', Gateway: '172.17.0.1/16' };
    const network = {
      name: '<nil>',
      labels: { json: '{"a":1}', nothing: '<nil>' },
      loadBalancerIP: '<nil>',
      ipamV4Config: JSON.stringify([{ PreferredPool: '172.17.0.0/16' }]),
      ipamV4Info: JSON.stringify([{ IPAMData: JSON.stringify(data), PoolID: 'x' }, 7]),
      ipamV6Config: '',
      ipamV6Info: 'no json',
    };
    expect(decodeValue('network', network)).toEqual({
      ...network,
      loadBalancerIP: null,
      ipamV4Config: [{ PreferredPool: '172.17.0.0/16' }],
      ipamV4Info: [{ IPAMData: data, PoolID: 'x' }, 7],
    });
  });

  test('an address that is not there', () => {
    const bridge = { HostIP: '<nil>', DefaultGatewayIPv4: '172.17.0.9', BridgeName: '<nil>' };
    expect(decodeValue('bridge', bridge)).toEqual({ ...bridge, HostIP: null });
    expect(decodeValue('endpoint', { virtualIP: '<nil>' })).toEqual({ virtualIP: null });
  });

  test('only a network has folded strings, and only an object has fields', () => {
    expect(decodeValue('bridge', { ipamV4Config: '[]' })).toEqual({ ipamV4Config: '[]' });
    expect(decodeValue('network', ['<nil>'])).toEqual(['<nil>']);
    expect(decodeValue('network', undefined)).toBeUndefined();
  });
});

/** One bridge network, one container on it, with one published port; as 20.10 keeps it. */
const healthy = {
  'network/n1/': { id: 'n1', name: 'bridge', networkType: 'bridge', inDelete: false },
  'network/n2/': { id: 'n2', name: 'host', networkType: 'host' },
  'network/n3/': { id: 'n3', name: 'template', networkType: 'bridge', configOnly: true },
  'bridge/n1/': { ID: 'n1', BridgeName: 'docker0' },
  'endpoint_count/': undefined,
  'endpoint_count/n1/': { Count: 1 },
  'endpoint_count/n2/': { Count: 0 },
  'endpoint/n1/e1/': { id: 'e1', name: 'web', sandbox: 's1' },
  'bridge-endpoint/e1/': {
    id: 'e1',
    nid: 'n1',
    PortMapping: [{ Proto: 6, Port: 80, HostIP: '0.0.0.0', HostPort: 8080 }],
  },
  'sandbox/s1/': { ID: 's1', Cid: 'c1', Eps: [{ Eid: 'e1', Nid: 'n1' }] },
} as const;

type Key = keyof typeof healthy;
const without = (...keys: readonly Key[]) =>
  Object.fromEntries(Object.entries(healthy).filter(([key]) => !keys.some((gone) => gone === key)));
const changed = (key: Key, fields: object) => ({ ...healthy, [key]: { ...healthy[key], ...fields } });
const port = { kind: 'port-held-by-nobody', protocol: 'tcp', address: '0.0.0.0', port: 8080, endpoint: 'e1' };

describe('check', () => {
  test('is content with a healthy store, and with an empty one', () => {
    expect(check(healthy)).toEqual([]);
    expect(check({})).toEqual([]);
    expect(checkRecords(recordsOf(boltFile({})), { complete: true })).toEqual([]);
  });

  test.each<[string, Readonly<Record<string, unknown>>, readonly object[]]>([
    [
      'a value that cannot be read',
      { ...healthy, 'sandbox/s1/': '{' },
      [{ kind: 'unreadable-record', key: 'docker/network/v1.0/sandbox/s1/', fault: 'not-json' }],
    ],
    [
      "another key's value",
      changed('bridge/n1/', { ID: 'n9' }),
      [{ kind: 'wrong-id', key: 'docker/network/v1.0/bridge/n1/', id: 'n9' }],
    ],
    [
      'two bridges of one name',
      {
        ...healthy,
        'network/n4/': { id: 'n4', networkType: 'bridge' },
        'bridge/n4/': { ID: 'n4', BridgeName: 'docker0' },
      },
      [{ kind: 'duplicate-bridge', bridge: 'docker0', networks: ['n1', 'n4'] }],
    ],
    [
      'a subnet within another',
      {
        ...changed('bridge/n1/', { AddressIPv4: '172.17.0.1/16', AddressIPv6: '<nil>' }),
        'network/n4/': { id: 'n4', networkType: 'bridge' },
        'bridge/n4/': { ID: 'n4', AddressIPv4: '172.17.9.1/24', AddressIPv6: 'fd00::1/64' },
        'network/n5/': { id: 'n5', networkType: 'bridge' },
        'bridge/n5/': { ID: 'n5', AddressIPv4: '172.18.0.1/16', AddressIPv6: 'fd00::2/64' },
      },
      [
        {
          kind: 'overlapping-subnets',
          networks: ['n1', 'n4'],
          subnets: ['172.17.0.0/16', '172.17.9.0/24'],
        },
        { kind: 'overlapping-subnets', networks: ['n4', 'n5'], subnets: ['fd00::/64', 'fd00::/64'] },
      ],
    ],
    [
      'a removal that was not finished',
      changed('network/n1/', { inDelete: true }),
      [{ kind: 'half-removed-network', network: 'n1', name: 'bridge' }],
    ],
    [
      'a network that only its driver knows',
      without('network/n1/'),
      [
        { kind: 'phantom-network', network: 'n1', name: 'docker0', driver: 'bridge', missing: 'network' },
        { kind: 'orphan-count', network: 'n1' },
        { kind: 'orphan-endpoint', endpoint: 'e1', name: 'web', network: 'n1' },
        { kind: 'sandbox-refers-to-nothing', sandbox: 's1', missing: 'network', id: 'n1' },
      ],
    ],
    [
      'a network that its driver does not know',
      without('bridge/n1/'),
      [
        { kind: 'phantom-network', network: 'n1', name: 'bridge', driver: 'bridge', missing: 'driver' },
        { kind: 'orphan-driver-endpoint', driver: 'bridge', endpoint: 'e1', missing: 'network' },
      ],
    ],
    [
      'a wrong count',
      changed('endpoint_count/n1/', { Count: 3 }),
      [{ kind: 'endpoint-count', network: 'n1', name: 'bridge', stored: 3, found: 1 }],
    ],
    [
      'an endpoint that only its driver knows',
      { ...without('endpoint/n1/e1/'), 'endpoint_count/n1/': { Count: 0 } },
      [
        { kind: 'orphan-driver-endpoint', driver: 'bridge', endpoint: 'e1', missing: 'endpoint' },
        port,
        { kind: 'sandbox-refers-to-nothing', sandbox: 's1', missing: 'endpoint', id: 'e1' },
      ],
    ],
    [
      'a sandbox that is gone',
      without('sandbox/s1/'),
      [{ kind: 'endpoint-without-sandbox', endpoint: 'e1', name: 'web', sandbox: 's1' }, port],
    ],
    ['an endpoint of nobody', changed('endpoint/n1/e1/', { sandbox: '' }), [port]],
  ])('%s', (_, records, findings) => {
    expect(check(records)).toEqual(findings);
  });

  test('other drivers too', () => {
    expect(
      check({
        ...healthy,
        'macvlan/network/n5/': { ID: 'n5' },
        'ipvlan/endpoint/e5/': { id: 'e5', nid: 'n5' },
      }),
    ).toEqual([
      { kind: 'phantom-network', network: 'n5', name: '', driver: 'macvlan', missing: 'network' },
      { kind: 'orphan-driver-endpoint', driver: 'ipvlan', endpoint: 'e5', missing: 'endpoint' },
      { kind: 'orphan-driver-endpoint', driver: 'ipvlan', endpoint: 'e5', missing: 'network' },
    ]);
  });

  test('counts mean nothing since 28', () => {
    const since28 = changed('network/n2/', { enableIPv4: true });
    expect(check({ ...since28, 'endpoint_count/n1/': { Count: 0 } })).toEqual([]);
  });

  test('concludes nothing from what is missing where records may be lost', () => {
    expect(check(without('network/n1/', 'sandbox/s1/'), false)).toEqual([]);
    expect(check(changed('network/n1/', { inDelete: true }), false)).toHaveLength(1);
  });

  test('other buckets', () => {
    const only = recordsOf(boltFile({ buckets: { libnetworK: { entries: [['k', 'v']] } } }));
    expect(checkRecords(only, { complete: true })).toEqual([
      { kind: 'foreign-bucket', path: 'libnetworK', entries: 1, alone: true },
    ]);
    const beside = recordsOf(boltFile({ buckets: { libnetwork: {}, x: {} } }));
    expect(checkRecords(beside, { complete: true })).toMatchObject([{ path: 'x', alone: false }]);
  });
});
