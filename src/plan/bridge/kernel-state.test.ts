import { describe, expect, it } from 'vitest';
import { defaultBridge, type HostSpec, type NetworkSpec, planOf } from '../../../test/support/plan.ts';
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
    for (const name of ['-j', '!', 'a b', 'a/b', 'sixteen-letters-', '..']) {
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
      ...(engine === '28.5.2' ? { ...filtered, 'net.bridge.bridge-nf-call-ip6tables': '1' } : {}),
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
    expect(proxies('{"ip":"::1"}')).toEqual(['tcp ::1:8080 172.17.0.2:80', 'udp 127.0.0.1:81 172.17.0.2:81']);
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

describe('networks with IPv6', () => {
  const dual = { name: 'net', subnet: '10.5.0.0/24', subnet6: 'fd00:5::/64' };
  const on = { net: '10.5.0.2/24 fd00:5::2/64' };
  const port = { name: 'web', on, ports: ['8080:80/tcp', '[::1]:81:81/tcp', '127.0.0.1:82:82/tcp'] };
  const mode = (value: string) => ({ 'com.docker.network.bridge.gateway_mode_ipv6': value });

  it('have both addresses, until 26 a link-local one besides', () => {
    expect(links({ engine: '26.1.5', networks: [dual] })).toEqual([
      'br-net 1500 up 10.5.0.1/24,fd00:5::1/64,fe80::1/64',
    ]);
    expect(links({ engine: '27.5.1', networks: [dual] })).toEqual([
      'br-net 1500 up 10.5.0.1/24,fd00:5::1/64',
    ]);
    const isolated = { ...dual, internal: true, options: mode('isolated') };
    expect(links({ engine: '28.5.2', networks: [isolated] })).toEqual(['br-net 1500 up 10.5.0.1/24']);
  });

  it('have a route for each, the IPv6 one without a source', () => {
    const { routes } = planOf({ engine: '28.5.2', networks: [dual] });
    expect(
      routes.map(({ family, dst, preferredSource, metric }) => [
        family,
        formatPrefix(dst),
        preferredSource && formatAddr(preferredSource),
        metric,
      ]),
    ).toEqual([
      ['ipv4', '10.5.0.0/24', '10.5.0.1', 0],
      ['ipv6', 'fd00:5::/64', undefined, 256],
    ]);
  });

  it('turn IPv6 forwarding on and router advertisements off', () => {
    const six = {
      'net.ipv6.conf.default.forwarding': '1',
      'net.ipv6.conf.all.forwarding': '1',
      'net.ipv6.conf.br-net.accept_ra': '0',
      'net.ipv6.conf.br-net.disable_ipv6': '0',
    };
    expect(sysctls({ engine: '28.5.2', networks: [dual] })).toEqual({ 'net.ipv4.ip_forward': '1', ...six });
    expect(sysctls({ engine: '28.5.2', networks: [dual], config: '{"ip-forward":false}' })).toEqual({
      'net.ipv6.conf.br-net.accept_ra': '0',
      'net.ipv6.conf.br-net.disable_ipv6': '0',
    });
    const isolated = { ...dual, internal: true, options: mode('isolated') };
    expect(sysctls({ engine: '28.5.2', networks: [isolated] })['net.ipv6.conf.br-net.disable_ipv6']).toBe(
      '1',
    );
  });

  it('filter between ports of the bridge: until 26 for the families of the network, since 27 for those with rules', () => {
    const options = { 'com.docker.network.bridge.enable_icc': 'false' };
    const filtered = (engine: string, network: NetworkSpec, config = '{}') =>
      Object.keys(sysctls({ engine, config, networks: [{ ...network, options }] }))
        .filter((name) => name.startsWith('net.bridge'))
        .map((name) => name.slice('net.bridge.bridge-nf-call-'.length));
    const four = { name: 'net', subnet: '10.5.0.0/24' };
    expect(filtered('26.1.5', four)).toEqual(['iptables']);
    expect(filtered('26.1.5', dual)).toEqual(['iptables', 'ip6tables']);
    expect(filtered('26.1.5', dual, '{"iptables":false}')).toEqual([]);
    expect(filtered('27.5.1', four)).toEqual(['iptables', 'ip6tables']);
    expect(filtered('27.5.1', dual, '{"ip6tables":false}')).toEqual(['iptables']);
  });

  it('have proxies on the addresses of both', () => {
    const proxies = (spec: Partial<HostSpec>) =>
      planOf({ engine: '28.5.2', networks: [dual], containers: [port], ...spec }).proxies.map(
        ({ hostAddress, hostPort, containerAddress }) => `${hostAddress} ${hostPort} ${containerAddress}`,
      );
    const both = ['0.0.0.0 8080 10.5.0.2', ':: 8080 fd00:5::2', '::1 81 fd00:5::2', '127.0.0.1 82 10.5.0.2'];
    expect(proxies({})).toEqual(both);
    expect(proxies({ listensOnIpv6: false })).toEqual(both.filter((proxy) => !proxy.startsWith(':: ')));
    expect(proxies({ engine: '19.03.15' })).toEqual([
      '0.0.0.0 8080 10.5.0.2',
      '::1 81 10.5.0.2',
      '127.0.0.1 82 10.5.0.2',
    ]);
    const routed = { ...dual, options: mode('routed') };
    expect(proxies({ networks: [routed] })).toEqual(['0.0.0.0 8080 10.5.0.2', '127.0.0.1 82 10.5.0.2']);
    const binding = { ...dual, options: { 'com.docker.network.bridge.host_binding_ipv4': '::1' } };
    expect(proxies({ networks: [binding] })[0]).toBe('::1 8080 fd00:5::2');
  });
});

describe('17.06', () => {
  it('leaves the MTU of a bridge without ports to the kernel', () => {
    expect(links({ engine: '17.06.2', config: '{"mtu":1400}' })).toEqual(['docker0 1500 up 172.17.0.1/16']);
    expect(links({ engine: '24.0.9', config: '{"mtu":1400}' })).toEqual(['docker0 1500 up 172.17.0.1/16']);
    expect(links({ engine: '25.0.0', config: '{"mtu":1400}' })).toEqual(['docker0 1400 up 172.17.0.1/16']);
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
