/**
 * G10 against what dockerd 29.7.2 did with iptables: commands from its debug log, rules from moby's own rule documents.
 */
import { describe, expect, it } from 'vitest';
import {
  commandsOf,
  defaultBridge,
  type HostSpec,
  lines,
  planOf,
  rulesOf,
} from '../../../test/support/plan.ts';
import { formatRule } from '../../firewall/args.ts';

const engine = '29.7.2';

const host: HostSpec = {
  engine,
  networks: [{ name: 'bridge', subnet: '172.17.0.0/16', subnet6: '2001:db8:1::/64' }],
  containers: [{ name: 'web', on: { bridge: '172.17.0.2/16 2001:db8:1::2/64' }, ports: ['8080:80/tcp'] }],
};

function rules(spec: Partial<HostSpec>): readonly string[] {
  return rulesOf(planOf({ engine, ...spec }));
}

describe('commands', () => {
  it('of a fresh start, IPv4', () => {
    expect(commandsOf(planOf(host))).toEqual(
      lines(`
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ? nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D PREROUTING
      ? nat -D OUTPUT
      ? nat -F DOCKER
      ? nat -X DOCKER
      ? filter -F DOCKER-FORWARD
      ? filter -X DOCKER-FORWARD
      ? filter -F DOCKER-BRIDGE
      ? filter -X DOCKER-BRIDGE
      ? filter -F DOCKER
      ? filter -X DOCKER
      ? filter -F DOCKER-CT
      ? filter -X DOCKER-CT
      ? filter -F DOCKER-INTERNAL
      ? filter -X DOCKER-INTERNAL
      ? filter -F DOCKER-ISOLATION-STAGE-1
      ? filter -X DOCKER-ISOLATION-STAGE-1
      ? filter -F DOCKER-ISOLATION-STAGE-2
      ? filter -X DOCKER-ISOLATION-STAGE-2
      ? filter -F DOCKER-ISOLATION
      ? filter -X DOCKER-ISOLATION
      + nat -N DOCKER
      + filter -N DOCKER
      + filter -N DOCKER-FORWARD
      + filter -N DOCKER-BRIDGE
      + filter -N DOCKER-CT
      + filter -N DOCKER-INTERNAL
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      ? filter -D FORWARD -j DOCKER-FORWARD
      ! filter -I FORWARD -j DOCKER-FORWARD
      ? filter -D DOCKER-FORWARD -j DOCKER-BRIDGE
      ! filter -I DOCKER-FORWARD -j DOCKER-BRIDGE
      ? filter -D DOCKER-FORWARD -j DOCKER-INTERNAL
      ! filter -I DOCKER-FORWARD -j DOCKER-INTERNAL
      ? filter -D DOCKER-FORWARD -j DOCKER-CT
      ! filter -I DOCKER-FORWARD -j DOCKER-CT
      ? nat -D DOCKER -d 127.0.0.0/8 -i loopback0 -j RETURN
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v4 dst -j DOCKER
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -N DOCKER-USER
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      ! filter -P FORWARD DROP
      + nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      ? nat -D POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D DOCKER-FORWARD -i docker0 -o docker0 -j ACCEPT
      ? filter -D DOCKER-FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
      ? filter -D FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + filter -A DOCKER-FORWARD -i docker0 -j ACCEPT
      ? filter -D FORWARD -i docker0 -j ACCEPT
      ? filter -D FORWARD -o docker0 -j DOCKER
      ? filter -D FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      + filter -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER-BRIDGE -o docker0 -j DOCKER
      + raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
      ? raw -D PREROUTING -d 172.17.0.2/32 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
      + nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
      ? nat -D POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
      + filter -I DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
    `),
    );
  });

  it('of a fresh start, IPv6', () => {
    expect(commandsOf(planOf(host), 'ipv6')).toEqual(
      lines(`
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ? nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D PREROUTING
      ? nat -D OUTPUT
      ? nat -F DOCKER
      ? nat -X DOCKER
      ? filter -F DOCKER-FORWARD
      ? filter -X DOCKER-FORWARD
      ? filter -F DOCKER-BRIDGE
      ? filter -X DOCKER-BRIDGE
      ? filter -F DOCKER
      ? filter -X DOCKER
      ? filter -F DOCKER-CT
      ? filter -X DOCKER-CT
      ? filter -F DOCKER-INTERNAL
      ? filter -X DOCKER-INTERNAL
      ? filter -F DOCKER-ISOLATION-STAGE-1
      ? filter -X DOCKER-ISOLATION-STAGE-1
      ? filter -F DOCKER-ISOLATION-STAGE-2
      ? filter -X DOCKER-ISOLATION-STAGE-2
      ? filter -F DOCKER-ISOLATION
      ? filter -X DOCKER-ISOLATION
      + nat -N DOCKER
      + filter -N DOCKER
      + filter -N DOCKER-FORWARD
      + filter -N DOCKER-BRIDGE
      + filter -N DOCKER-CT
      + filter -N DOCKER-INTERNAL
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
      ? filter -D FORWARD -j DOCKER-FORWARD
      ! filter -I FORWARD -j DOCKER-FORWARD
      ? filter -D DOCKER-FORWARD -j DOCKER-BRIDGE
      ! filter -I DOCKER-FORWARD -j DOCKER-BRIDGE
      ? filter -D DOCKER-FORWARD -j DOCKER-INTERNAL
      ! filter -I DOCKER-FORWARD -j DOCKER-INTERNAL
      ? filter -D DOCKER-FORWARD -j DOCKER-CT
      ! filter -I DOCKER-FORWARD -j DOCKER-CT
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v6 dst -j DOCKER
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v6 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -N DOCKER-USER
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      ! filter -P FORWARD DROP
      + nat -I POSTROUTING -s 2001:db8:1::/64 ! -o docker0 -j MASQUERADE
      ? nat -D POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D DOCKER-FORWARD -i docker0 -o docker0 -j ACCEPT
      ? filter -D DOCKER-FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
      ? filter -D FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + filter -A DOCKER-FORWARD -i docker0 -j ACCEPT
      ? filter -D FORWARD -i docker0 -j ACCEPT
      ? filter -D FORWARD -o docker0 -j DOCKER
      ? filter -D FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      + filter -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER-BRIDGE -o docker0 -j DOCKER
      + raw -A PREROUTING -d 2001:db8:1::2/128 ! -i docker0 -j DROP
      ? raw -D PREROUTING -d 2001:db8:1::2/128 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
      + nat -A DOCKER ! -s fe80::/10 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [2001:db8:1::2]:80
      ? nat -D POSTROUTING -s 2001:db8:1::2/128 -d 2001:db8:1::2/128 -p tcp -m tcp --dport 80 -j MASQUERADE
      + filter -I DOCKER -d 2001:db8:1::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
    `),
    );
  });
});

describe('rules', () => {
  it('of several networks', () => {
    const networks = [
      defaultBridge,
      { name: 'int', subnet: '172.18.0.0/16', subnet6: 'fd00::/64', internal: true },
      {
        name: 'routed',
        subnet: '172.19.0.0/16',
        options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' },
      },
    ];
    expect(rules({ networks }).filter((rule) => rule.startsWith('filter -A DOCKER'))).toEqual(
      lines(`
      filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      filter -A DOCKER -o br-routed -p icmp -j ACCEPT
      filter -A DOCKER ! -i br-routed -o br-routed -j DROP
      filter -A DOCKER-BRIDGE -o docker0 -j DOCKER
      filter -A DOCKER-BRIDGE -o br-routed -j DOCKER
      filter -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A DOCKER-CT -o br-routed -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A DOCKER-FORWARD -j DOCKER-CT
      filter -A DOCKER-FORWARD -j DOCKER-INTERNAL
      filter -A DOCKER-FORWARD -j DOCKER-BRIDGE
      filter -A DOCKER-FORWARD -i docker0 -j ACCEPT
      filter -A DOCKER-FORWARD -i br-int -o br-int -j ACCEPT
      filter -A DOCKER-FORWARD -i br-routed -j ACCEPT
      filter -A DOCKER-INTERNAL ! -s 172.18.0.0/16 -o br-int -j DROP
      filter -A DOCKER-INTERNAL ! -d 172.18.0.0/16 -i br-int -j DROP
    `),
    );
    expect(
      rulesOf(planOf({ engine, networks }), 'ipv6').filter((rule) => rule.includes('DOCKER-INTERNAL ')),
    ).toEqual([
      'filter -A DOCKER-INTERNAL ! -s fd00::/64 ! -i br-int -o br-int -j DROP',
      'filter -A DOCKER-INTERNAL ! -d fd00::/64 -i br-int ! -o br-int -j DROP',
    ]);
  });

  it.each([
    ['7', '0x7'],
    ['0x10/0xf0', '0x10/0xf0'],
    ['010', '0x8'],
    ['0b11', '0x3'],
    ['4294967295', '0xffffffff'],
  ])('accept the mark %s before all', (mark, printed) => {
    const config = `{"bridge-accept-fwmark":"${mark}"}`;
    const marked = `filter -A DOCKER-FORWARD -m mark --mark ${printed} -j ACCEPT`;
    const first = (family: 'ipv4' | 'ipv6') =>
      rulesOf(planOf({ ...host, config }), family).filter((rule) =>
        rule.startsWith('filter -A DOCKER-FORWARD'),
      )[0];
    expect(first('ipv4')).toBe(marked);
    expect(first('ipv6')).toBe(marked);
    const networks = [defaultBridge, { name: 'net', subnet: '172.18.0.0/16' }];
    expect(rules({ networks, config }).filter((rule) => rule === marked)).toHaveLength(1);
  });

  it.each(['', 'x', '1/2/3', '4294967296', '0x', '-1', '08'])('accept no mark of %o', (mark) => {
    const config = `{"bridge-accept-fwmark":"${mark}"}`;
    expect(rules({ config })).toEqual(rules({}));
  });

  it('fill in no checksum and heed no environment of 28', () => {
    const containers = [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['70:7/sctp'] }];
    const env = { DOCKER_IPTABLES_SCTP_CHECKSUM: '1', DOCKER_FIREWALL_BACKEND: 'nftables' };
    expect(rules({ containers, env })).toEqual(rules({ containers }));
    expect(rules({ containers }).some((rule) => rule.startsWith('mangle'))).toBe(false);
  });

  it('end with those of an earlier 28 gone', () => {
    const before = rulesOf(planOf({ engine: '28.5.2' }));
    expect(before.some((rule) => rule.includes('ISOLATION'))).toBe(true);
    const save = `*filter
:FORWARD DROP [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
-A FORWARD -j DOCKER-FORWARD
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
COMMIT
`;
    expect(rules({ before: save }).filter((rule) => rule.startsWith('filter'))).toEqual(
      rules({}).filter((rule) => rule.startsWith('filter')),
    );
  });
});

it('rules name the settings that decided', () => {
  const settingsOf = (spec: Partial<HostSpec>, chain: string, text: RegExp) =>
    planOf({ engine, ...spec })
      .ruleset.tables.filter(({ family }) => family === 'ipv4')
      .flatMap(({ chains }) => chains.filter(({ name }) => name === chain))
      .flatMap((found) => [
        { text: `policy ${found.policy}`, reason: found.reason },
        ...found.rules.map((rule) => ({ text: formatRule(rule), reason: rule.reason })),
      ])
      .find((part) => text.test(part.text))
      ?.reason?.because.map(({ setting }) => setting);
  const internal = [{ name: 'net', subnet: '172.18.0.0/16', internal: true }];
  expect(settingsOf({ networks: internal }, 'DOCKER-FORWARD', /br-net/)).toEqual([
    'com.docker.network.bridge.enable_icc',
    'internal',
  ]);
  const mode = 'com.docker.network.bridge.gateway_mode_ipv4';
  const open = [{ name: 'net', subnet: '172.18.0.0/16', options: { [mode]: 'nat-unprotected' } }];
  expect(settingsOf({ networks: open }, 'DOCKER', /br-net/)).toEqual([mode, 'network']);
  expect(settingsOf({}, 'FORWARD', /policy DROP/)).toEqual(['ip-forward', 'ip-forward-no-drop', 'iptables']);
  expect(settingsOf({ engine: '26.1.5' }, 'FORWARD', /policy DROP/)).toEqual(['ip-forward', 'iptables']);
});
