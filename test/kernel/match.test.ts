/**
 * What match modules say of a packet against the kernel: each rule counts the packets that it matches while a ping and a connection
 * go over the loopback of a namespace, and the model is asked about the same packets.
 */
import { describe, expect, test } from 'vitest';
import { isRuleError, parseRuleArgs } from '../../src/firewall/args.ts';
import { setHolds } from '../../src/firewall/ipset.ts';
import { matchRule, type PacketView } from '../../src/firewall/match.ts';
import { parseSave } from '../../src/firewall/save.ts';
import { parseIpSets } from '../../src/host/ipsets.ts';
import { ipv4 } from '../../src/net/addr.ts';
import { inNamespace, namespacesUnavailable } from './in-namespace.ts';

const loopback = ipv4(0x7f000001);

/** As both packets are sent. Nothing tracks connections here, and no rule asks for them. */
const common: PacketView = {
  family: 'ipv4',
  src: loopback,
  dst: loopback,
  protocol: 1,
  fragment: false,
  length: 68,
  ttl: 64,
  tos: 0,
  mark: 0,
  inDev: undefined,
  outDev: 'lo',
  bridged: false,
  packetType: 'unicast',
  ctState: 'UNTRACKED',
  addrType: () => 'LOCAL',
  owner: { uid: 0, gid: 0 },
};

/** `ping -s 40 -Q 0x4a -t 33 -m 7`. */
const ping: PacketView = { ...common, icmp: { type: 8, code: 0 }, tos: 0x4a, ttl: 33, mark: 7 };
/** The first packet of a connection to a port where nobody listens; the loopback's MTU of 65536 is its segment size. */
const syn: PacketView = { ...common, protocol: 6, dport: 9, tcpFlags: 2, length: 60, mss: 65_495 };

const pingRules = [
  '-m tos --tos 0x4a',
  '-m tos --tos 0x08/0x0c',
  '-m tos ! --tos 0x4b',
  '-m dscp --dscp 18',
  '-m dscp --dscp-class AF21',
  '-m dscp ! --dscp 19',
  '-m ecn --ecn-ip-ect 2',
  '-m ecn --ecn-ip-ect 1',
  '-m ecn ! --ecn-ip-ect 1',
  '-m length --length 68',
  '-m length ! --length 60:67',
  '-m ttl --ttl-eq 33',
  '-m ttl --ttl-gt 33',
  '-m mark --mark 0x5/0xd',
  '-m mark ! --mark 7',
  '-m statistic --mode random --probability 1',
  '-m statistic --mode random --probability 0',
  '-m statistic --mode random ! --probability 1',
  '-m recent --set --name kept',
  '-m recent ! --set --name other',
  '-m u32 --u32 0&0xFFFF=68',
  '-m u32 --u32 6&0xFF=1',
  '-m u32 --u32 6&0xFF=0,2:9',
  '-m u32 --u32 8>>24=33',
  '-m u32 --u32 12=0x7f000001&&16=0x7f000001',
  '-m u32 --u32 12=0x7f000001&&16=0',
  '-m u32 --u32 0>>22&0x3C@0>>24=8',
  '-m u32 --u32 0>>22&0x3C@0<<8>>24=0',
  '-m u32 --u32 64=0:0xffffffff&&65=0',
  '-m u32 ! --u32 8>>24=34',
  '-m addrtype --dst-type LOCAL',
  '-m owner --uid-owner 0',
  '-m owner ! --gid-owner 0-5',
  '-m pkttype --pkt-type unicast',
  '-m set --match-set addresses src',
  '-m set --match-set addresses dst,dst',
  '-m set ! --match-set addresses src',
  '-m set --match-set networks src',
  '-m set --match-set narrow src',
  '-m set --match-set narrow src --return-nomatch',
  '-m set --match-set networks src --return-nomatch',
  '-m set --match-set ports src,dst',
  '-m set --match-set ports src',
  '-m set --match-set devices src,dst',
  '-m set --match-set devices src,src',
  '-m set --match-set marks src,src',
  '-m set --match-set masked dst',
  '-m set --match-set numbers dst',
  '-m set --match-set list src',
  '-m set --match-set six src',
];

const synRules = [
  '--syn',
  '--tcp-option 2',
  '! --tcp-option 2',
  '-m tcpmss --mss 65495',
  '-m tcpmss --mss 1:1460',
  '-m tcpmss ! --mss 1:1460',
  '-m ecn --ecn-tcp-ece',
  '-m ecn ! --ecn-tcp-ece ! --ecn-tcp-cwr',
  '-m multiport --dports 1:8,discard',
  '-m multiport --dports 1:8,9',
  '-m u32 --u32 0>>22&0x3C@0&0xFFFF=9',
  '-m u32 --u32 0>>22&0x3C@12>>16&0x3F=2',
  '-m set --match-set ports dst,dst',
  '-m set --match-set numbers dst',
  '-m set ! --match-set numbers src',
  '-m set --match-set pairs dst,dst,src',
];

const sets = [
  'create addresses hash:ip',
  'add addresses 127.0.0.1',
  'create networks hash:net',
  'add networks 127.0.0.0/8',
  'create narrow hash:net',
  'add narrow 127.0.0.0/8',
  'add narrow 127.0.0.0/24 nomatch',
  'create ports hash:ip,port',
  'add ports 127.0.0.1,icmp:8/0',
  'add ports 127.0.0.1,tcp:9',
  'create devices hash:net,iface',
  'add devices 127.0.0.0/8,lo',
  'create marks hash:ip,mark markmask 0x3',
  'add marks 127.0.0.1,3',
  'create masked hash:ip netmask 16',
  'add masked 127.0.9.9',
  'create numbers bitmap:port range 0-100',
  'add numbers 9',
  'create pairs hash:ip,port,net',
  'add pairs 127.0.0.1,tcp:9,127.0.0.0/8',
  'create six hash:ip family inet6',
  'create list list:set',
  'add list six',
  'add list addresses',
];

const words = (text: string) => text.split(' ');
const connect = "require('net').connect(9,'127.0.0.1').on('error',()=>{})";

function counted(): { readonly save: string; readonly ipsets: string; readonly refused: readonly string[] } {
  const rules = [
    ...pingRules.map((rule) => `-p icmp -m icmp --icmp-type 8 ${rule}`),
    ...synRules.map((rule) => `-p tcp -m tcp --dport 9 ${rule}`),
  ];
  const commands = [
    words('ip link set lo up'),
    ...sets.map((set) => ['ipset', ...words(set)]),
    ...rules.map((rule) => ['iptables-nft', '-A', 'OUTPUT', ...words(rule)]),
    words('ping -c 1 -s 40 -Q 0x4a -t 33 -m 7 127.0.0.1'),
    [process.execPath, '-e', connect],
    words('iptables-nft-save -c'),
    words('ipset save'),
  ];
  const outcomes = inNamespace(commands);
  const refused = outcomes.flatMap(({ status, stderr }, i) =>
    status === 0 ? [] : [`${commands[i]?.join(' ')}: ${stderr}`],
  );
  return { save: outcomes.at(-2)?.stdout ?? '', ipsets: outcomes.at(-1)?.stdout ?? '', refused };
}

const unavailable = namespacesUnavailable();

describe.skipIf(unavailable !== undefined)('matches', () => {
  const { save, ipsets, refused } =
    unavailable === undefined ? counted() : { save: '', ipsets: '', refused: [] };
  const known = parseIpSets(ipsets, 'ipset-save.txt').value;
  const setContains = (set: string, dimensions: string, reversed = false): ReturnType<typeof setHolds> =>
    setHolds(known, set, dimensions, view, reversed);
  let view = ping;
  const rules = parseSave(save, { backend: 'iptables-nft', family: 'ipv4', file: 'save' }).tables.flatMap(
    ({ chains }) => chains.find(({ name }) => name === 'OUTPUT')?.rules ?? [],
  );

  test('nearly all rules are there', () => {
    // Without ipset, or its kernel part, those that ask for sets are missing.
    const others = refused.filter((line) => !/ipset|match-set/.test(line));
    expect(others).toEqual([]);
    expect(rules.length).toBeGreaterThanOrEqual(pingRules.length + synRules.length - refused.length);
  });

  test('each counts what the model says that it matches', () => {
    const answers = rules.map((rule) => {
      view = rule.protocol?.value === 'icmp' ? ping : syn;
      const truth = matchRule(rule, { ...view, setContains });
      const matches = rule.matches.map(({ module, options }) =>
        [module, ...options.flatMap((o) => [o.not ? '!' : '', o.name, ...o.values])].join(' '),
      );
      return { rule: matches.join(' '), ours: truth, kernel: rule.counters?.packets === 1 };
    });
    expect(answers.filter(({ ours, kernel }) => ours !== kernel)).toEqual([]);
  });

  test('the rules of this test are read as they are written', () => {
    for (const rule of [...pingRules, ...synRules])
      expect(isRuleError(parseRuleArgs(['-p', 'tcp', ...words(rule)], 'ipv4'))).toBe(false);
  });
});
