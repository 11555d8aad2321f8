import { describe, expect, test } from 'vitest';
import { addr, flow, prefix, route, table } from '../../test/fixtures/host.ts';
import {
  bridge,
  type Case,
  diagnosisOf,
  engines,
  flushed,
  inContainer,
  inputOf,
  onHost,
  peer,
  rulesWithout,
  web,
} from '../../test/fixtures/patient.ts';
import { formatRule } from '../firewall/args.ts';
import type { HostState, Link } from '../host/state.ts';
import { diagnose } from './diagnose.ts';
import type { Diagnosis, Finding } from './finding.ts';

function first(diagnosis: Diagnosis): Finding {
  const [finding] = diagnosis.findings;
  if (finding === undefined) throw new Error('no finding');
  return finding;
}

function causes(diagnosis: Diagnosis): string[] {
  return diagnosis.findings.map((f) => f.cause);
}

function commands(finding: Finding): string[] {
  return finding.repairs.filter((r) => r.kind !== 'config').flatMap((r) => r.change.split('\n'));
}

function sysctl(name: string, value: string): (state: HostState) => HostState {
  return (state) => onHost(state, (ns) => ({ ...ns, sysctls: new Map([...ns.sysctls, [name, { value }]]) }));
}

function link(dev: string, change: Partial<Link>): (state: HostState) => HostState {
  return (state) =>
    onHost(state, (ns) => ({
      ...ns,
      links: ns.links.map((l) => (l.name === dev ? { ...l, ...change } : l)),
    }));
}

/** The bridge as `ip link set docker0 down` leaves it. */
function bridgeDown(state: HostState): HostState {
  return onHost(link('docker0', { up: false, carrier: false })(state), (ns) => ({
    ...ns,
    routes: ns.routes.filter((r) => r.dev !== 'docker0' || r.table === 'local'),
    links: ns.links.map((l) => (l.port === undefined ? l : { ...l, port: { ...l.port, state: 'disabled' } })),
  }));
}

const ipMasqFalse = '{\n  "ip-masq": false\n}';

describe.each(engines)('%s', (engine) => {
  const diagnosed = (given: Case) => diagnosisOf({ engine, ...given });

  test('a healthy host: everything that should work does, and there is nothing to say', () => {
    const diagnosis = diagnosed({});
    expect(diagnosis.healthy).toBe(true);
    expect(causes(diagnosis)).toEqual([]);
    expect(diagnosis.asked.length).toBeGreaterThan(10);
    expect(diagnosis.asked.map((t) => t.outcome)).toEqual(diagnosis.asked.map(() => 'ok'));
  });

  test('ip-masq false: the setting, its line, the rule that it takes away, both ways to repair it', () => {
    const diagnosis = diagnosed({ config: ipMasqFalse });
    expect(causes(diagnosis)).toEqual(['masquerade-disabled']);
    expect(diagnosis.healthy).toBe(false);
    const finding = first(diagnosis);
    expect(finding).toMatchObject({ severity: 'error', hop: 'nat/POSTROUTING' });
    expect(finding.because).toEqual([
      {
        setting: 'ip-masq',
        value: false,
        origin: { kind: 'file', path: 'daemon.json', line: 2, column: expect.any(Number) },
      },
    ]);
    expect(finding.evidence).toEqual([{ file: 'daemon.json', line: 2, text: '"ip-masq": false' }]);
    expect(finding.repairs[0]).toEqual({
      kind: 'config',
      change: expect.stringMatching(/^daemon\.json line 2: "ip-masq": true/),
      transition: 'restart',
    });
    expect(commands(finding)).toContainEqual(
      expect.stringMatching(
        /^iptables -t nat -(A|I) POSTROUTING.* -s 172\.17\.0\.0\/16 ! -o docker0 -j MASQUERADE$/,
      ),
    );
    expect(finding.flows.map((f) => f.from)).toEqual(['web', 'web', 'peer', 'peer']);
    expect(finding.proof.flows.map((f) => [f.before, f.after])).toEqual(
      finding.flows.map(() => ['timeout', 'ok']),
    );
    expect(finding.proof.newlyAllowed).toEqual([]);
    expect(finding.walk?.outcome).toBe('timeout');
  });

  test.each<[string, Case, string, RegExp]>([
    [
      'ip_forward is 0',
      { broken: sysctl('net.ipv4.ip_forward', '0') },
      'ip-forward-off',
      /^sysctl -w net\.ipv4\.ip_forward=1$/,
    ],
    [
      'the nat table was flushed',
      { broken: flushed('nat') },
      'rules-flushed',
      /^iptables -t nat .*MASQUERADE$/,
    ],
    [
      'the filter table was flushed',
      { broken: flushed('filter') },
      'rules-flushed',
      /^iptables -.* FORWARD /,
    ],
    [
      'a DROP in DOCKER-USER',
      { rules: ['-I DOCKER-USER -j DROP'] },
      'foreign-rule-drops',
      /^iptables -D DOCKER-USER -j DROP$/,
    ],
    ['docker0 is down', { broken: bridgeDown }, 'bridge-down', /^ip link set docker0 up$/],
    [
      'INPUT drops what containers send to the host',
      { rules: ['-I INPUT -i docker0 -j DROP'] },
      'input-blocks-container-to-host',
      /^iptables -D INPUT -i docker0 -j DROP$/,
    ],
    [
      'the masquerade rule alone is gone',
      { broken: rulesWithout((t, c, n) => t === 'nat' && c === 'POSTROUTING' && n === 1) },
      'masquerade-rule-missing',
      /^iptables -t nat -(A|I) POSTROUTING.* -s 172\.17\.0\.0\/16 ! -o docker0 -j MASQUERADE$/,
    ],
    [
      'a foreign rule in FORWARD',
      { rules: ['-I FORWARD -s 172.17.0.0/16 -j DROP'] },
      'forward-rule-before-docker',
      /^iptables -D FORWARD -s 172/,
    ],
    [
      'an ACCEPT before masquerading',
      { rules: ['-t nat -I POSTROUTING -o eth0 -j ACCEPT'] },
      'masquerade-shadowed',
      /^iptables -t nat -D POSTROUTING -o eth0 -j ACCEPT$/,
    ],
    [
      'containers are not tracked',
      { rules: ['-t raw -I PREROUTING -i docker0 -j CT --notrack'] },
      'connection-untracked',
      /^iptables -t raw -D PREROUTING/,
    ],
    [
      'mangle drops',
      { rules: ['-t mangle -I FORWARD -j DROP'] },
      'foreign-rule-drops',
      /^iptables -t mangle -D FORWARD -j DROP$/,
    ],
    [
      'the uplink does not forward',
      { broken: sysctl('net.ipv4.conf.docker0.forwarding', '0') },
      'interface-forwarding-off',
      /^sysctl -w net\.ipv4\.conf\.docker0\.forwarding=1$/,
    ],
    [
      'the container’s link is down',
      {
        broken: inContainer('web', (ns) => ({
          ...ns,
          links: ns.links.map((l) => (l.name === 'eth0' ? { ...l, up: false } : l)),
          routes: [],
        })),
      },
      'container-link-down',
      /^nsenter .*ip link set eth0 up$/,
    ],
    [
      'the container’s gateway is wrong',
      { host: { web: { routes: ['default via 172.17.0.99 dev eth0'] } } },
      'container-route-wrong',
      /^nsenter .*ip route replace default via 172\.17\.0\.1 dev eth0$/,
    ],
    [
      'the container’s address is wrong',
      { host: { web: { link: { addresses: ['172.17.0.77/16'] } } } },
      'container-address-wrong',
      /^nsenter .*ip address add 172\.17\.0\.2\/16 dev eth0$/,
    ],
    [
      'the veth has left the bridge',
      {
        broken: (state) =>
          onHost(state, (ns) => ({
            ...ns,
            links: ns.links.map(({ master, port, ...l }) =>
              l.name === 'veth-web'
                ? l
                : {
                    ...l,
                    ...(master === undefined ? {} : { master }),
                    ...(port === undefined ? {} : { port }),
                  },
            ),
          })),
      },
      'veth-detached',
      /^ip link set veth-web master docker0$/,
    ],
    [
      'a port neither learns nor floods',
      { host: { webPort: { learning: false, flood: false } } },
      'bridge-port-blocks',
      /^bridge link set dev veth-web learning on/,
    ],
    [
      'two ports are isolated',
      { host: { webPort: { isolated: true }, peerPort: { isolated: true } } },
      'bridge-port-blocks',
      /^bridge link set dev veth-\w+ isolated off$/,
    ],
    [
      'the bridge has lost its address',
      { host: { bridge: { addresses: [] } } },
      'bridge-address-missing',
      /^ip address add 172\.17\.0\.1\/16 dev docker0$/,
    ],
    [
      'a route takes the subnet away',
      {
        broken: (state) =>
          onHost(state, (ns) => ({
            ...ns,
            routes: [...ns.routes, route('172.17.0.0/24 via 203.0.113.9 dev eth0')],
          })),
      },
      'subnet-overlap',
      /^ip route del 172\.17\.0\.0\/24/,
    ],
    [
      'a container’s address is taken for local',
      {
        broken: (state) =>
          onHost(state, (ns) => ({ ...ns, routes: [...ns.routes, route('local 172.17.0.2/32 dev lo')] })),
      },
      'container-address-is-local',
      /^ip route del local 172\.17\.0\.2\/32/,
    ],
    [
      'a blackhole',
      {
        broken: (state) =>
          onHost(state, (ns) => ({ ...ns, routes: [...ns.routes, route('blackhole 198.51.100.0/24')] })),
      },
      'route-refuses',
      /^ip route del blackhole 198\.51\.100\.0\/24/,
    ],
    [
      'a wrong neighbour',
      {
        host: {
          web: {
            neighbours: [
              { addr: addr('172.17.0.1'), dev: 'eth0', mac: '02:00:00:00:00:99', state: ['PERMANENT'] },
            ],
          },
        },
      },
      'stale-neighbour',
      /^nsenter .*ip neigh del 172\.17\.0\.1 dev eth0$/,
    ],
    [
      'a container filters for itself',
      { host: { web: { rules: table('filter', '-A OUTPUT -j DROP') } } },
      'container-firewall-drops',
      /^nsenter .*iptables -D OUTPUT -j DROP$/,
    ],
  ])('%s', (_, given, cause, command) => {
    const diagnosis = diagnosed(given);
    const finding = first(diagnosis);
    expect([finding.cause, finding.severity]).toEqual([cause, 'error']);
    expect(diagnosis.healthy).toBe(false);
    expect(commands(finding)).toContainEqual(expect.stringMatching(command));
    expect(finding.flows.length).toBeGreaterThan(0);
    expect(finding.proof.flows.filter((f) => f.after !== 'ok')).toEqual([]);
  });

  test('what the repair makes heals all that failed', () => {
    for (const given of [
      { broken: flushed('nat') },
      { broken: bridgeDown },
      { rules: ['-I DOCKER-USER -j DROP'] },
    ]) {
      const diagnosis = diagnosed(given);
      expect(diagnosis.findings).toHaveLength(1);
      const failed = diagnosis.asked.filter((t) => t.outcome !== 'ok').map((t) => t.flow);
      expect(first(diagnosis).flows).toEqual(expect.arrayContaining(failed));
    }
  });

  test('a flushed table comes back whole, and foreign rules are left alone', () => {
    const finding = first(diagnosed({ broken: flushed('nat'), rules: [] }));
    expect(commands(finding).filter((c) => c.includes('-j DNAT'))).toHaveLength(1);
    expect(commands(finding).every((c) => / -(A|I) /.test(c))).toBe(true);
  });

  test('icc false is a restriction that was asked for', () => {
    const diagnosis = diagnosed({
      config: '{"icc": false}',
      broken: sysctl('net.bridge.bridge-nf-call-iptables', '1'),
    });
    expect(causes(diagnosis)).toEqual(['icc-disabled']);
    expect(first(diagnosis).severity).toBe('info');
    expect(diagnosis.healthy).toBe(true);
  });
});

describe('several faults', () => {
  test('apart from each other: a finding each, what explains more first', () => {
    const diagnosis = diagnosisOf({
      broken: flushed('nat'),
      rules: ['-I INPUT -i docker0 -s 172.17.0.3 -j DROP'],
    });
    expect(causes(diagnosis)).toEqual(['rules-flushed', 'input-blocks-container-to-host']);
    const [nat, input] = diagnosis.findings;
    expect(nat?.flows.length).toBeGreaterThan(input?.flows.length ?? 0);
    expect(input?.flows.map((f) => f.from)).toEqual(['peer', 'peer', 'host']);
  });

  test('one behind the other: both are needed, and proved together', () => {
    const diagnosis = diagnosisOf({
      broken: rulesWithout((t, c, n) => t === 'nat' && c === 'POSTROUTING' && n === 1),
      rules: ['-I DOCKER-USER -i docker0 -d 198.51.100.0/24 -j DROP'],
    });
    expect(causes(diagnosis).toSorted()).toEqual(['foreign-rule-drops', 'masquerade-rule-missing']);
    const [one, other] = diagnosis.findings;
    expect(one?.changes).toHaveLength(2);
    expect(one?.proof).toEqual(other?.proof);
    expect(one?.proof.flows.map((f) => f.after)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  test('forwarding off and no masquerading: not one of them alone', () => {
    const diagnosis = diagnosisOf({ config: ipMasqFalse, broken: sysctl('net.ipv4.ip_forward', '0') });
    expect(causes(diagnosis).slice(0, 2).toSorted()).toEqual(['ip-forward-off', 'masquerade-disabled']);
  });
});

describe('a firewall that denies by default', () => {
  const service = flow('inet tcp 203.0.113.2:22');
  const denied: Case = { rules: ['-P INPUT DROP', '-I INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT'] };

  test('what comes from containers and from outside is one fault with one repair, that names what may pass', () => {
    const flows = [flow('web ping 172.17.0.1'), service];
    const { findings } = diagnosisOf(denied, { flows });
    const [finding, ...others] = findings;
    expect(others).toEqual([]);
    expect(finding?.cause).toBe('input-blocks-container-to-host');
    expect(findings.flatMap(commands)).toEqual([
      'iptables -I INPUT 1 -i docker0 -j ACCEPT',
      'iptables -I INPUT 1 -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT',
    ]);
    expect(finding?.proof.flows.map(({ after }) => after)).toEqual(['ok', 'ok']);
    // The service was asked for: that it answers is no price.
    expect(finding?.proof.newlyAllowed).toEqual([]);
  });

  test('a last rule that rejects is a policy too; without answers to what the host asks, answers pass', () => {
    const rejected: Case = { rules: ['-A INPUT -j REJECT'] };
    expect(diagnosisOf(rejected, { flows: [service] }).findings.flatMap(commands)).toEqual([
      'iptables -I INPUT 1 -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT',
    ]);
    expect(
      diagnosisOf(rejected, { flows: [flow('host ping 198.51.100.7')] }).findings.flatMap(commands),
    ).toEqual(['iptables -I INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT']);
  });

  test('of ufw it is said in ufw’s words', () => {
    const ufw: Case = { rules: [...(denied.rules ?? []), '-N ufw-user-input', '-A INPUT -j ufw-user-input'] };
    const [finding] = diagnosisOf(ufw, { flows: [flow('web ping 172.17.0.1'), service] }).findings;
    expect(finding?.repairs[0]?.change.split('\n')).toEqual([
      'ufw allow in on docker0',
      'ufw allow in on eth0 to any port 22 proto tcp',
    ]);
  });

  test('without iptables the engine leaves the rest to it: then it belongs to that setting', () => {
    const rules = ['-P INPUT DROP', '-P FORWARD DROP'];
    const flows = [flow('web ping 198.51.100.7'), flow('web ping 172.17.0.1')];
    const [finding, ...others] = diagnosisOf({ config: '{"iptables": false}', rules }, { flows }).findings;
    expect(others).toEqual([]);
    expect(finding?.cause).toBe('iptables-disabled');
    expect(finding?.repairs[0]?.change.split('\n').at(-1)).toBe('iptables -A INPUT -i docker0 -j ACCEPT');
    expect(finding?.params.also).toBe('-P INPUT DROP');
  });

  test('faults of others stay findings of their own', () => {
    const rules = [...(denied.rules ?? []), '-I DOCKER-USER -j DROP'];
    const flows = [flow('web ping 198.51.100.7'), flow('web ping 172.17.0.1')];
    expect(causes(diagnosisOf({ rules }, { flows })).toSorted()).toEqual([
      'foreign-rule-drops',
      'input-blocks-container-to-host',
    ]);
  });
});

test('of restrictions the one that a setting asks for is first, not what every host keeps closed', () => {
  const direct = { ...flow('inet tcp 172.17.0.2:80'), direct: true };
  const flows = [direct, { ...direct, port: 81 }, flow('web ping 172.17.0.3')];
  expect(causes(diagnosisOf({ config: '{"icc": false}' }, { flows }))).toEqual([
    'icc-disabled',
    'direct-access-dropped',
  ]);
});

describe('what a repair costs', () => {
  test('flows that were closed and that it opens are told', () => {
    const diagnosis = diagnosisOf({ engine: '17.06.2', rules: ['-t mangle -I FORWARD -j DROP'] });
    const opened = first(diagnosis).proof.newlyAllowed;
    // 17.06 lets packets through to a published container port, also those that ask the container itself.
    expect(opened).toEqual([
      expect.objectContaining({ from: 'inet', kind: 'tcp', dst: addr('172.17.0.2'), port: 80 }),
    ]);
    expect(first(diagnosis).flows).not.toContainEqual(opened[0]);
  });

  test('since 28.0 it opens nothing: raw drops those', () => {
    expect(
      first(diagnosisOf({ engine: '28.5.2', rules: ['-t mangle -I FORWARD -j DROP'] })).proof.newlyAllowed,
    ).toEqual([]);
  });

  test('the least is taken: a single rule, not the table; a rule, not the policy', () => {
    const one = first(
      diagnosisOf({ broken: rulesWithout((t, c, n) => t === 'nat' && c === 'POSTROUTING' && n === 1) }),
    );
    expect(commands(one)).toHaveLength(1);
    const policy = first(diagnosisOf({ rules: ['-I FORWARD -j DROP'] }));
    expect(commands(policy)).toEqual(['iptables -D FORWARD -j DROP']);
  });
});

describe('networks', () => {
  const options = { 'com.docker.network.bridge.name': 'br-app' };
  const network = (more: object) => ({ name: 'app', subnet: '172.17.0.0/16', options, ...more });
  const on = (more: object, given: Case = {}): Case => ({
    networks: [network(more)],
    containers: [
      { name: 'web', on: { app: '172.17.0.2/16' } },
      { name: 'peer', on: { app: '172.17.0.3/16' } },
    ],
    broken: (state) =>
      onHost(state, (ns) => ({
        ...ns,
        links: ns.links.map((l) => ({
          ...l,
          name: l.name === 'docker0' ? 'br-app' : l.name,
          ...(l.master === undefined ? {} : { master: 'br-app' }),
        })),
        routes: ns.routes.map((r) => (r.dev === 'docker0' ? { ...r, dev: 'br-app' } : r)),
        sysctls: new Map([...ns.sysctls, ['net.bridge.bridge-nf-call-iptables', { value: '1' }]]),
      })),
    ...given,
  });

  test('a plain one is healthy', () => {
    expect(causes(diagnosisOf(on({})))).toEqual([]);
  });

  test.each<[string, object, string, boolean]>([
    [
      'masquerading off for it',
      { options: { ...options, 'com.docker.network.bridge.enable_ip_masquerade': 'false' } },
      'network-masquerade-disabled',
      false,
    ],
    [
      'no traffic between its containers',
      { options: { ...options, 'com.docker.network.bridge.enable_icc': 'false' } },
      'icc-disabled',
      true,
    ],
    ['internal', { internal: true }, 'internal-network', true],
  ])('%s', (_, more, cause, healthy) => {
    const diagnosis = diagnosisOf(on(more));
    expect(first(diagnosis).cause).toBe(cause);
    expect(first(diagnosis).params.network).toBe('app');
    expect(first(diagnosis).because[0]?.origin).toMatchObject({ kind: 'network', network: 'app' });
    expect(diagnosis.healthy).toBe(healthy);
  });
});

describe('what is asked', () => {
  test('exactly these flows, in their order', () => {
    const flows = [flow('web ping 172.17.0.3', { id: 7 }), flow('web ping 198.51.100.7', { id: 3 })];
    const diagnosis = diagnosisOf({ config: ipMasqFalse }, { flows });
    expect(diagnosis.asked.map((t) => t.flow)).toEqual(flows);
    expect(first(diagnosis).flows).toEqual([flows[1]]);
  });

  test('a flow that works leaves nothing to say, whatever else is broken', () => {
    const diagnosis = diagnosisOf({ config: ipMasqFalse }, { flows: [flow('web ping 172.17.0.3')] });
    expect([diagnosis.healthy, causes(diagnosis)]).toEqual([true, []]);
  });

  test('a site that routes container networks does not miss masquerading', () => {
    const diagnosis = diagnosisOf(
      { engine: '17.06.2', config: ipMasqFalse },
      { outsideRoutes: [prefix('172.17.0.0/16')] },
    );
    expect(causes(diagnosis)).toEqual([]);
  });

  test('nothing that could be repaired: the flow fails and no finding is made up', () => {
    const diagnosis = diagnosisOf({}, { flows: [flow('web tcp 172.17.0.1:81')] });
    expect(diagnosis.asked.map((t) => t.outcome)).toEqual(['refused']);
    expect(causes(diagnosis)).toEqual([]);
  });
});

describe('what is not known', () => {
  test('of an engine that is not planned, what the host itself shows is still found', () => {
    const { state, facts } = inputOf({ broken: sysctl('net.ipv4.ip_forward', '0') });
    const diagnosis = diagnose({ state, facts, expected: { cannot: 'engine 99 is not supported' } });
    expect(causes(diagnosis)).toEqual(['ip-forward-off']);
    expect(diagnosis.unexpected).toBe('engine 99 is not supported');
  });

  test('nor are its own rules taken for foreign', () => {
    const { state, facts } = inputOf({ rules: ['-I DOCKER-USER -j DROP'] });
    const diagnosis = diagnose({ state, facts, expected: { cannot: 'engine 99 is not supported' } });
    expect(causes(diagnosis)).toEqual(['foreign-rule-drops']);
    expect(commands(first(diagnosis))).toEqual(['iptables -D DOCKER-USER -j DROP']);
  });

  test('a native chain is a suspicion, not an error', () => {
    const unmodelledHooks = [{ family: 'inet' as const, hook: 'forward', name: 'inet mine fwd' }];
    const diagnosis = diagnosisOf({ broken: (state) => onHost(state, (ns) => ({ ...ns, unmodelledHooks })) });
    expect(causes(diagnosis)).toEqual(['extra-base-chain-drops']);
    expect(first(diagnosis).severity).toBe('warning');
    expect(diagnosis.healthy).toBe(true);
    expect(diagnosis.unknowns.map((u) => u.fact).join()).toContain('inet mine fwd');
  });
});

describe('containers', () => {
  test('one that does not run is told, and is no error', () => {
    const diagnosis = diagnosisOf({
      containers: [web, peer, { name: 'old', on: { bridge: '172.17.0.9/16' }, running: false }],
    });
    expect(diagnosis.findings.map((f) => [f.cause, f.severity, f.params.container])).toEqual([
      ['container-not-running', 'info', 'old'],
    ]);
    expect(diagnosis.healthy).toBe(true);
  });

  test('a proxy that does not run', () => {
    const diagnosis = diagnosisOf({
      broken: (state) => ({ ...onHost(state, (ns) => ({ ...ns, sockets: [] })), proxies: [] }),
    });
    const finding = diagnosis.findings.find((f) => f.cause === 'userland-proxy-missing');
    expect(finding?.params.ports).toBe('8080/tcp');
    expect(finding?.flows.map((f) => f.from)).toContain('host');
  });
});

test('a plan that is as it should be gives the rules that the host was made of', () => {
  const { state, expected } = inputOf({ networks: [bridge] });
  const own = state.namespaces.find((n) => n.kind === 'host');
  const lines = (tables: (typeof expected.plan.ruleset)['tables']) =>
    tables.flatMap((t) => t.chains.flatMap((c) => c.rules.map(formatRule)));
  expect(lines(own?.firewall.tables ?? [])).toEqual(lines(expected.plan.ruleset.tables));
});
