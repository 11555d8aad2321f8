/** Bridges of other programs on a host whose FORWARD the engine has closed, each beside one that the same rules let pass. */
import { describe, expect, test } from 'vitest';
import { addr, type DockerHostChange, type LinkSpec, prefix } from '../../../test/fixtures/host.ts';
import { bridge, type Case, diagnosisOf } from '../../../test/fixtures/patient.ts';
import { flowText } from '../../report/flow-text.ts';

/** A host with another bridge on which somebody lives. */
function withBridge(name: string, address: string, change: Partial<LinkSpec> = {}): DockerHostChange {
  return { others: [{ name, kind: 'bridge', addresses: [address], ...change }] };
}

const libvirt = withBridge('virbr0', '192.168.122.1/24');
const masquerade = '-t nat -A POSTROUTING -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE';
const accepted = [
  '-A FORWARD -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  '-A FORWARD -s 192.168.122.0/24 -i virbr0 -j ACCEPT',
];

function found(given: Case) {
  const diagnosis = diagnosisOf(given);
  return diagnosis.findings.map(({ cause, severity, flows }) =>
    [severity, cause, ...flows.map(flowText)].join(' '),
  );
}

describe('a bridge whose program made no rules that accept', () => {
  test("its guests do not get out: the engine's policy stops them", () => {
    const diagnosis = diagnosisOf({ host: libvirt, rules: [masquerade] });
    expect(diagnosis.findings).toMatchObject([
      {
        cause: 'forward-policy-drop-hits-others',
        severity: 'error',
        params: { bridge: 'virbr0' },
        hop: 'filter/DOCKER-USER',
        repairs: [
          {
            kind: 'rule',
            change: [
              'iptables -A DOCKER-USER -i virbr0 -j ACCEPT',
              'iptables -A DOCKER-USER -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
            ].join('\n'),
          },
        ],
        proof: { flows: [{ before: 'timeout', after: 'ok' }] },
      },
    ]);
  });

  test.each<[string, Case]>([
    ['its own rules accept', { host: libvirt, rules: [masquerade, ...accepted] }],
    ['nothing translates its addresses: it would not get out anyway', { host: libvirt }],
    ['its own rules refuse', { host: libvirt, rules: [masquerade, '-I FORWARD -i virbr0 -j REJECT'] }],
    [
      'nobody lives there',
      { host: withBridge('virbr0', '192.168.122.1/24', { carrier: false }), rules: [masquerade] },
    ],
    ['the policy is ACCEPT', { host: libvirt, rules: [masquerade, '-P FORWARD ACCEPT'] }],
    [
      'ufw closed the chain',
      { host: libvirt, rules: [masquerade, '-N ufw-before-forward', '-A FORWARD -j ufw-before-forward'] },
    ],
  ])('%s: nothing to say', (_, given) => {
    expect(found(given)).toEqual([]);
  });
});

describe('podman', () => {
  const podman = withBridge('podman0', '10.88.0.1/16');
  const rules = [
    '-t nat -A POSTROUTING -s 10.88.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE',
    '-t nat -N NETAVARK-DN',
    '-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j NETAVARK-DN',
    '-t nat -A NETAVARK-DN -p tcp -m tcp --dport 9000 -j DNAT --to-destination 10.88.0.2:80',
    '-N NETAVARK_FORWARD',
    '-A FORWARD -j NETAVARK_FORWARD',
    '-A NETAVARK_FORWARD -d 10.88.0.0/16 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A NETAVARK_FORWARD -s 10.88.0.0/16 -j ACCEPT',
  ];

  test('it accepts what leaves, and Docker drops connections to a published port', () => {
    expect(found({ host: podman, rules })).toEqual(['error other-engine-blocked inet tcp 203.0.113.2:9000']);
  });

  test('with a rule for new connections both ways work', () => {
    expect(
      found({ host: podman, rules: [...rules, '-A NETAVARK_FORWARD -d 10.88.0.0/16 -j ACCEPT'] }),
    ).toEqual([]);
  });
});

describe('IPv6', () => {
  const given: Case = {
    networks: [{ ...bridge, subnet6: 'fd00:17::/64', ipv6: true }],
    containers: [{ name: 'web', on: { bridge: '172.17.0.2/16 fd00:17::2/64' } }],
    ipv6Forwarding: false,
    host: {
      ...withBridge('virbr0', 'fd00:122::1/64'),
      uplink: { addresses: ['203.0.113.2/24', '2001:db8:113::2/64'] },
      host: {
        routes: ['default via 203.0.113.1 dev eth0', 'default via 2001:db8:113::1 dev eth0'],
        sysctls: { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 },
      },
      state: {
        outside: {
          name: 'inet',
          links: [
            {
              name: 'up0',
              peer: 'eth0',
              addresses: [prefix('2001:db8:113::1/64'), prefix('203.0.113.1/24')],
            },
          ],
          routes: [{ dst: prefix('fd00:122::/64'), via: addr('2001:db8:113::2') }],
          listeners: [],
          forwards: false,
          notes: [],
        },
      },
    },
  };
  const only = (engine: '28.5.2' | '20.10.24', config = '{}') =>
    diagnosisOf({ ...given, engine, config }).findings.find(({ params }) => params.bridge === 'virbr0');

  test('an engine from 27 on manages ip6tables unasked, and its policy stops a bridge that was routed before', () => {
    expect(only('28.5.2')).toMatchObject({
      cause: 'ip6tables-turned-on',
      severity: 'error',
      because: [{ setting: 'ip6tables', value: true, origin: { kind: 'default' } }],
      repairs: [{ change: expect.stringContaining('ip6tables -A DOCKER-USER -i virbr0 -j ACCEPT') }],
    });
  });

  test('where it was asked to, it is the policy alone', () => {
    expect(only('28.5.2', '{"ip6tables": true}')).toMatchObject({ cause: 'forward-policy-drop-hits-others' });
  });

  test('an older engine leaves IPv6 alone', () => {
    expect(only('20.10.24')).toBeUndefined();
  });
});
