import { describe, expect, test } from 'vitest';
import type { Link, Namespace, Route } from '../host/state.ts';
import { formatAddr, parseAddr } from '../net/addr.ts';
import { formatPrefix, maskPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { ContainerRequest } from './bring-up.ts';
import type { Impossible } from './default-bridge.ts';
import { type Draft, draft } from './draft.ts';
import { endpointsChange, hostChange } from './realise.ts';

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function bridge(name: string, address: string): Link {
  return {
    index: 5,
    name,
    kind: 'bridge',
    up: false,
    carrier: false,
    mtu: 1500,
    addresses: [{ prefix: prefix(address), scope: 'global' }],
  };
}

function host(links: readonly Link[] = [], routes: readonly string[] = []): Namespace {
  return {
    name: 'host',
    kind: 'host',
    sharedBy: [],
    links,
    routes: routes.map(
      (dst): Route => ({
        family: 'ipv4',
        type: 'unicast',
        dst: maskPrefix(prefix(dst)),
        table: 'main',
        metric: 0,
        flags: [],
      }),
    ),
    policyRules: [],
    neighbours: [],
    sysctls: new Map([['net.ipv4.ip_forward', { value: '0' }]]),
    firewall: { tables: [] },
    unmodelledHooks: [],
  };
}

const web: ContainerRequest = {
  name: 'web',
  network: 'bridge',
  ports: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }],
};
const agent: ContainerRequest = { name: 'agent', network: 'host', ports: [] };

function drafted(config: unknown, on: Namespace = host(), containers = [web, agent]): Draft | Impossible {
  let ids = 0;
  const { options, errors } = resolveOptions({
    engine: '28.5.2',
    file: { path: 'daemon.json', text: JSON.stringify(config) },
  });
  expect(errors).toEqual([]);
  return draft({
    options,
    generation: 'G9',
    host: on,
    backend: 'iptables-nft',
    containers,
    now: '2026-01-01T00:00:00Z',
    newId: (digits) => (++ids).toString(16).padStart(digits, '0'),
  });
}

function endpoint(result: Draft | Impossible) {
  if (result.kind === 'impossible') throw new Error(result.why);
  const [first] = result.endpoints;
  if (first === undefined) throw new Error('no endpoint');
  return {
    bridge: first.bridge,
    address: formatPrefix(first.address),
    gateway: formatAddr(first.gateway),
    mac: first.mac,
    mtu: first.mtu,
    hairpin: first.hairpin,
  };
}

describe('draft', () => {
  test('takes the first pool, and the next one where a route of the host overlaps it', () => {
    expect(endpoint(drafted({}))).toEqual({
      bridge: 'docker0',
      address: '172.17.0.2/16',
      gateway: '172.17.0.1',
      mac: '02:42:ac:11:00:02',
      mtu: 1500,
      hairpin: false,
    });
    expect(endpoint(drafted({}, host([], ['172.17.5.0/24'])))).toMatchObject({ address: '172.18.0.2/16' });
    // The default route overlaps everything and means nothing.
    expect(endpoint(drafted({}, host([], ['0.0.0.0/0'])))).toMatchObject({ address: '172.17.0.2/16' });
  });

  test('bip decides, then the address of a bridge that is there', () => {
    const there = host([bridge('docker0', '10.5.0.1/24')]);
    expect(endpoint(drafted({ bip: '10.9.0.254/24' }, there))).toMatchObject({
      address: '10.9.0.1/24',
      gateway: '10.9.0.254',
    });
    expect(endpoint(drafted({}, there))).toMatchObject({ address: '10.5.0.2/24', gateway: '10.5.0.1' });
  });

  test('fixed-cidr, default-gateway, mtu and userland-proxy reach the endpoint', () => {
    const config = {
      bip: '10.9.0.1/16',
      'fixed-cidr': '10.9.7.0/24',
      'default-gateway': '10.9.0.9',
      mtu: 1400,
      'userland-proxy': false,
    };
    expect(endpoint(drafted(config))).toMatchObject({
      // The first address of a range is given out (capture fixed-cidr).
      address: '10.9.7.0/16',
      gateway: '10.9.0.9',
      mtu: 1400,
      hairpin: true,
    });
  });

  test('says why there can be no bridge', () => {
    expect(drafted({ bridge: 'br7' })).toMatchObject({
      kind: 'impossible',
      why: expect.stringContaining('br7'),
    });
    expect(drafted({ bridge: 'none' })).toMatchObject({ kind: 'impossible' });
    expect(drafted({ bridge: 'none' }, host(), [agent])).toMatchObject({ kind: 'draft', endpoints: [] });
    const small = { bip: '10.9.0.1/30' };
    expect(drafted(small, host(), [web, { ...web, name: 'two' }])).toMatchObject({ kind: 'impossible' });
  });

  test('records say what runs where', () => {
    const result = drafted({});
    if (result.kind === 'impossible') throw new Error(result.why);
    const { networks, containers } = result.records(new Map([['web', 71]]));
    expect(networks.map(({ Name }) => Name)).toEqual(['none', 'host', 'bridge']);
    const [, , network] = networks;
    expect(Object.values(network?.Containers ?? {})).toMatchObject([
      { Name: 'web', IPv4Address: '172.17.0.2/16' },
    ]);
    expect(containers[0]).toMatchObject({
      State: { Pid: 71 },
      NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] } },
    });
    expect(result.plan.unmodelled).toEqual([]);
  });
});

describe('hostChange', () => {
  test('makes what is missing, rules before forwarding and before the bridge is up', () => {
    const result = drafted({});
    if (result.kind === 'impossible') throw new Error(result.why);
    const kinds = hostChange(result.plan, host(), undefined).steps.map(({ kind }) => kind);
    expect(kinds[0]).toBe('add-link');
    expect(kinds).toContain('firewall');
    expect(kinds.lastIndexOf('firewall')).toBeLessThan(kinds.indexOf('sysctl'));
    expect(kinds.lastIndexOf('firewall')).toBeLessThan(kinds.lastIndexOf('set-link'));
    expect(kinds.at(-1)).toBe('set-link');
  });

  test('leaves alone what is there', () => {
    const there = host([{ ...bridge('docker0', '172.17.0.1/16'), up: true }]);
    const sysctls = new Map([['net.ipv4.ip_forward', { value: '1' }]]);
    const result = drafted({}, { ...there, sysctls });
    if (result.kind === 'impossible') throw new Error(result.why);
    const done: Namespace = { ...there, sysctls, firewall: result.plan.ruleset };
    expect(hostChange(result.plan, done, undefined).steps).toEqual([]);
  });
});

test('all host ends of veths are one batch, made before the containers are entered', () => {
  const link = {
    hostName: 'veth0000001',
    bridge: 'docker0',
    mtu: 1500,
    hairpin: false,
    mac: '02:42:ac:11:00:02',
    address: prefix('172.17.0.2/16'),
    gateway: parseAddr('172.17.0.1') ?? prefix('172.17.0.1/16').addr,
    container: '/proc/1/ns/net',
  };
  const second = { ...link, hostName: 'veth0000002', container: '/proc/2/ns/net' };
  const places = endpointsChange([link, second], undefined).steps.map(({ netns }) => netns ?? 'host');
  expect([...new Set(places)]).toEqual(['host', '/proc/1/ns/net', '/proc/2/ns/net']);
  expect(places.lastIndexOf('host')).toBeLessThan(places.indexOf('/proc/1/ns/net'));
});
