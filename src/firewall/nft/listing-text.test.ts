import { describe, expect, test } from 'vitest';
import { formatNftRule } from './format.ts';
import { listingJson } from './listing-text.ts';
import { parseNftJson } from './parse.ts';

const tablesOf = (text: string) => parseNftJson(listingJson(text).json, 'f', () => false).ruleset.tables;

/** One rule, read and printed again. */
function again(rule: string): string | undefined {
  const [table] = tablesOf(`table inet t {\n\tchain c {\n\t\t${rule}\n\t}\n}\n`);
  return table?.chains[0]?.rules.map(formatNftRule)[0];
}

test.each([
  'iifname "docker0" tcp dport 80 counter accept comment "a } b"',
  'ip daddr 172.17.0.2 iifname != "docker0" counter drop',
  'ct state related,established accept',
  'ct state == { established, related } accept',
  'meta mark & 0x000000ff == 0x00000001 accept',
  'tcp flags & (fin|syn) == syn drop',
  'ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.0/8 . 1-1024 } accept',
  'ip6 daddr { fd00::/8, ::1 } reject with icmpv6 addr-unreachable',
  'oifname vmap { "a" : jump x, * : drop }',
  'fib saddr . mark . iif oif missing drop',
  'tcp dport 8080 dnat to 172.17.0.2:80',
  'meta nfproto ipv6 tcp dport 8080 dnat ip6 to [fd00::2]:80',
  'tcp option maxseg size set 1360',
  'jump other',
])('%s is read as it was written', (rule) => {
  expect(again(rule)?.replace(/ ?\| ?/g, '|')).toBe(rule.replace(/[()]/g, ''));
});

describe('what is not known', () => {
  test('stays unknown, and the verdict behind it is kept', () => {
    const [table] = tablesOf('table ip t {\nchain c {\nxt match "addrtype" counter drop comment "x"\n}\n}');
    expect(table?.chains[0]?.rules[0]?.statements.map(({ kind }) => kind)).toEqual(['unknown', 'verdict']);
  });

  test('an end that is missing is said, and what was read is kept', () => {
    const text = 'table ip a {\n}\ntable ip b {\nchain c {\naccept\n';
    expect(listingJson(text).cutAt).toBe(3);
    expect(tablesOf(text).map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

test('a rule has its line, chains their hooks, sets their elements over several lines', () => {
  const [table] = tablesOf(`table ip t { # handle 4
	flags owner
	set s {
		type ipv4_addr . inet_service
		flags interval
		elements = { 10.0.0.0/8 . 80,
			     192.168.0.1 . 443 }
	}
	chain c {
		type filter hook ingress device "eth0" priority filter - 5; policy drop;
		ip saddr @s accept # handle 9
	}
}
`);
  expect(table).toMatchObject({
    handle: 4,
    owned: true,
    chains: [
      {
        base: { type: 'filter', hook: 'ingress', priority: -5, policy: 'drop', devices: ['eth0'] },
        rules: [{ handle: 9, at: { file: 'f', line: 11 } }],
      },
    ],
    sets: [{ name: 's', type: ['ipv4_addr', 'inet_service'] }],
  });
  expect(table?.sets[0]?.elements).toHaveLength(2);
});
