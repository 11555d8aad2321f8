import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { storeFile } from '../../test/fixtures/bolt.ts';
import { storeRecords } from '../bolt/docker-records.ts';
import { readBolt } from '../bolt/read.ts';
import type { Parsed } from '../host/facts.ts';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import { intentFromStore } from './from-store.ts';
import type { Intent } from './intent.ts';
import type { Evidence } from './order.ts';

/** Reads a store of these records, by the part of the key behind `docker/network/v1.0/`. */
function read(records: Readonly<Record<string, unknown>>, evidence?: Evidence): Parsed<Intent> {
  const reading = readBolt(storeFile(records));
  if (reading.kind !== 'bolt') throw new Error('no store');
  return intentFromStore({
    records: storeRecords(reading.file.root).records,
    file: 'local-kv.db',
    ...(evidence === undefined ? {} : { evidence }),
  });
}

function network(id: string, more: object = {}): object {
  const pool = JSON.stringify({ Pool: '172.18.0.0/16', Gateway: '172.18.0.1/16' });
  return {
    id,
    name: `name-${id}`,
    networkType: 'bridge',
    created: '2026-11-23T01:00:00Z',
    generic: { 'com.docker.network.generic': { 'com.docker.network.driver.mtu': '1400' } },
    ipamV4Config: '[{"PreferredPool":"","SubPool":"172.18.5.0/24"}]',
    ipamV4Info: JSON.stringify([{ IPAMData: pool, PoolID: 'LocalDefault/172.18.0.0/16' }]),
    ...more,
  };
}

function endpoint(id: string, name: string, more: object = {}): object {
  return {
    id,
    name,
    sandbox: `s-${name}`,
    ep_iface: { addr: '172.18.0.2/16', addrv6: '', mac: '02:42:ac:12:00:02' },
    joinInfo: { gw: '172.18.0.1' },
    exposed_ports: [{ Proto: 6, Port: 80 }],
    ...more,
  };
}

function sandbox(name: string, endpoints: readonly (readonly [string, string])[]): object {
  return { ID: `s-${name}`, Cid: `c-${name}`, Eps: endpoints.map(([Nid, Eid]) => ({ Nid, Eid })) };
}

const published = {
  id: 'e1',
  nid: 'n1',
  ExternalConnConfig: {
    PortBindings: [{ Proto: 6, Port: 80, HostIP: '', HostPort: 8080, HostPortEnd: 8080 }],
  },
  PortMapping: [
    { Proto: 6, IP: '172.18.0.2', Port: 80, HostIP: '0.0.0.0', HostPort: 8080, HostPortEnd: 8080 },
  ],
};

const one = {
  'network/n1/': network('n1'),
  'endpoint/n1/e1/': endpoint('e1', 'web'),
  'bridge-endpoint/e1/': published,
  'sandbox/s-web/': sandbox('web', [['n1', 'e1']]),
};

describe('intentFromStore', () => {
  it('reads a network with its options, its subnet and its range out of strings in strings', () => {
    const [found] = read(one).value.networks;
    expect(found).toMatchObject({
      id: 'n1',
      name: 'name-n1',
      driver: 'bridge',
      internal: false,
      ipv4: true,
      ipv6: false,
      options: { 'com.docker.network.driver.mtu': '1400' },
      created: '2026-11-23T01:00:00Z',
    });
    const [config] = found?.ipam ?? [];
    expect(config && [formatPrefix(config.subnet), config.gateway && formatAddr(config.gateway)]).toEqual([
      '172.18.0.0/16',
      '172.18.0.1',
    ]);
    expect(config?.ipRange && formatPrefix(config.ipRange)).toBe('172.18.5.0/24');
  });

  it('reads a container with its addresses, its gateway and what it publishes', () => {
    const [found] = read(one).value.sandboxes;
    expect(found).toMatchObject({ id: 'c-web', name: 'web', running: true, mode: { kind: 'own' } });
    expect(found?.endpoints).toMatchObject([
      {
        network: 'n1',
        id: 'e1',
        mac: '02:42:ac:12:00:02',
        ports: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }],
      },
    ]);
    expect(found?.endpoints[0]?.addresses.map(formatPrefix)).toEqual(['172.18.0.2/16']);
  });

  it('knows containers on the host network and on none by the drivers of their networks', () => {
    const modes = read({
      'network/h/': network('h', { networkType: 'host' }),
      'network/z/': network('z', { networkType: 'null' }),
      'endpoint/h/e1/': endpoint('e1', 'a', { ep_iface: {} }),
      'endpoint/z/e2/': endpoint('e2', 'b', { ep_iface: {} }),
      'sandbox/s-a/': sandbox('a', [['h', 'e1']]),
      'sandbox/s-b/': sandbox('b', [['z', 'e2']]),
    }).value.sandboxes;
    expect(modes.map(({ name, mode, endpoints }) => [name, mode.kind, endpoints.length])).toEqual([
      ['a', 'host', 0],
      ['b', 'none', 0],
    ]);
  });

  it('finds legacy links by the endpoints that they lead to', () => {
    const { value } = read({
      ...one,
      'endpoint/n1/e2/': endpoint('e2', 'db', { ep_iface: { addr: '172.18.0.3/16' } }),
      'bridge-endpoint/e1/': {
        ...published,
        ContainerConfig: { ParentEndpoints: [], ChildEndpoints: ['e2'] },
      },
    });
    const links = value.sandboxes[0]?.endpoints[0]?.links ?? [];
    expect(links.map(({ address, ports }) => [formatAddr(address), ports])).toEqual([
      ['172.18.0.3', [{ protocol: 'tcp', port: 80 }]],
    ]);
  });

  it('orders and marks what the engine restored by the log', () => {
    const records = { ...one, 'network/n2/': network('n2', { created: '2026-11-23T03:00:00Z' }) };
    const { value } = read(records, { engineStarted: '2026-11-23T02:00:00Z', restored: ['n1', 'e1'] });
    expect(value.networks.map(({ id, restored }) => [id, restored])).toEqual([
      ['n1', true],
      ['n2', undefined],
    ]);
    expect(value.sandboxes[0]).toMatchObject({ restored: true, endpoints: [{ restoredAt: 1 }] });
    expect(read(one).value.sandboxes[0]?.restored).toBeUndefined();
  });

  it('passes over a network whose removal was begun', () => {
    expect(read({ 'network/n1/': network('n1', { inDelete: true }) }).value.networks).toEqual([]);
  });

  it('reports a record of another form and goes on', () => {
    const { value, problems } = read({ ...one, 'network/n9/': { id: 'n9', name: 7 } });
    expect(value.networks.map(({ id }) => id)).toEqual(['n1']);
    expect(problems).toMatchObject([
      { file: 'local-kv.db', message: expect.stringContaining('network/n9/') },
    ]);
  });

  it('reads any JSON without failing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(one)), (json, key) => {
        expect(() => read({ ...one, [key]: json })).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });
});
