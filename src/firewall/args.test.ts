import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRule, isRuleError, parseRuleArgs, ruleToArgs, sameRule } from './args.ts';
import type { Rule } from './ruleset.ts';
import { scanRule } from './scan.ts';
import { splitWords } from './words.ts';

function parse(text: string, family: 'ipv4' | 'ipv6' = 'ipv4'): Rule {
  const words = splitWords(text);
  if (words === undefined) throw new Error(`open quote: ${text}`);
  const rule = parseRuleArgs(words, family);
  if (isRuleError(rule)) throw new Error(`${text}: ${rule.error}`);
  return rule;
}

function refused(text: string, family: 'ipv4' | 'ipv6' = 'ipv4') {
  const rule = parseRuleArgs(splitWords(text) ?? [], family);
  return isRuleError(rule) ? rule : formatRule(rule);
}

describe('the form that iptables-save prints', () => {
  // Left: as typed. Right: as iptables-save 1.8.9 printed it.
  test.each([
    ['-p tcp --dport 80 -j ACCEPT', '-p tcp -m tcp --dport 80 -j ACCEPT'],
    ['-j ACCEPT -p tcp --dport 80 -s 1.2.3.4', '-s 1.2.3.4/32 -p tcp -m tcp --dport 80 -j ACCEPT'],
    ['-p tcp --destination-port 80:90 --source-port 1024:', '-p tcp -m tcp --sport 1024:65535 --dport 80:90'],
    ['-p tcp --dport :80', '-p tcp -m tcp --dport 0:80'],
    ['-p tcp --dport 80:80', '-p tcp -m tcp --dport 80'],
    ['-p tcp --dport 0:65535', '-p tcp -m tcp'],
    ['-p tcp ! --dport 80', '-p tcp -m tcp ! --dport 80'],
    ['-p tcp --dport ! 80', '-p tcp -m tcp ! --dport 80'],
    ['-p udp --dport=53', '-p udp -m udp --dport 53'],
    ['-p tcp -m conntrack --ctstate NEW --dport 80', '-p tcp -m conntrack --ctstate NEW -m tcp --dport 80'],
    ['-p tcp -m multiport --dport 80', '-p tcp -m multiport --dports 80'],
    ['-m conntrack --ctstate DNAT,NEW', '-m conntrack --ctstate NEW,DNAT'],
    ['-m state --state ESTABLISHED,RELATED', '-m state --state RELATED,ESTABLISHED'],
    ['-m conntrack --ctproto tcp --ctorigdst 10.0.0.1', '-m conntrack --ctproto 6 --ctorigdst 10.0.0.1'],
    ['-m conntrack --ctorigdst 10.0.0.1/32', '-m conntrack --ctorigdst 10.0.0.1'],
    ['-m conntrack --ctdir reply', '-m conntrack --ctdir REPLY'],
    ['-m addrtype --dst-type local', '-m addrtype --dst-type LOCAL'],
    [
      '-m addrtype --dst-type LOCAL,BROADCAST ! --src-type UNICAST',
      '-m addrtype ! --src-type UNICAST --dst-type LOCAL,BROADCAST',
    ],
    ['-p tcp --dport https', '-p tcp -m tcp --dport 443'],
    ['-p tcp -m multiport --dports http,https,8000:8010', '-p tcp -m multiport --dports 80,443,8000:8010'],
    ['-m tos --tos Minimize-Delay', '-m tos --tos 0x10/0x3f'],
    ['-m tos ! --tos 0x2', '-m tos ! --tos 0x02/0xff'],
    ['-m dscp --dscp-class af21', '-m dscp --dscp 0x12'],
    ['-j DSCP --set-dscp-class CS5', '-j DSCP --set-dscp 0x28'],
    ['-j TOS --and-tos 0x3', '-j TOS --set-tos 0x00/0xfc'],
    ['-j TOS --set-tos 4/6', '-j TOS --set-tos 0x04/0x06'],
    ['-p esp --espspi 256:', '-p esp -m esp --espspi 256:4294967295'],
    ['-m ah --ahspi :', '-m ah'],
    ['-p tcp -m tcpmss --mss 500:', '-p tcp -m tcpmss --mss 500:65535'],
    [
      '-m policy --dir out --pol ipsec --strict --proto ah --next --proto esp',
      '-m policy --dir out --pol ipsec --strict --proto ah --next --proto esp',
    ],
    ['-m connlabel --label 3', '-m connlabel --label "3"'],
    ['-m string --to 65535 --string x --algo kmp', '-m string --string "x" --algo kmp'],
    [
      '-m connbytes --connbytes 5: --connbytes-dir both --connbytes-mode bytes',
      '-m connbytes --connbytes 5 --connbytes-mode bytes --connbytes-dir both',
    ],
    ['-m realm --realm 17', '-m realm --realm 0x11'],
    [
      '-m hashlimit --hashlimit-above 3mb/s --hashlimit-name n',
      '-m hashlimit --hashlimit-above 3mb/s --hashlimit-name n',
    ],
    ['-p icmp --icmp-type 255', '-p icmp -m icmp --icmp-type any'],
    ['-c 7,8 -j DROP', '-j DROP'],
    [
      '-j NFQUEUE --queue-cpu-fanout --queue-balance 3:',
      '-j NFQUEUE --queue-balance 3:65534 --queue-cpu-fanout',
    ],
    ['-j NFQUEUE', '-j NFQUEUE --queue-num 0'],
    ['-j NFLOG --nflog-group 0 --nflog-prefix a', '-j NFLOG --nflog-prefix a'],
    ['-j NETMAP --to 192.0.2.77/28', '-j NETMAP --to 192.0.2.64/28'],
    ['-p tcp -j DNAT --to-destination 10.0.0.1:domain', '-p tcp -j DNAT --to-destination 10.0.0.1:53'],
    ['-p tcp -j REDIRECT --to-ports 90-90', '-p tcp -j REDIRECT --to-ports 90'],
    [
      '-p tcp -j TPROXY --tproxy-mark 1 --on-port 9',
      '-p tcp -j TPROXY --on-port 9 --on-ip 0.0.0.0 --tproxy-mark 0x1/0xffffffff',
    ],
    ['-j CLASSIFY --set-class 1:2f', '-j CLASSIFY --set-class 0001:002f'],
    ['-j LED --led-trigger-id up', '-j LED --led-trigger-id "up"'],
    ['-s 10/8 -d 0/0', '-s 10.0.0.0/8'],
    ['-s 10.1.2.3/255.255.0.0', '-s 10.1.0.0/16'],
    ['-s 10.1.2.3/255.0.255.0', '-s 10.0.2.0/255.0.255.0'],
    ['-s ! 10.1.2.3', '! -s 10.1.2.3/32'],
    [
      '--src 1.1.1.1 --dst 2.2.2.2 --in-interface eth0 --out-interface br+ --jump DROP',
      '-s 1.1.1.1/32 -d 2.2.2.2/32 -i eth0 -o br+ -j DROP',
    ],
    ['-i +', ''],
    ['! -i +', '! -i +'],
    ['-p TCP', '-p tcp'],
    ['-p 17', '-p udp'],
    ['-p all', ''],
    ['-ptcp -jACCEPT', '-p tcp -j ACCEPT'],
    ['-p tcp --syn', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN'],
    ['-p tcp ! --syn', '-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN'],
    ['-p tcp --tcp-flags ACK,SYN SYN', '-p tcp -m tcp --tcp-flags SYN,ACK SYN'],
    ['-p icmp --icmp-type echo-request', '-p icmp -m icmp --icmp-type 8'],
    ['-m mark --mark 10/010', '-m mark --mark 0xa/0x8'],
    ['-j MARK --set-mark 1', '-j MARK --set-xmark 0x1/0xffffffff'],
    ['-j MARK --set-mark 1/2', '-j MARK --set-xmark 0x1/0x3'],
    ['-j MARK --and-mark 0xf', '-j MARK --set-xmark 0x0/0xfffffff0'],
    ['-j MARK --or-mark 0xf', '-j MARK --set-xmark 0xf/0xf'],
    ['-j MARK --xor-mark 0xf', '-j MARK --set-xmark 0xf/0x0'],
    ['-j CONNMARK --save-mark', '-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff'],
    ['-j CONNMARK --restore-mark --mask 255', '-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff'],
    ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
    ['-p tcp -j REJECT --reject-with tcp-rst', '-p tcp -j REJECT --reject-with tcp-reset'],
    ['-j LOG --log-level warning --log-prefix "a b"', '-j LOG --log-prefix "a b"'],
    ['-j LOG --log-level debug', '-j LOG --log-level 7'],
    ['-m limit --limit 60/m --limit-burst 5', '-m limit --limit 1/sec'],
    ['-m limit --limit 7/day', '-m limit --limit 7/day'],
    ['-m limit --limit 90/minute', '-m limit --limit 90/min'],
    ['-m limit --limit 3000/hour', '-m limit --limit 50/min'],
    [
      '-m statistic --mode random --probability 0.3',
      '-m statistic --mode random --probability 0.29999999981',
    ],
    ['-m recent --set', '-m recent --set --name DEFAULT --mask 255.255.255.255 --rsource'],
    [
      '-m connlimit --connlimit-above 2',
      '-m connlimit --connlimit-above 2 --connlimit-mask 32 --connlimit-saddr',
    ],
    ['-m mac --mac-source 2:42:AC:11:0:2', '-m mac --mac-source 02:42:ac:11:00:02'],
    ['-m iprange --dst-range 10.0.0.1', '-m iprange --dst-range 10.0.0.1-10.0.0.1'],
    [
      '-p tcp -j DNAT --to 1.2.3.4:80 ! -i docker0',
      '! -i docker0 -p tcp -j DNAT --to-destination 1.2.3.4:80',
    ],
    ['-j SNAT --persistent --to 1.2.3.4', '-j SNAT --to-source 1.2.3.4 --persistent'],
    ['-p tcp -j REDIRECT --to-port 80', '-p tcp -j REDIRECT --to-ports 80'],
    ['--goto other', '-g other'],
    ['-m comment --comment "-x"', '-m comment --comment -x'],
    ['-m comment --comment "a\\"b"', '-m comment --comment "a\\"b"'],
    ['-m string --algo bm --string x', '-m string --string "x" --algo bm'],
  ])('%s', (typed, printed) => {
    expect(formatRule(parse(typed))).toBe(printed);
  });

  test.each([
    [
      '-m recent --rcheck --seconds 60 --reap --hitcount 4 --rttl --name ssh --mask 255.255.255.255 --rsource',
      8,
    ],
    ['-m recent --update --name x --mask 255.255.255.255 --rdest', 4],
    ['-m recent --remove --name x --mask 255.255.255.255 --rsource', 4],
    ['-m rpfilter --loose --validmark --accept-local --invert', 4],
    ['-m socket --transparent --nowildcard --restore-skmark', 3],
    ['-m connlimit --connlimit-upto 3 --connlimit-mask 24 --connlimit-daddr', 3],
    ['-m physdev --physdev-is-in --physdev-in a --physdev-is-out --physdev-out b --physdev-is-bridged', 5],
    ['-m addrtype --dst-type LOCAL --limit-iface-in', 2],
    ['-m addrtype --dst-type LOCAL --limit-iface-out', 2],
    ['-m owner --socket-exists --uid-owner 5 --gid-owner 6 --suppl-groups', 4],
    ['-m set --match-set blocked src,dst --return-nomatch', 2],
    ['-m string --string "a b" --algo bm --from 1 --to 2 --icase', 5],
    ['-m sctp --sport 1 --chunk-types any INIT', 2],
    ['-m u32 --u32 "6&0xFF=1"', 1],
    ['-m helper --helper "ftp-21 x"', 1],
    [
      '-j LOG --log-prefix "a b" --log-level 7 --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode',
      7,
    ],
    ['-j NFLOG --nflog-prefix x --nflog-group 1 --nflog-size 2 --nflog-threshold 3', 4],
    ['-j MASQUERADE --to-ports 1-2 --random --random-fully', 3],
    ['-j SNAT --to-source 1.2.3.4 --random --random-fully --persistent', 4],
    ['-j DNAT --to-destination 1.2.3.4 --random --persistent', 3],
    ['-j REDIRECT --to-ports 80 --random', 2],
    ['-j TCPMSS --clamp-mss-to-pmtu', 1],
    ['-j CHECKSUM --checksum-fill', 1],
    ['-j CONNMARK --restore-mark --nfmask 0x1 --ctmask 0x2', 3],
  ])('options keep their own values: %s', (saved, count) => {
    const rule = parse(saved);
    expect(formatRule(rule)).toBe(saved);
    expect([...rule.matches, rule.target].flatMap((part) => part?.options ?? [])).toHaveLength(count);
  });

  test('an option that is not in the tables keeps the order as given', () => {
    const text = '-m addrtype --dst-type LOCAL --newer 1 --src-type UNICAST';
    expect(formatRule(parse(text))).toBe(text);
  });

  test('an option goes to the newest module that knows it', () => {
    expect(formatRule(parse('-p tcp -m tcp -m multiport --dport 80'))).toBe(
      '-p tcp -m tcp -m multiport --dports 80',
    );
    expect(formatRule(parse('-p tcp -m multiport -m tcp --dport 80'))).toBe(
      '-p tcp -m multiport -m tcp --dport 80',
    );
    expect(formatRule(parse('-p udp --dport 1 -m udp'))).toBe('-p udp -m udp --dport 1 -m udp');
    expect(formatRule(parse('-m future --a 1 ! 2 ! --b'))).toBe('-m future --a 1 ! 2 ! --b');
  });

  test('IPv6 defaults and names are its own', () => {
    expect(formatRule(parse('-j REJECT', 'ipv6'))).toBe('-j REJECT --reject-with icmp6-port-unreachable');
    expect(formatRule(parse('-p icmpv6 --icmpv6-type echo-request', 'ipv6'))).toBe(
      '-p ipv6-icmp -m icmp6 --icmpv6-type 128',
    );
    expect(formatRule(parse('-s 2001:db8::1/ffff:ffff::', 'ipv6'))).toBe('-s 2001:db8::/32');
    expect(formatRule(parse('-d ::/0 -j DROP', 'ipv6'))).toBe('-j DROP');
    expect(formatRule(parse('-d 0/0 -j DROP', 'ipv6'))).toBe('-j DROP');
    expect(formatRule(parse('! -d 0/0', 'ipv6'))).toBe('! -d ::/0');
    expect(refused('-d 10/8', 'ipv6')).toMatchObject({ index: 1 });
    expect(formatRule(parse('-p ipv6-icmp -m icmpv6 --icmpv6-type no-route', 'ipv6'))).toBe(
      '-p ipv6-icmp -m icmp6 --icmpv6-type 1/0',
    );
  });

  test('what is not known is kept as given', () => {
    const text = '-m future --alpha 1 two ! --beta -m comment --comment x -j NEWTARGET --gamma 3/4';
    expect(formatRule(parse(text))).toBe(text);
    expect(formatRule(parse('-m limit --new-option 3'))).toBe('-m limit --new-option 3');
  });
});

describe('refusals', () => {
  test.each([
    ['-p tcp --nope 3', 'unknown option "--nope"', 2],
    ['-p tcp --dport', 'option "--dport" requires an argument', 2],
    ['-j', 'option "-j" requires an argument', 0],
    ['-s 10.0.0.1,10.0.0.2', '-s with several addresses makes several rules: give one address', 1],
    ['-s example.org', '-s: "example.org" is not an ipv4 address or prefix', 1],
    ['-s 10.0.0.256', '-s: "10.0.0.256" is not an ipv4 address or prefix', 1],
    ['-s 2001:db8::1', '-s: "2001:db8::1" is not an ipv4 address or prefix', 1],
    ['-s 10.0.0.0/33', '-s: "10.0.0.0/33" is not an ipv4 address or prefix', 1],
    ['-s 10.0.0.0/ffff::', '-s: "10.0.0.0/ffff::" is not an ipv4 address or prefix', 1],
    ['-s 10.0.0.0/x', '-s: "10.0.0.0/x" is not an ipv4 address or prefix', 1],
    ['-s 1.1.1.1 -s 2.2.2.2', 'multiple -s flags not allowed', 3],
    ['-j ACCEPT -j DROP', 'multiple -j flags not allowed', 3],
    ['! ! -s 1.1.1.1', 'multiple consecutive ! not allowed', 1],
    ['-p tcp !', 'an argument is missing after "!"', 2],
    ['! -j ACCEPT', 'unexpected ! flag before -j', 2],
    [
      '-i an-interface-too-long',
      "interface name `an-interface-too-long' must be shorter than 16 characters",
      1,
    ],
    ['-p tcp stray', "Bad argument `stray'", 2],
    ['-6 -j ACCEPT', 'a rule for ipv6 only (-6)', 1],
  ])('%s', (text, error, at) => {
    const result = refused(text);
    expect(result).toMatchObject({ error });
    expect(Math.abs((typeof result === 'string' ? -9 : result.index) - at)).toBeLessThanOrEqual(1);
  });

  test('IPv6 has no -f', () => {
    expect(refused('-f', 'ipv6')).toMatchObject({ error: 'unknown option "-f"' });
    expect(refused('-f')).toBe('-f');
  });
});

describe('sameRule', () => {
  const same = (a: string, b: string) => sameRule(parse(a), parse(b));

  test('looks at what iptables -C compares', () => {
    expect(same('-p tcp --dport 80', '-m tcp -p 6 --dport 80:80')).toBe(true);
    expect(same('-p 47', '-p gre')).toBe(true);
    expect(same('-s 10.0.0.1/8', '-s 10.0.0.2/8')).toBe(true);
    expect(same('-p tcp --dport 80', '-p tcp --dport 81')).toBe(false);
    expect(same('-p tcp --dport 80', '-p tcp ! --dport 80')).toBe(false);
    expect(same('-i docker0', '! -i docker0')).toBe(false);
    expect(same('-i docker0', '-o docker0')).toBe(false);
    expect(same('-j a', '-g a')).toBe(false);
    expect(same('-m comment --comment x', '-m comment --comment y')).toBe(false);
    expect(same('-m mark --mark 1 -m comment --comment x', '-m comment --comment x -m mark --mark 1')).toBe(
      false,
    );
  });

  test('not at counters, reason and place', () => {
    const rule = parse('-j ACCEPT');
    const reason = { step: 'x', because: [] };
    const other = { ...rule, counters: { packets: 1, bytes: 2 }, reason, at: { file: 'f', line: 3 } };
    expect(sameRule(rule, other)).toBe(true);
  });

  test('a saved rule that an older iptables wrote otherwise', () => {
    const saved = scanRule(['-m', 'state', '--state', 'ESTABLISHED,RELATED', '-j', 'ACCEPT'], 'ipv4');
    expect(
      isRuleError(saved) || sameRule(saved, parse('-m state --state RELATED,ESTABLISHED -j ACCEPT')),
    ).toBe(true);
  });
});

describe('properties', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const port = fc.integer({ min: 0, max: 65535 });
  const text = fc.string({ minLength: 1, maxLength: 20 }).filter((t) => !t.includes('\n'));
  const part = fc.oneof(
    fc
      .tuple(octet, octet, fc.integer({ min: 1, max: 32 }))
      .map(([a, b, bits]) => ['-s', `${a}.${b}.0.1/${bits}`]),
    fc.constantFrom(['!', '-i', 'docker0'], ['-o', 'br+']),
    fc.tuple(port, port).map(([a, b]) => ['-m', 'tcp', '--sport', `${a}`, '!', '--dport', `${a}:${b}`]),
    text.map((t) => ['-m', 'comment', '--comment', t]),
    text.map((t) => ['-j', 'LOG', '--log-prefix', t]),
    fc.constantFrom(['-m', 'unknown', '--flag', '--value', '7'], ['-m', 'mark', '!', '--mark', '0x1/0x3']),
  );
  const rule = fc
    .uniqueArray(part, { selector: (words) => words.find((w) => /^-[siojm]/.test(w)) ?? '' })
    .map((parts) => parseRuleArgs(parts.flat(), 'ipv4'));

  test('printing and parsing give the rule back, as arguments and as text', () => {
    fc.assert(
      fc.property(rule, (parsed) => {
        if (isRuleError(parsed)) throw new Error(parsed.error);
        expect(parseRuleArgs(ruleToArgs(parsed), 'ipv4')).toEqual(parsed);
        expect(scanRule(splitWords(formatRule(parsed)) ?? [], 'ipv4')).toEqual(parsed);
      }),
    );
  });

  test('any arguments give a rule or an error', () => {
    const words = fc.array(
      fc.oneof(fc.constantFrom('-s', '-p', 'tcp', '!', '-m', '-j', '--dport', '-c', '--'), fc.string()),
    );
    fc.assert(
      fc.property(words, (args) => {
        const result = parseRuleArgs(args, 'ipv6');
        expect(isRuleError(result) ? typeof result.error : typeof formatRule(result)).toBe('string');
      }),
    );
  });
});
