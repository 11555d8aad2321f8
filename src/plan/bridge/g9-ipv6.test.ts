/**
 * G9's ip6tables against what dockerd 28.5.2 did: commands from its debug log, rules from moby's golden files of iptabler.
 */
import { describe, expect, it } from 'vitest';
import { commandsOf, type HostSpec, lines, planOf, rulesOf } from '../../../test/support/plan.ts';

const engine = '28.5.2';

describe('ip6tables', () => {
  const dual = { name: 'bridge', subnet: '172.17.0.0/16', subnet6: '2001:db8:1::/64' };
  const six = (more: Partial<HostSpec> = {}): HostSpec => ({
    engine,
    networks: [dual],
    containers: [{ name: 'web', on: { bridge: '172.17.0.2/16 2001:db8:1::2/64' }, ports: ['8080:80/tcp'] }],
    ...more,
  });

  it('gets the same commands, with the addresses of its family', () => {
    expect(commandsOf(planOf(six()), 'ipv6')).toEqual(
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
      ? filter -F DOCKER-FORWARD
      ? filter -X DOCKER-FORWARD
      ? filter -F DOCKER-BRIDGE
      ? filter -X DOCKER-BRIDGE
      ? filter -F DOCKER-CT
      ? filter -X DOCKER-CT
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
      + filter -N DOCKER-ISOLATION-STAGE-1
      + filter -N DOCKER-ISOLATION-STAGE-2
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
      ? filter -D FORWARD -j DOCKER-FORWARD
      ! filter -I FORWARD -j DOCKER-FORWARD
      ? filter -D DOCKER-FORWARD -j DOCKER-BRIDGE
      ! filter -I DOCKER-FORWARD -j DOCKER-BRIDGE
      ? filter -D DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
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
      + nat -I DOCKER -i docker0 -j RETURN
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
      + filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      + raw -A PREROUTING -d 2001:db8:1::2/128 ! -i docker0 -j DROP
      ? raw -D PREROUTING -d 2001:db8:1::2/128 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
      + nat -A DOCKER ! -s fe80::/10 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [2001:db8:1::2]:80
      ? nat -D POSTROUTING -s 2001:db8:1::2/128 -d 2001:db8:1::2/128 -p tcp -m tcp --dport 80 -j MASQUERADE
      + filter -I DOCKER -d 2001:db8:1::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
    `),
    );
  });

  it('gets its chains on every host, and nothing with ip6tables=false', () => {
    expect(rulesOf(planOf({ engine }), 'ipv6')).toEqual(
      lines(`
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -j DOCKER-FORWARD
      filter -N DOCKER
      filter -N DOCKER-BRIDGE
      filter -N DOCKER-CT
      filter -A DOCKER-FORWARD -j DOCKER-CT
      filter -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
      filter -A DOCKER-FORWARD -j DOCKER-BRIDGE
      filter -N DOCKER-ISOLATION-STAGE-1
      filter -N DOCKER-ISOLATION-STAGE-2
      filter -N DOCKER-USER
      nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      nat -A OUTPUT ! -d ::1/128 -m addrtype --dst-type LOCAL -j DOCKER
      nat -N DOCKER
    `),
    );
    expect(commandsOf(planOf(six({ config: '{"ip6tables":false}' })), 'ipv6')).toEqual([]);
    expect(commandsOf(planOf(six({ config: '{"iptables":false}' })), 'ipv4')).toEqual([]);
    expect(commandsOf(planOf(six({ config: '{"iptables":false}' })), 'ipv6')).not.toEqual([]);
  });

  it('drops forwarded packets once the first network with IPv6 turned forwarding on', () => {
    const policy = 'filter -P FORWARD DROP';
    const has = (spec: HostSpec) => rulesOf(planOf(spec), 'ipv6').includes(policy);
    expect(has(six())).toBe(true);
    expect(has(six({ ip6Forward: true }))).toBe(false);
    expect(has(six({ config: '{"ip-forward":false}' }))).toBe(false);
    expect(has(six({ config: '{"ip-forward-no-drop":true}' }))).toBe(false);
    expect(has({ engine })).toBe(false);
    expect(rulesOf(planOf(six({ ipForward: true, ip6Forward: false })))).not.toContain(policy);
  });

  it('follows the options of its family alone', () => {
    const rulesWith = (
      options: Readonly<Record<string, string>>,
      family: 'ipv4' | 'ipv6',
      internal = false,
    ) =>
      rulesOf(
        planOf(
          six({
            networks: [{ name: 'net', subnet: '172.18.0.0/16', subnet6: 'fd00::/64', internal, options }],
            containers: [{ name: 'web', on: { net: '172.18.0.2/16 fd00::2/64' }, ports: ['8080:80/tcp'] }],
          }),
        ),
        family,
      );
    const routed = { 'com.docker.network.bridge.gateway_mode_ipv6': 'routed' };
    expect(rulesWith(routed, 'ipv4')).toEqual(rulesWith({}, 'ipv4'));
    expect(rulesWith(routed, 'ipv6')).toContain('filter -A DOCKER -o br-net -p ipv6-icmp -j ACCEPT');
    expect(rulesWith(routed, 'ipv6').join('\n')).not.toMatch(/DNAT|MASQUERADE|^raw/m);
    const snat = { 'com.docker.network.host_ipv6': '2001:db8::9' };
    expect(rulesWith(snat, 'ipv4')).toEqual(rulesWith({}, 'ipv4'));
    expect(rulesWith(snat, 'ipv6')).toContain(
      'nat -A POSTROUTING -s fd00::/64 ! -o br-net -j SNAT --to-source 2001:db8::9',
    );
    expect(rulesWith({ 'com.docker.network.host_ipv4': '192.0.2.9' }, 'ipv6')).toEqual(rulesWith({}, 'ipv6'));
    expect(rulesWith({}, 'ipv6', true).filter((rule) => rule.includes('fd00::'))).toEqual([
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -s fd00::/64 ! -i br-net -o br-net -j DROP',
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -d fd00::/64 -i br-net ! -o br-net -j DROP',
    ]);
  });

  it('has no guard for loopback, and no rule where only the proxy leads to the container', () => {
    const ports = (on: string, port: string) =>
      rulesOf(
        planOf(six({ containers: [{ name: 'web', on: { bridge: on }, ports: [port] }] })),
        'ipv6',
      ).filter((rule) => rule.includes('dport'));
    expect(ports('172.17.0.2/16 2001:db8:1::2/64', '[::1]:8080:80/tcp')).toEqual([
      'filter -A DOCKER -d 2001:db8:1::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
      'nat -A DOCKER ! -s fe80::/10 -d ::1/128 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [2001:db8:1::2]:80',
    ]);
    expect(ports('172.17.0.2/16', '[::1]:8080:80/tcp')).toEqual([]);
    expect(ports('172.17.0.2/16 2001:db8:1::2/64', '127.0.0.1:8080:80/tcp')).toEqual([]);
  });

  it('without IPv4 a network has only its own family', () => {
    const only = { name: 'net', subnet6: 'fd00::/64' };
    const plan = planOf({
      engine,
      networks: [only],
      containers: [{ name: 'web', on: { net: 'fd00::2/64' }, ports: ['8080:80/tcp'] }],
    });
    expect(plan.unmodelled).toEqual([]);
    expect(rulesOf(plan, 'ipv4').some((rule) => rule.includes('br-net'))).toBe(false);
    expect(rulesOf(plan, 'ipv6').filter((rule) => rule.includes('--dport'))).toHaveLength(2);
  });
});
