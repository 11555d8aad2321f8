import { describe, expect, it } from 'vitest';
import { defaultBridge, type HostSpec, planOf } from '../../../test/support/plan.ts';
import { formatAddr } from '../../net/addr.ts';
import { formatPrefix } from '../../net/prefix.ts';

const web = { name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp', '127.0.0.1:81:81/udp'] };

function links(spec: HostSpec): readonly string[] {
  return planOf(spec).links.map(
    ({ name, mtu, up, addresses }) =>
      `${name} ${mtu} ${up ? 'up' : 'down'} ${addresses.map(({ prefix }) => formatPrefix(prefix)).join()}`,
  );
}

function sysctls(spec: HostSpec): Readonly<Record<string, string>> {
  return Object.fromEntries([...planOf(spec).sysctls].map(([name, { value }]) => [name, value]));
}

const engines = ['17.06.2', '28.5.2'] as const;

describe.each(engines)('with engine %s', (engine) => {
  it('bridges have their address and the route to their network', () => {
    const spec: HostSpec = { engine, networks: [defaultBridge, { name: 'net', subnet: '10.5.0.0/24' }] };
    expect(links(spec)).toEqual(['docker0 1500 up 172.17.0.1/16', 'br-net 1500 up 10.5.0.1/24']);
    expect(
      planOf(spec).routes.map(({ dst, dev, preferredSource, scope, table }) =>
        [formatPrefix(dst), dev, preferredSource && formatAddr(preferredSource), scope, table].join(' '),
      ),
    ).toEqual(['172.17.0.0/16 docker0 172.17.0.1 link main', '10.5.0.0/24 br-net 10.5.0.1 link main']);
  });

  it('the default bridge has the name and MTU of its options, others their own', () => {
    const networks = [
      defaultBridge,
      {
        name: 'net',
        subnet: '10.5.0.0/24',
        options: { 'com.docker.network.bridge.name': 'br-mine', 'com.docker.network.driver.mtu': '1450' },
      },
    ];
    const containers = [web, { name: 'b', on: { net: '10.5.0.2/24' } }];
    expect(links({ engine, config: '{"mtu":1400,"bridge":"br0"}', networks, containers })).toEqual([
      'br0 1400 up 172.17.0.1/16',
      'br-mine 1450 up 10.5.0.1/24',
    ]);
  });

  it('a name that is none is left out and reported', () => {
    for (const name of ['-j', 'a b', 'a/b', 'sixteen-letters-', '..']) {
      const networks = [
        { name: 'net', subnet: '10.5.0.0/24', options: { 'com.docker.network.bridge.name': name } },
      ];
      const plan = planOf({ engine, networks });
      expect(plan.links).toEqual([]);
      expect(plan.unmodelled).toEqual([`network net: ${JSON.stringify(name)} is no interface name`]);
    }
  });

  it('values that the driver refuses are reported, and defaults hold', () => {
    const options = { 'com.docker.network.bridge.enable_icc': 'yes', 'com.docker.network.driver.mtu': '-1' };
    const plan = planOf({ engine, networks: [{ name: 'net', subnet: '10.5.0.0/24', options }] });
    expect(plan.unmodelled).toEqual([
      expect.stringContaining('com.docker.network.driver.mtu=-1'),
      expect.stringContaining('com.docker.network.bridge.enable_icc=yes'),
    ]);
    expect(plan.sysctls.has('net.bridge.bridge-nf-call-iptables')).toBe(false);
  });

  it('sysctls follow ip-forward, icc and the userland proxy', () => {
    expect(sysctls({ engine })).toEqual({ 'net.ipv4.ip_forward': '1' });
    expect(sysctls({ engine, config: '{"ip-forward":false}' })).toEqual({});
    const filtered = { 'net.bridge.bridge-nf-call-iptables': '1' };
    expect(sysctls({ engine, config: '{"icc":false}' })).toMatchObject(filtered);
    expect(sysctls({ engine, config: '{"userland-proxy":false}' })).toEqual({
      'net.ipv4.ip_forward': '1',
      'net.ipv4.conf.docker0.route_localnet': '1',
      ...(engine === '28.5.2' ? filtered : {}),
    });
    expect(sysctls({ engine, config: '{"userland-proxy":false,"iptables":false}' })).not.toMatchObject(
      filtered,
    );
  });

  it('proxies serve published ports, unless there are none', () => {
    const proxies = (config: string) =>
      planOf({ engine, config, containers: [web] }).proxies.map(
        (proxy) =>
          `${proxy.protocol} ${proxy.hostAddress}:${proxy.hostPort} ${proxy.containerAddress}:${proxy.containerPort}`,
      );
    expect(proxies('{"ip":"203.0.113.2"}')).toEqual([
      'tcp 203.0.113.2:8080 172.17.0.2:80',
      'udp 127.0.0.1:81 172.17.0.2:81',
    ]);
    expect(proxies('{"userland-proxy":false}')).toEqual([]);
    expect(proxies('{"ip":"::1"}')).toEqual(['udp 127.0.0.1:81 172.17.0.2:81']);
  });

  it('containers that are stopped or on internal networks publish nothing', () => {
    expect(planOf({ engine, containers: [{ ...web, running: false }] }).proxies).toEqual([]);
    const internal = { name: 'net', subnet: '10.5.0.0/24', internal: true };
    const on = { net: '10.5.0.2/24' };
    expect(planOf({ engine, networks: [internal], containers: [{ ...web, on }] }).proxies).toEqual([]);
  });

  it('everything has a reason', () => {
    const plan = planOf({ engine, config: '{"icc":false}', containers: [web] });
    const reasons = [
      ...plan.links.map(({ reason }) => reason),
      ...plan.links.flatMap(({ addresses }) => addresses.map(({ reason }) => reason)),
      ...plan.routes.map(({ reason }) => reason),
      ...[...plan.sysctls.values()].map(({ reason }) => reason),
      ...plan.proxies.map(({ reason }) => reason),
      ...plan.ruleset.tables.flatMap(({ chains }) =>
        chains.flatMap(({ rules }) => rules.map(({ reason }) => reason)),
      ),
    ];
    for (const reason of reasons) expect(reason?.because.length).toBeGreaterThan(0);
  });

  it('no bridge is planned for bridge=none, nor for other drivers', () => {
    expect(links({ engine, config: '{"bridge":"none"}' })).toEqual([]);
    expect(links({ engine, networks: [{ name: 'm', driver: 'macvlan', subnet: '10.5.0.0/24' }] })).toEqual(
      [],
    );
  });
});

describe('17.06', () => {
  it('leaves the MTU of a bridge without ports to the kernel', () => {
    expect(links({ engine: '17.06.2', config: '{"mtu":1400}' })).toEqual(['docker0 1500 up 172.17.0.1/16']);
    expect(links({ engine: '28.5.2', config: '{"mtu":1400}' })).toEqual(['docker0 1400 up 172.17.0.1/16']);
    const networks = [defaultBridge, { name: 'net', subnet: '10.5.0.0/24' }];
    const containers = [{ name: 'b', on: { net: '10.5.0.2/24' } }];
    expect(links({ engine: '17.06.2', config: '{"mtu":1400}', networks, containers })[0]).toBe(
      'docker0 1500 up 172.17.0.1/16',
    );
  });
});

describe('28', () => {
  it.each([
    { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
    { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' },
  ])('gives the bridge no address with %o', (options: Readonly<Record<string, string>>) => {
    const networks = [{ name: 'net', subnet: '10.5.0.0/24', internal: true, options }];
    expect(links({ engine: '28.5.2', networks })).toEqual(['br-net 1500 up ']);
    expect(planOf({ engine: '28.5.2', networks }).routes).toEqual([]);
    expect(links({ engine: '17.06.2', networks })).toEqual(['br-net 1500 up 10.5.0.1/24']);
  });

  it('has no proxy for a routed network', () => {
    const options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' };
    const networks = [{ name: 'net', subnet: '10.5.0.0/24', options }];
    expect(
      planOf({ engine: '28.5.2', networks, containers: [{ ...web, on: { net: '10.5.0.2/24' } }] }).proxies,
    ).toEqual([]);
  });
});
