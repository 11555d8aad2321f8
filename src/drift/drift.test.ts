import { describe, expect, test } from 'vitest';
import { bridge, type Case, engines, inputOf, onHost, runOn, web } from '../../test/fixtures/patient.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import { applyChanges } from '../host/change.ts';
import type { Link, Namespace } from '../host/state.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { Difference } from './difference.ts';
import { findDrift } from './drift.ts';
import { firewallDifferences } from './firewall.ts';
import { healing } from './heal.ts';
import { removal } from './remove.ts';

const shop = { name: 'shop', subnet: '172.18.0.0/16' } as const;
const till = { name: 'till', on: { shop: '172.18.0.2/16' }, ports: ['8081:80/tcp'] } as const;

function brief({ kind, text, observed, owner }: Difference): string {
  return [
    kind,
    text,
    ...(observed === undefined ? [] : [`(${observed})`]),
    ...(owner === undefined ? [] : [`[${owner}]`]),
  ].join(' ');
}

function driftOf(given: Case): readonly string[] {
  return findDrift(inputOf(given)).differences.map(brief);
}

/** What is left after everything that can be healed was healed. */
function healedDrift(given: Case): readonly string[] {
  const whole = inputOf(given);
  const state = applyChanges(whole.state, healing(whole).changes);
  return findDrift({ ...whole, state }).differences.map(brief);
}

const link = (name: string, edit: (link: Link) => Link | undefined) => (ns: Namespace) => ({
  ...ns,
  links: ns.links.flatMap((own) => (own.name === name ? (edit(own) ?? []) : [own])),
});

describe.each(engines)('a host of %s', (engine) => {
  test('that is as planned has no drift, and nothing to heal', () => {
    const whole = inputOf({ engine });
    expect(findDrift(whole)).toEqual({ differences: [], unknown: [] });
    expect(healing(whole)).toEqual({ changes: [], mended: [], left: [] });
  });

  test.each([
    [
      'a rule',
      ['-t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE'],
      ['missing -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE'],
    ],
    ['a policy', ['-P FORWARD ACCEPT'], ['changed -P FORWARD DROP (-P FORWARD ACCEPT)']],
  ])('%s that is lost is found and healed', (_what, rules, found) => {
    expect(driftOf({ engine, rules })).toEqual(found);
    expect(healedDrift({ engine, rules })).toEqual([]);
  });

  test('a jump under what it should precede is found and moved', () => {
    const rules = ['-D FORWARD -j DOCKER-USER', '-A FORWARD -j DOCKER-USER'];
    expect(driftOf({ engine, rules })).toEqual([expect.stringMatching(/^misordered -A FORWARD -j DOCKER-/)]);
    expect(healedDrift({ engine, rules })).toEqual([]);
  });

  test('what others made is no drift; their stricter policy stays', () => {
    const rules = [
      '-N ufw-user-input',
      '-A INPUT -j ufw-user-input',
      '-P INPUT DROP',
      '-A DOCKER-USER -s 192.0.2.1 -j DROP',
    ];
    const found = driftOf({ engine, rules });
    expect(found).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^foreign -A INPUT -j ufw-user-input \[ufw\]$/),
        'foreign -P INPUT DROP',
      ]),
    );
    expect(found.every((line) => line.startsWith('foreign'))).toBe(true);
    expect(healing(inputOf({ engine, rules })).changes).toEqual([]);
  });

  test("rules of a network that is gone are Docker's own, and healing leaves them", () => {
    const rules = [
      '-t nat -I POSTROUTING -s 172.30.0.0/16 ! -o br-0123456789ab -j MASQUERADE',
      '-I DOCKER -d 172.17.0.9/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT',
    ];
    const stale = driftOf({ engine, rules });
    expect(stale.map((line) => line.split(' ')[0])).toEqual(['stale', 'stale']);
    expect(healedDrift({ engine, rules })).toEqual(stale);
  });

  test("a rule of somebody else's that takes all packets of ours is said, and stays", () => {
    const rules = ['-I FORWARD -j REJECT'];
    const found = driftOf({ engine, rules }).filter((line) => line.startsWith('misordered'));
    expect(found[0]).toBe(
      'misordered -A FORWARD -j DOCKER-USER (-A FORWARD -j REJECT --reject-with icmp-port-unreachable)',
    );
    const { changes, left } = healing(inputOf({ engine, rules }));
    expect(changes).toEqual([]);
    expect(left.length).toBe(found.length);
    // An accept with a condition is no such rule, nor is anything in the administrator's own chain.
    expect(
      driftOf({ engine, rules: ['-I FORWARD -s 10.0.0.0/8 -j DROP', '-I DOCKER-USER -j DROP'] }).filter(
        (line) => !line.startsWith('foreign'),
      ),
    ).toEqual([]);
  });

  test.each<[string, (ns: Namespace) => Namespace, readonly string[]]>([
    ['gone', link('docker0', () => undefined), ['missing docker0 mtu 1500 172.17.0.1/16']],
    ['down', link('docker0', (own) => ({ ...own, up: false })), ['changed docker0 up (down)']],
    [
      'of another MTU',
      link('docker0', (own) => ({ ...own, mtu: 1400 })),
      ['changed docker0 mtu 1500 (mtu 1400)'],
    ],
    [
      'renamed',
      (ns) => ({
        ...ns,
        links: ns.links.map((own) => ({
          ...own,
          ...(own.name === 'docker0' ? { name: 'old0' } : {}),
          ...(own.master === 'docker0' ? { master: 'old0' } : {}),
        })),
      }),
      ['changed docker0 (old0)'],
    ],
    [
      'without its address',
      link('docker0', (own) => ({ ...own, addresses: [] })),
      ['missing docker0 172.17.0.1/16'],
    ],
  ])('a bridge that is %s is found and healed', (_how, edit, found) => {
    const broken = (state: Parameters<typeof onHost>[0]) => onHost(state, edit);
    expect(driftOf({ engine, broken })).toEqual(found);
    expect(healedDrift({ engine, broken })).toEqual([]);
  });

  test('a port of no bridge joins its own; a sysctl gets its value; a route comes back', () => {
    const broken = (state: Parameters<typeof onHost>[0]) =>
      onHost(state, (ns) => ({
        ...ns,
        links: ns.links.map(({ master, ...own }) => (master === undefined ? own : { ...own })),
        routes: ns.routes.filter(({ dst }) => formatPrefix(dst) !== '172.17.0.0/16'),
        sysctls: new Map([...ns.sysctls, ['net.ipv4.ip_forward', { value: '0' }]]),
      }));
    const found = driftOf({ engine, broken });
    expect(found).toContain('changed net.ipv4.ip_forward = 1 (0)');
    expect(found).toContain('missing 172.17.0.0/16 dev docker0 src 172.17.0.1');
    expect(found.filter((line) => line.includes('master docker0 (no master)')).length).toBe(2);
    expect(healedDrift({ engine, broken })).toEqual([]);
  });

  test('an address that nobody planned is foreign, proxies are left to the engine', () => {
    const broken = (state: Parameters<typeof onHost>[0]) => ({ ...state, proxies: [] });
    const found = driftOf({ engine, broken });
    expect(found[0]).toBe('missing docker-proxy tcp 0.0.0.0:8080 to 172.17.0.2:80');
    const { changes, left } = healing(inputOf({ engine, broken }));
    expect(changes).toEqual([]);
    expect(left.map(brief)).toEqual(found);
  });

  test('what the facts do not hold is unknown, not missing', () => {
    const broken = (state: Parameters<typeof onHost>[0]) =>
      onHost(state, (ns) => ({
        ...ns,
        firewall: { tables: [] },
        links: [],
        missing: [
          { part: 'firewall', file: 'iptables-save.txt' },
          { part: 'links', file: 'ip-link.json' },
        ],
      }));
    const drift = findDrift(inputOf({ engine, broken }));
    expect(drift.differences).toEqual([]);
    expect(drift.unknown).toEqual(['firewall (iptables-save.txt)', 'links (ip-link.json)']);
  });

  test('without a log the order of networks is chance, that of one network is not', () => {
    const whole = inputOf({ engine, networks: [bridge, shop], containers: [web, till] });
    const { intent } = whole.expected;
    const others = whole.expected.replan({ ...intent, networks: intent.networks.toReversed() }).ruleset;
    const differences = (orderKnown: boolean, firewall: Ruleset) =>
      whole.state.namespaces
        .filter(({ kind }) => kind === 'host')
        .flatMap((host) =>
          firewallDifferences(
            { ...whole, expected: { ...whole.expected, orderKnown } },
            { ...host, firewall },
          ),
        );
    expect(differences(false, others)).toEqual([]);
    if (engine === '17.06.2') expect(differences(true, others)).not.toEqual([]);
    const moved = runOn(others, ['-D FORWARD -j DOCKER-USER', '-A FORWARD -j DOCKER-USER']);
    expect(differences(false, moved).map(({ kind }) => kind)).toEqual(['misordered']);
  });

  test('all of it can be taken out, and nothing else', () => {
    const rules = [
      '-N KUBE-FORWARD',
      '-I FORWARD -j KUBE-FORWARD',
      '-t nat -A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE',
      '-A DOCKER -s 192.0.2.9 -j DROP',
    ];
    const { state } = inputOf({ engine, networks: [bridge, shop], containers: [web, till], rules });
    const { changes, kept } = removal(state);
    const after = applyChanges(state, changes);
    const lines = (after.namespaces[0]?.firewall.tables ?? []).flatMap(({ name, chains }) =>
      chains.flatMap((chain) => [
        ...(chain.policy === undefined ? [`${name} ${chain.name}`] : []),
        ...chain.rules.map((rule) => `${name} ${chain.name} ${rule.target?.name}`),
      ]),
    );
    // Somebody else's rule keeps its chain.
    expect(lines.toSorted()).toEqual([
      'filter DOCKER',
      'filter DOCKER DROP',
      'filter FORWARD KUBE-FORWARD',
      'filter KUBE-FORWARD',
      'nat POSTROUTING MASQUERADE',
    ]);
    expect(kept.map(brief)).toContain('foreign -P FORWARD DROP');
    expect(removal(after).changes).toEqual([]);
  });
});
