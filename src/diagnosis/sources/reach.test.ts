/** Causes that are proved by a second walk, on small hosts: containers on two networks, policy rules, NAT between bridge ports, VRFs. */
import { expect, test } from 'vitest';
import { addr, flow, prefix, route } from '../../../test/fixtures/host.ts';
import { bridge, diagnosisOf, onHost, patientOf, peer, web } from '../../../test/fixtures/patient.ts';
import { applyChanges, defaultRoute } from '../../host/change.ts';
import type { HostState, PolicyRule } from '../../host/state.ts';
import { hostFaultCandidates } from './host-faults.ts';

const closed = {
  name: 'closed',
  subnet: '172.18.0.0/16',
  options: { 'com.docker.network.bridge.enable_ip_masquerade': 'false' },
} as const;
const on = { closed: '172.18.0.2/16', bridge: '172.17.0.2/16' } as const;

/** The second network's bridge and link; the way out is the network of this gateway. */
const joined = (dev: string, gateway: string) => (state: HostState) =>
  applyChanges(state, [
    { namespace: 'host', kind: 'add-bridge', dev: 'br-closed', mtu: 1500, prefix: prefix('172.18.0.1/16') },
    {
      namespace: 'web',
      kind: 'attach',
      dev: 'eth1',
      mac: '02:42:ac:12:00:02',
      prefix: prefix('172.18.0.2/16'),
      gateway: undefined,
      bridge: 'br-closed',
    },
    { namespace: 'web', kind: 'delete-route', route: defaultRoute('eth0', addr('172.17.0.1')) },
    { namespace: 'web', kind: 'add-route', route: defaultRoute(dev, addr(gateway)) },
  ]);

test('a container whose way out is the network that does not masquerade', () => {
  const given = { networks: [bridge, closed], containers: [{ name: 'web', on }, peer] };
  const flows = [flow('web ping 203.0.113.1'), flow('web ping 198.51.100.7')];
  const [finding] = diagnosisOf({ ...given, broken: joined('eth1', '172.18.0.1') }, { flows }).findings;
  expect(finding).toMatchObject({
    cause: 'gateway-on-other-network',
    severity: 'error',
    params: { container: 'web', through: 'closed', wanted: 'bridge' },
  });
  expect(finding?.repairs).toContainEqual({
    kind: 'config',
    change: 'connect web to the network bridge with --gw-priority 1',
  });
  expect(finding?.proof.flows.map(({ after }) => after)).toEqual(['ok', 'ok']);
  const beside = diagnosisOf({ ...given, broken: joined('eth0', '172.17.0.1') }, { flows });
  expect(beside.findings).toEqual([]);
});

test('without the userland proxy, answers between ports of one bridge must pass by NAT', () => {
  const set = (value: string) => (state: HostState) =>
    onHost(state, (ns) => ({
      ...ns,
      sysctls: new Map([...ns.sysctls, ['net.bridge.bridge-nf-call-iptables', { value }]]),
    }));
  const causes = (value: string) =>
    diagnosisOf(
      { config: '{"userland-proxy": false}', broken: set(value) },
      { flows: [flow('peer tcp 203.0.113.2:8080')] },
    ).findings.map((f) => [f.cause, f.severity]);
  expect(causes('0')).toContainEqual(['bridge-nf-off', 'error']);
  expect(causes('1')).toEqual([]);
});

test('a table for the address of one uplink is offered to the containers behind it too', () => {
  const rule = (from: string): PolicyRule => ({
    family: 'ipv4',
    priority: 100,
    not: false,
    from: prefix(from),
    action: 'lookup',
    table: 'isp2',
    unknownSelectors: [],
  });
  const offered = (...policyRules: readonly PolicyRule[]) =>
    hostFaultCandidates(patientOf({ broken: (state) => onHost(state, (ns) => ({ ...ns, policyRules })) }))
      .filter((c) => c.cause === 'policy-routing-misses-containers')
      .map((c) => c.changes);
  expect(offered(rule('203.0.113.2/32'))).toEqual([
    [
      {
        namespace: 'host',
        kind: 'add-policy-rule',
        from: prefix('172.17.0.0/16'),
        table: 'isp2',
        priority: 100,
      },
    ],
  ]);
  expect(offered(rule('203.0.113.2/32'), rule('172.16.0.0/12'))).toEqual([]);
  expect(offered(rule('192.0.2.0/24'))).toEqual([]);
});

test('an uplink in a VRF, whose table alone has the default route', () => {
  const inVrf = (state: HostState) =>
    onHost(state, (ns) => ({
      ...ns,
      links: [
        ...ns.links.map((l) => (l.name === 'eth0' ? { ...l, master: 'blue' } : l)),
        {
          index: 80,
          name: 'blue',
          kind: 'vrf',
          up: true,
          carrier: true,
          mtu: 65_575,
          addresses: [],
        } as const,
      ],
      routes: [
        ...ns.routes.filter((r) => r.dst.bits !== 0),
        route('default via 203.0.113.1 dev eth0 table 10'),
      ],
    }));
  const flows = [flow('web ping 198.51.100.7')];
  expect(diagnosisOf({ broken: inVrf }, { flows }).findings).toContainEqual(
    expect.objectContaining({
      cause: 'uplink-in-vrf',
      severity: 'error',
      params: { link: 'eth0', vrf: 'blue', table: '10' },
      decide: 'ip route show vrf blue',
    }),
  );
  expect(diagnosisOf({ containers: [web, peer] }, { flows }).findings).toEqual([]);
});

test('without the userland proxy, a port that a container of another network publishes', () => {
  const moved = (state: HostState) =>
    applyChanges(state, [
      { namespace: 'host', kind: 'add-bridge', dev: 'br-closed', mtu: 1500, prefix: prefix('172.18.0.1/16') },
      { namespace: 'peer', kind: 'delete-link', dev: 'eth0' },
      {
        namespace: 'peer',
        kind: 'attach',
        dev: 'eth1',
        mac: '02:42:ac:12:00:03',
        prefix: prefix('172.18.0.3/16'),
        gateway: addr('172.18.0.1'),
        bridge: 'br-closed',
      },
    ]);
  const asked = (text: string) =>
    diagnosisOf(
      {
        engine: '17.06.2',
        config: '{"userland-proxy": false}',
        networks: [bridge, closed],
        containers: [web, { name: 'peer', on: { closed: '172.18.0.3/16' } }],
        broken: moved,
      },
      { flows: [flow(text)] },
    ).findings;
  expect(asked('peer tcp 203.0.113.2:8080')).toContainEqual(
    expect.objectContaining({
      cause: 'networks-isolated',
      severity: 'info',
      params: { container: 'peer', peer: 'web', own: 'closed', network: 'bridge' },
    }),
  );
  expect(asked('inet tcp 203.0.113.2:8080')).toEqual([]);
});
