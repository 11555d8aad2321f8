/**
 * G6 against moby 28.0.0: commands from its source, the result as its own rule documents show it.
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

const engine = '28.0.0';
const dual = { name: 'bridge', subnet: '172.17.0.0/16', subnet6: '2001:db8:1::/64' };

const host: HostSpec = {
  engine,
  networks: [dual],
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
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v4 dst -j DOCKER
      ! filter -I FORWARD -m set --match-set docker-ext-bridges-v4 dst -j DOCKER
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I FORWARD -j DOCKER-ISOLATION-STAGE-1
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ! filter -I FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ? nat -D DOCKER -d 127.0.0.0/8 -i loopback0 -j RETURN
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      ! filter -P FORWARD DROP
      + nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      + nat -I DOCKER -i docker0 -j RETURN
      ? nat -D POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
      ? filter -D FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + filter -A FORWARD -i docker0 -j ACCEPT
      ? filter -D FORWARD -o docker0 -j DOCKER
      ? filter -D FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      + filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      + raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
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
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v6 dst -j DOCKER
      ! filter -I FORWARD -m set --match-set docker-ext-bridges-v6 dst -j DOCKER
      ? filter -D FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I FORWARD -j DOCKER-ISOLATION-STAGE-1
      ? filter -D FORWARD -m set --match-set docker-ext-bridges-v6 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ! filter -I FORWARD -m set --match-set docker-ext-bridges-v6 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      ! filter -P FORWARD DROP
      + nat -I POSTROUTING -s 2001:db8:1::/64 ! -o docker0 -j MASQUERADE
      + nat -I DOCKER -i docker0 -j RETURN
      ? nat -D POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
      ? filter -D FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + filter -A FORWARD -i docker0 -j ACCEPT
      ? filter -D FORWARD -o docker0 -j DOCKER
      ? filter -D FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      + filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      + raw -A PREROUTING -d 2001:db8:1::2/128 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
      + nat -A DOCKER ! -s fe80::/10 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [2001:db8:1::2]:80
      ? nat -D POSTROUTING -s 2001:db8:1::2/128 -d 2001:db8:1::2/128 -p tcp -m tcp --dport 80 -j MASQUERADE
      + filter -I DOCKER -d 2001:db8:1::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
    `),
    );
  });
});

describe('rules', () => {
  it('of networks are appended to FORWARD', () => {
    const networks = [
      defaultBridge,
      {
        name: 'quiet',
        subnet: '172.18.0.0/16',
        options: { 'com.docker.network.bridge.enable_icc': 'false' },
      },
      { name: 'int', subnet: '172.19.0.0/16', internal: true },
    ];
    expect(rules({ networks }).filter((rule) => /-A (FORWARD|DOCKER-ISO)/.test(rule))).toEqual(
      lines(`
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A FORWARD -j DOCKER-ISOLATION-STAGE-1
      filter -A FORWARD -m set --match-set docker-ext-bridges-v4 dst -j DOCKER
      filter -A FORWARD -i docker0 -j ACCEPT
      filter -A FORWARD -i br-quiet -o br-quiet -j DROP
      filter -A FORWARD -i br-quiet ! -o br-quiet -j ACCEPT
      filter -A FORWARD -i br-int -o br-int -j ACCEPT
      filter -A DOCKER-ISOLATION-STAGE-1 ! -s 172.19.0.0/16 -o br-int -j DROP
      filter -A DOCKER-ISOLATION-STAGE-1 ! -d 172.19.0.0/16 -i br-int -j DROP
      filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      filter -A DOCKER-ISOLATION-STAGE-1 -i br-quiet ! -o br-quiet -j DOCKER-ISOLATION-STAGE-2
      filter -A DOCKER-ISOLATION-STAGE-2 -o br-quiet -j DROP
      filter -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
    `),
    );
  });

  it('of isolation do not ask whether the network has the family', () => {
    const isolation = (network: { readonly subnet: string; readonly internal?: boolean }) =>
      rulesOf(planOf({ engine, networks: [{ name: 'net', ...network }] }), 'ipv6').filter((rule) =>
        rule.includes('br-net'),
      );
    expect(isolation({ subnet: '172.18.0.0/16' })).toEqual([
      'filter -A DOCKER-ISOLATION-STAGE-1 -i br-net ! -o br-net -j DOCKER-ISOLATION-STAGE-2',
      'filter -A DOCKER-ISOLATION-STAGE-2 -o br-net -j DROP',
    ]);
    expect(isolation({ subnet: '172.18.0.0/16', internal: true })).toEqual([]);
  });

  it('guard a container whose port only the proxy leads to', () => {
    const containers = [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['[::1]:8080:80/tcp'] }];
    expect(rules({ containers }).filter((rule) => rule.includes('dport'))).toEqual([
      'raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP',
    ]);
  });
});
