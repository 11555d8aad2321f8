/** Lines as nft 1.0.6 printed them on Linux 6.18. */
import { describe, expect, test } from 'vitest';
import { parseAddr } from '../../src/net/addr.ts';
import type { Hop, Trace } from '../../src/packet/trace.ts';
import { isSame, parseTrace, positionsIn, tracedPath, trackedIn, trailsOf, walkedPath } from './path.ts';

const syn =
  'iif "v0" ether saddr 92:00:da:d6:34:3b ether daddr c6:a1:e0:f6:40:95 ip saddr 10.9.0.2 ip daddr 10.9.0.1 ip dscp cs0 ip ecn not-ect ip ttl 64 ip id 59983 ip length 60';
const text = `trace id 86af2abd ip bridgekeeper-trace prerouting packet: ${syn} tcp sport 42862 tcp dport 99 tcp flags == syn tcp window 64240 
trace id 86af2abd ip bridgekeeper-trace prerouting rule meta nftrace set 1 # handle 3 (verdict continue)
trace id 86af2abd ip bridgekeeper-trace prerouting policy accept 
trace id 86af2abd ip nat PREROUTING packet: ${syn} tcp sport 42862 tcp dport 99 tcp flags == syn tcp window 64240 
trace id 86af2abd ip nat PREROUTING policy accept meta mark 0x00000005 
trace id 86af2abd ip filter INPUT packet: ${syn} tcp sport 42862 tcp dport 99 tcp flags == syn tcp window 64240 
trace id 86af2abd ip filter INPUT rule counter packets 0 bytes 0 jump FOO # handle 6 (verdict jump FOO)
trace id 86af2abd ip filter FOO rule meta l4proto tcp counter packets 0 bytes 0 comment "# handle 9 (verdict drop)" # handle 4 (verdict continue)
trace id 86af2abd ip filter FOO rule meta l4proto tcp counter packets 0 bytes 0 return # handle 5 (verdict return)
trace id fd5cbcd7 ip bridgekeeper-trace output packet: oif "v0" ip saddr 10.9.0.1 ip daddr 10.9.0.2 ip ttl 64 ip id 0 ip length 40 tcp sport 97 tcp dport 55348 tcp flags == 0x14 tcp window 0 
trace id 86af2abd ip filter INPUT rule tcp dport 99 counter packets 0 bytes 0 drop # handle 2 (verdict drop)
`;

const rule = (chain: string, handle: number, ...expr: object[]) => ({
  rule: { family: 'ip', table: 'filter', chain, handle, expr },
});
const listing = JSON.stringify({
  nftables: [
    { metainfo: {} },
    rule('INPUT', 6),
    rule('INPUT', 2),
    rule('FOO', 4),
    rule('FOO', 5),
    { chain: {} },
  ],
});
const positions = positionsIn(listing);
const line = 'ip filter INPUT: INPUT 1, FOO 1, FOO 2, INPUT 2, drop';

/** The events of one base chain about a packet of port 40001. */
const visit = (chain: string, id = '1'): string =>
  `trace id ${id} ${chain} packet: ip length 60 tcp sport 40001 tcp dport 80 tcp flags == syn\ntrace id ${id} ${chain} policy drop \n`;

describe('what nft monitor traced', () => {
  test('is read as chains that met rules, in between others', () => {
    expect(tracedPath(parseTrace(text), 42_862, 'source', positions)).toEqual([line]);
    expect(tracedPath(parseTrace(text), 55_348, 'target', positions)).toEqual([]);
  });

  test('names pings of both families by their identifier', () => {
    const ping = (family: string, more: string) =>
      `trace id 1 ${family} trace out packet: oif "lo" ${family} length 64 ${more}\n`;
    const visits = parseTrace(
      ping('ip', 'icmp type echo-request icmp code net-unreachable icmp id 19205 icmp sequence 1 ') +
        ping('ip6', 'icmpv6 type echo-reply icmpv6 code no-route icmpv6 parameter-problem 1258553345 '),
    );
    expect(visits.map(({ source, target }) => [source, target])).toEqual([
      [19_205, undefined],
      [undefined, 19_204],
    ]);
  });

  test('ends where the next packet begins', () => {
    const begin = (hook: string) => visit(`ip bridgekeeper-trace ${hook}`);
    const way = (...visits: string[]) => tracedPath(parseTrace(visits.join('')), 40_001, 'source', new Map());
    const [first, second] = [visit('ip filter OUTPUT'), visit('ip filter INPUT')];
    const both = ['ip filter OUTPUT: policy drop', 'ip filter INPUT: policy drop'];
    // Over loopback it comes in once more.
    expect(way(begin('output'), first, begin('prerouting'), second)).toEqual(both);
    expect(way(begin('output'), first, begin('output'), first)).toEqual(both.slice(0, 1));
    expect(way(begin('prerouting'), second, begin('output'), first)).toEqual(both.slice(1));
  });

  test('of a flooded frame is not compared', () => {
    const copies = visit('ip filter FORWARD') + visit('ip filter FORWARD');
    expect(tracedPath(parseTrace(copies), 40_001, 'source', new Map())).toBeUndefined();
  });

  test('needs handles', () => {
    const bare = `${visit('ip filter INPUT')}trace id 1 ip filter INPUT rule counter drop (verdict drop)`;
    expect(() => parseTrace(bare)).toThrow('no handle');
  });
});

describe('beside it the walk', () => {
  const hit = (chain: string, position: number) =>
    ({ backend: 'iptables-nft', family: 'ipv4', table: 'filter', chain, position }) as const;
  const filter = (verdict: string, ...rules: ReturnType<typeof hit>[]) =>
    ({ kind: 'hook', backend: 'iptables-nft', table: 'filter', chain: 'INPUT', verdict, rules }) as const;
  const met = filter('REJECT', hit('INPUT', 1), hit('FOO', 1), hit('FOO', 2), hit('INPUT', 2));
  const header = { src: addr('10.9.0.2'), dst: addr('10.9.0.1'), protocol: 'tcp' } as const;
  const hops: readonly Hop[] = [
    { namespace: 'web', steps: [filter('policy DROP')] },
    { namespace: 'host', steps: [{ ...filter('DROP'), backend: 'iptables-legacy' }, met] },
    { namespace: 'host', steps: [{ kind: 'proxy', listener: 'docker-proxy', to: header }, met] },
  ];

  test('is told in the same words: what the host asks by nf_tables, until a proxy speaks', () => {
    expect(walkedPath(hops, 'ipv4')).toEqual([line]);
  });

  test('leaves out what stands in nat where nothing tracks', () => {
    const flow = { from: 'web', kind: 'tcp', dst: header.dst, port: 99 } as const;
    const nat = { ...filter('policy ACCEPT', hit('POSTROUTING', 1)), table: 'nat', chain: 'POSTROUTING' };
    const way = [{ namespace: 'host', steps: [nat] }];
    const trace: Trace = { flow, outcome: 'ok', hops: way, reply: [], unknowns: [], assumed: [] };
    const walked = (expr: object) => {
      const tracked = trackedIn(JSON.stringify({ nftables: [rule('FORWARD', 1, expr)] }));
      return trailsOf(trace, { visits: [], positions, tracked }, 1)[0]?.walked;
    };
    expect(walked({ drop: null })).toEqual([]);
    expect(walked({ xt: { type: 'match', name: 'conntrack' } })).toEqual([
      'ip nat POSTROUTING: POSTROUTING 1, policy accept',
    ]);
  });

  test('differs where a rule does', () => {
    const flow = { from: 'web', kind: 'tcp', dst: header.dst, port: 99 } as const;
    const trace: Trace = { flow, outcome: 'refused', hops, reply: [], unknowns: [], assumed: [] };
    const traced = { visits: parseTrace(text), positions, tracked: new Set(['ipv4'] as const) };
    expect(trailsOf(trace, traced, 42_862).map(isSame)).toEqual([true]);
    const other = { ...trace, hops: [{ namespace: 'host', steps: [filter('REJECT', hit('INPUT', 2))] }] };
    expect(trailsOf(other, traced, 42_862).map(isSame)).toEqual([false]);
    expect(trailsOf({ ...trace, outcome: 'unknown' }, traced, 42_862)).toEqual([]);
  });
});

function addr(value: string) {
  const parsed = parseAddr(value);
  if (parsed === undefined) throw new Error(value);
  return parsed;
}
