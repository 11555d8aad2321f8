import { describe, expect, it } from 'vitest';
import { planOf, rulesOf } from '../../test/support/plan.ts';
import { printSave } from '../firewall/save.ts';
import type { Facts } from '../host/facts.ts';
import { type CannotExpect, type Expected, expectedFromFacts } from './expected.ts';

const encoder = new TextEncoder();

const bridge = {
  Name: 'bridge',
  Id: 'b',
  Created: '2026-11-23T02:00:00Z',
  Driver: 'bridge',
  IPAM: { Config: [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }] },
  Options: {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.enable_ip_masquerade': 'true',
  },
};

function user(name: string, number: number, created: string): object {
  return {
    ...bridge,
    Name: name,
    Id: `${name}00000000000`,
    Created: created,
    Options: {},
    IPAM: { Config: [{ Subnet: `172.${number}.0.0/16` }] },
  };
}

/** A bundle of the files given, as text or as JSON. */
function bundle(files: Readonly<Record<string, unknown>>): Facts {
  const all = {
    'docker-version.json': { Version: '28.5.2+dfsg4' },
    'docker-network-inspect.json': [bridge],
    ...files,
  };
  const entries = Object.entries(all).filter(([, content]) => content !== undefined);
  return {
    origin: 'test',
    files: new Map(
      entries.map(([name, content]) => [
        name,
        encoder.encode(typeof content === 'string' ? content : JSON.stringify(content)),
      ]),
    ),
  };
}

function planned(result: Expected | CannotExpect): Expected {
  if ('cannot' in result) throw new Error(result.cannot);
  return result;
}

const masquerade = 'nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE';

describe('expectedFromFacts', () => {
  it('plans what the configuration and the networks say, with the origin of each setting', () => {
    const { plan, options, generation, problems } = planned(
      expectedFromFacts(
        bundle({
          'daemon.json': '{\n  "ip-masq": false\n}',
          'docker-network-inspect.json': [
            { ...bridge, Options: { 'com.docker.network.bridge.enable_ip_masquerade': 'false' } },
          ],
        }),
      ),
    );
    expect(generation).toBe('G9');
    expect(problems).toEqual([]);
    expect(options.settings['ip-masq']).toMatchObject({
      value: false,
      origin: { kind: 'file', path: 'daemon.json', line: 2 },
    });
    expect(rulesOf(plan)).not.toContain(masquerade);
  });

  it('reads flags and environment of dockerd', () => {
    const { options, plan } = planned(
      expectedFromFacts(
        bundle({
          'dockerd.argv': {
            argv: ['dockerd', '--userland-proxy=false'],
            env: { DOCKER_FIREWALL_BACKEND: 'nftables', OTHER: 1 },
          },
        }),
      ),
    );
    expect(options.settings['userland-proxy'].value).toBe(false);
    expect(rulesOf(plan)).not.toContain('filter -N DOCKER-USER');
  });

  it('plans the settings in force and says which are not', () => {
    const { plan, notInForce } = planned(expectedFromFacts(bundle({ 'daemon.json': '{"ip-masq":false}' })));
    expect(rulesOf(plan)).toContain(masquerade);
    expect(notInForce.map(({ option }) => option)).toEqual(['ip-masq']);
  });

  it('takes forwarding before the start from the log, else from the policy', () => {
    const policy = 'filter -P FORWARD DROP';
    const rulesFor = (files: Readonly<Record<string, unknown>>) =>
      rulesOf(planned(expectedFromFacts(bundle(files))).plan);
    const save = (forward: string) =>
      `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ${forward} [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n`;
    const log = (args: string) =>
      `time="2026-11-23T01:00:00Z" msg="Loading containers: start."\nmsg="/sbin/iptables, [--wait ${args}]"\n`;
    expect(rulesFor({})).toContain(policy);
    expect(rulesFor({ 'iptables-save.txt': save('ACCEPT') })).not.toContain(policy);
    expect(rulesFor({ 'iptables-save.txt': save('DROP') })).toContain(policy);
    const off = log('-t filter -P FORWARD DROP');
    expect(rulesFor({ 'iptables-save.txt': save('ACCEPT'), 'dockerd.log': off })).toContain(policy);
    expect(rulesFor({ 'iptables-save.txt': save('DROP'), 'dockerd.log': log('-N X') })).not.toContain(policy);
  });

  it("plans on the backend that holds Docker's chains", () => {
    const save = (chain: string) => `*filter\n:FORWARD ACCEPT [0:0]\n:${chain} - [0:0]\nCOMMIT\n`;
    const files = { 'iptables-save.txt': save('OTHER'), 'iptables-legacy-save.txt': save('DOCKER') };
    expect(planned(expectedFromFacts(bundle(files))).backend).toBe('iptables-legacy');
    expect(planned(expectedFromFacts(bundle({}))).backend).toBe('iptables-nft');
  });

  it('begins with what an earlier run left, when the engine restarted on the same boot', () => {
    const start = (time: string) => `time="${time}" msg="Loading containers: start."\n`;
    const networks = [user('z', 18, '2026-11-23T01:10:00Z'), user('a', 19, '2026-11-23T01:20:00Z'), bridge];
    const orderOf = (log: string) =>
      rulesOf(
        planned(expectedFromFacts(bundle({ 'docker-network-inspect.json': networks, 'dockerd.log': log })))
          .plan,
      ).filter((rule) => rule.startsWith('nat -A POSTROUTING'));
    const rule = (number: number, name: string) =>
      `nat -A POSTROUTING -s 172.${number}.0.0/16 ! -o ${name} -j MASQUERADE`;
    const [z, a, docker0] = [rule(18, 'br-z00000000000'), rule(19, 'br-a00000000000'), rule(17, 'docker0')];
    // After a reboot networks come back by id; in a restart the rules of POSTROUTING stay where creation put them.
    expect(orderOf(start('2026-11-23T01:59:00Z'))).toEqual([docker0, z, a]);
    expect(orderOf(start('2026-11-23T01:00:00Z') + start('2026-11-23T01:59:00Z'))).toEqual([docker0, a, z]);
  });

  it('restores networks and endpoints in the order of the log, where it shows one', () => {
    const start = 'time="2026-11-23T01:59:00Z" msg="Loading containers: start."\n';
    const networks = [user('bb', 18, '2026-11-23T01:10:00Z'), user('aa', 19, '2026-11-23T01:20:00Z'), bridge];
    const orderOf = (log: string) =>
      rulesOf(
        planned(expectedFromFacts(bundle({ 'docker-network-inspect.json': networks, 'dockerd.log': log })))
          .plan,
      )
        .filter((rule) => rule.startsWith('filter -A DOCKER-BRIDGE'))
        .map((rule) => /-o br-(..)/.exec(rule)?.[1]);
    expect(orderOf(start)).toEqual(['aa', 'bb', undefined]);
    const lines = ['bb00000', 'aa00000'].map((id) => `msg="Network (${id}) restored"`);
    expect(orderOf(`${start}${lines.join('\n')}\n`)).toEqual(['bb', 'aa', undefined]);
  });

  it('takes IPv6 forwarding before the start from the log or the policy, too', () => {
    const six = {
      ...bridge,
      EnableIPv6: true,
      IPAM: { Config: [...bridge.IPAM.Config, { Subnet: 'fd00::/64', Gateway: 'fd00::1' }] },
    };
    const policyFor = (files: Readonly<Record<string, unknown>>) =>
      rulesOf(
        planned(expectedFromFacts(bundle({ 'docker-network-inspect.json': [six], ...files }))).plan,
        'ipv6',
      ).includes('filter -P FORWARD DROP');
    const save = (policy: string) => `*filter\n:FORWARD ${policy} [0:0]\nCOMMIT\n`;
    expect(policyFor({})).toBe(true);
    expect(policyFor({ 'ip6tables-save.txt': save('ACCEPT') })).toBe(false);
    expect(policyFor({ 'ip6tables-save.txt': save('DROP') })).toBe(true);
    const log = (args: string) =>
      `time="2026-11-23T01:00:00Z" msg="Loading containers: start."\nmsg="/sbin/ip6tables, [--wait ${args}]"\n`;
    expect(policyFor({ 'ip6tables-save.txt': save('DROP'), 'dockerd.log': log('-N X') })).toBe(false);
  });

  it('binds no IPv6 address of itself where the kernel has none', () => {
    const container = {
      Id: 'web',
      Name: '/web',
      State: { Running: true },
      Config: {},
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
      NetworkSettings: {
        Ports: { '80/tcp': [{ HostPort: '8080' }] },
        Networks: {
          bridge: {
            NetworkID: 'b',
            EndpointID: 'e',
            IPAddress: '172.17.0.2',
            IPPrefixLen: 16,
            Gateway: '172.17.0.1',
            GlobalIPv6Address: 'fd00::2',
            GlobalIPv6PrefixLen: 64,
          },
        },
      },
    };
    const six = {
      ...bridge,
      EnableIPv6: true,
      IPAM: { Config: [...bridge.IPAM.Config, { Subnet: 'fd00::/64' }] },
    };
    const loopback = (local: string, family: string) => [
      {
        ifindex: 1,
        ifname: 'lo',
        link_type: 'loopback',
        flags: ['LOOPBACK', 'UP'],
        mtu: 65536,
        addr_info: [{ family, local, prefixlen: 8, scope: 'host' }],
      },
    ];
    const translated = (lo: object) =>
      rulesOf(
        planned(
          expectedFromFacts(
            bundle({
              'docker-network-inspect.json': [six],
              'docker-container-inspect.json': [container],
              'ip-addr.json': lo,
            }),
          ),
        ).plan,
        'ipv6',
      ).some((rule) => rule.includes('DNAT'));
    expect(translated(loopback('::1', 'inet6'))).toBe(true);
    expect(translated(loopback('127.0.0.1', 'inet'))).toBe(false);
  });

  it('leaves the tables that the engine made for containers which are gone, with nft', () => {
    const log = 'msg="/sbin/iptables, [--wait -t raw -A PREROUTING -d 172.17.0.2 -j DROP]"';
    const tables = (files: Readonly<Record<string, unknown>>) =>
      planned(expectedFromFacts(bundle(files)))
        .plan.ruleset.tables.filter(({ family }) => family === 'ipv4')
        .map(({ name }) => name);
    expect(tables({})).toEqual(['filter', 'nat']);
    expect(tables({ 'dockerd.log': log })).toEqual(['raw', 'filter', 'nat']);
    const legacy = '*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER - [0:0]\nCOMMIT\n';
    expect(tables({ 'dockerd.log': log, 'iptables-legacy-save.txt': legacy })).not.toContain('raw');
  });

  it('orders endpoints by their links and ports by their proxies', () => {
    const inspected = (name: string, address: string, started: string) => ({
      Id: name,
      Name: `/${name}`,
      State: { Running: true, StartedAt: started },
      Config: { ExposedPorts: { '80/tcp': {}, '81/tcp': {} } },
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }], '81/tcp': [{ HostPort: '8081' }] } },
      NetworkSettings: {
        Ports: name === 'a' ? { '80/tcp': [{ HostPort: '8080' }], '81/tcp': [{ HostPort: '8081' }] } : {},
        Networks: {
          bridge: {
            NetworkID: 'b',
            IPAddress: address,
            IPPrefixLen: 16,
            Gateway: '172.17.0.1',
            EndpointID: name,
          },
        },
      },
    });
    const sandbox = (address: string, index: number) => ({
      ip_addr: [
        {
          ifindex: 2,
          ifname: 'eth0',
          link_index: index,
          link_type: 'ether',
          linkinfo: { info_kind: 'veth' },
          flags: ['UP', 'LOWER_UP'],
          mtu: 1500,
          addr_info: [{ family: 'inet', local: address, prefixlen: 16, scope: 'global' }],
        },
      ],
    });
    const containers = [
      inspected('a', '172.17.0.2', '2026-11-23T03:00:01Z'),
      inspected('b', '172.17.0.3', '2026-11-23T03:00:02Z'),
    ];
    const files = { 'docker-container-inspect.json': containers };
    const drops = (more: Readonly<Record<string, unknown>>) =>
      rulesOf(planned(expectedFromFacts(bundle({ ...files, ...more }))).plan)
        .filter((rule) => rule.startsWith('raw'))
        .map((rule) => /-d (\S+)/.exec(rule)?.[1]);
    expect(drops({})).toEqual(['172.17.0.2/32', '172.17.0.3/32']);
    expect(drops({ 'sandboxes.json': { a: sandbox('172.17.0.2', 9), b: sandbox('172.17.0.3', 5) } })).toEqual(
      ['172.17.0.3/32', '172.17.0.2/32'],
    );
    const proxies = (engine: string) =>
      planned(
        expectedFromFacts(
          bundle({
            ...files,
            'docker-proxy.txt': [80, 81]
              .map(
                (port) =>
                  `docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port ${port + 8000} -container-ip 172.17.0.2 -container-port ${port}`,
              )
              .join('\n'),
          }),
          { engine },
        ),
      ).plan.proxies.map(({ containerPort }) => containerPort);
    expect(proxies('17.06.2')).toEqual([80, 81]);
    expect(
      planned(expectedFromFacts(bundle(files), { engine: '17.06.2' })).plan.proxies.map(
        (p) => p.containerPort,
      ),
    ).toEqual([81, 80]);
  });

  it('cannot without a version, a supported engine, or networks', () => {
    const cannot = (files: Readonly<Record<string, unknown>>) => {
      const result = expectedFromFacts(bundle(files));
      return 'cannot' in result ? result.cannot : undefined;
    };
    expect(cannot({ 'docker-version.json': undefined })).toContain('engine version is unknown');
    expect(cannot({ 'docker-version.json': { Version: '17.03.2' } })).toContain('17.03.2 is not supported');
    expect(cannot({ 'docker-network-inspect.json': undefined })).toContain(
      'docker-network-inspect.json is missing',
    );
    expect(cannot({ 'docker-network-inspect.json': undefined, 'daemon.json': '{"nope":1}' })).toContain(
      'dockerd refuses to start',
    );
  });

  it('reads the version where it can, and plans as another engine when told', () => {
    const none = { 'docker-version.json': undefined };
    expect(
      planned(expectedFromFacts(bundle({ ...none, 'docker-info.json': { ServerVersion: '17.06.2-ce' } })))
        .generation,
    ).toBe('G1');
    expect(
      planned(expectedFromFacts(bundle({ 'docker-version.json': { Server: { Version: '17.06.2' } } })))
        .generation,
    ).toBe('G1');
    expect(planned(expectedFromFacts(bundle({}), { engine: '17.06.2' })).generation).toBe('G1');
  });

  it('knows that firewalld runs from the log, unless the rules could show it and do not', () => {
    const log = [
      'time="2026-11-23T01:00:00Z" level=info msg="Loading containers: start."',
      'time="2026-11-23T01:00:01Z" level=debug msg="Firewalld passthrough: ipv4, [-t nat -N DOCKER]"',
    ].join('\n');
    const firewalld = (files: Readonly<Record<string, string>>) =>
      planned(expectedFromFacts(bundle(files))).plan.firewalld;
    expect(firewalld({ 'dockerd.log': log })).toMatchObject([
      { zone: 'docker' },
      {},
      { interface: 'docker0' },
    ]);
    expect(firewalld({ 'dockerd.log': log, 'nft-ruleset.json': '{"nftables":[]}' })).toBeUndefined();
    expect(firewalld({})).toBeUndefined();
  });

  it('goes by the rules where no file tells the version', () => {
    const save = (engine: string) => printSave(planOf({ engine }).ruleset, { family: 'ipv4' });
    const unnamed = (files: Readonly<Record<string, string>>) =>
      expectedFromFacts(bundle({ 'docker-version.json': undefined, ...files }));
    const { engine, generation, options } = planned(unnamed({ 'iptables-save.txt': save('29.0.0') }));
    expect(engine).toEqual({ version: '29.7.2', by: 'recognised', generations: ['G10'] });
    expect([generation, options.engine]).toEqual(['G10', '29.7.2']);
    expect(unnamed({ 'iptables-save.txt': '*nat\n:DOCKER - [0:0]\nCOMMIT\n' })).toMatchObject({
      cannot: expect.stringContaining('no rules show it'),
    });
    expect(planned(expectedFromFacts(bundle({ 'iptables-save.txt': save('29.0.0') }))).engine.by).toBe(
      'version-file',
    );
  });

  it('reports files that are no JSON and goes on', () => {
    const { problems } = planned(expectedFromFacts(bundle({ 'docker-container-inspect.json': '[{' })));
    expect(problems.map(({ file }) => file)).toEqual(['docker-container-inspect.json']);
  });
});
