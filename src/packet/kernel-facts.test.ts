/**
 * What random hosts on the kernel taught the simulator (test/fuzz), each as a small host and by the kernel function that does it.
 */
import { describe, expect, test } from 'vitest';
import { type DockerHostChange, dockerHost, dockerRules, flow, table } from '../../test/fixtures/host.ts';
import { makeScene, walk } from './walk.ts';

function met(change: DockerHostChange, text: string, direct = false): string {
  return walk(makeScene(dockerHost(change)), flow(text, { direct })).outcome;
}

const mainRules = ['0: from all lookup local', '32766: from all lookup main'];
const called = { 'net.ipv4.ip_forward': 1, 'net.bridge.bridge-nf-call-iptables': 1 };
const notCalled = { ...called, 'net.bridge.bridge-nf-call-iptables': 0 };

describe('nf_send_reset: past br_netfilter a reset leaves by the port, and NAT is not undone', () => {
  const nat = table(
    'nat',
    '-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 198.51.100.7:80',
  );
  const rules = nat + table('filter', '-A FORWARD -p tcp -j REJECT --reject-with tcp-reset');
  const onHost = table('filter', '-A INPUT -p tcp -j REJECT --reject-with tcp-reset');

  test.each([
    ['web tcp 203.0.113.2:8080', called, 'timeout'],
    ['web tcp 203.0.113.2:8080', notCalled, 'refused'],
    ['web tcp 198.51.100.7:80', called, 'refused'],
    // From the uplink, which is no bridge, the reset takes the way of all packets.
    ['inet tcp 203.0.113.2:8080', called, 'refused'],
  ])('%s with %j: %s', (text, sysctls, outcome) => {
    expect(met({ host: { rules, sysctls } }, text)).toBe(outcome);
  });

  test('and without a route back there is none (ip_route_me_harder)', () => {
    const routes = ['default via 203.0.113.1 dev eth0', 'prohibit 172.17.0.2/32'];
    expect(met({ host: { rules: onHost, sysctls: called } }, 'web tcp 203.0.113.2:22')).toBe('refused');
    expect(met({ host: { rules: onHost, sysctls: called, routes } }, 'web tcp 203.0.113.2:22')).toBe(
      'timeout',
    );
  });
});

test('conntrack_mt: in raw a packet has no connection yet, which counts as INVALID', () => {
  const raw = (state: string) => ({
    host: { rules: dockerRules + table('raw', `-A PREROUTING -m conntrack --ctstate ${state} -j DROP`) },
  });
  expect(met(raw('NEW'), 'web ping 172.17.0.1')).toBe('ok');
  expect(met(raw('INVALID'), 'web ping 172.17.0.1')).toBe('timeout');
});

test('nf_bridge_info: a packet for the host itself has a port only where br_netfilter saw it', () => {
  const rules = table('filter', '-A INPUT -m physdev --physdev-in veth-web -j DROP');
  expect(met({ host: { rules, sysctls: called } }, 'web ping 172.17.0.1')).toBe('timeout');
  expect(met({ host: { rules, sysctls: notCalled } }, 'web ping 172.17.0.1')).toBe('ok');
});

test('ip_route_connect: the route is asked once more with the source that it gave', () => {
  const change = { host: { policyRules: [...mainRules, '100: from 172.17.0.1 prohibit'] } };
  expect(met(change, 'host tcp 172.17.0.2:80')).toBe('EACCES');
  expect(met(change, 'host udp 172.17.0.2:53')).toBe('EACCES');
  expect(met(change, 'host tcp 203.0.113.1:80')).toBe('ok');
});

test('udp_send_skb: a datagram that OUTPUT rejects fails in the call itself', () => {
  const rules = table('filter', '-A OUTPUT -d 172.17.0.2 -j REJECT');
  expect(met({ host: { rules } }, 'host udp 172.17.0.2:53')).toBe('EPERM');
  expect(met({ host: { rules } }, 'host tcp 172.17.0.2:80')).toBe('refused');
});

describe('fib_validate_source: the way back begins where the packet will leave', () => {
  const strict = { ...called, 'net.ipv4.conf.all.rp_filter': 1 };
  const onLoopback = [...mainRules, '100: iif lo to 172.17.0.0/16 blackhole'];

  test('at lo for what stays here, also for the question of a neighbour (arp_process)', () => {
    expect(met({ host: { sysctls: strict } }, 'web ping 172.17.0.1')).toBe('ok');
    expect(met({ host: { sysctls: strict, policyRules: onLoopback } }, 'web ping 172.17.0.1')).not.toBe('ok');
  });

  test('with the mark only if src_valid_mark says so', () => {
    const rules = table('mangle', '-A PREROUTING -i docker0 -p udp -j MARK --set-mark 1') + table('filter');
    const policyRules = [...mainRules, '100: to 172.17.0.0/16 fwmark 1 blackhole'];
    const udp = (sysctls: Readonly<Record<string, number>>) => {
      const walked = walk(
        makeScene(dockerHost({ host: { rules, policyRules, sysctls, sockets: ['udp 2223'] } })),
        flow('web udp 172.17.0.1:2223'),
      );
      return walked.outcome;
    };
    expect(udp(strict)).toBe('ok');
    expect(udp({ ...strict, 'net.ipv4.conf.all.src_valid_mark': 1 })).toBe('timeout');
  });
});

test('hl_tg: a TTL that a rule used up ends the way', () => {
  const ttl = (options: string) => ({
    host: { rules: dockerRules + table('mangle', `-A PREROUTING -j TTL ${options}`) },
  });
  expect(met(ttl('--ttl-set 1'), 'web ping 198.51.100.7')).toBe('icmp-11/0');
  expect(met(ttl('--ttl-dec 64'), 'web ping 198.51.100.7')).toBe('icmp-11/0');
  expect(met(ttl('--ttl-inc 1'), 'web ping 198.51.100.7')).toBe('ok');
});

test('icmp_echo: a namespace that ignores pings is silent', () => {
  const sysctls = { ...called, 'net.ipv4.icmp_echo_ignore_all': 1 };
  expect(met({ host: { sysctls } }, 'web ping 172.17.0.1')).toBe('timeout');
  expect(met({ host: { sysctls, rules: '' } }, 'web ping 172.17.0.3')).toBe('ok');
});

test('ip4_dst_hoplimit: packets begin with the TTL of their namespace', () => {
  const web = { sysctls: { 'net.ipv4.ip_default_ttl': 1 } };
  expect(met({ web }, 'web ping 198.51.100.7')).toBe('icmp-11/0');
  expect(met({ web }, 'web ping 172.17.0.1')).toBe('ok');
});

test('inet_dev_addr_type: of IPv4 a route that refuses is no type of address', () => {
  const routes = ['default via 203.0.113.1 dev eth0', 'prohibit 198.51.100.0/24'];
  const rules = table('mangle', '-A PREROUTING -m addrtype --dst-type PROHIBIT -j DROP');
  expect(met({ host: { rules, routes } }, 'web ping 198.51.100.7')).toBe('icmp-3/13');
});

test('IP4_REPLY_MARK: what the kernel answers by itself has the mark of the packet if fwmark_reflect is on', () => {
  const marked = (reflect: number): DockerHostChange => ({
    host: {
      rules: table('mangle', '-A INPUT -j MARK --set-mark 1'),
      policyRules: [...mainRules, '100: from all fwmark 1 blackhole'],
      sysctls: { ...called, 'net.ipv4.fwmark_reflect': reflect },
    },
  });
  expect(met(marked(0), 'web ping 172.17.0.1')).toBe('ok');
  expect(met(marked(1), 'web ping 172.17.0.1')).toBe('timeout');
  expect(met(marked(0), 'web tcp 172.17.0.1:81')).toBe('refused');
  expect(met(marked(1), 'web tcp 172.17.0.1:81')).toBe('timeout');
  expect(met(marked(1), 'web tcp 172.17.0.1:22')).toBe('ok');
});

test('ipt_mangle_out: of iptables only a mark of mangle/OUTPUT has the way looked for again', () => {
  const marked = (name: string) => ({
    host: {
      rules: dockerRules + table(name, '-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff'),
      policyRules: [...mainRules, '100: from all fwmark 0x1 prohibit'],
    },
  });
  expect(met(marked('mangle'), 'host ping 172.17.0.2')).toBe('EACCES');
  expect(met(marked('raw'), 'host ping 172.17.0.2')).toBe('ok');
  expect(met(marked('security'), 'host ping 172.17.0.2')).toBe('ok');
});
