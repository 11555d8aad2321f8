import { describe, expect, test } from 'vitest';
import { type Family, parseAddr, sameAddr } from '../net/addr.ts';
import { isRuleError, parseRuleArgs } from './args.ts';
import { type AddrType, matchRule, type PacketView, type Truth } from './match.ts';
import { splitWords } from './words.ts';

function addr(text: string) {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

/** A new TCP connection from a container through docker0 to the outside. */
const packet: PacketView = {
  family: 'ipv4',
  src: addr('172.17.0.2'),
  dst: addr('198.51.100.7'),
  protocol: 6,
  sport: 40_000,
  dport: 80,
  tcpFlags: 2,
  fragment: false,
  length: 60,
  ttl: 63,
  mark: 0,
  connmark: 0,
  inDev: 'docker0',
  outDev: 'eth0',
  bridged: false,
  packetType: 'unicast',
  ctState: 'NEW',
  ctStatus: { snat: false, dnat: false, expected: false, seenReply: false, assured: false, confirmed: false },
  ctDirection: 'original',
  ctOriginal: { src: addr('172.17.0.2'), dst: addr('198.51.100.7'), sport: 40_000, dport: 80 },
  ctReply: { src: addr('198.51.100.7'), dst: addr('172.17.0.2'), sport: 80, dport: 40_000 },
  addrType: () => 'UNICAST',
  owner: 'none',
};

function match(text: string, change: Partial<PacketView> = {}, family: Family = 'ipv4'): Truth {
  const rule = parseRuleArgs(splitWords(text) ?? [], family);
  if (isRuleError(rule)) throw new Error(rule.error);
  return matchRule(rule, { ...packet, ...change });
}

/** [rule, packet as changed, expected] */
type Case = readonly [string, Partial<PacketView>, boolean];

function table(name: string, cases: readonly Case[]) {
  test.each(cases)(`${name}: %s %o`, (text, change, expected) => {
    expect(match(text, change)).toBe(expected);
  });
}

const icmp = { protocol: 1, icmp: { type: 3, code: 4 } };
const without = (...keys: (keyof PacketView)[]) =>
  Object.fromEntries(
    Object.entries(packet).filter(([key]) => !keys.includes(key as keyof PacketView)),
  ) as unknown as PacketView;

describe('conditions of the rule itself', () => {
  table('addresses', [
    ['', {}, true],
    ['-s 172.17.0.0/16', {}, true],
    ['-s 172.17.0.0/16', { src: addr('172.18.0.2') }, false],
    ['! -s 172.17.0.0/16', {}, false],
    ['! -s 172.17.0.0/16', { src: addr('172.18.0.2') }, true],
    ['-d 198.51.100.7', {}, true],
    ['-d 198.51.100.6', {}, false],
    ['-d 128.0.0.0/1', {}, true],
    ['-d 172.17.0.0/16', {}, false],
    ['! -s 0/0', {}, false],
  ]);

  test('IPv6 addresses', () => {
    const six = { family: 'ipv6' as const, src: addr('2001:db8::2'), dst: addr('fe80::1') };
    expect(match('-s 2001:db8::/64 -d fe80::/10', six, 'ipv6')).toBe(true);
    expect(match('-s 2001:db8:1::/64', six, 'ipv6')).toBe(false);
    expect(match('! -s 2001:db8:1::/64', six, 'ipv6')).toBe(true);
  });

  table('devices', [
    ['-i docker0', {}, true],
    ['-i docker', {}, false],
    ['-i docker+', {}, true],
    ['! -i docker+', {}, false],
    ['-i br+', {}, false],
    ['-i docker0 -o eth0', {}, true],
    ['-i docker0 ! -o docker0', {}, true],
    ['-o docker0', {}, false],
    ['! -i +', {}, false],
  ]);

  test('a hook without a device has one with an empty name', () => {
    const local = without('inDev');
    const rule = (text: string) => {
      const parsed = parseRuleArgs(text.split(' '), 'ipv4');
      if (isRuleError(parsed)) throw new Error(parsed.error);
      return matchRule(parsed, local);
    };
    expect(rule('! -i docker0')).toBe(true);
    expect(rule('-i docker0')).toBe(false);
    expect(rule('-i docker+')).toBe(false);
  });

  table('protocols and fragments', [
    ['-p tcp', {}, true],
    ['-p 6', {}, true],
    ['-p udp', {}, false],
    ['! -p udp', {}, true],
    ['-p gre', { protocol: 47 }, true],
    ['-p all', {}, true],
    ['! -p all', {}, false],
    ['-f', {}, false],
    ['! -f', {}, true],
    ['-f', { fragment: true }, true],
    ['-p tcp', { fragment: true }, true],
  ]);
});

describe('transport', () => {
  table('ports', [
    ['-p tcp --dport 80', {}, true],
    ['-p tcp --dport 81', {}, false],
    ['-p tcp ! --dport 80', {}, false],
    ['-p tcp --dport 79:81', {}, true],
    ['-p tcp --dport 81:', {}, false],
    ['-p tcp --dport :80', {}, true],
    ['-p tcp --sport 40000', {}, true],
    ['-p tcp --sport 80', {}, false],
    ['-p tcp --sport 40000 --dport 80', {}, true],
    ['-p tcp --sport 1 --dport 80', {}, false],
    ['-p udp --dport 80', {}, false],
    ['-p udp --dport 53', { protocol: 17, dport: 53 }, true],
    ['-p sctp --dport 80', { protocol: 132 }, true],
    ['-p tcp --dport 80', { fragment: true }, false],
    ['-p tcp ! --dport 81', { fragment: true }, false],
    ['-p tcp -m multiport --dports 22,80:90', {}, true],
    ['-p tcp -m multiport --dports 22,81:90', {}, false],
    ['-p tcp -m multiport ! --dports 22,81:90', {}, true],
    ['-p tcp -m multiport --sports 80', {}, false],
    ['-p tcp -m multiport --ports 40000', {}, true],
    ['-p tcp -m multiport ! --dports 22', { fragment: true }, false],
  ]);

  table('flags', [
    ['-p tcp --syn', {}, true],
    ['-p tcp --syn', { tcpFlags: 18 }, false],
    ['-p tcp ! --syn', { tcpFlags: 18 }, true],
    ['-p tcp --tcp-flags SYN,RST SYN', { tcpFlags: 18 }, true],
    ['-p tcp --tcp-flags SYN,ACK,FIN SYN,ACK', { tcpFlags: 18 }, true],
    ['-p tcp --tcp-flags ALL NONE', {}, false],
    ['-p tcp --tcp-flags ALL NONE', { tcpFlags: 0 }, true],
    ['-p tcp --tcp-flags FIN,PSH,URG FIN,PSH,URG', { tcpFlags: 41 }, true],
  ]);

  table('icmp', [
    ['-p icmp --icmp-type 3', icmp, true],
    ['-p icmp --icmp-type fragmentation-needed', icmp, true],
    ['-p icmp --icmp-type 3/3', icmp, false],
    ['-p icmp ! --icmp-type 3/3', icmp, true],
    ['-p icmp --icmp-type 8', icmp, false],
    ['-p icmp --icmp-type any', icmp, true],
    ['-p icmp --icmp-type any', {}, false],
  ]);

  test('icmpv6', () => {
    const ns = { family: 'ipv6' as const, src: addr('fe80::1'), protocol: 58, icmp: { type: 135, code: 0 } };
    expect(match('-p icmpv6 --icmpv6-type neighbor-solicitation', ns, 'ipv6')).toBe(true);
    expect(match('-p icmpv6 --icmpv6-type 136', ns, 'ipv6')).toBe(false);
  });
});

describe('connections', () => {
  const natted = {
    ctStatus: { snat: false, dnat: true, expected: false, seenReply: true, assured: false, confirmed: true },
  };
  table('state', [
    ['-m conntrack --ctstate NEW', {}, true],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', {}, false],
    ['-m conntrack --ctstate RELATED,ESTABLISHED', { ctState: 'ESTABLISHED' }, true],
    ['-m conntrack ! --ctstate NEW', {}, false],
    ['-m conntrack --ctstate INVALID', { ctState: 'INVALID' }, true],
    ['-m conntrack --ctstate UNTRACKED', { ctState: 'UNTRACKED' }, true],
    ['-m conntrack --ctstate DNAT', {}, false],
    ['-m conntrack --ctstate DNAT', natted, true],
    ['-m conntrack --ctstate SNAT', natted, false],
    ['-m conntrack --ctstate SNAT,NEW', natted, true],
    ['-m state --state NEW', {}, true],
    ['-m state --state ESTABLISHED', {}, false],
  ]);

  table('status, direction and tuples', [
    ['-m conntrack --ctstatus CONFIRMED,ASSURED', natted, true],
    ['-m conntrack --ctstatus ASSURED', natted, false],
    ['-m conntrack --ctstatus EXPECTED', natted, false],
    ['-m conntrack --ctstatus SEEN_REPLY', natted, true],
    ['-m conntrack ! --ctstatus CONFIRMED', {}, true],
    ['-m conntrack --ctstatus NONE', {}, false],
    ['-m conntrack --ctdir ORIGINAL', {}, true],
    ['-m conntrack --ctdir REPLY', {}, false],
    ['-m conntrack --ctproto 6', {}, true],
    ['-m conntrack --ctproto 17', {}, false],
    ['-m conntrack --ctorigsrc 172.17.0.0/16', {}, true],
    ['-m conntrack --ctorigdst 172.17.0.0/16', {}, false],
    ['-m conntrack ! --ctorigdst 172.17.0.0/16', {}, true],
    ['-m conntrack --ctreplsrc 198.51.100.7', {}, true],
    ['-m conntrack --ctrepldst 198.51.100.7', {}, false],
    ['-m conntrack --ctorigsrcport 40000', {}, true],
    ['-m conntrack --ctorigdstport 80:90', {}, true],
    ['-m conntrack --ctreplsrcport 80', {}, true],
    ['-m conntrack --ctrepldstport 80', {}, false],
    ['-m conntrack --ctstate NEW --ctorigdstport 81', {}, false],
    ['-m conntrack --ctstate NEW --ctorigdstport 80', {}, true],
  ]);

  table('without a connection only the state counts', [
    ['-m conntrack --ctstate INVALID --ctorigdstport 81', { ctState: 'INVALID' }, true],
    ['-m conntrack --ctorigdstport 80', { ctState: 'INVALID' }, false],
    ['-m conntrack ! --ctproto 17', { ctState: 'UNTRACKED' }, false],
  ]);
});

describe('address types', () => {
  const local = (text: string): Partial<PacketView> => ({
    addrType: (asked) => (sameAddr(asked, addr(text)) ? 'LOCAL' : 'UNICAST'),
  });
  table('IPv4', [
    ['-m addrtype --dst-type LOCAL', {}, false],
    ['-m addrtype --dst-type LOCAL', local('198.51.100.7'), true],
    ['-m addrtype ! --dst-type LOCAL', local('198.51.100.7'), false],
    ['-m addrtype --src-type LOCAL', local('198.51.100.7'), false],
    ['-m addrtype --src-type LOCAL', local('172.17.0.2'), true],
    ['-m addrtype --src-type LOCAL --dst-type UNICAST', local('172.17.0.2'), true],
    ['-m addrtype --src-type UNICAST --dst-type LOCAL', local('172.17.0.2'), false],
    ['-m addrtype --dst-type LOCAL,UNICAST', {}, true],
    ['-m addrtype --dst-type BROADCAST,MULTICAST', {}, false],
  ]);

  test('the device is passed on where the rule limits to it', () => {
    const seen: (string | undefined)[] = [];
    const addrType = (_: unknown, dev?: string): AddrType => {
      seen.push(dev);
      return 'LOCAL';
    };
    match('-m addrtype --dst-type LOCAL', { addrType });
    match('-m addrtype --dst-type LOCAL --limit-iface-in', { addrType });
    match('-m addrtype --dst-type LOCAL --limit-iface-out', { addrType });
    expect(seen).toEqual([undefined, 'docker0', 'eth0']);
  });

  test('IPv6 types are conditions, not a choice', () => {
    const six = (type: AddrType, dst = '2001:db8::1') => ({
      family: 'ipv6' as const,
      dst: addr(dst),
      addrType: () => type,
    });
    const dst = (types: string, view: Partial<PacketView>) =>
      match(`-m addrtype --dst-type ${types}`, view, 'ipv6');
    expect(dst('LOCAL', six('LOCAL'))).toBe(true);
    expect(dst('LOCAL', six('UNICAST'))).toBe(false);
    expect(dst('UNICAST', six('LOCAL'))).toBe(true);
    expect(dst('UNICAST', six('MULTICAST', 'ff02::1'))).toBe(false);
    expect(dst('MULTICAST', six('UNICAST', 'ff02::1'))).toBe(true);
    expect(dst('UNICAST,MULTICAST', six('LOCAL'))).toBe(false);
    expect(dst('UNREACHABLE', six('PROHIBIT'))).toBe(true);
    expect(match('-m addrtype ! --dst-type LOCAL', six('LOCAL'), 'ipv6')).toBe(false);
  });

  test('an unknown lookup stays unknown', () => {
    const unknown = { unknown: 'routes' };
    expect(match('-m addrtype ! --dst-type LOCAL', { addrType: () => unknown })).toBe(unknown);
  });
});

describe('other modules', () => {
  const bridged = { bridged: true, physIn: 'veth1', physOut: 'veth2' };
  table('values of the packet', [
    ['-m comment --comment x', {}, true],
    ['-m mark --mark 1', {}, false],
    ['-m mark --mark 1', { mark: 1 }, true],
    ['-m mark --mark 0x1/0x3', { mark: 5 }, true],
    ['-m mark --mark 0x1/0x3', { mark: 7 }, false],
    ['-m mark ! --mark 1', {}, true],
    ['-m mark --mark 0x80000000/0x80000000', { mark: 0xffffffff }, true],
    ['-m connmark --mark 7', { connmark: 7 }, true],
    ['-m connmark --mark 7', {}, false],
    ['-m mac --mac-source 02:42:AC:11:00:02', { srcMac: '02:42:ac:11:00:02' }, true],
    ['-m mac ! --mac-source 02:42:ac:11:00:02', {}, false],
    ['-m iprange --src-range 172.17.0.1-172.17.0.3', {}, true],
    ['-m iprange --src-range 172.17.0.2-172.17.0.3', {}, true],
    ['-m iprange --src-range 172.17.0.1-172.17.0.2', {}, true],
    ['-m iprange --src-range 172.17.0.3-172.17.0.9', {}, false],
    ['-m iprange ! --dst-range 172.17.0.1-172.17.0.3', {}, true],
    ['-m length --length 60', {}, true],
    ['-m length --length 61:', {}, false],
    ['-m length ! --length :59', {}, true],
    ['-m ttl --ttl-eq 63', {}, true],
    ['-m ttl ! --ttl-eq 63', {}, false],
    ['-m ttl --ttl-lt 63', {}, false],
    ['-m ttl --ttl-gt 62', {}, true],
    ['-m hl --hl-eq 63', {}, true],
    ['-m pkttype --pkt-type unicast', {}, true],
    ['-m pkttype --pkt-type host', {}, true],
    ['-m pkttype --pkt-type multicast', {}, false],
    ['-m rt --rt-type 0', {}, false],
  ]);

  test('connmark needs a connection', () => {
    const parsed = parseRuleArgs(['-m', 'connmark', '!', '--mark', '7'], 'ipv4');
    if (isRuleError(parsed)) throw new Error(parsed.error);
    expect(matchRule(parsed, packet)).toBe(true);
    expect(matchRule(parsed, without('connmark'))).toBe(false);
  });

  table('owner', [
    ['-m owner --uid-owner 0', { owner: { uid: 0, gid: 0 } }, true],
    ['-m owner --uid-owner root', { owner: { uid: 1, gid: 0 } }, false],
    ['-m owner --uid-owner 5-9', { owner: { uid: 7, gid: 0 } }, true],
    ['-m owner ! --gid-owner 5', { owner: { uid: 7, gid: 0 } }, true],
    ['-m owner --uid-owner 0', {}, false],
    ['-m owner ! --uid-owner 0', {}, true],
    ['-m owner ! --uid-owner 0 --gid-owner 1', {}, false],
    ['-m owner --uid-owner 5-9', { owner: { uid: 5, gid: 0 } }, true],
    ['-m owner --uid-owner 5-9', { owner: { uid: 9, gid: 0 } }, true],
    ['-m owner --uid-owner 5-9', { owner: { uid: 10, gid: 0 } }, false],
    ['-m owner --socket-exists', { owner: { uid: 7, gid: 0 } }, true],
    ['-m owner --socket-exists', {}, false],
  ]);

  table('bridge ports', [
    ['-m physdev --physdev-in veth1', bridged, true],
    ['-m physdev --physdev-in veth2', bridged, false],
    ['-m physdev ! --physdev-in veth+', bridged, false],
    ['-m physdev --physdev-out veth2', bridged, true],
    ['-m physdev --physdev-is-bridged', bridged, true],
    ['-m physdev --physdev-is-in', { bridged: true, physIn: 'veth1' }, true],
    ['-m physdev --physdev-is-bridged', { bridged: true, physIn: 'veth1' }, false],
    ['-m physdev ! --physdev-out veth2', { bridged: true, physIn: 'veth1' }, false],
    ['-m physdev --physdev-is-bridged', {}, false],
    ['-m physdev ! --physdev-is-bridged', {}, true],
    ['-m physdev ! --physdev-is-bridged --physdev-in veth1', {}, false],
  ]);

  table('rates pass the first packets', [
    ['-m limit --limit 1/hour', {}, true],
    ['-m hashlimit --hashlimit-upto 1/hour --hashlimit-name x', {}, true],
    ['-m hashlimit --hashlimit-above 1/hour --hashlimit-name x', {}, false],
    ['-m hashlimit ! --hashlimit-upto 1/hour --hashlimit-name x', {}, false],
  ]);

  test.each([
    ['-m limit --limit 1/hour --limit-burst 2', [true, true, false]],
    ['-m hashlimit --hashlimit-above 1/hour --hashlimit-burst 1 --hashlimit-name x', [false, true, true]],
    ['-m hashlimit --hashlimit-upto 90/day --hashlimit-burst 1 --hashlimit-name x', [true, false, false]],
    ['-m limit --limit 1/sec --limit-burst 1', [true, true, true]],
    ['-m limit --limit 60/min --limit-burst 1', [true, true, true]],
  ])('%s: a bucket that fills slowly is empty after its burst', (text, matched) => {
    let taken = 0;
    const takeToken = (_: unknown, size: number) => ++taken <= size;
    expect(matched.map(() => match(text, { takeToken }))).toEqual(matched);
  });

  test('buckets by mode: each source has its own', () => {
    const buckets = new Set<unknown>();
    const takeToken = (bucket: unknown) => buckets.add(bucket) !== undefined;
    for (const src of ['172.17.0.2', '172.17.0.2', '172.17.0.3'])
      match('-m hashlimit --hashlimit-upto 1/hour --hashlimit-mode srcip --hashlimit-name x', {
        src: addr(src),
        takeToken,
      });
    expect(buckets.size).toBe(2);
  });

  table('a connection counts itself', [
    ['-m connlimit --connlimit-above 0 --connlimit-mask 32 --connlimit-saddr', {}, true],
    ['-m connlimit ! --connlimit-above 0', {}, false],
    ['-m connlimit --connlimit-upto 0', {}, false],
  ]);
});

describe('headers and sockets', () => {
  const ipv6 = { family: 'ipv6', src: addr('fd00::2'), dst: addr('fd00::3') } as const;
  table('type of service and segment size', [
    ['-m tos --tos 0x10/0x3f', { tos: 0x50 }, true],
    ['-m tos ! --tos 0x10', { tos: 0x50 }, true],
    ['-m dscp --dscp-class CS2', { tos: 0x41 }, true],
    ['-m dscp --dscp 17', { tos: 0x41 }, false],
    ['-m ecn --ecn-ip-ect 1', { tos: 0x41 }, true],
    ['-m ecn ! --ecn-ip-ect 1', { tos: 0x40 }, true],
    ['-p tcp -m ecn --ecn-tcp-ece', { tcpFlags: 0xc2 }, true],
    ['-p tcp -m ecn ! --ecn-tcp-cwr', { tcpFlags: 2 }, true],
    ['-m tcpmss --mss 1000:1460', { mss: 1460 }, true],
    ['-m tcpmss --mss 1000:1460', { mss: 'none' }, false],
    ['-m tcpmss ! --mss 1000:1460', { mss: 'none' }, true],
    ['-p tcp --tcp-option 2', { mss: 1460 }, true],
    ['-p tcp ! --tcp-option 2', { mss: 1460 }, false],
  ]);

  table('u32', [
    // Length, protocol, addresses, a port behind a header of its own length, ports beyond the packet.
    ['-m u32 --u32 "0&0xFFFF=0x3c"', {}, true],
    ['-m u32 --u32 "6&0xFF=6"', {}, true],
    ['-m u32 --u32 "6&0xFF=0,17:18"', {}, false],
    ['-m u32 --u32 "12=0xac110002 && 16=0xc6336407"', {}, true],
    ['-m u32 --u32 "12=0xac110002 && 16=0"', {}, false],
    ['-m u32 ! --u32 "12=0xac110003"', {}, true],
    ['-m u32 --u32 "0>>22&0x3C@0&0xFFFF=80"', {}, true],
    ['-m u32 --u32 "0>>22&0x3C@12&0xFF0000>>16=2"', {}, true],
    ['-m u32 --u32 "100=0"', {}, false],
  ]);

  table('headers that walked packets lack', [
    ['-p tcp -m dccp --dport 80', {}, false],
    ['-m ah --ahspi 5', {}, false],
    ['-m ipv6header --header ipv6-frag', ipv6, false],
    ['-m ipv6header ! --header ipv6-frag', ipv6, true],
    ['-m ipv6header --header prot', ipv6, true],
  ]);

  table('what is decided without state', [
    ['-m recent --set --name x', {}, true],
    ['-m statistic --mode random --probability 1', {}, true],
    ['-m statistic --mode random --probability 0', {}, false],
    ['-m helper --helper ftp', {}, false],
    ['-m helper ! --helper ftp', {}, true],
    ['-m cgroup --cgroup 1', {}, false],
  ]);

  table('sockets and the way back', [
    ['-m socket', { localSocket: () => 'bound' }, true],
    ['-m socket', { localSocket: () => 'any' }, false],
    ['-m socket --nowildcard', { localSocket: () => 'any' }, true],
    ['-m socket --transparent', { localSocket: () => 'none' }, false],
    ['-m rpfilter', { reversePath: () => true }, true],
    ['-m rpfilter --invert', { reversePath: () => true }, false],
    ['-m rpfilter --loose', { reversePath: ({ loose }) => loose }, true],
  ]);

  test.each([
    '-m u32 --u32 "4>>16=1"',
    '-m u32 --u32 "52=0"',
    '-m u32 --u32 "0>>22&0x3C@4@0=0"',
    '-m tos --tos 1',
    '-m tcpmss --mss 1',
    '-m socket',
    '-m rpfilter',
    '-m policy --dir in --pol ipsec',
    '-m quota --quota 9',
    '-m realm --realm 1',
    '-m recent --rcheck',
  ])('%s is not known', (rule) => {
    expect(match(rule)).toHaveProperty('unknown');
  });
});

describe('what is not known', () => {
  const fact = (text: string, change?: Partial<PacketView>) => {
    const truth = match(text, change);
    return typeof truth === 'boolean' ? truth : truth.unknown;
  };

  test('says which fact would decide', () => {
    expect(match('-m set --match-set blocked src')).toEqual({
      unknown: 'members of ipset blocked',
      command: 'ipset list blocked',
    });
    expect(match('-m recent --update --name ssh --seconds 60')).toEqual({
      unknown: 'entries of the recent list ssh',
      command: 'cat /proc/net/xt_recent/ssh',
    });
    expect(fact('-p tcp --tcp-option 8')).toBe('TCP options of the packet');
    expect(fact('-p tcp --dport nosuch')).toBe('-m tcp --dport nosuch');
    expect(fact('-p tcp --dport 70000')).toBe('-m tcp --dport 70000');
    expect(fact('-m iprange --src-range 10.0.0.1-fe80::1')).toBe('-m iprange --src-range 10.0.0.1-fe80::1');
    expect(fact('-m future --x 1')).toBe('what -m future matches');
    expect(fact('-m conntrack --ctexpire 100')).toBe('-m conntrack --ctexpire 100');
    expect(fact('-s 10.0.0.1/255.0.255.0')).toContain('10.0.0.0/255.0.255.0');
    expect(fact('-m addrtype --dst-type LOCAL,NEWTYPE')).toBe('-m addrtype --dst-type LOCAL,NEWTYPE');
    expect(fact('-m owner --uid-owner somebody', { owner: { uid: 1, gid: 1 } })).toBe(
      '-m owner --uid-owner somebody',
    );
    expect(fact('-m owner --suppl-groups --gid-owner 1', { owner: { uid: 1, gid: 1 } })).toBe(
      '-m owner --suppl-groups',
    );
    expect(fact('-p tcp --tcp-flags SYN,NEWFLAG SYN')).toBe('-m tcp --tcp-flags SYN,NEWFLAG SYN');
    expect(fact('-p icmp --icmp-type new-type', icmp)).toBe('-m icmp --icmp-type new-type');
    expect(fact('-p unheard')).toBe('number of protocol unheard');
    expect(fact('-m time --timestart 09:00')).toBe('time of day (-m time)');
  });

  test('an inverted unknown is unknown too', () => {
    expect(fact('-m set ! --match-set blocked src')).toBe('members of ipset blocked');
  });

  test('false decides over unknown, in any order; unknown over true', () => {
    expect(fact('-p udp -m future --x')).toBe(false);
    expect(fact('-m future --x -m mark --mark 1')).toBe(false);
    expect(fact('-i docker0 -m future --x -m mark --mark 1')).toBe(false);
    expect(fact('-i docker0 -m future --x -m mark --mark 0')).toBe('what -m future matches');
    expect(fact('-m future --x -m mark --mark 0')).toBe('what -m future matches');
    expect(fact('-p tcp --tcp-option 8 --dport 81')).toBe(false);
    expect(fact('-m conntrack --ctstate ESTABLISHED --ctexpire 5')).toBe(false);
    expect(fact('-m conntrack --ctproto 17 --ctexpire 5')).toBe(false);
    expect(fact('-m conntrack --ctstate NEW --ctexpire 5')).toBe('-m conntrack --ctexpire 5');
    expect(fact('-m conntrack --ctstate SOMETHING --ctproto 17')).toBe(false);
    expect(fact('-m conntrack --ctstate SOMETHING --ctproto 6')).toBe('-m conntrack --ctstate SOMETHING');
  });

  test('sets are asked where the facts have them', () => {
    const asked: string[] = [];
    const setContains = (set: string, dimensions: string) => {
      asked.push(`${set} ${dimensions}`);
      return true;
    };
    expect(match('-m set --match-set blocked dst,dst', { setContains })).toBe(true);
    expect(match('-m set ! --match-set blocked dst,dst', { setContains })).toBe(false);
    expect(asked).toEqual(['blocked dst,dst', 'blocked dst,dst']);
  });
});
