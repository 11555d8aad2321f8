/** What was set up beside the engine, or with it: each warning with its evidence, and the neighbour that deserves none. */
import { describe, expect, test } from 'vitest';
import { flow, route } from '../../../test/fixtures/host.ts';
import { type Case, caseOf, diagnosisOf, onHost } from '../../../test/fixtures/patient.ts';
import { parseNftJson } from '../../firewall/nft/parse.ts';
import type { HostState } from '../../host/state.ts';
import { twoEngines } from './engines.ts';
import { otherZones } from './firewalld.ts';
import { exhaustedPools, mtuOfDefaultAlone } from './networks.ts';

const net1 = {
  name: 'net1',
  subnet: '172.17.0.0/16',
  options: { 'com.docker.network.bridge.name': 'docker0' },
};
const onNet1 = [{ name: 'web', on: { net1: '172.17.0.2/16' } }];

describe('an MTU for the default network alone', () => {
  const given: Case = { config: '{\n "mtu": 1450\n}', networks: [net1], containers: onNet1 };

  test('a network without one of its own has 1500', () => {
    expect(mtuOfDefaultAlone(caseOf(given))).toMatchObject([
      {
        cause: 'mtu-not-on-user-networks',
        params: { mtu: '1450', networks: 'net1' },
        evidence: [
          { file: 'daemon.json', line: 2 },
          { file: 'ip-link.json', text: 'docker0: mtu 1500' },
        ],
        repairs: [{ change: 'recreate the networks net1 with -o com.docker.network.driver.mtu=1450' }],
      },
    ]);
  });

  test('and is told in place of the tunnel that takes no more than that', () => {
    const { findings } = diagnosisOf({ ...given, host: { uplink: { mtu: 1450, kind: 'tun' } } });
    const causes = findings.map(({ cause }) => cause);
    expect(causes).toContain('mtu-not-on-user-networks');
    expect(causes).not.toContain('uplink-mtu-smaller');
  });

  test.each<[string, Case]>([
    [
      'it has one of its own',
      {
        ...given,
        networks: [{ ...net1, options: { ...net1.options, 'com.docker.network.driver.mtu': '1500' } }],
      },
    ],
    ['its bridge has it', { ...given, host: { bridge: { mtu: 1450 } } }],
    ['it is the default network', { config: '{"mtu": 1450}' }],
    ['nobody set one', { networks: [net1], containers: onNet1 }],
  ])('%s: nothing to say', (_, other) => {
    expect(mtuOfDefaultAlone(caseOf(other))).toEqual([]);
  });
});

describe('pools of subnets', () => {
  const routed =
    (...dsts: readonly string[]) =>
    (state: HostState) =>
      onHost(state, (ns) => ({
        ...ns,
        routes: [...ns.routes, ...dsts.map((dst) => route(`${dst} dev tun0`))],
      }));

  test('routes of a VPN cover all of them', () => {
    expect(exhaustedPools(caseOf({ broken: routed('172.16.0.0/12', '192.168.0.0/16') }))).toMatchObject([
      {
        cause: 'address-pools-exhausted',
        severity: 'warning',
        params: { pools: '31', routes: '172.16.0.0/12, 192.168.0.0/16', full: 'yes' },
        evidence: [
          { file: 'ip-route.json', text: '172.16.0.0/12' },
          { file: 'ip-route.json', text: '192.168.0.0/16' },
          { file: 'docker-network-inspect.json' },
        ],
      },
    ]);
  });

  test('networks have taken all of a small pool', () => {
    const config = '{"default-address-pools": [{"base": "172.17.0.0/16", "size": 16}]}';
    expect(exhaustedPools(caseOf({ config }))).toMatchObject([
      { params: { pools: '1', networks: '1', routes: '' } },
    ]);
  });

  test('the log says that there was none, and now there is', () => {
    const log =
      'time="2026-01-02T03:04:05Z" level=error msg="Handler for POST /networks/create returned error: could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"\n';
    expect(exhaustedPools(caseOf({ files: { 'dockerd.log': log } }))).toMatchObject([
      { params: { full: '' }, evidence: [{ file: 'dockerd.log', line: 1 }, {}] },
    ]);
  });

  test('one that is free is enough', () => {
    expect(exhaustedPools(caseOf({ broken: routed('172.16.0.0/12') }))).toEqual([]);
  });

  test('newer engines look at connected routes alone', () => {
    const behind = (state: HostState) =>
      onHost(state, (ns) => ({
        ...ns,
        routes: [
          ...ns.routes,
          ...['172.16.0.0/12', '192.168.0.0/16'].map((dst) => route(`${dst} via 203.0.113.9 dev eth0`)),
        ],
      }));
    expect(exhaustedPools(caseOf({ broken: behind }))).toEqual([]);
    expect(exhaustedPools(caseOf({ engine: '17.06.2', broken: behind }))).toHaveLength(1);
  });
});

test('a second dockerd in the same namespace', () => {
  const argv = ['dockerd'];
  const snap = ['/snap/docker/1/bin/dockerd', '--data-root=/var/snap/docker/common'];
  const files = (content: object) => ({ files: { 'dockerd.argv': JSON.stringify(content) } });
  expect(twoEngines(caseOf(files({ argv, env: {}, others: [snap] })))).toMatchObject([
    { cause: 'two-engines', severity: 'warning', evidence: [{ file: 'dockerd.argv', text: snap.join(' ') }] },
  ]);
  expect(twoEngines(caseOf(files({ argv, env: {} })))).toEqual([]);
  expect(twoEngines(caseOf({ files: { 'dockerd.argv': '{' } }))).toEqual([]);
});

/** A host with firewalld's table, in which docker0 is in a zone. */
function withZone(zone: string, forward: readonly object[] = []): (state: HostState) => HostState {
  const at = { family: 'inet', table: 'firewalld' };
  const goto = { match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'docker0' } };
  const listing = [
    { table: { family: 'inet', name: 'firewalld', handle: 1 } },
    { chain: { ...at, name: `filter_IN_${zone}`, handle: 2 } },
    { chain: { ...at, name: 'filter_INPUT_ZONES', handle: 3 } },
    {
      rule: {
        ...at,
        chain: 'filter_INPUT_ZONES',
        handle: 4,
        expr: [goto, { goto: { target: `filter_IN_${zone}` } }],
      },
    },
    {
      chain: {
        ...at,
        name: 'filter_FORWARD',
        handle: 5,
        type: 'filter',
        hook: 'forward',
        prio: 10,
        policy: 'accept',
      },
    },
    ...forward.map((expr, i) => ({ rule: { ...at, chain: 'filter_FORWARD', handle: 6 + i, expr } })),
  ];
  const { ruleset } = parseNftJson({ nftables: listing }, 'nft-ruleset.json', () => false);
  return (state) => onHost(state, (ns) => ({ ...ns, nft: ruleset }));
}

describe('firewalld', () => {
  test('a bridge in another zone than the engine puts it into', () => {
    expect(otherZones(caseOf({ broken: withZone('public') }))).toMatchObject([
      {
        cause: 'firewalld-zone-mismatch',
        severity: 'warning',
        params: { bridge: 'docker0', zone: 'public' },
        decide: 'firewall-cmd --get-zone-of-interface=docker0',
      },
    ]);
    expect(otherZones(caseOf({ broken: withZone('docker') }))).toEqual([]);
    expect(otherZones(caseOf({ engine: '17.06.2', broken: withZone('public') }))).toEqual([]);
  });

  const established = [
    { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } },
    { accept: null },
  ];
  const translated = [
    { match: { op: 'in', left: { ct: { key: 'status' } }, right: 'dnat' } },
    { accept: null },
  ];
  const fromBridge = [
    { match: { op: '==', left: { meta: { key: 'iifname' } }, right: 'docker0' } },
    { accept: null },
  ];
  const reject = [{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }];
  const publishedFlow = [flow('inet tcp 203.0.113.2:8080')];
  const conf = (value: string) => ({
    'firewalld/firewalld.conf': `# firewalld\nStrictForwardPorts=${value}\n`,
  });

  test('published ports alone are stopped: it forwards only what it forwards itself', () => {
    const given = { broken: withZone('docker', [established, fromBridge, reject]), files: conf('yes') };
    expect(diagnosisOf(given, { flows: publishedFlow }).findings[0]).toMatchObject({
      cause: 'firewalld-strict-forward-ports',
      severity: 'error',
      evidence: [{}, { file: 'firewalld/firewalld.conf', line: 2, text: 'StrictForwardPorts=yes' }],
    });
  });

  test('where it is not strict, or what containers send is stopped too, it is the zone', () => {
    const loose = { broken: withZone('docker', [established, fromBridge, reject]), files: conf('no') };
    expect(diagnosisOf(loose, { flows: publishedFlow }).findings[0]).toMatchObject({
      cause: 'firewalld-rejects-forward',
    });
    const all = { broken: withZone('docker', [established, reject]), files: conf('yes') };
    expect(diagnosisOf(all, { flows: [flow('web ping 198.51.100.7')] }).findings[0]).toMatchObject({
      cause: 'firewalld-rejects-forward',
    });
    const accepting = { broken: withZone('docker', [established, translated, reject]), files: conf('yes') };
    expect(
      diagnosisOf(accepting, { flows: publishedFlow }).findings.filter((f) => f.severity === 'error'),
    ).toEqual([]);
  });
});
