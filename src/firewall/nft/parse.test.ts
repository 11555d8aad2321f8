/** Reading `nft -j list ruleset`: tables, chains, sets and rules; hostile and unknown forms are kept, bounded or named. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatNftRule } from './format.ts';
import { parseNftJson } from './parse.ts';
import { nftJson } from './print-json.ts';

const at = { family: 'inet', table: 't' } as const;

function read(...nftables: readonly unknown[]) {
  return parseNftJson({ nftables }, 'nft-ruleset.json', (_, table) => table === 'nat');
}

function ruleText(...expr: readonly unknown[]): string | undefined {
  const { ruleset } = read({ chain: { ...at, name: 'c' } }, { rule: { ...at, chain: 'c', expr } });
  const rule = ruleset.tables[0]?.chains[0]?.rules[0];
  return rule && formatNftRule(rule);
}

test('tables, base chains, sets and rules', () => {
  const { ruleset, problems } = read(
    { metainfo: { version: '1.1.7' } },
    { table: { family: 'ip', name: 'nat', handle: 4 } },
    { table: { family: 'inet', name: 't', handle: 9, flags: ['owner', 'persist'] } },
    { chain: { ...at, name: 'in', handle: 1, type: 'filter', hook: 'input', prio: 10, policy: 'drop' } },
    { chain: { ...at, name: 'sub', handle: 2 } },
    {
      set: {
        ...at,
        name: 's',
        type: 'ipv4_addr',
        elem: ['10.0.0.1', { elem: { val: '10.0.0.2', timeout: 9 } }],
      },
    },
    {
      map: {
        ...at,
        name: 'm',
        type: 'ifname',
        map: 'verdict',
        flags: ['dynamic'],
        elem: [['eth0', { jump: { target: 'sub' } }]],
      },
    },
    { rule: { ...at, chain: 'in', handle: 7, comment: 'why', expr: [{ accept: null }] } },
    { counter: { ...at, name: 'n' } },
  );
  expect(problems).toEqual([]);
  expect(ruleset.twins.map((t) => [t.name, t.handle])).toEqual([['nat', 4]]);
  expect(ruleset.tables).toMatchObject([
    {
      name: 't',
      handle: 9,
      owned: true,
      chains: [
        {
          name: 'in',
          base: { type: 'filter', hook: 'input', priority: 10, policy: 'drop' },
          rules: [{ handle: 7, comment: 'why', statements: [{ kind: 'verdict' }] }],
        },
        { name: 'sub', rules: [] },
      ],
      sets: [
        { name: 's', dynamic: false },
        {
          name: 'm',
          data: ['verdict'],
          dynamic: true,
          elements: [{ verdict: { kind: 'jump', chain: 'sub' } }],
        },
      ],
    },
  ]);
  expect(ruleset.tables[0]?.chains[1]).not.toHaveProperty('base');
});

test('what is of no known form is named, and the rest is read', () => {
  const { ruleset, problems } = read(
    { chain: { family: 'new', table: 't', name: 'x' } },
    { rule: { ...at, chain: 'nowhere', expr: [] } },
    { chain: { ...at, name: 'c' } },
  );
  expect(problems).toHaveLength(2);
  expect(ruleset.tables[0]?.chains.map((c) => c.name)).toEqual(['c']);
  expect(parseNftJson([], 'x', () => false).problems).toHaveLength(1);
});

const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const match = (left: unknown, right: unknown, op = '==') => ({ match: { op, left, right } });

describe('statements as text', () => {
  test.each([
    [[match({ meta: { key: 'iifname' } }, 'docker0'), { accept: null }], 'iifname "docker0" accept'],
    [
      [match(payload('ip', 'saddr'), { prefix: { addr: '10.0.0.0', len: 8 } }, '!=')],
      'ip saddr != 10.0.0.0/8',
    ],
    [
      [match({ ct: { key: 'state' } }, ['new', 'invalid'], 'in'), { drop: null }],
      'ct state new,invalid drop',
    ],
    [[match(payload('tcp', 'dport'), { set: [22, { range: [80, 90] }] })], 'tcp dport { 22, 80-90 }'],
    [[match({ fib: { result: 'oif', flags: ['saddr', 'iif'] } }, false)], 'fib saddr . iif oif missing'],
    [[match({ '&': [{ meta: { key: 'mark' } }, 255] }, 1)], 'meta mark & 0x000000ff == 0x00000001'],
    [[{ vmap: { key: { meta: { key: 'oifname' } }, data: '@m' } }], 'oifname vmap @m'],
    [[{ dnat: { family: 'ip', addr: '10.0.0.2', port: 80 } }], 'dnat ip to 10.0.0.2:80'],
    [[{ dnat: { addr: 'fd00::2', port: 80 } }], 'dnat to [fd00::2]:80'],
    [[{ snat: { port: 53 } }], 'snat to :53'],
    [[{ masquerade: null }], 'masquerade'],
    [[{ reject: { type: 'tcp reset' } }], 'reject with tcp reset'],
    [[{ reject: null }], 'reject'],
    [[{ mangle: { key: { ct: { key: 'mark' } }, value: 7 } }], 'ct mark set 0x00000007'],
    [[{ xt: { type: 'match', name: 'comment' } }, { counter: null }], 'comment counter'],
    [[{ quota: { val: 1 } }], '{"quota":{"val":1}}'],
    [[{ quota: { val: 3, val_unit: 'mbytes', inv: true } }], 'quota over 3 mbytes'],
    [[{ limit: { rate: 3, per: 'minute', burst: 5 } }], 'limit rate 3/minute burst 5 packets'],
    [
      [{ limit: { rate: 1, rate_unit: 'kbytes', per: 'second', inv: true } }],
      'limit rate over 1 kbytes/second',
    ],
    [[{ counter: 'n' }, { counter: { packets: 3, bytes: 4 } }], 'counter name "n" counter'],
    [
      [{ log: { prefix: 'x ', level: 'debug', group: 2 } }, { log: null }],
      'log prefix "x " group 2 level debug log',
    ],
    [[{ queue: { num: { range: [1, 3] }, flags: 'bypass' } }], 'queue flags bypass to 1-3'],
    [
      [{ masquerade: { port: 1024, flags: ['random', 'persistent'] } }],
      'masquerade to :1024 random,persistent',
    ],
    [
      [{ dnat: { family: 'ip', addr: { prefix: { addr: '10.0.0.0', len: 8 } }, type_flags: 'prefix' } }],
      'dnat ip prefix to 10.0.0.0/8',
    ],
    [
      [
        {
          set: {
            op: 'add',
            elem: payload('ip', 'saddr'),
            set: '@s',
            stmt: [{ limit: { rate: 3, per: 'hour' } }],
          },
        },
      ],
      'add @s { ip saddr limit rate 3/hour }',
    ],
    [[match({ exthdr: { name: 'frag', field: 'id' } }, 5)], 'frag id 5'],
    [[match({ exthdr: { name: 'hbh' } }, true)], 'exthdr hbh exists'],
    [[match({ 'tcp option': { name: 'maxseg', field: 'size' } }, 9)], 'tcp option maxseg size 9'],
    [[match({ payload: { base: 'th', offset: 16, len: 16 } }, 80)], '@th,16,16 80'],
    [
      [match({ payload: { tunnel: 'gre', protocol: 'ip', field: 'saddr' } }, '10.0.0.1')],
      '{"payload":{"tunnel":"gre","protocol":"ip","field":"saddr"}} 10.0.0.1',
    ],
  ])('%j', (expr, text) => {
    expect(ruleText(...expr)).toBe(text);
  });
});

test('a listing is written as it was, with what has no meaning here', () => {
  const objects = [
    { table: { family: 'inet', name: 't', handle: 9, flags: ['dormant', 'owner'], comment: 'c' } },
    {
      chain: {
        ...at,
        name: 'c',
        handle: 1,
        type: 'filter',
        hook: 'ingress',
        prio: 0,
        policy: 'accept',
        dev: 'eth0',
        comment: 'd',
      },
    },
    {
      set: {
        ...at,
        name: 's',
        handle: 2,
        type: { typeof: { payload: { protocol: 'ip', field: 'saddr' } } },
        flags: ['timeout'],
        timeout: 60,
        size: 5,
        elem: [{ elem: { val: '10.0.0.1', timeout: 9, expires: 3, comment: 'e' } }, '10.0.0.2'],
      },
    },
    { quota: { ...at, name: 'q', handle: 3, bytes: 100, used: 5, inv: false } },
    { flowtable: { ...at, name: 'f', handle: 4, hook: 'ingress', prio: 0, dev: ['eth0', 'eth1'] } },
    {
      rule: {
        ...at,
        chain: 'c',
        handle: 7,
        expr: [
          { counter: { packets: 1, bytes: 2 } },
          { quota: 'q' },
          { future: { x: [1, { y: null }] } },
          match({ numgen: { mode: 'inc', mod: 2, offset: 0 } }, 1),
        ],
      },
    },
  ];
  const { ruleset, problems } = read(...objects);
  expect(problems).toEqual([]);
  expect(ruleset.tables[0]).toMatchObject({ dormant: true, owned: true });
  expect(nftJson(ruleset.tables, { listing: true }).nftables.slice(1)).toEqual(objects);
});

test('any JSON is read without an error, and what is kept of it is bounded', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (json) => {
      expect(typeof ruleText(json)).toBe('string');
      expect(typeof ruleText({ match: { op: '==', left: json, right: json } })).toBe('string');
    }),
  );
  let deep: unknown = 'x';
  for (let i = 0; i < 5000; i++) deep = { '&': [deep, 1] };
  expect(ruleText({ match: { op: '==', left: deep, right: 1 } })?.length).toBeLessThan(2000);
});
