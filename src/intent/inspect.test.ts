import { describe, expect, it } from 'vitest';
import type { Parsed } from '../host/facts.ts';
import { formatAddr, parseAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import { intentFromInspect } from './inspect.ts';
import type { Intent, Sandbox } from './intent.ts';
import type { Evidence } from './order.ts';

function network(name: string, more: object = {}): object {
  return {
    Name: name,
    Id: `id-${name}`,
    Created: '2026-11-23T04:00:00Z',
    Driver: 'bridge',
    EnableIPv6: false,
    IPAM: { Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }] },
    Internal: false,
    Containers: {},
    Options: {},
    SomethingNew: 1,
    ...more,
  };
}

function container(
  name: string,
  on: Readonly<Record<string, object>>,
  more: Record<string, object> = {},
): object {
  const { HostConfig, NetworkSettings, State, Config } = more;
  return {
    Id: `id-${name}`,
    Name: `/${name}`,
    State: { Running: true, Pid: 7, StartedAt: '2026-11-23T05:00:00Z', ...State },
    Config: { ExposedPorts: null, ...Config },
    HostConfig: {
      NetworkMode: 'default',
      PortBindings: {},
      Links: null,
      PublishAllPorts: false,
      ...HostConfig,
    },
    NetworkSettings: { Ports: {}, Networks: on, ...NetworkSettings },
  };
}

function endpoint(name: string, address: string, more: object = {}): object {
  return {
    NetworkID: `id-${name}`,
    EndpointID: `ep-${address}`,
    Gateway: '172.18.0.1',
    IPAddress: address,
    IPPrefixLen: 16,
    MacAddress: '02:42:ac:12:00:02',
    ...more,
  };
}

function read(networks: unknown, containers?: unknown, evidence?: Evidence): Parsed<Intent> {
  return intentFromInspect({
    networks: { json: networks, file: 'networks.json' },
    ...(containers === undefined ? {} : { containers: { json: containers, file: 'containers.json' } }),
    portOrder: 'compare-bindings',
    ...(evidence === undefined ? {} : { evidence }),
  });
}

function sandbox(intent: Intent, name: string): Sandbox {
  const found = intent.sandboxes.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

describe('networks', () => {
  it('keep their driver, flags, options and subnets', () => {
    const { value, problems } = read([
      network('a', {
        Internal: true,
        EnableIPv4: false,
        EnableIPv6: true,
        Options: { x: 'y' },
        IPAM: { Config: [{ Subnet: '10.200.0.1/24', Gateway: '10.200.0.1', IPRange: '10.200.0.128/25' }] },
      }),
    ]);
    expect(problems).toEqual([]);
    const [first] = value.networks;
    expect(first).toMatchObject({
      id: 'id-a',
      name: 'a',
      driver: 'bridge',
      internal: true,
      ipv4: false,
      ipv6: true,
    });
    expect(first?.options).toEqual({ x: 'y' });
    const [config] = first?.ipam ?? [];
    expect(config && [formatPrefix(config.subnet), config.gateway && formatAddr(config.gateway)]).toEqual([
      '10.200.0.0/24',
      '10.200.0.1',
    ]);
    expect(config?.ipRange && formatPrefix(config.ipRange)).toBe('10.200.0.128/25');
  });

  it('have IPv4 where the engine does not say', () => {
    expect(read([network('a')]).value.networks[0]).toMatchObject({
      ipv4: true,
      ipv6: false,
      internal: false,
    });
  });

  it('take the gateway from their containers where only the allocator knew it, unless default-gateway is set', () => {
    const bare = { IPAM: { Config: [{ Subnet: '172.18.0.0/16' }] } };
    const aux = {
      IPAM: {
        Config: [{ Subnet: '172.18.0.0/16', AuxiliaryAddresses: { DefaultGatewayIPv4: '172.18.0.9' } }],
      },
    };
    const containers = [container('c', { a: endpoint('a', '172.18.0.2', { Gateway: '172.18.0.77' }) })];
    const gateway = (more: object) =>
      read([network('a', more)], containers).value.networks[0]?.ipam[0]?.gateway;
    expect(gateway(bare)).toEqual(parseAddr('172.18.0.77'));
    expect(gateway(aux)).toBeUndefined();
  });

  it('report a malformed subnet, wrong fields and control characters, and go on', () => {
    const { value, problems } = read([
      network('a', { IPAM: { Config: [{ Subnet: 'x' }] } }),
      { Name: 'b' },
      network('c\u001b[2J'),
      network('d'),
    ]);
    expect(value.networks.map(({ name }) => name)).toEqual(['a', 'd']);
    expect(problems.map(({ file }) => file)).toEqual(['networks.json', 'networks.json', 'networks.json']);
    expect(read('no list').problems).toHaveLength(1);
  });

  const times = { old: '2026-11-23T01:00:00Z', mid: '2026-11-23T02:00:00Z', new: '2026-11-23T03:00:00Z' };

  it('are ordered by creation', () => {
    const { value } = read([
      network('z', { Created: times.old }),
      network('a', { Created: times.new }),
      network('m', { Created: times.mid }),
    ]);
    expect(value.networks.map(({ name }) => name)).toEqual(['z', 'm', 'a']);
  });

  it('that are older than the default bridge were restored, in the order of their ids', () => {
    const { value } = read([
      network('bridge', { Created: times.mid }),
      network('late', { Created: times.new }),
      network('z', { Created: times.old }),
      network('b', { Created: '2026-11-23T01:30:00Z' }),
    ]);
    expect(value.networks.map(({ name, restored }) => [name, restored ?? false])).toEqual([
      ['b', true],
      ['z', true],
      ['bridge', false],
      ['late', false],
    ]);
  });

  it('that are older than the engine were restored, the default bridge too', () => {
    const { value } = read(
      [network('bridge', { Created: times.mid }), network('a', { Created: times.old })],
      [],
      {
        engineStarted: times.new,
      },
    );
    expect(value.networks.map(({ name, restored }) => [name, restored])).toEqual([
      ['a', true],
      ['bridge', true],
    ]);
  });
});

describe('sandboxes', () => {
  it('have the mode that was asked for', () => {
    const modes = {
      host: 'host',
      none: 'none',
      own: 'bridge',
      side: 'container:id-own',
      odd: 'container:gone',
    };
    const { value } = read(
      [],
      Object.entries(modes).map(([name, NetworkMode]) =>
        container(name, {}, { HostConfig: { NetworkMode } }),
      ),
    );
    expect(sandbox(value, 'host').mode).toEqual({ kind: 'host' });
    expect(sandbox(value, 'none').mode).toEqual({ kind: 'none' });
    expect(sandbox(value, 'own').mode).toEqual({ kind: 'own' });
    expect(sandbox(value, 'side').mode).toEqual({ kind: 'container', container: 'own' });
    expect(sandbox(value, 'odd').mode).toEqual({ kind: 'container', container: 'gone' });
  });

  it('have endpoints with addresses, by network id before name', () => {
    const { value } = read(
      [network('a'), network('b')],
      [
        container('c', {
          b: endpoint('a', '172.18.0.2', { GlobalIPv6Address: 'fd00::2', GlobalIPv6PrefixLen: 64 }),
          gone: endpoint('gone', '172.18.0.3'),
          a: endpoint('a', ''),
        }),
      ],
    );
    const endpoints = sandbox(value, 'c').endpoints;
    expect(endpoints).toHaveLength(1);
    expect(endpoints[0]).toMatchObject({ network: 'id-a', id: 'ep-172.18.0.2', mac: '02:42:ac:12:00:02' });
    expect(endpoints[0]?.addresses.map(formatPrefix)).toEqual(['172.18.0.2/16', 'fd00::2/64']);
    expect(endpoints[0]?.gateway).toEqual(parseAddr('172.18.0.1'));
  });

  it('find their network by name for engines that write no id, and its length', () => {
    const { value } = read([network('a')], [container('c', { a: { IPAddress: '172.18.0.2' } })]);
    const [first] = sandbox(value, 'c').endpoints;
    expect(first?.network).toBe('id-a');
    expect(first?.addresses.map(formatPrefix)).toEqual(['172.18.0.2/16']);
  });

  it('have their ports on the endpoint that leads out, while they run', () => {
    const ports = {
      HostConfig: { PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
      NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] } },
    };
    const on = { b: endpoint('b', '172.18.0.2'), a: endpoint('a', '172.18.0.3') };
    const find = (more: Record<string, object>) => {
      const { value } = read([network('a'), network('b')], [container('c', on, more)]);
      return sandbox(value, 'c').endpoints.map(({ network: id, ports: mapped }) => [id, mapped.length]);
    };
    expect(find(ports)).toEqual([
      ['id-b', 0],
      ['id-a', 1],
    ]);
    expect(find({ ...ports, State: { Running: false } })).toEqual([
      ['id-b', 0],
      ['id-a', 0],
    ]);
  });

  it('are restored when they are older than the engine', () => {
    const containers = [
      container('old', {}),
      container('new', {}, { State: { StartedAt: '2026-11-23T07:00:00Z' } }),
      container('dead', {}, { State: { Running: false } }),
    ];
    const { value } = read([], containers, { engineStarted: '2026-11-23T06:00:00Z' });
    expect(value.sandboxes.filter(({ restored }) => restored).map(({ name }) => name)).toEqual(['old']);
    expect(read([], containers).value.sandboxes.some(({ restored }) => restored)).toBe(false);
  });

  it('come by start time, endpoints by the indexes of their links where all are known', () => {
    const containers = [
      container('late', { a: endpoint('a', '172.18.0.2') }, { State: { StartedAt: '2026-11-23T05:00:01Z' } }),
      container('early', { a: endpoint('a', '172.18.0.3') }),
    ];
    const sequence = (evidence?: Evidence) => {
      const { value } = read([network('a')], containers, evidence);
      return value.sandboxes.map(({ name, endpoints }) => [name, endpoints[0]?.sequence]);
    };
    expect(sequence()).toEqual([
      ['early', 0],
      ['late', 1],
    ]);
    expect(
      sequence({
        linkIndexes: new Map([
          ['172.18.0.2', 5],
          ['172.18.0.3', 9],
        ]),
      }),
    ).toEqual([
      ['early', 1],
      ['late', 0],
    ]);
    expect(sequence({ linkIndexes: new Map([['172.18.0.2', 5]]) })).toEqual([
      ['early', 0],
      ['late', 1],
    ]);
  });

  it('know what they were linked to, on the default network', () => {
    const { value } = read(
      [network('bridge')],
      [
        container(
          'db',
          { bridge: endpoint('bridge', '172.18.0.2') },
          { Config: { ExposedPorts: { '5432/tcp': {} } } },
        ),
        container(
          'web',
          { bridge: endpoint('bridge', '172.18.0.3') },
          { HostConfig: { Links: ['/db:/web/db', '/gone:/web/x'] } },
        ),
      ],
    );
    expect(sandbox(value, 'web').endpoints[0]?.links).toEqual([
      { address: parseAddr('172.18.0.2'), ports: [{ protocol: 'tcp', port: 5432 }] },
    ]);
    expect(sandbox(value, 'db').endpoints[0]?.links).toBeUndefined();
  });
});

describe('a file of networks', () => {
  const attached = {
    Containers: {
      c1: {
        Name: 'db',
        IPv4Address: '172.18.0.2/16',
        PortBindings: { '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: '5432' }] },
      },
      c0: { Name: 'peer', IPv4Address: '172.18.0.1/16', IPv6Address: '' },
    },
  };

  it('gives running sandboxes with their ports, by address', () => {
    const { value, problems } = read([network('a', attached)]);
    expect(problems).toEqual([]);
    expect(value.sandboxes.map(({ name, running }) => [name, running])).toEqual([
      ['peer', true],
      ['db', true],
    ]);
    expect(sandbox(value, 'db').endpoints[0]?.ports).toEqual([
      { protocol: 'tcp', containerPort: 5432, hostPort: 5432, hostAddress: parseAddr('127.0.0.1') },
    ]);
  });

  it('is overruled by docker inspect, and reports malformed addresses', () => {
    const { value } = read(
      [network('a', attached)],
      [{ ...container('db', { a: endpoint('a', '172.18.0.9') }), Id: 'c1' }],
    );
    expect(sandbox(value, 'db').endpoints[0]?.addresses.map(formatPrefix)).toEqual(['172.18.0.9/16']);
    const bad = read([network('a', { Containers: { c: { Name: 'x', IPv4Address: '172.18.0.2' } } })]);
    expect(bad.problems).toEqual([{ file: 'networks.json', message: 'container x: malformed address on a' }]);
  });
});
