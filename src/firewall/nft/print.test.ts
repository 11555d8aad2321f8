import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { parseAddr } from '../../net/addr.ts';
import { parsePrefix } from '../../net/prefix.ts';
import * as nft from './build.ts';
import { formatNftRule } from './format.ts';
import type { NftChain, NftHook, NftRule, NftTable } from './model.ts';
import { parseNftJson } from './parse.ts';
import { nftLines, printNft } from './print.ts';
import { nftJson } from './print-json.ts';
import { namedPriority, priorityText } from './priority.ts';

const reason = { step: 'why', because: [] };

function addr(text: string) {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function prefix(text: string) {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const hook: NftHook = { type: 'filter', hook: 'forward', priority: 0, policy: 'drop', devices: [] };

function tableOf(chains: readonly NftChain[], sets: NftTable['sets'] = []): NftTable {
  return { family: 'ip', name: 't', chains, sets, reason };
}

const small = tableOf(
  [
    { name: 'f', base: hook, rules: [{ ...nft.rule('why not', nft.counter, nft.drop), reason }] },
    { name: 'empty', rules: [] },
  ],
  [
    {
      name: 'm',
      type: ['ifname'],
      data: ['verdict'],
      dynamic: false,
      elements: [nft.jumpElement('br0', 'empty'), nft.jumpElement('eth0', 'empty')],
      reason,
    },
    { name: 's', type: ['ipv4_addr', 'inet_service'], dynamic: true, elements: [] },
  ],
);

/** Rules as the engine plans them, and how nft lists them. */
const rules: readonly (readonly [NftRule, string])[] = [
  [nft.rule('A B', nft.onDevice('iifname', '!=', 'br0'), nft.drop), 'iifname != "br0" drop comment "A B"'],
  [
    nft.rule(undefined, nft.onDevice('oifname', '==', 'z', 'a', 'z'), nft.accept),
    'oifname { "a", "z" } accept',
  ],
  [
    nft.rule(undefined, nft.onAddress('daddr', '==', addr('fd00::2')), nft.onPort('sctp', 'dport', 7)),
    'ip6 daddr fd00::2 sctp dport 7',
  ],
  [nft.rule(undefined, nft.onPrefix('saddr', '!=', prefix('fe80::/10'))), 'ip6 saddr != fe80::/10'],
  [nft.rule(undefined, nft.onPrefix('saddr', '==', prefix('10.0.0.1/32'))), 'ip saddr 10.0.0.1'],
  [nft.rule(undefined, nft.onLocal('daddr'), nft.jump('c')), 'fib daddr type local jump c'],
  [nft.rule(undefined, nft.onPing('ipv4'), nft.onPing('ipv6')), 'ip protocol icmp meta l4proto ipv6-icmp'],
  [nft.rule(undefined, nft.answers, nft.counter, nft.accept), 'ct state established,related counter accept'],
  [nft.rule(undefined, nft.onMark(7)), 'meta mark 0x00000007'],
  [nft.rule(undefined, nft.onMark(7, 255)), 'meta mark & 0x000000ff == 0x00000007'],
  [nft.rule(undefined, nft.lookUp('oifname', 'm')), 'oifname vmap @m'],
  [nft.rule(undefined, nft.translateTo('dnat', addr('10.0.0.2'), 80)), 'dnat to 10.0.0.2:80'],
  [nft.rule(undefined, nft.translateTo('dnat', addr('fd00::2'), 80)), 'dnat to [fd00::2]:80'],
  [nft.rule(undefined, nft.translateTo('snat', addr('10.0.0.2'))), 'snat to 10.0.0.2'],
  [nft.rule(undefined, nft.masquerade), 'masquerade'],
];

test.each(rules)('%j is %s', (rule, text) => {
  expect(formatNftRule(rule)).toBe(text);
});

describe('printNft', () => {
  it('is the listing of nft -s', () => {
    expect(
      printNft([small, { family: 'ip6', name: 'u', owned: true, chains: [], sets: [] }]),
    ).toBe(`table ip t {
	map m {
		type ifname : verdict
		elements = { "br0" : jump empty,
			     "eth0" : jump empty }
	}

	set s {
		type ipv4_addr . inet_service
		flags dynamic
	}

	chain f {
		type filter hook forward priority filter; policy drop;
		counter drop comment "why not"
	}

	chain empty {
	}
}
table ip6 u {
	flags owner
}
`);
    expect(printNft([])).toBe('');
  });

  it('gives each line the reason of what it prints', () => {
    const why = nftLines(small).flatMap((line) => (line.reason === undefined ? [] : [line.text.trim()]));
    expect(why).toEqual(['table ip t {', 'map m {', 'counter drop comment "why not"']);
  });
});

describe('nftJson', () => {
  it('is read back as it was, but for reasons and places', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: rules.length - 1 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(numbers, { maxLength: 4 }), fc.boolean(), (lists, based) => {
        const chains = lists.map((list, index) => ({
          name: `c${index}`,
          ...(based ? { base: { ...hook, priority: index * 7 - 3, devices: ['eth0'] } } : {}),
          rules: list.flatMap((at) => rules[at]?.[0] ?? []),
        }));
        const { reason: _, ...table } = tableOf(
          chains,
          small.sets.map(({ reason: __, ...set }) => set),
        );
        const read = parseNftJson(JSON.parse(JSON.stringify(nftJson([table]))), 'f', () => false);
        expect(read.problems).toEqual([]);
        const plain = read.ruleset.tables.map(({ at: _at, ...rest }) => ({
          ...rest,
          chains: rest.chains.map((chain) => ({
            ...chain,
            rules: chain.rules.map(({ at: _ruleAt, ...rule }) => rule),
          })),
        }));
        expect(plain).toEqual([table]);
      }),
    );
  });

  it('shows reasons when asked, and JSON that was not understood as it was', () => {
    const text = JSON.stringify(nftJson([small], { reasons: true }));
    expect(text.match(/"reason"/g)).toHaveLength(3);
    expect(JSON.stringify(nftJson([small]))).not.toContain('reason');
    const odd = { quota: { val: 1 } };
    const read = parseNftJson(
      {
        nftables: [
          { chain: { family: 'ip', table: 't', name: 'c' } },
          {
            rule: {
              family: 'ip',
              table: 't',
              chain: 'c',
              expr: [odd, { counter: 'named' }, { limit: { rate: 1 } }],
            },
          },
        ],
      },
      'f',
      () => false,
    );
    const again = JSON.stringify(nftJson(read.ruleset.tables));
    expect(again).toContain('"quota":{"val":1}');
    expect(again).toContain('{"counter":"named"}');
    expect(again).toContain('{"limit":{"rate":1}}');
  });
});

describe('priorities', () => {
  it.each([
    ['ip', 0, 'filter'],
    ['ip', -100, 'dstnat'],
    ['inet', 105, 'srcnat + 5'],
    ['ip6', -303, 'raw - 3'],
    ['ip', 30, '30'],
    ['bridge', -200, 'filter'],
    ['arp', -300, '-300'],
  ] as const)('%s %d is %s', (family, priority, text) => {
    expect(priorityText(family, { ...hook, priority })).toBe(text);
  });

  it('by name, and by no name that an object has by itself', () => {
    expect(namedPriority('srcnat', 'inet')).toBe(100);
    expect(namedPriority('toString', 'inet')).toBeUndefined();
  });
});
