/**
 * G9 against what dockerd 28.5.2 did: commands from its debug log, rules from its iptables-save.
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

const engine = '28.5.2';

const host = webHosts(engine);

const several = severalNetworks(engine);

function rules(spec: HostSpec): readonly string[] {
  return rulesOf(planOf(spec));
}

describe('commands', () => {
  it('are those of a fresh start, in their order and with their guards', () => {
    expect(commandsOf(planOf(host()))).toEqual(
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
      + nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      ? filter -D FORWARD -j DOCKER-FORWARD
      ! filter -I FORWARD -j DOCKER-FORWARD
      ? filter -D DOCKER-FORWARD -j DOCKER-BRIDGE
      ! filter -I DOCKER-FORWARD -j DOCKER-BRIDGE
      ? filter -D DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
      ! filter -I DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
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
      + raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
      ? raw -D PREROUTING -d 172.17.0.2/32 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
      + nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
      ? nat -D POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
      + filter -I DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      ? raw -D PREROUTING -d 172.17.0.2/32 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
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
      engine: '28.5.2',
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
      ? filter -D DOCKER-FORWARD -i docker0 -o docker0 -j ACCEPT
      + filter -A DOCKER-FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 -o docker0 -j ACCEPT
      ? filter -D FORWARD -i docker0 -o docker0 -j DROP
      ? filter -D FORWARD -i docker0 ! -o docker0 -j ACCEPT
      + filter -A DOCKER-FORWARD -i docker0 ! -o docker0 -j ACCEPT
      ? filter -D FORWARD -o docker0 -j DOCKER
      ? filter -D FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      + filter -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER-BRIDGE -o docker0 -j DOCKER
      + filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      + filter -I DOCKER-ISOLATION-STAGE-1 ! -d 172.18.0.0/16 -i br-int -j DROP
      + filter -I DOCKER-ISOLATION-STAGE-1 ! -s 172.18.0.0/16 -o br-int -j DROP
      + filter -A DOCKER-FORWARD -i br-int -o br-int -j ACCEPT
      ? filter -D DOCKER-FORWARD -i br-int -o br-int -j DROP
      ? filter -D FORWARD -i br-int -o br-int -j ACCEPT
      ? filter -D FORWARD -i br-int -o br-int -j DROP
      ? filter -D DOCKER-ISOLATION-STAGE-1 -i br-six ! -o br-six -j DOCKER-ISOLATION-STAGE-2
      ? filter -D DOCKER-ISOLATION-STAGE-2 -o br-six -j DROP
      + nat -I POSTROUTING -s 172.19.0.0/16 ! -o br-open -j MASQUERADE
      + nat -I POSTROUTING -o br-open -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D DOCKER-FORWARD -i br-open -o br-open -j ACCEPT
      ? filter -D DOCKER-FORWARD -i br-open -o br-open -j DROP
      ? filter -D FORWARD -i br-open -o br-open -j ACCEPT
      ? filter -D FORWARD -i br-open -o br-open -j DROP
      ? filter -D FORWARD -i br-open ! -o br-open -j ACCEPT
      + filter -A DOCKER-FORWARD -i br-open -j ACCEPT
      ? filter -D FORWARD -i br-open -j ACCEPT
      ? filter -D FORWARD -o br-open -j DOCKER
      ? filter -D FORWARD -o br-open -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER ! -i br-open -o br-open -j ACCEPT
      + filter -A DOCKER-CT -o br-open -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER-BRIDGE -o br-open -j DOCKER
      + filter -A DOCKER-ISOLATION-STAGE-1 -i br-open ! -o br-open -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o br-open -j DROP
      + nat -I POSTROUTING -o br-routed -m addrtype --src-type LOCAL -j MASQUERADE
      ? filter -D DOCKER-FORWARD -i br-routed -o br-routed -j ACCEPT
      ? filter -D DOCKER-FORWARD -i br-routed -o br-routed -j DROP
      ? filter -D FORWARD -i br-routed -o br-routed -j ACCEPT
      ? filter -D FORWARD -i br-routed -o br-routed -j DROP
      + filter -A DOCKER -o br-routed -p icmp -j ACCEPT
      ? filter -D FORWARD -i br-routed ! -o br-routed -j ACCEPT
      + filter -A DOCKER-FORWARD -i br-routed -j ACCEPT
      ? filter -D FORWARD -i br-routed -j ACCEPT
      ? filter -D FORWARD -o br-routed -j DOCKER
      ? filter -D FORWARD -o br-routed -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER ! -i br-routed -o br-routed -j DROP
      + filter -A DOCKER-CT -o br-routed -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER-BRIDGE -o br-routed -j DOCKER
      + filter -I DOCKER-ISOLATION-STAGE-1 -o br-routed -j RETURN
      + filter -I DOCKER-ISOLATION-STAGE-1 -i br-routed -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      + filter -A DOCKER-ISOLATION-STAGE-1 -i br-routed ! -o br-routed -j DOCKER-ISOLATION-STAGE-2
      + filter -I DOCKER-ISOLATION-STAGE-2 -o br-routed -j DROP
      + raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
      ? raw -D PREROUTING -d 127.0.0.1/32 -i loopback0 -p sctp -m sctp --dport 7000 -j ACCEPT
      + raw -A PREROUTING -d 127.0.0.1/32 ! -i lo -p sctp -m sctp --dport 7000 -j DROP
      ? raw -D PREROUTING -d 172.17.0.2/32 ! -i docker0 -p sctp -m sctp --dport 7 -j DROP
      + nat -A DOCKER -d 127.0.0.1/32 -p sctp -m sctp --dport 7000 -j DNAT --to-destination 172.17.0.2:7
      + nat -A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p sctp -m sctp --dport 7 -j MASQUERADE
      + filter -I DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p sctp -m sctp --dport 7 -j ACCEPT
      + mangle -A POSTROUTING -p sctp -m sctp --sport 7 -j CHECKSUM --checksum-fill
      + filter -A DOCKER -s 172.17.0.2/32 -d 172.17.0.3/32 -i docker0 -o docker0 -p tcp -m tcp --dport 5432 -j ACCEPT
      + filter -A DOCKER -s 172.17.0.3/32 -d 172.17.0.2/32 -i docker0 -o docker0 -p tcp -m tcp --sport 5432 -j ACCEPT
      + nat -A DOCKER -p tcp -m tcp --dport 81 -j DNAT --to-destination 172.19.0.2:81
      + nat -A POSTROUTING -s 172.19.0.2/32 -d 172.19.0.2/32 -p tcp -m tcp --dport 81 -j MASQUERADE
      + filter -I DOCKER -d 172.20.0.2/32 ! -i br-routed -o br-routed -p tcp -m tcp --dport 82 -j ACCEPT
    `),
    );
  });

  it('are none at all without iptables', () => {
    expect(commandsOf(planOf(host('{"iptables":false}')))).toEqual([]);
  });

  it('bring back networks and endpoints of the store, by id, before the chain of the administrator', () => {
    const commands = commandsOf(
      planOf({
        engine,
        networks: [{ ...defaultBridge, restored: true }],
        containers: [
          { name: 'z', on: { bridge: '172.17.0.2/16' }, restored: true },
          { name: 'a', on: { bridge: '172.17.0.3/16' }, restored: true },
          { name: 'later', on: { bridge: '172.17.0.4/16' } },
        ],
      }),
    );
    const order = [
      '! filter -P FORWARD DROP',
      '+ filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
      '+ raw -A PREROUTING -d 172.17.0.3/32 ! -i docker0 -j DROP',
      '+ raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP',
      '! filter -I FORWARD -j DOCKER-USER',
      '+ raw -A PREROUTING -d 172.17.0.4/32 ! -i docker0 -j DROP',
    ];
    expect(commands.filter((command) => order.includes(command))).toEqual(order);
  });
});

describe('rules', () => {
  it('of several networks', () => {
    expect(rules(several)).toEqual(
      lines(`
      raw -A PREROUTING -d 172.18.0.2/32 ! -i br-neta -j DROP
      raw -A PREROUTING -d 127.0.0.1/32 ! -i lo -p udp -m udp --dport 5353 -j DROP
      raw -A PREROUTING -d 172.20.0.2/32 ! -i br-netb -j DROP
      filter -P FORWARD DROP
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -j DOCKER-FORWARD
      filter -A DOCKER -d 172.18.0.2/32 ! -i br-neta -o br-neta -p udp -m udp --dport 53 -j ACCEPT
      filter -A DOCKER -d 172.18.0.2/32 ! -i br-neta -o br-neta -p tcp -m tcp --dport 80 -j ACCEPT
      filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      filter -A DOCKER ! -i br-neta -o br-neta -j DROP
      filter -A DOCKER ! -i br-netb -o br-netb -j DROP
      filter -A DOCKER-BRIDGE -o docker0 -j DOCKER
      filter -A DOCKER-BRIDGE -o br-neta -j DOCKER
      filter -A DOCKER-BRIDGE -o br-netb -j DOCKER
      filter -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A DOCKER-CT -o br-neta -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A DOCKER-CT -o br-netb -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A DOCKER-FORWARD -j DOCKER-CT
      filter -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
      filter -A DOCKER-FORWARD -j DOCKER-BRIDGE
      filter -A DOCKER-FORWARD -i docker0 -j ACCEPT
      filter -A DOCKER-FORWARD -i br-neta -j ACCEPT
      filter -A DOCKER-FORWARD -i br-int -o br-int -j ACCEPT
      filter -A DOCKER-FORWARD -i br-netb -j ACCEPT
      filter -A DOCKER-ISOLATION-STAGE-1 ! -s 172.19.0.0/16 -o br-int -j DROP
      filter -A DOCKER-ISOLATION-STAGE-1 ! -d 172.19.0.0/16 -i br-int -j DROP
      filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      filter -A DOCKER-ISOLATION-STAGE-1 -i br-neta ! -o br-neta -j DOCKER-ISOLATION-STAGE-2
      filter -A DOCKER-ISOLATION-STAGE-1 -i br-netb ! -o br-netb -j DOCKER-ISOLATION-STAGE-2
      filter -A DOCKER-ISOLATION-STAGE-2 -o br-netb -j DROP
      filter -A DOCKER-ISOLATION-STAGE-2 -o br-neta -j DROP
      filter -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      filter -N DOCKER-USER
      nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      nat -A POSTROUTING -s 172.20.0.0/16 ! -o br-netb -j MASQUERADE
      nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-neta -j MASQUERADE
      nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      nat -A DOCKER -i br-netb -j RETURN
      nat -A DOCKER -i br-neta -j RETURN
      nat -A DOCKER -i docker0 -j RETURN
      nat -A DOCKER ! -i br-neta -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80
      nat -A DOCKER -d 127.0.0.1/32 ! -i br-neta -p udp -m udp --dport 5353 -j DNAT --to-destination 172.18.0.2:53
    `),
    );
  });

  it('with icc off', () => {
    expect(rules(host('{"icc":false}'))).toEqual(
      lines(`
      raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
      filter -P FORWARD DROP
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -j DOCKER-FORWARD
      filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      filter -A DOCKER-BRIDGE -o docker0 -j DOCKER
      filter -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A DOCKER-FORWARD -j DOCKER-CT
      filter -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
      filter -A DOCKER-FORWARD -j DOCKER-BRIDGE
      filter -A DOCKER-FORWARD -i docker0 -o docker0 -j DROP
      filter -A DOCKER-FORWARD -i docker0 ! -o docker0 -j ACCEPT
      filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      filter -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      filter -N DOCKER-USER
      nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
      nat -A DOCKER -i docker0 -j RETURN
      nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
    `),
    );
  });

  it('without the userland proxy: hairpin', () => {
    expect(rules(host('{"userland-proxy":false}'))).toEqual(
      lines(`
      raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
      filter -P FORWARD DROP
      filter -A FORWARD -j DOCKER-USER
      filter -A FORWARD -j DOCKER-FORWARD
      filter -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
      filter -A DOCKER ! -i docker0 -o docker0 -j DROP
      filter -A DOCKER-BRIDGE -o docker0 -j DOCKER
      filter -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
      filter -A DOCKER-FORWARD -j DOCKER-CT
      filter -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
      filter -A DOCKER-FORWARD -j DOCKER-BRIDGE
      filter -A DOCKER-FORWARD -i docker0 -j ACCEPT
      filter -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
      filter -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
      filter -N DOCKER-USER
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

  it('leave the policy where the host forwarded before, or an option says so', () => {
    const policy = 'filter -P FORWARD DROP';
    expect(rules(host())).toContain(policy);
    expect(rules({ ...host(), ipForward: true })).not.toContain(policy);
    expect(rules(host('{"ip-forward":false}'))).not.toContain(policy);
    expect(rules(host('{"ip-forward-no-drop":true}'))).not.toContain(policy);
    expect(rules({ engine, networks: [] })).not.toContain(policy);
  });

  it('mend the checksum of SCTP only, and only when told by the environment', () => {
    const checksums = (env: Readonly<Record<string, string>>, port: string) =>
      rules({ ...host('{}', [port]), env }).filter((rule) => rule.includes('CHECKSUM')).length;
    expect(checksums({ DOCKER_IPTABLES_SCTP_CHECKSUM: '1' }, '7:7/sctp')).toBe(1);
    expect(checksums({ DOCKER_IPTABLES_SCTP_CHECKSUM: '1' }, '7:7/tcp')).toBe(0);
    expect(checksums({}, '7:7/sctp')).toBe(0);
  });

  it('leave the chain of the administrator out for DOCKER_FIREWALL_BACKEND=nftables', () => {
    expect(ruleChanges(host(), { ...host(), env: { DOCKER_FIREWALL_BACKEND: 'nftables' } })).toEqual({
      gone: ['filter -A FORWARD -j DOCKER-USER', 'filter -N DOCKER-USER'],
      come: [],
    });
  });
});

describe('direct access to containers', () => {
  const drop = 'raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP';
  const loopback = 'raw -A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 81 -j DROP';
  const ports = ['8080:80/tcp', '127.0.0.1:81:81/tcp'];

  it('is dropped, and so are ports of loopback from elsewhere', () => {
    expect(rules(host('{}', ports)).filter((rule) => rule.startsWith('raw'))).toEqual([drop, loopback]);
  });

  it('is allowed by allow-direct-routing, ports of loopback are not', () => {
    expect(ruleChanges(host('{}', ports), host('{"allow-direct-routing":true}', ports))).toEqual({
      gone: [drop],
      come: [],
    });
  });

  it('of older engines is removed port by port only where raw rules are allowed and access is closed', () => {
    const old = /^\? raw -D .* --dport 80 -j DROP$/;
    const removals = (spec: HostSpec) =>
      commandsOf(planOf(spec)).filter((command) => old.test(command)).length;
    // Once for the binding of 0.0.0.0, once for that of ::, which leads to the same container.
    expect(removals(host())).toBe(2);
    expect(removals(host('{"userland-proxy":false}'))).toBe(1);
    expect(removals({ ...host(), env: { DOCKER_INSECURE_NO_IPTABLES_RAW: '0' } })).toBe(2);
  });

  it('is not looked at where raw rules are forbidden', () => {
    const forbidden = { ...host('{}', ports), env: { DOCKER_INSECURE_NO_IPTABLES_RAW: '1' } };
    expect(ruleChanges(host('{}', ports), forbidden)).toEqual({ gone: [drop, loopback], come: [] });
    expect(commandsOf(planOf(forbidden)).filter((command) => command.includes(' raw '))).toEqual([
      '? raw -D PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP',
    ]);
  });

  it('is open to trusted interfaces, before the drop', () => {
    const trusted = { 'com.docker.network.bridge.trusted_host_interfaces': 'eth0:eth1' };
    const spec: HostSpec = {
      engine,
      networks: [{ name: 'net', subnet: '172.18.0.0/16', options: trusted }],
      containers: [{ name: 'a', on: { net: '172.18.0.2/16' } }],
    };
    expect(rules(spec).filter((rule) => rule.startsWith('raw'))).toEqual([
      'raw -A PREROUTING -d 172.18.0.2/32 -i eth0 -j ACCEPT',
      'raw -A PREROUTING -d 172.18.0.2/32 -i eth1 -j ACCEPT',
      'raw -A PREROUTING -d 172.18.0.2/32 ! -i br-net -j DROP',
    ]);
  });
});

describe('options of a network', () => {
  const network = (options: Readonly<Record<string, string>>, more: object = {}): HostSpec => ({
    engine,
    networks: [{ name: 'net', subnet: '172.18.0.0/16', options, ...more }],
    containers: [{ name: 'a', on: { net: '172.18.0.2/16' }, ports: ['8080:80/tcp'] }],
  });
  const mode = (value: string) => network({ 'com.docker.network.bridge.gateway_mode_ipv4': value });

  it('routed: no translation, ping and open ports only', () => {
    expect(ruleChanges(network({}), mode('routed'))).toEqual({
      gone: [
        'raw -A PREROUTING -d 172.18.0.2/32 ! -i br-net -j DROP',
        'nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-net -j MASQUERADE',
        'nat -A DOCKER ! -i br-net -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80',
      ],
      come: [
        'filter -A DOCKER -o br-net -p icmp -j ACCEPT',
        'filter -A DOCKER-ISOLATION-STAGE-1 -i br-net -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        'filter -A DOCKER-ISOLATION-STAGE-1 -o br-net -j RETURN',
      ],
    });
    expect(rules(mode('routed')).filter((rule) => rule.startsWith('filter -A DOCKER '))).toEqual([
      'filter -A DOCKER -d 172.18.0.2/32 ! -i br-net -o br-net -p tcp -m tcp --dport 80 -j ACCEPT',
      'filter -A DOCKER -o br-net -p icmp -j ACCEPT',
      'filter -A DOCKER ! -i br-net -o br-net -j DROP',
    ]);
  });

  it('nat-unprotected: everything is let in', () => {
    expect(ruleChanges(network({}), mode('nat-unprotected'))).toEqual({
      gone: [
        'raw -A PREROUTING -d 172.18.0.2/32 ! -i br-net -j DROP',
        'filter -A DOCKER -d 172.18.0.2/32 ! -i br-net -o br-net -p tcp -m tcp --dport 80 -j ACCEPT',
        'filter -A DOCKER ! -i br-net -o br-net -j DROP',
      ],
      come: ['filter -A DOCKER ! -i br-net -o br-net -j ACCEPT'],
    });
  });

  it('an unknown mode is reported, and nat holds', () => {
    const plan = planOf(mode('bogus'));
    expect(rulesOf(plan)).toEqual(rules(network({})));
    expect(plan.unmodelled).toEqual([
      'network net: the bridge driver refuses com.docker.network.bridge.gateway_mode_ipv4=bogus; its default is planned',
    ]);
  });

  it('host_ipv4: SNAT in place of MASQUERADE, also for the host without the proxy', () => {
    const snat = { 'com.docker.network.host_ipv4': '203.0.113.2' };
    expect(ruleChanges(network({}), network(snat))).toEqual({
      gone: ['nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-net -j MASQUERADE'],
      come: ['nat -A POSTROUTING -s 172.18.0.0/16 ! -o br-net -j SNAT --to-source 203.0.113.2'],
    });
    expect(rules({ ...network(snat), config: '{"userland-proxy":false}' })).toContain(
      'nat -A POSTROUTING -o br-net -m addrtype --src-type LOCAL -j SNAT --to-source 203.0.113.2',
    );
  });

  it('internal with icc off: containers are apart', () => {
    const closed = network({ 'com.docker.network.bridge.enable_icc': 'false' }, { internal: true });
    expect(rules(closed).filter((rule) => rule.includes('br-net'))).toEqual([
      'filter -A DOCKER-FORWARD -i br-net -o br-net -j DROP',
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -s 172.18.0.0/16 -o br-net -j DROP',
      'filter -A DOCKER-ISOLATION-STAGE-1 ! -d 172.18.0.0/16 -i br-net -j DROP',
    ]);
  });

  it('without IPv4 no rule of IPv4 is made', () => {
    const plan = planOf({ engine, networks: [{ name: 'net', ipv6: true }] });
    expect(rulesOf(plan).filter((rule) => rule.includes('br-net'))).toEqual([]);
    expect(plan.unmodelled).toEqual(['network net: its IPv6 subnet is not known, nor what follows from it']);
  });
});

describe('what older engines left', () => {
  const left = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
-A FORWARD -j DOCKER-ISOLATION
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j DROP
-A FORWARD -i docker0 -j ACCEPT
-A DOCKER-ISOLATION -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -o docker0 -m addrtype --src-type LOCAL -j MASQUERADE
-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER -i gone0 -j RETURN
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -p tcp -m tcp --dport 80 -j DROP
COMMIT
`;

  it('is gone after a start: the rules are those of a fresh host', () => {
    const sorted = (all: readonly string[]) => [...all].sort();
    expect(sorted(rules({ ...host(), before: left }))).toEqual(sorted(rules(host())));
  });

  it('lets Windows reach loopback through the proxy where WSL2 mirrors it', () => {
    const mirrored = (config: string) => ({
      ...host(config, ['127.0.0.1:80:80/tcp']),
      mirroredLoopback: true,
    });
    const added = (config: string) =>
      ruleChanges({ ...mirrored(config), mirroredLoopback: false }, mirrored(config));
    const accept = 'raw -A PREROUTING -d 127.0.0.1/32 -i loopback0 -p tcp -m tcp --dport 80 -j ACCEPT';
    expect(added('{}')).toEqual({
      gone: [],
      come: [accept, 'nat -A DOCKER -d 127.0.0.0/8 -i loopback0 -j RETURN'],
    });
    expect(added('{"userland-proxy":false}')).toEqual({ gone: [], come: [accept] });
  });
});
