/** What a rule of somebody else, or of an earlier Docker, is called; each beside a neighbour that is called otherwise or nothing. */
import { describe, expect, test } from 'vitest';
import { flow, rulesetOf, table } from '../../../test/fixtures/host.ts';
import { type Case, diagnosisOf, onHost, peer, web } from '../../../test/fixtures/patient.ts';
import type { Finding } from '../finding.ts';

function firstOf(given: Case, flows: readonly string[]): Finding | undefined {
  return diagnosisOf(given, { flows: flows.map((text) => flow(text)) }).findings[0];
}

const outward = ['web ping 198.51.100.7'];

describe('SNAT', () => {
  const snat = (address: string) => `-t nat -I POSTROUTING -s 172.17.0.0/16 -j SNAT --to-source ${address}`;

  test.each(['192.0.2.9', '192.0.2.9-192.0.2.20', '192.0.2.9:1024-2048'])(
    'to %s, which no link of the host has',
    (address) => {
      expect(firstOf({ rules: [snat(address)] }, outward)).toMatchObject({
        cause: 'snat-to-foreign-address',
        severity: 'error',
        repairs: [{ kind: 'rule', change: expect.stringContaining(`iptables -t nat -D POSTROUTING`) }],
        proof: { flows: [{ before: 'timeout', after: 'ok' }] },
      });
    },
  );

  test('to an address of the host works', () => {
    expect(firstOf({ rules: [snat('203.0.113.2')] }, outward)).toBeUndefined();
  });

  test("as the network's own option asks", () => {
    const options = { 'com.docker.network.host_ipv4': '192.0.2.9' };
    const net1 = {
      name: 'net1',
      subnet: '172.17.0.0/16',
      options: { ...options, 'com.docker.network.bridge.name': 'docker0' },
    };
    const containers = [{ name: 'web', on: { net1: '172.17.0.2/16' } }];
    const found = firstOf({ networks: [net1], containers }, outward);
    expect(found).toMatchObject({
      cause: 'snat-to-foreign-address',
      params: { value: '192.0.2.9', network: 'net1' },
    });
  });
});

describe('a rule of FORWARD', () => {
  const drop = '-I FORWARD -i docker0 -j DROP';

  test("stands before Docker's where some of them stand below it", () => {
    expect(firstOf({ rules: [drop] }, outward)).toMatchObject({ cause: 'forward-rule-before-docker' });
  });

  test('is no more than a rule of somebody else where Docker makes none', () => {
    const config = '{"iptables": false}';
    const masquerade = '-t nat -A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE';
    expect(firstOf({ config, rules: [masquerade, drop] }, outward)).toMatchObject({
      cause: 'foreign-rule-drops',
    });
  });
});

describe('rules that look like those of Docker, and that no plan holds', () => {
  const published = ['inet tcp 203.0.113.2:8080'];

  test('a restored DNAT to an address that no container has', () => {
    const rules = [
      '-t nat -I DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.77:80',
    ];
    expect(firstOf({ rules }, published)).toMatchObject({
      cause: 'stale-saved-rules',
      params: { chain: 'DOCKER', position: '1' },
      repairs: [{ change: expect.stringContaining('iptables -t nat -D DOCKER') }],
    });
  });

  test('the same in a chain of its own is a foreign rule', () => {
    const rules = ['-t nat -I PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.77:80'];
    expect(firstOf({ rules }, published)).toMatchObject({ cause: 'foreign-nat-captures' });
  });
});

describe('FORWARD of iptables beside an engine with native tables', () => {
  const beside =
    (...lines: readonly string[]) =>
    (state: Parameters<NonNullable<Case['broken']>>[0]) =>
      onHost(state, (ns) => ({ ...ns, firewall: rulesetOf(table('filter', '-P FORWARD DROP', ...lines)) }));
  const native = { engine: '29.7.2', config: '{"firewall-backend": "nftables"}' } as const;

  test('DROP as an earlier engine left it', () => {
    expect(firstOf({ ...native, broken: beside() }, outward)).toMatchObject({
      cause: 'stale-forward-drop-beside-nftables',
      severity: 'error',
      repairs: [{ kind: 'rule', change: 'iptables -P FORWARD ACCEPT' }],
    });
  });

  test('DROP of ufw is not left over', () => {
    const broken = beside('-N ufw-before-forward', '-A FORWARD -j ufw-before-forward');
    expect(firstOf({ ...native, broken }, outward)).toMatchObject({ cause: 'foreign-rule-drops' });
  });
});

describe('DOCKER-USER', () => {
  test('a rule that stops answers: let them pass, and leave the rule', () => {
    const found = firstOf({ rules: ['-I DOCKER-USER -i eth0 -j DROP'] }, outward);
    expect(found).toMatchObject({
      cause: 'docker-user-drops-replies',
      params: { rule: '-A DOCKER-USER -i eth0 -j DROP' },
      repairs: [
        {
          kind: 'rule',
          change: 'iptables -I DOCKER-USER 1 -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
        },
      ],
      proof: { flows: [{ before: 'timeout', after: 'ok' }], newlyAllowed: [] },
    });
  });

  test('one that closes published ports too: what is for answers, and what is for ports', () => {
    const { findings } = diagnosisOf({ rules: ['-I DOCKER-USER -i eth0 -j DROP'] });
    expect(findings.map(({ cause, flows, repairs }) => [cause, flows.length, repairs[0]?.change])).toEqual([
      [
        'docker-user-drops-replies',
        4,
        'iptables -I DOCKER-USER 1 -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
      ],
      ['foreign-rule-drops', 1, 'iptables -I DOCKER-USER 1 -m conntrack --ctstate DNAT -j RETURN'],
    ]);
  });

  test('one that stops what containers send is taken away whole', () => {
    const { findings } = diagnosisOf({ rules: ['-I DOCKER-USER -s 172.17.0.0/16 -j DROP'] });
    expect(findings.map(({ cause, repairs }) => [cause, repairs[0]?.change])).toEqual([
      ['foreign-rule-drops', 'iptables -D DOCKER-USER -s 172.17.0.0/16 -j DROP'],
    ]);
  });

  test('with answers let pass above it, it stops none', () => {
    const rules = [
      '-I DOCKER-USER -i eth0 -j DROP',
      '-I DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
    ];
    expect(firstOf({ rules }, outward)).toBeUndefined();
  });

  test('a rule that stops requests is a foreign rule', () => {
    expect(firstOf({ rules: ['-I DOCKER-USER -j DROP'] }, outward)).toMatchObject({
      cause: 'foreign-rule-drops',
    });
  });
});

describe("the host's port in DOCKER-USER", () => {
  const published = ['inet tcp 203.0.113.2:8080'];
  const only = (port: number) => [
    '-I DOCKER-USER -i eth0 -j DROP',
    `-I DOCKER-USER -i eth0 -p tcp -m tcp --dport ${port} -j ACCEPT`,
    '-I DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
  ];

  test('an exception that never matches: ask for the port that the client asked for', () => {
    expect(firstOf({ rules: only(8080) }, published)).toMatchObject({
      cause: 'docker-user-matches-host-port',
      severity: 'error',
      params: { port: '8080', containerPort: '80', container: 'web' },
      repairs: [
        { change: expect.stringContaining('-m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j ACCEPT') },
      ],
    });
  });

  test("the container's port matches", () => {
    expect(firstOf({ rules: only(80) }, published)).toBeUndefined();
  });

  test('a drop that never matches leaves the port open: a warning, with the flows as they are', () => {
    const rules = ['-I DOCKER-USER -i eth0 -p tcp -m tcp --dport 8080 -j DROP'];
    const diagnosis = diagnosisOf({ rules });
    expect(diagnosis.findings).toMatchObject([
      { cause: 'docker-user-matches-host-port', severity: 'warning', flows: [], params: { serves: '' } },
    ]);
    expect(diagnosis.healthy).toBe(true);
  });

  test('a drop that meets another container in its place', () => {
    const other = { ...peer, ports: ['9090:8080/tcp'] };
    const rules = ['-I DOCKER-USER -i eth0 -p tcp -m tcp --dport 8080 -j DROP'];
    const host = { peer: { sockets: ['tcp 8080'] } };
    expect(firstOf({ rules, containers: [web, other], host }, ['inet tcp 203.0.113.2:9090'])).toMatchObject({
      cause: 'docker-user-matches-host-port',
      params: { container: 'web', serves: 'peer' },
    });
  });

  test.each([
    '-I DOCKER-USER -p tcp -m tcp --dport 80 -s 192.0.2.0/24 -j DROP',
    '-I DOCKER-USER -p udp -m udp --dport 8080 -j DROP',
  ])('%s: nothing to say', (rule) => {
    expect(diagnosisOf({ rules: [rule] }).findings).toEqual([]);
  });
});
