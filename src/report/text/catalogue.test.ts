import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { causes } from '../../diagnosis/causes.ts';
import { compileModule } from '../../firewall/match-modules.ts';
import { expressionFact, metaFact } from '../../firewall/nft/expression-facts.ts';
import { statementFact } from '../../firewall/nft/statement-facts.ts';
import type { PacketView } from '../../firewall/packet-view.ts';
import type { Story } from '../story.ts';
import { english } from './en.ts';
import { plain } from './layout.ts';
import { chinese } from './zh.ts';

/** A story in which every parameter is there, and says its own name. */
const full: Story = {
  param: (name) => (name === 'count' || name === 'position' ? '2' : `<${name}>`),
  because: {
    setting: 'ip-masq',
    value: false,
    origin: { kind: 'file', path: 'daemon.json', line: 2, column: 3 },
  },
  exit: { dev: 'eth0', sources: ['172.17.0.2'] },
  masquerade: { subnets: ['172.17.0.0/16'], rules: ['-A POSTROUTING -j MASQUERADE'] },
};
/** A story that knows nothing beyond its cause. */
const bare: Story = {
  param: () => '',
  because: undefined,
  exit: undefined,
  masquerade: { subnets: [], rules: [] },
};

const parametersOf = (text: string) => [...new Set(text.match(/<[a-z]+>/g))].sort();

describe.each(causes)('%s', (cause) => {
  test('is told in both languages, of the same things', () => {
    const en = plain(english.causes[cause](full));
    const zh = plain(chinese.causes[cause](full));
    expect(en).toMatch(/^\S[^\n]{20,}$/);
    expect(zh).toMatch(/[\u4e00-\u9fff]{4}/);
    expect(parametersOf(zh)).toEqual(parametersOf(en));
  });

  test('is a sentence also where nothing more is known', () => {
    for (const words of [english, chinese]) {
      const text = words.causes[cause](bare);
      expect(text).not.toMatch(/undefined|NaN|\[object/);
      expect(text.length).toBeGreaterThan(8);
    }
  });
});

test('the incident is told from the walk, the setting and the plan', () => {
  const text = plain(
    english.causes['masquerade-disabled']({ ...full, param: (n) => (n === 'value' ? 'false' : 'ip-masq') }),
  );
  expect(text).toBe(
    'The packet leaves through the uplink (eth0) as 172.17.0.2, because nat/POSTROUTING has no rule for 172.17.0.0/16; ' +
      'the outside has no way back to that address. There is none because ip-masq is false (daemon.json, line 2); ' +
      'with it true the daemon adds -A POSTROUTING -j MASQUERADE',
  );
});

test('outcomes keep their name', () => {
  for (const outcome of ['ok', 'timeout', 'connected-then-closed', 'unknown'] as const) {
    expect(english.outcome(outcome)).toBe(outcome);
    expect(chinese.outcome(outcome)).toMatch(new RegExp(`^[\\u4e00-\\u9fff]+ \\(${outcome}\\)$`));
  }
  expect(chinese.outcome('icmp-3/1')).toBe('icmp-3/1');
});

/** Every plain phrase that the simulator can give as the reason of a death. */
function reasons(): readonly string[] {
  const folder = new URL('../../packet/', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .flatMap((name) => {
      const source = readFileSync(new URL(name, folder), 'utf8');
      return [...source.matchAll(/(?:why: |this\.die\([^;]*?, )'([^']+)'/g)].map((match) => match[1] ?? '');
    });
}

test('every reason of a death has a Chinese phrase', () => {
  const found = reasons();
  expect(found).toContain('no route');
  expect(found).toContain('link is down');
  expect(found.filter((reason) => chinese.phrase(reason) === reason)).toEqual([]);
});

test.each([
  ['frame is larger than the MTU', '帧超过 MTU'],
  ['no neighbour 172.17.0.1', '解析不到邻居 172.17.0.1'],
  [
    'rule 3 of filter/X matches: how many connections the address has',
    'filter/X 第 3 条规则是否匹配：该地址现有多少连接',
  ],
  ['rule 3 of inet myfw f matches: members of set s', 'inet myfw f 第 3 条规则是否匹配：集合 s 的成员'],
  [
    'queue ({}) of rule 3 of inet myfw f lets the packet pass',
    'inet myfw f 第 3 条规则的 queue ({}) 是否放行',
  ],
  [
    'daemon.json line 2: "ip-masq": true, then restart dockerd',
    'daemon.json 第 2 行改为 "ip-masq": true，然后重启 dockerd',
  ],
  [
    'recreate m1, m2 with its port published on an address of this host',
    '重建容器 m1, m2，把端口发布在本机拥有的地址上',
  ],
  ['recreate the network net1 with a larger subnet', '用更大的子网重建网络 net1'],
  ['upgrade the engine to 28.0 or newer', '把引擎升级到 28.0 或更新的版本'],
  [
    'stop what holds port 8080, or recreate web with another host port',
    '停掉占用端口 8080 的程序，或换一个主机端口重建容器 web',
  ],
  ['something never heard of', 'something never heard of'],
])('phrase %s', (en, zh) => {
  expect(chinese.phrase(en)).toBe(zh);
  expect(english.phrase(en)).toBe(en);
});

test('what would decide a match or an expression has a Chinese phrase', () => {
  const modules = [
    'connlimit',
    'connbytes',
    'string',
    'bpf',
    'osf',
    'time',
    'policy',
    'quota',
    'realm',
    'devgroup',
  ];
  const others = [
    'cpu',
    'connlabel',
    'nfacct',
    'rateest',
    'recent',
    'socket',
    'rpfilter',
    'set',
    'statistic',
  ];
  const view = { protocol: 6, fragment: false, owner: undefined, ctState: 'NEW' } as unknown as PacketView;
  const facts = [...modules, ...others].map((module) => {
    const options = module === 'set' ? [{ not: false, name: '--match-set', values: ['s', 'src'] }] : [];
    return compileModule({ module, options })(view);
  });
  const expressions = ['numgen', 'jhash', 'symhash', 'osf', 'socket', 'rt', 'ipsec', 'tunnel', 'payload'];
  const keys = ['secpath', 'hour', 'random', 'cpu', 'cgroup', 'iifgroup', 'iiftype', 'rtclassid'];
  const statements = ['queue', 'tproxy', 'synproxy', 'fwd', 'ct count'];
  const phrases = [
    ...facts.flatMap((truth) => (typeof truth === 'boolean' ? [] : [truth.unknown])),
    ...expressions.map((name) => expressionFact(name).unknown),
    ...keys.map((key) => metaFact(key).unknown),
    ...statements.map((name) => statementFact({ kind: 'unknown', name, json: '{}' }).unknown),
  ];
  expect(phrases).toHaveLength(
    modules.length + others.length + expressions.length + keys.length + statements.length,
  );
  expect(phrases.filter((phrase) => chinese.phrase(phrase) === phrase)).toEqual([]);
});
