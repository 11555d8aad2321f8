/**
 * Big hosts: a bundle of one host with many containers, published ports and thousands of rules, made without chance. In: how
 * big, which engine, what is broken. Out: Facts. Docker's rules are those of the engine's own plan, so that a host on which
 * nothing is broken is healthy; the others are what administrators and their tools add.
 */
import { nftJson } from '../../src/firewall/nft/print-json.ts';
import { printSave } from '../../src/firewall/save.ts';
import type { Facts } from '../../src/host/facts.ts';
import { type Addr, formatAddr, parseAddr } from '../../src/net/addr.ts';
import { type Expected, expectedFromFacts } from '../../src/plan/expected.ts';

export type BigFault =
  | 'healthy'
  | 'masquerade-off'
  | 'nat-flushed'
  | 'drop'
  | 'forward-off'
  | 'veth-detached';

export interface BigHostSpec {
  readonly engine: string;
  readonly backend: 'iptables-nft' | 'iptables-legacy' | 'nftables';
  readonly networks: number;
  readonly containers: number;
  /** Published by each container. */
  readonly ports: number;
  /** Rules of the host in all, Docker's and others'. */
  readonly rules: number;
  readonly fault?: BigFault;
}

const encoder = new TextEncoder();

/** The bundle of a big host. */
export function bigHost(spec: BigHostSpec): Facts {
  const { fault = 'healthy' } = spec;
  const config = {
    ...(spec.backend === 'nftables' ? { 'firewall-backend': 'nftables' } : {}),
    ...(fault === 'masquerade-off' ? { 'ip-masq': false } : {}),
  };
  const plain = new Map<string, string>([
    ['daemon.json', `${JSON.stringify(config, undefined, 1)}\n`],
    ['docker-version.json', JSON.stringify({ Version: spec.engine })],
    ['docker-network-inspect.json', JSON.stringify(networks(spec))],
    ['docker-container-inspect.json', JSON.stringify(containers(spec))],
    [
      'tools.txt',
      spec.backend === 'iptables-legacy' ? 'iptables v1.8.9 (legacy)\n' : 'iptables v1.8.9 (nf_tables)\n',
    ],
    ['outside.json', JSON.stringify(outside)],
    ['sysctl.txt', 'net.ipv4.ip_forward = 0\n'],
  ]);
  const expected = expectedFromFacts(factsOf(plain));
  if ('cannot' in expected) throw new Error(expected.cannot);
  return factsOf(new Map([...plain, ...kernelFiles(spec, expected, fault)]));
}

function factsOf(files: ReadonlyMap<string, string>): Facts {
  return { files: new Map([...files].map(([name, text]) => [name, encoder.encode(text)])), origin: 'test' };
}

/** What an engine that works as planned makes of the kernel, and what then happened to it. */
function kernelFiles(spec: BigHostSpec, { plan }: Expected, fault: BigFault): ReadonlyMap<string, string> {
  const links = hostLinks(spec, fault);
  const sysctls = [...plan.sysctls].map(([name, { value }]) => `${name} = ${value}`);
  return new Map([
    ...firewallFiles(spec, plan, fault),
    ['ip-link.json', JSON.stringify(links)],
    ['ip-addr.json', JSON.stringify(links)],
    ['ip-route.json', JSON.stringify(hostRoutes(spec))],
    [
      'sysctl.txt',
      `${[...sysctls, `net.ipv4.ip_forward = ${fault === 'forward-off' ? 0 : 1}`].join('\n')}\n`,
    ],
    [
      'ss.txt',
      `${plan.proxies
        .map(
          (p, i) =>
            `${p.protocol} LISTEN 0 4096 ${socketText(p.hostAddress)}:${p.hostPort} *:* users:(("docker-proxy",pid=${5000 + i},fd=4))`,
        )
        .join('\n')}\n`,
    ],
    [
      'docker-proxy.txt',
      `${plan.proxies
        .map(
          (p) =>
            `/usr/bin/docker-proxy -proto ${p.protocol} -host-ip ${p.hostAddress} -host-port ${p.hostPort} -container-ip ${p.containerAddress} -container-port ${p.containerPort} -use-listen-fd`,
        )
        .join('\n')}\n`,
    ],
    ['sandboxes.json', JSON.stringify(sandboxes(spec))],
  ]);
}

function socketText(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function firewallFiles(
  spec: BigHostSpec,
  plan: Expected['plan'],
  fault: BigFault,
): readonly (readonly [string, string])[] {
  if (spec.backend === 'nftables') {
    const docker = plan.nft.tables.map((table) =>
      fault !== 'nat-flushed'
        ? table
        : {
            ...table,
            chains: table.chains.map((c) => (c.name.startsWith('nat-') ? { ...c, rules: [] } : c)),
          },
    );
    const own = docker.flatMap((t) => t.chains.flatMap((c) => c.rules)).length;
    const { nftables } = nftJson(docker);
    const listing = { nftables: [...nftables, ...foreignNft(spec.rules - own, spec, fault)] };
    return [
      ['iptables-save.txt', ''],
      ['ip6tables-save.txt', ''],
      ['nft-ruleset.json', JSON.stringify(listing)],
    ];
  }
  const made = printSave(plan.ruleset, { family: 'ipv4' });
  const kept =
    fault === 'nat-flushed'
      ? made.replace(/^\*nat\n[\s\S]*?^COMMIT$/m, (nat) => nat.replace(/^-A .*\n/gm, ''))
      : made;
  const own = kept.split('\n').filter((line) => line.startsWith('-A ')).length;
  const save = withForeign(kept, spec.rules - own, spec, fault);
  const name = spec.backend === 'iptables-legacy' ? 'iptables-legacy-save.txt' : 'iptables-save.txt';
  const other = spec.backend === 'iptables-legacy' ? 'iptables-save.txt' : 'iptables-legacy-save.txt';
  return [
    [name, save],
    [other, ''],
    [name.replace('ip', 'ip6'), printSave(plan.ruleset, { family: 'ipv6' })],
  ];
}

/** Addresses of strangers, all different: 192.0.2.0/24 is documentation's, and 10 and 11 are nobody's here. */
function stranger(index: number): string {
  return `${10 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.${7 + (index % 200)}`;
}

/** A third each: who may not log in, who may not reach containers, and accounting of the host's own services. */
function withForeign(save: string, count: number, spec: BigHostSpec, fault: BigFault): string {
  const third = Math.max(0, Math.floor(count / 3) - 2);
  const rules = (chain: string, offset: number, rest: string): readonly string[] =>
    Array.from({ length: third }, (_, i) => `-A ${chain} -s ${stranger(offset + i)}/32 ${rest}`);
  const filter = [
    ...rules('f2b-sshd', 0, '-j REJECT --reject-with icmp-port-unreachable'),
    ...rules('BLOCKED', third, '-j DROP'),
    ...Array.from(
      { length: third },
      (_, i) => `-A SERVICES -p tcp -m tcp --dport ${1 + (i % 30_000)} -m comment --comment "service ${i}"`,
    ),
    '-A INPUT -p tcp -m multiport --dports 22,2222 -j f2b-sshd',
    '-A INPUT -j SERVICES',
  ];
  const user = [
    ...(fault === 'drop' ? [`-A DOCKER-USER -i ${lastBridge(spec)} -j DROP`] : []),
    '-A DOCKER-USER -j BLOCKED',
  ];
  return save.replace(/^\*filter\n[\s\S]*?^COMMIT$/m, (table) =>
    table
      .replace(/^((?::.*\n)+)/m, `$1:BLOCKED - [0:0]\n:SERVICES - [0:0]\n:f2b-sshd - [0:0]\n`)
      .replace(/^COMMIT$/m, `${[...user, ...filter].join('\n')}\nCOMMIT`)
      .replace(/^(-A DOCKER-USER -j RETURN\n)([\s\S]*?)((?:-A DOCKER-USER (?!-j RETURN).*\n)+)/m, '$3$1$2'),
  );
}

function foreignNft(count: number, spec: BigHostSpec, fault: BigFault): readonly object[] {
  const at = { family: 'inet', table: 'site' };
  const chain = (name: string, hook?: string) => ({
    chain: {
      ...at,
      name,
      ...(hook === undefined ? {} : { type: 'filter', hook, prio: -10, policy: 'accept' }),
    },
  });
  const from = (address: string) => ({
    match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: address },
  });
  const rule = (name: string, ...expr: readonly object[]) => ({ rule: { ...at, chain: name, expr } });
  const half = Math.max(0, Math.floor(count / 2) - 2);
  return [
    { table: { family: 'inet', name: 'site' } },
    chain('input', 'input'),
    chain('forward', 'forward'),
    ...Array.from({ length: half }, (_, i) => rule('input', from(stranger(i)), { drop: null })),
    ...(fault === 'drop'
      ? [
          rule(
            'forward',
            { match: { op: '==', left: { meta: { key: 'iifname' } }, right: lastBridge(spec) } },
            { drop: null },
          ),
        ]
      : []),
    ...Array.from({ length: half }, (_, i) => rule('forward', from(stranger(half + i)), { drop: null })),
  ];
}

/** Network 0 is the engine's default. */
function networkOf(spec: BigHostSpec, container: number): number {
  return container % spec.networks;
}

function id(kind: string, index: number): string {
  return (index.toString(16).padStart(12, '0') + kind.repeat(52)).slice(0, 64);
}

function subnet(network: number): string {
  return `172.${17 + network}`;
}

function bridgeName(network: number): string {
  return network === 0 ? 'docker0' : `br-${id('b', network).slice(0, 12)}`;
}

function lastBridge(spec: BigHostSpec): string {
  return bridgeName(spec.networks - 1);
}

/** 1 is the bridge. */
function addressOf(spec: BigHostSpec, container: number): string {
  const place = 2 + Math.floor(container / spec.networks);
  return `${subnet(networkOf(spec, container))}.${place >> 8}.${place & 255}`;
}

function mac(address: string): string {
  const parsed: Addr | undefined = parseAddr(address);
  const bytes = (parsed === undefined ? '' : formatAddr(parsed)).split('.');
  return ['02', '42', ...bytes.map((byte) => Number(byte).toString(16).padStart(2, '0'))].join(':');
}

function moment(second: number): string {
  return new Date(Date.UTC(2026, 10, 23, 4, 0, second)).toISOString();
}

function members(spec: BigHostSpec, network: number): readonly number[] {
  return Array.from({ length: spec.containers }, (_, i) => i).filter((i) => networkOf(spec, i) === network);
}

function networks(spec: BigHostSpec): readonly object[] {
  return Array.from({ length: spec.networks }, (_, index) => ({
    Name: index === 0 ? 'bridge' : `net${index}`,
    Id: id('b', index),
    Created: moment(index),
    Driver: 'bridge',
    EnableIPv4: true,
    EnableIPv6: false,
    Internal: false,
    IPAM: { Config: [{ Subnet: `${subnet(index)}.0.0/16`, Gateway: `${subnet(index)}.0.1` }] },
    Containers: Object.fromEntries(
      members(spec, index).map((i) => [
        id('c', i),
        {
          Name: `c${i}`,
          EndpointID: id('e', i),
          MacAddress: mac(addressOf(spec, i)),
          IPv4Address: `${addressOf(spec, i)}/16`,
        },
      ]),
    ),
    Options:
      index === 0
        ? {
            'com.docker.network.bridge.default_bridge': 'true',
            'com.docker.network.bridge.enable_icc': 'true',
            'com.docker.network.bridge.enable_ip_masquerade':
              spec.fault === 'masquerade-off' ? 'false' : 'true',
            'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
            'com.docker.network.bridge.name': 'docker0',
            'com.docker.network.driver.mtu': '1500',
          }
        : {},
  }));
}

function hostPort(spec: BigHostSpec, container: number, port: number): number {
  return 10_000 + container * spec.ports + port;
}

function containers(spec: BigHostSpec): readonly object[] {
  return Array.from({ length: spec.containers }, (_, index) => {
    const network = networkOf(spec, index);
    const bindings = Object.fromEntries(
      Array.from({ length: spec.ports }, (_, port) => [
        `${80 + port}/tcp`,
        [{ HostIp: '', HostPort: String(hostPort(spec, index, port)) }],
      ]),
    );
    const bound = Object.fromEntries(
      Object.entries(bindings).map(([port, list]) => [
        port,
        list.map(({ HostPort }) => ({ HostIp: '0.0.0.0', HostPort })),
      ]),
    );
    return {
      Id: id('c', index),
      Name: `/c${index}`,
      State: { Running: true, Pid: 1000 + index, StartedAt: moment(100 + index) },
      HostConfig: { NetworkMode: network === 0 ? 'default' : `net${network}`, PortBindings: bindings },
      Config: { ExposedPorts: Object.fromEntries(Object.keys(bindings).map((port) => [port, {}])) },
      NetworkSettings: {
        Ports: bound,
        Networks: {
          [network === 0 ? 'bridge' : `net${network}`]: {
            NetworkID: id('b', network),
            EndpointID: id('e', index),
            Gateway: `${subnet(network)}.0.1`,
            IPAddress: addressOf(spec, index),
            IPPrefixLen: 16,
            MacAddress: mac(addressOf(spec, index)),
          },
        },
      },
    };
  });
}

const up = ['UP', 'LOWER_UP'];
const inet = (local: string, prefixlen: number, scope = 'global') => ({
  family: 'inet',
  local,
  prefixlen,
  scope,
});
const loopback = {
  ifindex: 1,
  ifname: 'lo',
  flags: ['LOOPBACK', ...up],
  mtu: 65_536,
  link_type: 'loopback',
  addr_info: [inet('127.0.0.1', 8, 'host')],
};

/** Interface numbers of container `index`: of its own end and of the host's. */
const innerIndex = (index: number) => 1000 + 2 * index;
const outerIndex = (index: number) => 1001 + 2 * index;

function hostLinks(spec: BigHostSpec, fault: BigFault): readonly object[] {
  const ether = { flags: up, mtu: 1500, link_type: 'ether' };
  return [
    loopback,
    {
      ifindex: 2,
      ifname: 'eth0',
      ...ether,
      address: '32:a1:1b:da:f9:80',
      addr_info: [inet('203.0.113.2', 24)],
    },
    ...Array.from({ length: spec.networks }, (_, index) => ({
      ifindex: 3 + index,
      ifname: bridgeName(index),
      ...ether,
      address: mac(`${subnet(index)}.0.1`),
      linkinfo: { info_kind: 'bridge' },
      addr_info: [inet(`${subnet(index)}.0.1`, 16)],
    })),
    ...Array.from({ length: spec.containers }, (_, index) => ({
      ifindex: outerIndex(index),
      link_index: innerIndex(index),
      link_netnsid: index + 1,
      ifname: `veth${index.toString(16).padStart(7, '0')}`,
      ...ether,
      address: `56:6f:ac:39:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`,
      linkinfo:
        fault === 'veth-detached' && index === Math.floor(spec.containers / 2)
          ? { info_kind: 'veth' }
          : { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { state: 'forwarding' } },
      ...(fault === 'veth-detached' && index === Math.floor(spec.containers / 2)
        ? {}
        : { master: bridgeName(networkOf(spec, index)) }),
      addr_info: [],
    })),
  ];
}

function hostRoutes(spec: BigHostSpec): readonly object[] {
  return [
    { dst: 'default', gateway: '203.0.113.1', dev: 'eth0', flags: [] },
    { dst: '203.0.113.0/24', dev: 'eth0', scope: 'link', prefsrc: '203.0.113.2', flags: [] },
    ...Array.from({ length: spec.networks }, (_, index) => ({
      dst: `${subnet(index)}.0.0/16`,
      dev: bridgeName(index),
      scope: 'link',
      prefsrc: `${subnet(index)}.0.1`,
      flags: [],
    })),
  ];
}

function sandboxes(spec: BigHostSpec): object {
  return Object.fromEntries(
    Array.from({ length: spec.containers }, (_, index) => {
      const address = addressOf(spec, index);
      const network = subnet(networkOf(spec, index));
      return [
        `c${index}`,
        {
          netns: `net:[${4_026_533_000 + index}]`,
          shares_host: false,
          ip_addr: [
            loopback,
            {
              ifindex: innerIndex(index),
              link_index: outerIndex(index),
              link_netnsid: 0,
              ifname: 'eth0',
              flags: up,
              mtu: 1500,
              link_type: 'ether',
              address: mac(address),
              linkinfo: { info_kind: 'veth' },
              addr_info: [inet(address, 16)],
            },
          ],
          ip_route: [
            { dst: 'default', gateway: `${network}.0.1`, dev: 'eth0', flags: [] },
            { dst: `${network}.0.0/16`, dev: 'eth0', scope: 'link', prefsrc: address, flags: [] },
          ],
          ip_neigh: [],
          iptables_save: '',
          nft: '',
          ss: Array.from(
            { length: spec.ports },
            (_, port) => `tcp LISTEN 0 64 0.0.0.0:${80 + port} 0.0.0.0:*`,
          ),
          sysctl: [],
        },
      ];
    }),
  );
}

const outside = {
  namespace: 'inet',
  links: [
    { name: 'up0', peer: 'eth0', addresses: ['203.0.113.1/24'] },
    { name: 'lo', addresses: ['127.0.0.1/8', '198.51.100.7/32'] },
  ],
  routes: [],
  forwards: false,
  listeners: ['tcp 7777'],
};
