/** Native nftables chains at the hooks, alone and together with iptables: what each statement does to one packet. */
import { describe, expect, test } from 'vitest';
import { addr, dockerHost, table } from '../../test/fixtures/host.ts';
import { parseNftJson } from '../firewall/nft/parse.ts';
import { formatAddr } from '../net/addr.ts';
import { Conntrack } from './conntrack.ts';
import { forEachBranch } from './decisions.ts';
import { type Hook, runHook } from './hooks.ts';
import { makePacket, type Packet, tcpFlag } from './packet.ts';
import type { Step } from './trace.ts';
import { HookView } from './view.ts';
import { makeWorld } from './world.ts';

interface ChainSpec {
  readonly table?: string;
  readonly family?: string;
  readonly type?: string;
  readonly hook?: string;
  readonly prio?: number;
  readonly policy?: string;
  readonly name?: string;
  readonly rules?: readonly (readonly unknown[])[];
}

/** One table per chain, unless they name the same; their handles count up. `nat` is iptables' own. */
function listing(chains: readonly ChainSpec[], sets: readonly object[] = []) {
  const objects = chains.flatMap(({ rules = [], table: name = 't', family = 'inet', ...given }, i) => {
    const at = { family, table: name };
    const chain = given.name ?? `c${i}`;
    const base = given.hook === undefined ? {} : { type: 'filter', prio: 0, policy: 'accept', ...given };
    return [
      { table: { family, name, handle: i + 1 } },
      { chain: { ...at, name: chain, handle: i + 1, ...base } },
      ...rules.map((expr, n) => ({ rule: { ...at, chain, handle: n + 1, expr } })),
    ];
  });
  const all = [...objects, ...sets.map((set) => ({ set: { family: 'inet', table: 't', ...set } }))];
  return parseNftJson({ nftables: all }, 'nft-ruleset.json', (_, name) => name === 'nat').ruleset;
}

interface Asked {
  readonly chains: readonly ChainSpec[];
  readonly sets?: readonly object[];
  readonly rules?: string;
  readonly hook?: Hook;
  readonly packet?: Partial<Packet>;
}

/** The outcome of each branch of what is not known: `accept`, `drop PLACE`, `reject WITH`. */
function ask({ chains, sets, rules = '', hook = 'FORWARD', packet = {} }: Asked) {
  const more = { nft: listing(chains, sets) };
  const [node] = makeWorld(dockerHost({ host: { rules, more } }), undefined).nodes;
  if (node === undefined) throw new Error('no namespace');
  const { runs } = forEachBranch((decisions) => {
    const sent = makePacket({
      src: addr('172.17.0.2'),
      dst: addr('198.51.100.7'),
      protocol: 'tcp',
      sport: 40_000,
      dport: 80,
      tcpFlags: tcpFlag.syn,
      ...packet,
    });
    const conntrack = new Conntrack();
    if (hook === 'FORWARD' || hook === 'INPUT' || hook === 'POSTROUTING') conntrack.track(sent);
    const at = {
      inDev: hook === 'OUTPUT' ? undefined : node.byName.get('docker0'),
      outDev: hook === 'PREROUTING' || hook === 'INPUT' ? undefined : node.byName.get('eth0'),
      physIn: undefined,
      physOut: undefined,
      nexthop: undefined,
    };
    const steps: Step[] = [];
    const view = new HookView(node, sent, at, undefined, decisions);
    const recorder = { isOn: true, step: (step: Step) => steps.push(step) };
    const context = { node, conntrack, decisions, view, recorder };
    const verdict = runHook(context, hook, sent, at);
    const text =
      verdict.kind === 'accept'
        ? 'accept'
        : verdict.kind === 'drop'
          ? `drop ${verdict.where}`
          : `reject ${verdict.with}`;
    return { text, packet: sent, steps };
  });
  return runs.map(({ result }) => result);
}

const outcomes = (asked: Asked) => ask(asked).map(({ text }) => text);

const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });
const meta = (key: string) => ({ meta: { key } });
const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const ct = (key: string, dir?: string) => ({ ct: { key, ...(dir === undefined ? {} : { dir }) } });
const drop = { drop: null };
const accept = { accept: null };

/** Whether a rule with this condition matches: `yes`, `no`, `unknown`. */
function matches(condition: unknown, packet: Partial<Packet> = {}, sets: readonly object[] = []): string {
  const found = outcomes({ chains: [{ hook: 'forward', rules: [[condition, drop]] }], packet, sets });
  if (found.length > 1) return 'unknown';
  return found[0] === 'accept' ? 'no' : 'yes';
}

describe('conditions', () => {
  const ipv6 = { src: addr('fd00::2'), dst: addr('2001:db8::7') };
  const icmp = { protocol: 'icmp', icmp: { type: 8, code: 0 } } as const;
  test.each<[string, unknown, Partial<Packet>, string]>([
    ['device', match(meta('iifname'), 'docker0'), {}, 'yes'],
    ['other device', match(meta('oifname'), 'docker0'), {}, 'no'],
    ['not a device', match(meta('oifname'), 'docker0', '!='), {}, 'yes'],
    ['pattern', match(meta('oifname'), 'eth*'), {}, 'yes'],
    ['pattern of others', match(meta('oifname'), 'veth*'), {}, 'no'],
    ['set of devices', match(meta('oifname'), { set: ['eth0', 'eth1'] }), {}, 'yes'],
    ['prefix', match(payload('ip', 'saddr'), { prefix: { addr: '172.17.0.0', len: 16 } }), {}, 'yes'],
    ['prefix beside', match(payload('ip', 'saddr'), { prefix: { addr: '172.18.0.0', len: 16 } }), {}, 'no'],
    ['range', match(payload('ip', 'daddr'), { range: ['198.51.100.1', '198.51.100.7'] }), {}, 'yes'],
    ['range before', match(payload('ip', 'daddr'), { range: ['198.51.100.1', '198.51.100.6'] }), {}, 'no'],
    ['IPv4 of an IPv6 packet', match(payload('ip', 'saddr'), '172.17.0.9', '!='), ipv6, 'no'],
    ['IPv6', match(payload('ip6', 'daddr'), { prefix: { addr: '2001:db8::', len: 32 } }), ipv6, 'yes'],
    ['port', match(payload('tcp', 'dport'), 80), {}, 'yes'],
    ['not a port, of another protocol', match(payload('udp', 'dport'), 53, '!='), {}, 'no'],
    ['port of any protocol', match(payload('th', 'dport'), 80), {}, 'yes'],
    ['comparison', match(payload('tcp', 'sport'), 1024, '>='), {}, 'yes'],
    ['comparison that fails', match(payload('tcp', 'sport'), 40_000, '<'), {}, 'no'],
    ['protocol', match(meta('l4proto'), { set: ['udp', 'tcp'] }), {}, 'yes'],
    ['family', match(meta('nfproto'), 'ipv6'), {}, 'no'],
    ['flags', match({ '&': [payload('tcp', 'flags'), { '|': ['syn', 'ack'] }] }, 'syn'), {}, 'yes'],
    ['flags in a list', match({ '&': [payload('tcp', 'flags'), ['syn', 'ack']] }, 'ack'), {}, 'no'],
    ['any of the flags', match(payload('tcp', 'flags'), ['syn', 'rst'], 'in'), {}, 'yes'],
    ['none of the flags', match(payload('tcp', 'flags'), ['syn', 'rst'], '!'), {}, 'no'],
    ['icmp', match(payload('icmp', 'type'), 'echo-request'), icmp, 'yes'],
    ['icmp of tcp', match(payload('icmp', 'type'), 'echo-reply', '!='), {}, 'no'],
    ['mark bits', match({ '&': [meta('mark'), 0xf0] }, 0x20), { mark: 0x123 }, 'yes'],
    ['shifted mark', match({ '>>': [meta('mark'), 8] }, 1), { mark: 0x123 }, 'yes'],
    ['ct state', match(ct('state'), ['new', 'invalid'], 'in'), {}, 'yes'],
    ['ct state of a set', match(ct('state'), { set: ['established', 'related'] }), {}, 'no'],
    ['ct status', match(ct('status'), 'dnat', 'in'), {}, 'no'],
    ['ct direction', match(ct('direction'), 'original'), {}, 'yes'],
    ['ct tuple', match(ct('proto-dst', 'original'), 80), {}, 'yes'],
    ['ct zone', match(ct('zone'), 0), {}, 'yes'],
    ['address type', match({ fib: { result: 'type', flags: ['daddr'] } }, 'local'), {}, 'no'],
    [
      'own address',
      match({ fib: { result: 'type', flags: ['daddr'] } }, 'local'),
      { dst: addr('172.17.0.1') },
      'yes',
    ],
    ['way back', match({ fib: { result: 'oif', flags: ['saddr', 'iif'] } }, true), {}, 'yes'],
    [
      'no way back',
      match({ fib: { result: 'oif', flags: ['saddr', 'iif'] } }, false),
      { src: addr('198.51.100.9') },
      'yes',
    ],
    [
      'concatenation',
      match(
        { concat: [payload('ip', 'daddr'), payload('tcp', 'dport')] },
        { set: [{ concat: ['198.51.100.7', { range: [79, 81] }] }] },
      ),
      {},
      'yes',
    ],
    ['header that no packet has', match({ exthdr: { name: 'hbh' } }, true), {}, 'no'],
    ['header that is missing', match({ exthdr: { name: 'hbh' } }, false), ipv6, 'yes'],
    ['segment size', match({ 'tcp option': { name: 'maxseg', field: 'size' } }, 1460), { mss: 1460 }, 'yes'],
    ['no segment size', match({ 'tcp option': { name: 'maxseg' } }, true), {}, 'no'],
    ['another option', match({ 'tcp option': { name: 'sack-perm' } }, true), {}, 'unknown'],
    ['type of service', match(payload('ip', 'dscp'), 'cs2'), { tos: 0x41 }, 'yes'],
    ['congestion bits', match(payload('ip', 'ecn'), 'ect1'), { tos: 0x41 }, 'yes'],
    ['bits of the port', match({ payload: { base: 'th', offset: 16, len: 16 } }, 80), {}, 'yes'],
    ['bits of the source', match({ payload: { base: 'nh', offset: 96, len: 8 } }, 172), {}, 'yes'],
    ['bits that nobody knows', match({ payload: { base: 'th', offset: 32, len: 32 } }, 1), {}, 'unknown'],
    ['bits behind the end', match({ payload: { base: 'th', offset: 4000, len: 32 } }, 1), {}, 'no'],
    ['ct tuple of a family', match(ct('ip daddr', 'original'), '198.51.100.7'), {}, 'yes'],
    ['way by IPsec', match({ ipsec: { key: 'reqid', dir: 'in', spnum: 0 } }, 1), {}, 'unknown'],
    ['against a mark', match(meta('mark'), ct('mark')), {}, 'yes'],
    ['an unknown key', match(meta('cgroup'), 1), {}, 'unknown'],
    ['an unknown key that cannot be', match(meta('cgroup'), 1, '!='), {}, 'unknown'],
    ['an unknown literal', match(payload('tcp', 'dport'), 'no-such-service'), {}, 'unknown'],
    ['an unknown expression', match({ numgen: { mode: 'random', mod: 2 } }, 1), {}, 'unknown'],
    ['an unknown set', match(payload('tcp', 'dport'), '@nowhere'), {}, 'unknown'],
    ['quota that is used up', { quota: { val: 1 } }, {}, 'no'],
    [
      'over a quota that is used up',
      { quota: { val: 2, val_unit: 'kbytes', used: 2048, inv: true } },
      {},
      'yes',
    ],
    ['over a quota of which much is left', { quota: { val: 1, val_unit: 'mbytes', inv: true } }, {}, 'no'],
    ['quota in another unit', { quota: { val: 1, val_unit: 'parsecs' } }, {}, 'unknown'],
    ['count of connections', { 'ct count': { val: 3 } }, {}, 'unknown'],
    [
      'new element within its rate',
      {
        set: {
          op: 'add',
          elem: payload('ip', 'saddr'),
          set: '@s',
          stmt: [{ limit: { rate: 1, per: 'second' } }],
        },
      },
      {},
      'yes',
    ],
    [
      'new element over its rate',
      {
        set: {
          op: 'add',
          elem: payload('ip', 'saddr'),
          set: '@s',
          stmt: [{ limit: { rate: 1, per: 'second', inv: true } }],
        },
      },
      {},
      'no',
    ],
    [
      'an element of another family',
      { set: { op: 'add', elem: payload('ip6', 'saddr'), set: '@s' } },
      {},
      'no',
    ],
    [
      'field of a packet in a tunnel',
      match({ payload: { tunnel: 'gre', protocol: 'ip', field: 'saddr' } }, '172.17.0.2'),
      {},
      'unknown',
    ],
    ['rate', { limit: { rate: 3, per: 'minute' } }, {}, 'yes'],
    ['over a rate', { limit: { rate: 3, per: 'minute', inv: true } }, {}, 'no'],
    ['counter', { counter: null }, {}, 'yes'],
  ])('%s', (_, condition, packet, wanted) => {
    expect(matches(condition, packet)).toBe(wanted);
  });

  test('named sets: what they hold, and nothing certain where traffic changes them', () => {
    const asked = match(payload('ip', 'saddr'), '@s');
    expect(matches(asked, {}, [{ name: 's', elem: [{ prefix: { addr: '172.16.0.0', len: 12 } }] }])).toBe(
      'yes',
    );
    expect(matches(asked, {}, [{ name: 's', elem: ['10.0.0.1'] }])).toBe('no');
    expect(matches(asked, {}, [{ name: 's' }])).toBe('no');
    const changing = { name: 's', flags: ['dynamic'], elem: ['10.0.0.1'] };
    expect(matches(asked, {}, [changing])).toBe('no');
    const adds = [{ set: { op: 'add', elem: payload('ip', 'saddr'), set: '@s' } }];
    expect(
      outcomes({ chains: [{ hook: 'forward', rules: [[asked, drop], adds] }], sets: [changing] }),
    ).toHaveLength(2);
    expect(matches(asked, {}, [{ name: 's', elem: [{ mystery: 1 }] }])).toBe('unknown');
  });

  test('a rule that fails for certain is not unknown', () => {
    const rules = [[match(payload('tcp', 'dport'), 81), match(meta('cgroup'), 1), drop]];
    expect(outcomes({ chains: [{ hook: 'forward', rules }] })).toEqual(['accept']);
  });
});

describe('verdicts', () => {
  const forward = (...rules: readonly (readonly unknown[])[]): ChainSpec => ({ hook: 'forward', rules });
  const sub = (...rules: readonly (readonly unknown[])[]): ChainSpec => ({ name: 'sub', rules });
  const jump = { jump: { target: 'sub' } };
  const goto = { goto: { target: 'sub' } };
  test.each<[string, readonly ChainSpec[], string]>([
    ['policy', [{ hook: 'forward', policy: 'drop' }], 'drop inet t c0'],
    ['accept', [{ ...forward([accept]), policy: 'drop' }], 'accept'],
    ['continue', [forward([{ continue: null }], [drop])], 'drop inet t c0'],
    ['return from a base chain', [forward([{ return: null }], [drop])], 'accept'],
    ['jump and back', [forward([jump], [drop]), sub([{ return: null }, drop])], 'drop inet t c0'],
    ['goto does not come back', [forward([goto], [drop]), sub()], 'accept'],
    ['drop in a chain', [forward([jump]), sub([drop])], 'drop inet t sub'],
    [
      'reject',
      [forward([{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }])],
      'reject admin-prohibited',
    ],
    ['reject of the other family', [forward([{ reject: { type: 'icmpv6', expr: 'no-route' } }])], 'accept'],
    ['reset', [forward([{ reject: { type: 'tcp reset' } }])], 'reject tcp-reset'],
    [
      'verdict map',
      [
        forward([
          {
            vmap: {
              key: meta('iifname'),
              data: {
                set: [
                  ['docker0', jump],
                  ['*', drop],
                ],
              },
            },
          },
        ]),
        sub([accept]),
      ],
      'accept',
    ],
    [
      'rest of a map',
      [forward([{ vmap: { key: meta('iifname'), data: { set: [['*', drop]] } } }])],
      'drop inet t c0',
    ],
    [
      'map without the key',
      [forward([{ vmap: { key: meta('iifname'), data: { set: [['eth9', drop]] } } }])],
      'accept',
    ],
    ['chains in a loop', [forward([jump]), sub([jump])], 'drop inet t sub'],
  ])('%s', (_, chains, wanted) => {
    expect(outcomes({ chains })).toEqual([wanted]);
  });

  test('of a map with an unknown key are each tried', () => {
    const set = [
      ['a', drop],
      ['b', accept],
      ['c', drop],
    ];
    const vmap = { vmap: { key: meta('cgroup'), data: { set } } };
    expect(new Set(outcomes({ chains: [forward([vmap])] }))).toEqual(new Set(['accept', 'drop inet t c0']));
  });

  test('a statement that is not understood passes or drops', () => {
    expect(new Set(outcomes({ chains: [forward([{ queue: { num: 1 } }])] }))).toEqual(
      new Set(['accept', 'drop inet t c0']),
    );
  });

  test('are told with the rules that were met', () => {
    const [run] = ask({ chains: [forward([match(payload('tcp', 'dport'), 80), drop])] });
    expect(run?.steps).toMatchObject([
      {
        kind: 'hook',
        backend: 'nftables',
        table: 'inet t',
        chain: 'c0',
        verdict: 'drop',
        rules: [{ position: 1 }],
      },
    ]);
  });
});

describe('with iptables at the same hook', () => {
  const acceptAll: ChainSpec = { hook: 'forward', prio: -10, rules: [[accept]] };
  test('an accept in one does not save from a drop in the other', () => {
    const rules = table('filter', '-P FORWARD DROP');
    expect(outcomes({ chains: [acceptAll], rules })).toEqual(['drop filter/FORWARD']);
    const open = table('filter', '-A FORWARD -j ACCEPT');
    const late: ChainSpec = { hook: 'forward', prio: 10, rules: [[drop]] };
    expect(outcomes({ chains: [acceptAll, late], rules: open })).toEqual(['drop inet t c1']);
  });

  test('the lower priority is asked first, whatever the order of the listing', () => {
    const chains: ChainSpec[] = [
      { hook: 'forward', prio: 5, rules: [[drop]] },
      { hook: 'forward', prio: -5, rules: [[{ reject: null }]] },
    ];
    expect(outcomes({ chains })).toEqual(['reject port-unreachable']);
    expect(outcomes({ chains: chains.toReversed() })).toEqual(['reject port-unreachable']);
  });

  test('chains before conntrack see no connection', () => {
    const state = (prio: number): ChainSpec => ({
      hook: 'prerouting',
      prio,
      rules: [[match(ct('direction'), 'original'), drop]],
    });
    expect(outcomes({ chains: [state(-300)], hook: 'PREROUTING' })).toEqual(['accept']);
    expect(outcomes({ chains: [state(-199)], hook: 'PREROUTING' })).toEqual(['drop inet t c0']);
  });

  test('chains of the other family are not asked, those of inet for both', () => {
    const of = (family: string): ChainSpec => ({ hook: 'forward', family, rules: [[drop]] });
    const ipv6 = { src: addr('fd00::2'), dst: addr('2001:db8::7') };
    expect(outcomes({ chains: [of('ip6')] })).toEqual(['accept']);
    expect(outcomes({ chains: [of('ip6')], packet: ipv6 })).toEqual(['drop ip6 t c0']);
    expect(outcomes({ chains: [of('inet')], packet: ipv6 })).toEqual(['drop inet t c0']);
  });
});

describe('NAT', () => {
  const nat = (to: string, more: Partial<ChainSpec> = {}): ChainSpec => ({
    type: 'nat',
    hook: 'prerouting',
    prio: -100,
    rules: [[{ dnat: { family: 'ip', addr: to } }]],
    ...more,
  });
  const target = (chains: readonly ChainSpec[], rules = '', packet: Partial<Packet> = {}) => {
    const [run] = ask({ chains, rules, hook: 'PREROUTING', packet });
    return run && `${formatAddr(run.packet.dst)}:${run.packet.dport}`;
  };

  test('binds once: the lowest priority, then the youngest', () => {
    expect(target([nat('10.0.0.1'), nat('10.0.0.2', { prio: -110 })])).toBe('10.0.0.2:80');
    expect(target([nat('10.0.0.1'), nat('10.0.0.2', { table: 'u' })])).toBe('10.0.0.2:80');
    expect(target([nat('10.0.0.1', { table: 'u', rules: [[accept]] }), nat('10.0.0.2')])).toBe('10.0.0.2:80');
  });

  test('iptables takes its turn by the age of its table', () => {
    const rules = table('nat', '-A PREROUTING -j DNAT --to-destination 10.0.0.9');
    const twin: ChainSpec = { table: 'nat', family: 'ip' };
    expect(target([twin, nat('10.0.0.1')], rules)).toBe('10.0.0.1:80');
    expect(target([nat('10.0.0.1'), twin], rules)).toBe('10.0.0.9:80');
    expect(target([twin, nat('10.0.0.1', { prio: -90 })], rules)).toBe('10.0.0.9:80');
  });

  test.each<[string, unknown, string]>([
    ['a port', { dnat: { addr: '10.0.0.1', port: 8080 } }, '10.0.0.1:8080'],
    ['a range, its first', { dnat: { addr: { range: ['10.0.0.1', '10.0.0.9'] } } }, '10.0.0.1:80'],
    [
      'a map',
      { dnat: { addr: { map: { key: payload('tcp', 'dport'), data: { set: [[80, '10.0.0.3']] } } } } },
      '10.0.0.3:80',
    ],
    [
      'a map of both',
      {
        dnat: {
          addr: {
            map: { key: payload('tcp', 'dport'), data: { set: [[80, { concat: ['10.0.0.3', 81] }]] } },
          },
        },
      },
      '10.0.0.3:81',
    ],
    [
      'a map without the key',
      { dnat: { addr: { map: { key: payload('tcp', 'dport'), data: { set: [[1, '10.0.0.3']] } } } } },
      '198.51.100.7:80',
    ],
    ['the other family', { dnat: { family: 'ip6', addr: 'fd00::9' } }, '198.51.100.7:80'],
    ['redirect', { redirect: { port: 3128 } }, '172.17.0.1:3128'],
  ])('to %s', (_, statement, wanted) => {
    expect(target([nat('', { rules: [[statement]] })])).toBe(wanted);
  });

  test('masquerade takes the address of the device out; the input device is known there', () => {
    const rules = [[match(meta('iifname'), 'docker0'), { masquerade: null }]];
    const [run] = ask({
      chains: [{ type: 'nat', hook: 'postrouting', prio: 100, rules }],
      hook: 'POSTROUTING',
    });
    expect(run && formatAddr(run.packet.src)).toBe('203.0.113.2');
  });
});

describe('changes', () => {
  test('marks of packet and connection, seen by later rules', () => {
    const rules = [
      [{ mangle: { key: meta('mark'), value: 7 } }],
      [{ mangle: { key: ct('mark'), value: meta('mark') } }],
      [match(ct('mark'), 7), drop],
    ];
    expect(outcomes({ chains: [{ hook: 'forward', rules }] })).toEqual(['drop inet t c0']);
  });

  test('what is done before a condition fails stays done', () => {
    const rules = [[{ mangle: { key: meta('mark'), value: 7 } }, match(payload('tcp', 'dport'), 81)]];
    expect(ask({ chains: [{ hook: 'forward', rules }] })[0]?.packet.mark).toBe(7);
  });

  test('notrack before conntrack', () => {
    const chain = { hook: 'prerouting', rules: [[{ notrack: null }]] };
    const state = (prio: number) =>
      ask({ chains: [{ ...chain, prio }], hook: 'PREROUTING' })[0]?.packet.tracking?.state;
    expect(state(-300)).toBe('UNTRACKED');
    expect(state(-100)).toBe('NEW');
  });

  test('segment size is only lowered', () => {
    const rules = (value: unknown) => [
      [{ mangle: { key: { 'tcp option': { name: 'maxseg', field: 'size' } }, value } }],
    ];
    const mss = (value: unknown) =>
      ask({ chains: [{ hook: 'forward', rules: rules(value) }], packet: { mss: 1400 } })[0]?.packet.mss;
    expect(mss(1200)).toBe(1200);
    expect(mss(9000)).toBe(1400);
  });
});
