/** Detectors of one file or setting: where each finds its cause, and the nearest host on which it keeps silent. */
import { expect, test } from 'vitest';
import { storeFile } from '../../../test/fixtures/bolt.ts';
import { addr, prefix, route } from '../../../test/fixtures/host.ts';
import { caseOf, type Case as Host, onHost } from '../../../test/fixtures/patient.ts';
import type { HostState, Link, Namespace } from '../../host/state.ts';
import type { Finding } from '../finding.ts';
import { foreignPublishAddresses, fullNetworks, unreadyBridge } from './addresses.ts';
import { unmappedPorts } from './apart.ts';
import type { Detector } from './case.ts';
import { busyResolver, contendedLock, missingExtensions, unreadableTables } from './engine-log.ts';
import { fullConntrack, wrongChecksums } from './kernel.ts';
import { upgradedKernel } from './kernel-modules.ts';
import { oldLibseccomp, windowsLoopback } from './platform.ts';
import { missedSubnets, outdatedNeighbours } from './routing.ts';
import { earlyPrograms, invalidDropped } from './rules.ts';
import { inconsistentStore } from './store.ts';

const files = (named: Readonly<Record<string, string>>): Host => ({ files: named });
const broken = (edit: (ns: Namespace) => Namespace, more: Host = {}): Host => ({
  ...more,
  broken: (state: HostState) => onHost(state, edit),
});
const sysctls = (named: Readonly<Record<string, string>>): Host =>
  broken(
    (ns) => ({
      ...ns,
      sysctls: new Map([
        ...ns.sysctls,
        ...Object.entries(named).map(([k, value]) => [k, { value }] as const),
      ]),
    }),
    files({
      'sysctl.txt': Object.entries(named)
        .map(([k, v]) => `${k} = ${v}\n`)
        .join(''),
    }),
  );
const log = (message: string) => files({ 'dockerd.log': `time="t" level=info msg="x"\n${message}\n` });
const withLink = (change: Partial<Link> & { readonly name: string }): Host =>
  broken((ns) => ({
    ...ns,
    links: [
      ...ns.links,
      { index: 90, kind: 'ether', up: true, carrier: true, mtu: 1500, addresses: [], ...change },
    ],
  }));
/** Another uplink, eth1, whose address has a table of its own. */
const secondUplink = (...more: Namespace['policyRules']): Host =>
  broken((ns) => ({
    ...ns,
    links: [
      ...ns.links,
      {
        index: 90,
        name: 'eth1',
        kind: 'ether',
        up: true,
        carrier: true,
        mtu: 1500,
        addresses: [{ prefix: prefix('198.51.100.2/24'), scope: 'global' }],
      },
    ],
    routes: [...ns.routes, route('default via 198.51.100.1 dev eth1 table isp2')],
    policyRules: [
      ...ns.policyRules,
      {
        family: 'ipv4',
        priority: 100,
        not: false,
        from: prefix('198.51.100.2/32'),
        action: 'lookup',
        table: 'isp2',
        unknownSelectors: [],
      },
      ...more,
    ],
  }));

interface Row {
  readonly detector: Detector;
  readonly host: Host;
  readonly beside: Host;
  readonly says: Partial<Finding>;
}

const rows: Readonly<Record<string, Row>> = {
  'a full table of connections': {
    detector: fullConntrack,
    host: sysctls({ 'net.netfilter.nf_conntrack_count': '65500', 'net.netfilter.nf_conntrack_max': '65536' }),
    beside: sysctls({
      'net.netfilter.nf_conntrack_count': '30000',
      'net.netfilter.nf_conntrack_max': '65536',
    }),
    says: {
      cause: 'conntrack-full',
      severity: 'warning',
      evidence: [
        { file: 'sysctl.txt', line: 1, text: 'net.netfilter.nf_conntrack_count = 65500' },
        { file: 'sysctl.txt', line: 2, text: 'net.netfilter.nf_conntrack_max = 65536' },
      ],
      repairs: [{ kind: 'command', change: 'sysctl -w net.netfilter.nf_conntrack_max=131072' }],
    },
  },
  'a table that was full': {
    detector: fullConntrack,
    host: files({ 'kernel.log': '[1.0] a\n[2.0] nf_conntrack: nf_conntrack: table full, dropping packet\n' }),
    beside: files({ 'kernel.log': '[1.0] a\n' }),
    says: { cause: 'conntrack-full', evidence: [expect.objectContaining({ file: 'kernel.log', line: 2 })] },
  },
  'wrong checksums': {
    detector: wrongChecksums,
    host: files({ 'kernel.log': '[9.1] eth0: hw csum failure\n' }),
    beside: files({ 'kernel.log': '[9.1] eth0: link up\n' }),
    says: {
      cause: 'checksum-offload',
      params: { link: 'eth0' },
      repairs: [{ kind: 'command', change: 'ethtool -K eth0 rx off tx off' }],
    },
  },
  'an upgraded kernel': {
    detector: upgradedKernel,
    host: files({
      'tools.txt': 'ip utility\n/lib/modules: 6.1.0-20-amd64\n6.1.0-13-amd64\n',
      'modules.txt': 'veth 32768 0\n',
    }),
    beside: files({
      'tools.txt': 'ip utility\n/lib/modules: 6.1.0-13-amd64 6.1.0-20-amd64\n6.1.0-13-amd64\n',
      'modules.txt': 'veth 32768 0\n',
    }),
    says: {
      cause: 'kernel-modules-gone',
      severity: 'warning',
      params: { kernel: '6.1.0-13-amd64', reason: '' },
      evidence: [{ file: 'tools.txt', line: 2, text: '/lib/modules: 6.1.0-20-amd64' }],
    },
  },
  'a kernel without modules, with folders of others': {
    detector: upgradedKernel,
    host: files({ 'tools.txt': '/lib/modules: 5.0\n6.1.0\n', 'modules.txt': 'veth 1 0\n' }),
    beside: files({ 'tools.txt': '/lib/modules: 5.0\n6.1.0\n', 'modules.txt': '' }),
    says: { cause: 'kernel-modules-gone' },
  },
  'a contended lock': {
    detector: contendedLock,
    host: log(
      'time="t" level=warning msg="xtables contention detected while running [-t nat]: Waited for 2 seconds"',
    ),
    beside: log('time="t" level=warning msg="nothing"'),
    says: { cause: 'xtables-lock-contention', evidence: [expect.objectContaining({ line: 2 })] },
  },
  'a busy resolver': {
    detector: busyResolver,
    host: log('time="t" level=error msg="[resolver] more than 1024 concurrent queries"'),
    beside: log('time="t" level=error msg="[resolver] failed to query external DNS server"'),
    says: { cause: 'resolver-overloaded', severity: 'warning' },
  },
  'a table that iptables cannot read': {
    detector: unreadableTables,
    host: files({ 'iptables-save.txt': "*nat\nCOMMIT\n# Table `filter' is incompatible, use 'nft' tool.\n" }),
    beside: files({ 'iptables-save.txt': '*nat\nCOMMIT\n' }),
    says: {
      cause: 'iptables-cannot-read-nft',
      params: { table: 'ip filter' },
      evidence: [expect.objectContaining({ file: 'iptables-save.txt', line: 3 })],
      decide: 'nft list table ip filter',
    },
  },
  'an extension that the kernel lacks': {
    detector: missingExtensions,
    host: {
      files: {
        'docker-network-inspect.json': '[]',
        'dockerd.log': 'Warning: Extension addrtype revision 0 not supported, missing kernel module?\n',
      },
    },
    beside: { files: { 'docker-network-inspect.json': '[]', 'dockerd.log': '\n' } },
    says: { cause: 'xtables-extension-missing', params: { extension: 'addrtype', reason: '' } },
  },
  'an old libseccomp on a 32-bit machine': {
    detector: oldLibseccomp,
    host: files({ 'tools.txt': 'libseccomp 2.3.3\n', 'docker-version.json': '{\n "Arch": "arm"\n}' }),
    beside: files({ 'tools.txt': 'libseccomp 2.3.3\n', 'docker-version.json': '{\n "Arch": "arm64"\n}' }),
    says: { cause: 'libseccomp-too-old', params: { version: '2.3.3', architecture: 'arm' } },
  },
  'a new libseccomp there': {
    detector: oldLibseccomp,
    host: files({ 'tools.txt': 'libseccomp 2.4.1\n', 'docker-version.json': '{"Arch":"arm"}' }),
    beside: files({ 'tools.txt': 'libseccomp 2.5.4\n', 'docker-version.json': '{"Arch":"arm"}' }),
    says: { cause: 'libseccomp-too-old' },
  },
  'mirrored networking before 28.0': {
    detector: windowsLoopback,
    host: { ...withLink({ name: 'loopback0' }), engine: '17.06.2' },
    beside: { ...withLink({ name: 'loopback0' }), engine: '28.5.2' },
    says: { cause: 'wsl2-loopback', params: { link: 'loopback0', engine: '17.06.2' } },
  },
  'a table for the address of one uplink': {
    detector: missedSubnets,
    host: secondUplink(),
    beside: secondUplink({
      family: 'ipv4',
      priority: 101,
      not: false,
      from: prefix('172.17.0.0/16'),
      action: 'lookup',
      table: 'isp2',
      unknownSelectors: [],
    }),
    says: {
      cause: 'policy-routing-misses-containers',
      severity: 'warning',
      params: { address: '198.51.100.2', table: 'isp2', subnet: '172.17.0.0/16' },
      repairs: [{ kind: 'command', change: 'ip rule add from 172.17.0.0/16 lookup isp2 priority 100' }],
    },
  },
  'a neighbour of another container': {
    detector: outdatedNeighbours,
    host: neighbour('02:00:00:00:00:09'),
    beside: neighbour('peer:2'),
    says: {
      cause: 'stale-neighbour',
      params: { address: '172.17.0.3', mac: '02:00:00:00:00:09', link: 'docker0' },
    },
  },
  'invalid packets dropped where packets take two ways': {
    detector: invalidDropped,
    host: {
      ...broken((ns) => ({
        ...ns,
        routes: [...ns.routes, route('default via 203.0.113.9 dev eth1 metric 9')],
      })),
      rules: ['-I DOCKER-USER -m conntrack --ctstate INVALID -j DROP'],
    },
    beside: { rules: ['-I DOCKER-USER -m conntrack --ctstate INVALID -j DROP'] },
    says: {
      cause: 'invalid-state-dropped',
      hop: 'filter/DOCKER-USER',
      decide: 'iptables -t filter -nvxL DOCKER-USER',
    },
  },
  'the same, where only what is for the host passes': {
    detector: invalidDropped,
    host: {
      ...broken((ns) => ({
        ...ns,
        routes: [...ns.routes, route('default via 203.0.113.9 dev eth1 metric 9')],
      })),
      rules: ['-I FORWARD -m conntrack --ctstate INVALID -j DROP'],
    },
    beside: {
      ...broken((ns) => ({
        ...ns,
        routes: [...ns.routes, route('default via 203.0.113.9 dev eth1 metric 9')],
      })),
      rules: ['-I INPUT -m conntrack --ctstate INVALID -j DROP'],
    },
    says: { cause: 'invalid-state-dropped', hop: 'filter/FORWARD' },
  },
  'a program on the uplink': {
    detector: earlyPrograms,
    host: files({ 'ip-link.json': '[{"ifname":"eth0","xdp":{"mode":1,"prog":{"id":7}}}]' }),
    beside: files({ 'ip-link.json': '[{"ifname":"eth0"},{"ifname":"eth7","xdp":{"mode":1}}]' }),
    says: {
      cause: 'dnat-before-netfilter',
      evidence: [{ file: 'ip-link.json', text: 'eth0: xdp' }],
      decide: 'bpftool net show dev eth0',
    },
  },
  'a queue for programs on the uplink': {
    detector: earlyPrograms,
    host: files({ 'tc.json': '[{"kind":"clsact","dev":"eth0"}]' }),
    beside: files({ 'tc.json': '[{"kind":"fq_codel","dev":"eth0"}]' }),
    says: { cause: 'dnat-before-netfilter', params: { link: 'eth0', program: 'clsact' } },
  },
  'a network without a free address': {
    detector: fullNetworks,
    host: small('172.18.0.0/30'),
    beside: small('172.18.0.0/29'),
    says: { cause: 'addresses-exhausted', params: { network: 'small', pool: '172.18.0.0/30', reason: '' } },
  },
  'a bridge that nobody made': {
    detector: unreadyBridge,
    host: { config: '{\n "bridge": "br9"\n}' },
    beside: { config: '{\n "bridge": "none"\n}' },
    says: {
      cause: 'user-bridge-unready',
      evidence: [
        { file: 'daemon.json', line: 2, text: '"bridge": "br9"' },
        { file: 'ip-addr.json', text: 'no br9' },
      ],
    },
  },
  "a port published on somebody else's address": {
    detector: foreignPublishAddresses,
    host: publishedOn('192.0.2.55'),
    beside: publishedOn('203.0.113.2'),
    says: {
      cause: 'publish-address-not-local',
      severity: 'warning',
      params: { container: 'web', address: '192.0.2.55', reason: '' },
    },
  },
};

function neighbour(mac: string): Host {
  return broken((ns) => ({
    ...ns,
    neighbours: [{ addr: addr('172.17.0.3'), dev: 'docker0', mac, state: ['STALE'] }],
  }));
}

function small(subnet: string): Host {
  return {
    networks: [{ name: 'small', subnet }],
    containers: [{ name: 'web', on: { small: `172.18.0.2/${subnet.slice(-2)}` } }],
  };
}

function publishedOn(address: string): Host {
  return {
    containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: [`${address}:8080:80/tcp`] }],
  };
}

test.each(Object.entries(rows))('%s', (_, { detector, host, beside, says }) => {
  expect(detector(caseOf(host))).toEqual([expect.objectContaining(says)]);
  expect(detector(caseOf(beside))).toEqual([]);
});

test('two networks with one bridge in the store', () => {
  const bridge = (id: string) => ({ ID: id, BridgeName: 'br0', EnableIPMasquerade: true });
  const stored = (records: Readonly<Record<string, unknown>>) =>
    inconsistentStore({ ...caseOf({}), bytes: () => storeFile(records) });
  const two = { 'bridge/n1/': bridge('n1'), 'bridge/n2/': bridge('n2') };
  const networks = {
    'network/n1/': { id: 'n1', name: 'a', networkType: 'bridge' },
    'network/n2/': { id: 'n2', name: 'b', networkType: 'bridge' },
  };
  expect(stored({ ...two, ...networks })).toEqual([
    expect.objectContaining({
      cause: 'store-inconsistent',
      evidence: [{ file: 'local-kv.db', text: 'bridge br0 belongs to networks n1, n2' }],
    }),
  ]);
  const { 'bridge/n2/': _, ...one } = two;
  expect(stored({ ...one, 'network/n1/': networks['network/n1/'] })).toEqual([]);
  expect(inconsistentStore(caseOf({}))).toEqual([]);
});

test('ports that nobody maps, since the way out is a macvlan network', () => {
  const patient = caseOf({
    networks: [
      { name: 'bridge', subnet: '172.17.0.0/16' },
      { name: 'lan', driver: 'macvlan', subnet: '203.0.113.0/24' },
    ],
    containers: [{ name: 'web', on: { lan: '203.0.113.50/24', bridge: '172.17.0.2/16' } }],
    broken: (state) => ({
      ...state,
      namespaces: state.namespaces.map((ns) =>
        ns.name !== 'web'
          ? ns
          : {
              ...ns,
              links: [
                ...ns.links,
                {
                  index: 9,
                  name: 'eth9',
                  kind: 'macvlan',
                  up: true,
                  carrier: true,
                  mtu: 1500,
                  addresses: [{ prefix: prefix('203.0.113.50/24'), scope: 'global' }],
                },
              ],
              routes: [route('default via 203.0.113.1 dev eth9')],
            },
      ),
    }),
  });
  const asking = (publishes: readonly string[]) => {
    const { expected } = patient;
    if (expected === undefined) throw new Error('no plan');
    const sandboxes = expected.intent.sandboxes.map((s) => ({ ...s, publishes }));
    return unmappedPorts({
      ...patient,
      expected: { ...expected, intent: { ...expected.intent, sandboxes } },
    });
  };
  expect(asking(['80/tcp'])).toEqual([
    expect.objectContaining({
      cause: 'gateway-on-other-network',
      params: { container: 'web', through: 'lan', wanted: 'bridge', ports: '80/tcp' },
    }),
  ]);
  expect(asking([])).toEqual([]);
});
