/**
 * G2 to G5 against what dockerd 20.10.24 and 26.1.5 did (commands from their debug logs) and the source of 18.09, 23.0 and 27.5.
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

const withIp6tables = '{"ip6tables":true,"experimental":true}';

/** One network with both families, one container with a port of both. */
function host(engine: string, config = withIp6tables, more: Partial<HostSpec> = {}): HostSpec {
  return {
    engine,
    config,
    networks: [{ name: 'bridge', subnet: '172.17.0.0/16', subnet6: '2001:db8:1::/64' }],
    containers: [{ name: 'web', on: { bridge: '172.17.0.2/16 2001:db8:1::2/64' }, ports: ['8080:80/tcp'] }],
    ...more,
  };
}

function commands(spec: HostSpec, family: 'ipv4' | 'ipv6' = 'ipv4'): readonly string[] {
  return commandsOf(planOf(spec), family);
}

function rules(spec: HostSpec, family: 'ipv4' | 'ipv6' = 'ipv4'): readonly string[] {
  return rulesOf(planOf(spec), family);
}

/** What two engines do differently. */
function between(
  one: readonly string[],
  other: readonly string[],
): { readonly only: readonly string[]; readonly added: readonly string[] } {
  return {
    only: one.filter((line) => !other.includes(line)),
    added: other.filter((line) => !one.includes(line)),
  };
}

describe('20.10', () => {
  it('does this to iptables', () => {
    expect(commands(host('20.10.24'))).toEqual(
      lines(`
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ? nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D PREROUTING
      ? nat -D OUTPUT
      ? nat -F DOCKER
      ? nat -X DOCKER
      ? filter -F DOCKER
      ? filter -X DOCKER
      ? filter -F DOCKER-ISOLATION-STAGE-1
      ? filter -X DOCKER-ISOLATION-STAGE-1
      ? filter -F DOCKER-ISOLATION-STAGE-2
      ? filter -X DOCKER-ISOLATION-STAGE-2
      ? filter -F DOCKER-ISOLATION
      ? filter -X DOCKER-ISOLATION
      + nat -N DOCKER
      + filter -N DOCKER
      + filter -N DOCKER-ISOLATION-STAGE-1
      + filter -N DOCKER-ISOLATION-STAGE-2
      + filter -A DOCKER-ISOLATION-STAGE-1 -j RETURN
      + filter -A DOCKER-ISOLATION-STAGE-2 -j RETURN
      ! filter -P FORWARD DROP
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      + nat -I DOCKER -i docker0 -j RETURN
      ? filter -D FORWARD -i docker0 -o docker0 -j DROP
      + filter -I FORWARD -i docker0 -o docker0 -j ACCEPT
      + filter -I FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      + filter -I FORWARD -o docker0 -j DOCKER
      + filter -I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I FORWARD -j DOCKER-ISOLATION-STAGE-1
      + filter -I DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
      + filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      + nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
    `),
    );
  });

  it('does this to ip6tables, where DOCKER-USER is not', () => {
    expect(commands(host('20.10.24'), 'ipv6')).toEqual(
      lines(`
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ? nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D PREROUTING
      ? nat -D OUTPUT
      ? nat -F DOCKER
      ? nat -X DOCKER
      ? filter -F DOCKER
      ? filter -X DOCKER
      ? filter -F DOCKER-ISOLATION-STAGE-1
      ? filter -X DOCKER-ISOLATION-STAGE-1
      ? filter -F DOCKER-ISOLATION-STAGE-2
      ? filter -X DOCKER-ISOLATION-STAGE-2
      ? filter -F DOCKER-ISOLATION
      ? filter -X DOCKER-ISOLATION
      + nat -N DOCKER
      + filter -N DOCKER
      + filter -N DOCKER-ISOLATION-STAGE-1
      + filter -N DOCKER-ISOLATION-STAGE-2
      + filter -A DOCKER-ISOLATION-STAGE-1 -j RETURN
      + filter -A DOCKER-ISOLATION-STAGE-2 -j RETURN
      ! filter -P FORWARD DROP
      + nat -I POSTROUTING -s 2001:db8:1::/64 ! -o docker0 -j MASQUERADE
      + nat -I DOCKER -i docker0 -j RETURN
      ? filter -D FORWARD -i docker0 -o docker0 -j DROP
      + filter -I FORWARD -i docker0 -o docker0 -j ACCEPT
      + filter -I FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
      + filter -I FORWARD -o docker0 -j DOCKER
      + filter -I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I FORWARD -j DOCKER-ISOLATION-STAGE-1
      + filter -I DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      + nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [2001:db8:1::2]:80
      + filter -A DOCKER -d 2001:db8:1::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      + nat -A POSTROUTING -s 2001:db8:1::2/128 -d 2001:db8:1::2/128 -p tcp -m tcp --dport 80 -j MASQUERADE
    `),
    );
  });

  it('keeps networks apart in ip6tables that have no IPv6', () => {
    const network = (internal: boolean) =>
      rules(
        {
          engine: '20.10.24',
          config: withIp6tables,
          networks: [{ name: 'net', subnet: '172.18.0.0/16', internal }],
        },
        'ipv6',
      ).filter((rule) => rule.includes('br-net'));
    expect(network(false)).toEqual([
      'filter -A DOCKER-ISOLATION-STAGE-1 -i br-net ! -o br-net -j DOCKER-ISOLATION-STAGE-2',
      'filter -A DOCKER-ISOLATION-STAGE-2 -o br-net -j DROP',
    ]);
    expect(network(true)).toEqual([]);
  });

  it('makes no rule of ip6tables unless told, and no chain without iptables', () => {
    expect(commands(host('20.10.24', '{}'), 'ipv6')).toEqual([]);
    expect(commands(host('20.10.24', '{"iptables":false}'))).toEqual([]);
  });
});

describe('18.03.1 to 19.03', () => {
  it('do what 20.10 does, to iptables alone', () => {
    for (const engine of ['18.03.1-ce', '19.03.15']) {
      expect(commands(host(engine, '{}'))).toEqual(commands(host('20.10.24', '{}')));
      expect(commands(host(engine, '{}'), 'ipv6')).toEqual([]);
    }
  });

  it('make DOCKER-USER even without iptables', () => {
    expect(rules(host('19.03.15', '{"iptables":false}'))).toEqual([
      'filter -A FORWARD -j DOCKER-USER',
      'filter -A DOCKER-USER -j RETURN',
    ]);
  });

  it('know no host_ipv4', () => {
    const networks = [
      { name: 'net', subnet: '172.18.0.0/16', options: { 'com.docker.network.host_ipv4': '192.0.2.9' } },
    ];
    const leaving = (engine: string) =>
      rules({ engine, networks }).find((rule) => rule.includes('172.18.0.0/16'));
    expect(leaving('19.03.15')).toBe('nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-net -j MASQUERADE');
    expect(leaving('20.10.24')).toBe(
      'nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-net -j SNAT --to-source 192.0.2.9',
    );
  });
});

describe('23.0 to 26', () => {
  it('remove the masquerading of local packets that an earlier run without the proxy left', () => {
    const local = '? nat -D POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE';
    expect(between(commands(host('20.10.24')), commands(host('26.1.5')))).toEqual({
      only: [],
      added: [local],
    });
  });

  it('make DOCKER-USER in ip6tables too, after every network', () => {
    const user = [
      '+ filter -N DOCKER-USER',
      '+ filter -A DOCKER-USER -j RETURN',
      '? filter -D FORWARD -j DOCKER-USER',
      '! filter -I FORWARD -j DOCKER-USER',
    ];
    const local = '? nat -D POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE';
    const { only, added } = between(commands(host('20.10.24'), 'ipv6'), commands(host('26.1.5'), 'ipv6'));
    expect(only).toEqual([]);
    // After none and host, then after the bridge.
    expect(added).toEqual([...user, ...user, local, ...user]);
    const first = (spec: HostSpec) =>
      rules(spec, 'ipv6').find((rule) => rule.startsWith('filter -A FORWARD'));
    expect(first(host('26.1.5'))).toBe('filter -A FORWARD -j DOCKER-USER');
    expect(first(host('20.10.24'))).toBe('filter -A FORWARD -j DOCKER-ISOLATION-STAGE-1');
  });

  it('let link-local packets move within an internal network since 24.0.6', () => {
    const internal = (engine: string) =>
      rules(
        host(engine, withIp6tables, {
          networks: [{ name: 'net', subnet: '172.18.0.0/16', subnet6: 'fd00::/64', internal: true }],
          containers: [],
        }),
        'ipv6',
      ).filter((rule) => rule.includes('br-net'));
    expect(internal('24.0.5')).toEqual([
      'filter -A FORWARD -i br-net -o br-net -j ACCEPT',
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -s fd00::/64 -o br-net -j DROP',
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -d fd00::/64 -i br-net -j DROP',
    ]);
    expect(internal('24.0.6')).toEqual([
      'filter -A FORWARD -i br-net -o br-net -j ACCEPT',
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -s fd00::/64 ! -i br-net -o br-net -j DROP',
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -d fd00::/64 -i br-net ! -o br-net -j DROP',
    ]);
  });

  it('know host_ipv6 since 25.0', () => {
    const networks = [
      {
        name: 'net',
        subnet6: 'fd00::/64',
        subnet: '172.18.0.0/16',
        options: { 'com.docker.network.host_ipv6': '2001:db8::9' },
      },
    ];
    const leaving = (engine: string) =>
      rules(host(engine, withIp6tables, { networks, containers: [] }), 'ipv6').find((rule) =>
        rule.includes('fd00::/64'),
      );
    expect(leaving('24.0.9')).toBe('nat -A POSTROUTING -s fd00::/64 ! -o br-net -j MASQUERADE');
    expect(leaving('25.0.0')).toBe(
      'nat -A POSTROUTING -s fd00::/64 ! -o br-net -j SNAT --to-source 2001:db8::9',
    );
  });

  it('have the network rules of every setting, in this order', () => {
    const config = '{"icc":false,"ip-masq":true,"userland-proxy":false}';
    const networks = [defaultBridge, { name: 'int', subnet: '172.18.0.0/16', internal: true }];
    const containers = [
      { name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['70:7/sctp', '127.0.0.1:81:80/tcp'] },
    ];
    const all = commands({ engine: '26.1.5', config, networks, containers });
    expect(all.slice(all.findIndex((command) => command.includes('172.17.0.0/16')))).toEqual(
      lines(`
      + nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      + nat -I POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
      + filter -A FORWARD -i docker0 -o docker0 -j DROP
      + filter -I FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      + filter -I FORWARD -o docker0 -j DOCKER
      + filter -I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I FORWARD -j DOCKER-ISOLATION-STAGE-1
      + filter -I DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + filter -I DOCKER-ISOLATION-STAGE-1 ! -d 172.18.0.0/16 -i br-int -j DROP
      + filter -I DOCKER-ISOLATION-STAGE-1 ! -s 172.18.0.0/16 -o br-int -j DROP
      ? filter -D FORWARD -i br-int -o br-int -j DROP
      + filter -I FORWARD -i br-int -o br-int -j ACCEPT
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I FORWARD -j DOCKER-ISOLATION-STAGE-1
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + nat -A DOCKER -p sctp -m sctp --dport 70 -j DNAT --to-destination 172.17.0.2:7
      + filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p sctp -m sctp --dport 7 -j ACCEPT
      + nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p sctp -m sctp --dport 7 -j MASQUERADE
      + mangle -A POSTROUTING -p sctp -m sctp --sport 7 -j CHECKSUM --checksum-fill
      + nat -A DOCKER -d 127.0.0.1/32 -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.17.0.2:80
      + filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      + nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
    `),
    );
  });
});

describe('27', () => {
  it('has ip6tables by default, for iptables=false too, and drops what it forwards', () => {
    expect(rules({ engine: '27.5.1' }, 'ipv6')).toContain('filter -P FORWARD DROP');
    expect(rules({ engine: '27.5.1', config: '{"ip-forward":false}' }, 'ipv6')).not.toContain(
      'filter -P FORWARD DROP',
    );
    expect(rules(host('27.5.1', '{"iptables":false}'), 'ipv6')).toEqual(
      rules(host('27.5.1', '{"ip-masq":false}'), 'ipv6'),
    );
    expect(commands(host('27.5.1', '{"ip6tables":false}'), 'ipv6')).toEqual([]);
  });

  it('does what 26 does otherwise; since 27.3 it looks for the rule of mirrored WSL2 hosts', () => {
    const mirrored = '? nat -D DOCKER -d 127.0.0.0/8 -i loopback0 -j RETURN';
    expect(commands(host('27.2.1', '{}'))).toEqual(commands(host('26.1.5', '{}')));
    expect(between(commands(host('27.2.1', '{}')), commands(host('27.3.0', '{}')))).toEqual({
      only: [],
      added: [mirrored],
    });
    expect(commands(host('27.3.0', '{}'), 'ipv6')).toEqual(commands(host('26.1.5'), 'ipv6'));
  });

  it('translates nothing of a routed network, but opens its ports', () => {
    const routed = (engine: string) =>
      rules({
        engine,
        networks: [
          {
            name: 'net',
            subnet: '172.18.0.0/16',
            options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' },
          },
        ],
        containers: [{ name: 'web', on: { net: '172.18.0.2/16' }, ports: ['0:80/tcp'] }],
      }).filter((rule) => /172\.18|RETURN$/.test(rule) && !rule.includes('USER') && !rule.includes('STAGE'));
    const open = 'filter -A DOCKER -d 172.18.0.2/32 ! -i br-net -o br-net -p tcp -m tcp --dport 80 -j ACCEPT';
    expect(routed('27.5.1')).toEqual([open]);
    expect(routed('26.1.5')).toContain('nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-net -j MASQUERADE');
  });

  it('knows no gateway modes of 28', () => {
    const networks = [
      {
        name: 'net',
        subnet: '172.18.0.0/16',
        options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'nat-unprotected' },
      },
    ];
    expect(planOf({ engine: '27.5.1', networks }).unmodelled).toEqual([
      expect.stringContaining('nat-unprotected'),
    ]);
  });
});
