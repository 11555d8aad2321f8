/**
 * G1 against what dockerd 17.06.2 did: commands from its debug log, rules from its iptables-save.
 */
import { describe, expect, it } from 'vitest';
import {
  commandsOf,
  defaultBridge,
  type HostSpec,
  lines,
  planOf,
  ruleChanges,
  rulesOf,
  severalNetworks,
  webHosts,
} from '../../../test/support/plan.ts';

const engine = '17.06.2';

const host = webHosts(engine);

const several = severalNetworks(engine);

function rules(spec: HostSpec): readonly string[] {
  return rulesOf(planOf(spec));
}

describe('commands', () => {
  it('are those of a fresh start, in their order and with their guards', () => {
    expect(commandsOf(planOf(host()))).toEqual(
      lines(`
      ? nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      ? nat -D PREROUTING
      ? nat -D OUTPUT
      ? nat -F DOCKER
      ? nat -X DOCKER
      ? filter -F DOCKER
      ? filter -X DOCKER
      ? filter -F DOCKER-ISOLATION
      ? filter -X DOCKER-ISOLATION
      + nat -N DOCKER
      + filter -N DOCKER
      + filter -N DOCKER-ISOLATION
      + filter -A DOCKER-ISOLATION -j RETURN
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
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ! filter -I FORWARD -j DOCKER-ISOLATION
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

  it('what each kind of network and port adds, with all guards', () => {
    const link = {
      address: { family: 'ipv4', value: 0xac110003 } as const,
      ports: [{ protocol: 'tcp', port: 5432 }],
    };
    const gatewayMode = (mode: string) => ({
      options: { 'com.docker.network.bridge.gateway_mode_ipv4': mode },
    });
    const everything: HostSpec = {
      engine: '17.12.1',
      config: '{"icc":false,"userland-proxy":false}',
      env: { DOCKER_IPTABLES_SCTP_CHECKSUM: '1' },
      networks: [
        defaultBridge,
        { name: 'int', subnet: '172.18.0.0/16', internal: true },
        { name: 'six', ipv6: true },
        { name: 'open', subnet: '172.19.0.0/16', ...gatewayMode('nat-unprotected') },
        { name: 'routed', subnet: '172.20.0.0/16', ...gatewayMode('routed') },
      ],
      containers: [
        { name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['127.0.0.1:7000:7/sctp'], links: [link] },
        { name: 'o', on: { open: '172.19.0.2/16' }, ports: ['81:81/tcp'] },
        { name: 'r', on: { routed: '172.20.0.2/16' }, ports: ['82:82/tcp'] },
      ],
    };
    const commands = commandsOf(planOf(everything));
    const firstNetwork = commands.findIndex((command) => command.includes('-s 172.17.0.0/16'));
    expect(commands.slice(firstNetwork)).toEqual(
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
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ! filter -I FORWARD -j DOCKER-ISOLATION
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + filter -I DOCKER-ISOLATION ! -d 172.18.0.0/16 -i br-int -j DROP
      + filter -I DOCKER-ISOLATION ! -s 172.18.0.0/16 -o br-int -j DROP
      ? filter -D FORWARD -i br-int -o br-int -j DROP
      + filter -I FORWARD -i br-int -o br-int -j ACCEPT
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ! filter -I FORWARD -j DOCKER-ISOLATION
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + nat -I POSTROUTING -s 172.19.0.0/16 ! -o br-open -j MASQUERADE
      + nat -I POSTROUTING -o br-open -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D FORWARD -i br-open -o br-open -j DROP
      + filter -I FORWARD -i br-open -o br-open -j ACCEPT
      + filter -I FORWARD -i br-open ! -o br-open -j ACCEPT
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      + filter -I FORWARD -o br-open -j DOCKER
      + filter -I FORWARD -o br-open -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ! filter -I FORWARD -j DOCKER-ISOLATION
      + filter -I DOCKER-ISOLATION -i br-open -o docker0 -j DROP
      + filter -I DOCKER-ISOLATION -i docker0 -o br-open -j DROP
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + nat -I POSTROUTING -s 172.20.0.0/16 ! -o br-routed -j MASQUERADE
      + nat -I POSTROUTING -o br-routed -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D FORWARD -i br-routed -o br-routed -j DROP
      + filter -I FORWARD -i br-routed -o br-routed -j ACCEPT
      + filter -I FORWARD -i br-routed ! -o br-routed -j ACCEPT
      + nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      + nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      + filter -I FORWARD -o br-routed -j DOCKER
      + filter -I FORWARD -o br-routed -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      ? filter -D FORWARD -j DOCKER-ISOLATION
      ! filter -I FORWARD -j DOCKER-ISOLATION
      + filter -I DOCKER-ISOLATION -i br-routed -o docker0 -j DROP
      + filter -I DOCKER-ISOLATION -i docker0 -o br-routed -j DROP
      + filter -I DOCKER-ISOLATION -i br-routed -o br-open -j DROP
      + filter -I DOCKER-ISOLATION -i br-open -o br-routed -j DROP
      + filter -N DOCKER-USER
      + filter -A DOCKER-USER -j RETURN
      ? filter -D FORWARD -j DOCKER-USER
      ! filter -I FORWARD -j DOCKER-USER
      + nat -A DOCKER -d 127.0.0.1/32 -p sctp -m sctp --dport 7000 -j DNAT --to-destination 172.17.0.2:7
      + filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p sctp -m sctp --dport 7 -j ACCEPT
      + nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p sctp -m sctp --dport 7 -j MASQUERADE
      + mangle -A POSTROUTING -p sctp -m sctp --sport 7 -j CHECKSUM --checksum-fill
      + filter -A DOCKER -s 172.17.0.2/32 -d 172.17.0.3/32 -i docker0 -o docker0 -p tcp -m tcp --dport 5432 -j ACCEPT
      + filter -A DOCKER -s 172.17.0.3/32 -d 172.17.0.2/32 -i docker0 -o docker0 -p tcp -m tcp --sport 5432 -j ACCEPT
      + nat -A DOCKER -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.19.0.2:81
      + filter -A DOCKER -d 172.19.0.2/32 ! -i br-open -o br-open -p tcp -m tcp --dport 81 -j ACCEPT
      + nat -A POSTROUTING -s 172.19.0.2/32 -d 172.19.0.2/32 -p tcp -m tcp --dport 81 -j MASQUERADE
      + nat -A DOCKER -p tcp -m tcp --dport 82 -j DNAT --to-destination 172.20.0.2:82
      + filter -A DOCKER -d 172.20.0.2/32 ! -i br-routed -o br-routed -p tcp -m tcp --dport 82 -j ACCEPT
      + nat -A POSTROUTING -s 172.20.0.2/32 -d 172.20.0.2/32 -p tcp -m tcp --dport 82 -j MASQUERADE
    `),
    );
  });

  it('keep only the chain of the administrator without iptables', () => {
    expect(rules(host('{"iptables":false}'))).toEqual([
      'filter -A FORWARD -j DOCKER-USER',
      'filter -A DOCKER-USER -j RETURN',
    ]);
  });

  it('put the chain of the administrator first after each network that is made, not after a restored one', () => {
    const jumps = (networks: HostSpec['networks']) =>
      commandsOf(planOf({ engine, ...(networks === undefined ? {} : { networks }) })).filter(
        (command) => command === '! filter -I FORWARD -j DOCKER-USER',
      ).length;
    const none = { name: 'none', driver: 'null' };
    expect(jumps([defaultBridge])).toBe(3);
    expect(jumps([none, defaultBridge])).toBe(2);
    expect(jumps([{ ...none, restored: true }, defaultBridge])).toBe(1);
    expect(
      jumps([
        { ...none, restored: true },
        { ...defaultBridge, restored: true },
      ]),
    ).toBe(0);
  });
});

describe('rules', () => {
  it('of several networks: the newest first, pairs apart, an internal one closed', () => {
    expect(rules(several)).toEqual(
      lines(`
      filter -P FORWARD DROP
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -j DOCKER-ISOLATION
      filter -A FORWARD -o br-netb -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A FORWARD -o br-netb -j DOCKER
      filter -A FORWARD -i br-netb ! -o br-netb -j ACCEPT
      filter -A FORWARD -i br-netb -o br-netb -j ACCEPT
      filter -A FORWARD -i br-int -o br-int -j ACCEPT
      filter -A FORWARD -o br-neta -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A FORWARD -o br-neta -j DOCKER
      filter -A FORWARD -i br-neta ! -o br-neta -j ACCEPT
      filter -A FORWARD -i br-neta -o br-neta -j ACCEPT
      filter -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A FORWARD -o docker0 -j DOCKER
      filter -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
      filter -A FORWARD -i docker0 -o docker0 -j ACCEPT
      filter -A DOCKER -d 172.18.0.2/32 ! -i br-neta -o br-neta -p tcp -m tcp --dport 80 -j ACCEPT
      filter -A DOCKER -d 172.18.0.2/32 ! -i br-neta -o br-neta -p udp -m udp --dport 53 -j ACCEPT
      filter -A DOCKER-ISOLATION -i br-neta -o br-netb -j DROP
      filter -A DOCKER-ISOLATION -i br-netb -o br-neta -j DROP
      filter -A DOCKER-ISOLATION -i docker0 -o br-netb -j DROP
      filter -A DOCKER-ISOLATION -i br-netb -o docker0 -j DROP
      filter -A DOCKER-ISOLATION ! -s 172.19.0.0/16 -o br-int -j DROP
      filter -A DOCKER-ISOLATION ! -d 172.19.0.0/16 -i br-int -j DROP
      filter -A DOCKER-ISOLATION -i docker0 -o br-neta -j DROP
      filter -A DOCKER-ISOLATION -i br-neta -o docker0 -j DROP
      filter -A DOCKER-ISOLATION -j RETURN
      filter -A DOCKER-USER -j RETURN
      nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      nat -A POSTROUTING -s 172.20.0.0/16 ! -o br-netb -j MASQUERADE
      nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-neta -j MASQUERADE
      nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      nat -A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
      nat -A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p udp -m udp --dport 53 -j MASQUERADE
      nat -A DOCKER -i br-netb -j RETURN
      nat -A DOCKER -i br-neta -j RETURN
      nat -A DOCKER -i docker0 -j RETURN
      nat -A DOCKER ! -i br-neta -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80
      nat -A DOCKER -d 127.0.0.1/32 ! -i br-neta -p udp -m udp --dport 5353 -j DNAT --to-destination 172.18.0.2:53
    `),
    );
  });

  it('with icc off: the drop is the last of FORWARD', () => {
    expect(rules(host('{"icc":false}'))).toEqual(
      lines(`
      filter -P FORWARD DROP
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -j DOCKER-ISOLATION
      filter -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A FORWARD -o docker0 -j DOCKER
      filter -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
      filter -A FORWARD -i docker0 -o docker0 -j DROP
      filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      filter -A DOCKER-ISOLATION -j RETURN
      filter -A DOCKER-USER -j RETURN
      nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
      nat -A DOCKER -i docker0 -j RETURN
      nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
    `),
    );
  });

  it('without the userland proxy: hairpin', () => {
    expect(rules(host('{"userland-proxy":false}'))).toEqual(
      lines(`
      filter -P FORWARD DROP
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -j DOCKER-ISOLATION
      filter -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A FORWARD -o docker0 -j DOCKER
      filter -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
      filter -A FORWARD -i docker0 -o docker0 -j ACCEPT
      filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      filter -A DOCKER-ISOLATION -j RETURN
      filter -A DOCKER-USER -j RETURN
      nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
      nat -A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
      nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
      nat -A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
    `),
    );
  });

  it('with ip-masq off: neither the masquerade nor the return', () => {
    expect(ruleChanges(host(), host('{"ip-masq":false}'))).toEqual({
      gone: [
        'nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
        'nat -A DOCKER -i docker0 -j RETURN',
      ],
      come: [],
    });
  });

  it('bind to the address of the option ip, unless the request names one', () => {
    const bound = rules(host('{"ip":"127.0.0.1"}', ['8080:80/tcp', '0.0.0.0:81:81/tcp']));
    expect(bound).toContain(
      'nat -A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
    );
    expect(bound).toContain(
      'nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.17.0.2:81',
    );
  });

  it('leave the policy where the host forwarded before, or ip-forward is off', () => {
    const policy = 'filter -P FORWARD DROP';
    expect(rules(host())).toContain(policy);
    expect(rules({ ...host(), ipForward: true })).not.toContain(policy);
    expect(rules(host('{"ip-forward":false}'))).not.toContain(policy);
    expect(rules(host('{"iptables":false}'))).not.toContain(policy);
  });

  it('know no option of later engines', () => {
    const options = {
      'com.docker.network.host_ipv4': '203.0.113.2',
      'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
      'com.docker.network.bridge.trusted_host_interfaces': 'eth0',
    };
    const networks = (more: object) => [{ name: 'net', subnet: '172.18.0.0/16', ...more }];
    expect(rules({ engine, networks: networks({ options }) })).toEqual(
      rules({ engine, networks: networks({}) }),
    );
  });

  it('mend the checksum of SCTP since 17.12', () => {
    const checksum = 'mangle -A POSTROUTING -p sctp -m sctp --sport 7 -j CHECKSUM --checksum-fill';
    expect(rules(host('{}', ['7:7/sctp']))).not.toContain(checksum);
    expect(rules({ ...host('{}', ['7:7/sctp']), engine: '17.12.1' })).toContain(checksum);
    expect(rules({ ...host('{}', ['7:7/tcp']), engine: '17.12.1' }).join()).not.toContain('CHECKSUM');
  });

  it('let a container reach its links where containers may not talk', () => {
    const link = {
      address: { family: 'ipv4', value: 0xac110003 } as const,
      ports: [{ protocol: 'tcp', port: 5432 }],
    };
    const linked = (config: string): HostSpec => ({
      engine,
      config,
      containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, links: [link] }],
    });
    const plain = (config: string) => ({ ...host(config, []) });
    expect(ruleChanges(plain('{"icc":false}'), linked('{"icc":false}')).come).toEqual([
      'filter -A DOCKER -s 172.17.0.2/32 -d 172.17.0.3/32 -i docker0 -o docker0 -p tcp -m tcp --dport 5432 -j ACCEPT',
      'filter -A DOCKER -s 172.17.0.3/32 -d 172.17.0.2/32 -i docker0 -o docker0 -p tcp -m tcp --sport 5432 -j ACCEPT',
    ]);
    expect(ruleChanges(plain('{}'), linked('{}')).come).toEqual([]);
  });
});

describe('a restart over the rules of an earlier run', () => {
  const earlier = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.9/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION -j RETURN
-A DOCKER-USER -s 10.0.0.0/8 -j DROP
COMMIT
`;

  it("empties its own chains, keeps the administrator's, and finds what stands in FORWARD", () => {
    const after = rules({ ...host('{}', []), before: earlier, ipForward: true });
    expect(after.filter((rule) => rule.startsWith('filter -A FORWARD'))).toEqual([
      'filter -A FORWARD -j DOCKER-USER',
      'filter -A FORWARD -j DOCKER-ISOLATION',
      'filter -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      'filter -A FORWARD -o docker0 -j DOCKER',
      'filter -A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
      'filter -A FORWARD -i docker0 -o docker0 -j ACCEPT',
    ]);
    expect(after.filter((rule) => rule.startsWith('filter -A DOCKER'))).toEqual([
      'filter -A DOCKER-ISOLATION -j RETURN',
      'filter -A DOCKER-USER -s 10.0.0.0/8 -j DROP',
      'filter -A DOCKER-USER -j RETURN',
    ]);
  });

  it('with live restore puts isolation before the chain of the administrator', () => {
    const after = rules({
      engine,
      networks: [
        { name: 'none', driver: 'null', restored: true },
        { ...defaultBridge, restored: true },
      ],
      containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp'], restored: true }],
      before: earlier,
      ipForward: true,
    });
    expect(after.filter((rule) => /^filter -A FORWARD -j/.test(rule))).toEqual([
      'filter -A FORWARD -j DOCKER-ISOLATION',
      'filter -A FORWARD -j DOCKER-USER',
    ]);
    expect(after).toContain(
      'filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
    );
  });
});
