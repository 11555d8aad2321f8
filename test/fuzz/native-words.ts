/**
 * The words that random native nftables tables are made of: chains of all families and hooks, sets, maps, conditions and statements.
 * In: the name of a table. Out: arbitraries of whole tables, as nft reads them.
 */
import fc from 'fast-check';
import type { Family } from '../../src/net/addr.ts';
import { addresses, one, prefixes, words } from './topology.ts';

const maybeNot = one('', '', '!=');

/** Keywords of a family. */
const heads = { ipv4: 'ip', ipv6: 'ip6' } as const;
const icmpHeads = { ipv4: 'icmp', ipv6: 'icmpv6' } as const;

/** Sets and maps that a table may name, with what fills them. */
const namedSets: Readonly<Record<Family, readonly string[]>> = {
  ipv4: [
    'set hosts { type ipv4_addr; flags interval; elements = { 172.17.0.2, 172.18.0.0/16, 198.51.100.1-198.51.100.9 } }',
    'set pairs { type ipv4_addr . inet_service; elements = { 172.17.0.2 . 80, 203.0.113.2 . 8080, 198.51.100.7 . 7777 } }',
    'map verdicts { type ipv4_addr : verdict; elements = { 172.17.0.2 : accept, 172.18.0.2 : drop, 203.0.113.2 : jump own } }',
    'map marks { type inet_service : mark; elements = { 80 : 0x1, 7777 : 0x2 } }',
  ],
  ipv6: [
    'set hosts { type ipv6_addr; flags interval; elements = { fd00:17::2, fd00:18::/64, 2001:db8:ffff::1-2001:db8:ffff::9 } }',
    'set pairs { type ipv6_addr . inet_service; elements = { fd00:17::2 . 80, 2001:db8:113::2 . 8080, 2001:db8:ffff::7 . 7777 } }',
    'map verdicts { type ipv6_addr : verdict; elements = { fd00:17::2 : accept, fd00:18::2 : drop, 2001:db8:113::2 : jump own } }',
    'map marks { type inet_service : mark; elements = { 80 : 0x1, 7777 : 0x2 } }',
  ],
};

function condition(family: Family): fc.Arbitrary<string> {
  const ip = heads[family];
  const some = fc.oneof(one(...addresses[family]), one(...prefixes[family]));
  return fc.oneof(
    words(ip, one('saddr', 'daddr'), maybeNot, some),
    words(ip, one('saddr', 'daddr'), maybeNot, '@hosts'),
    words(ip, one('saddr', 'daddr'), maybeNot, '{', some, '}'),
    words(
      ip,
      one('saddr', 'daddr'),
      '& ',
      family === 'ipv4' ? '255.255.0.0 == 172.17.0.0' : 'ffff:ffff:: == fd00:17::',
    ),
    words('iifname', maybeNot, one('"docker0"', '"eth0"', '"br-*"', '{ "docker0", "br-neta" }')),
    words('iif', maybeNot, one('lo', 'docker0')),
    words('meta mark', maybeNot, '1'),
    words('meta mark & 0xff', one('==', '!='), '1'),
    words('meta length', one('<', '>'), one(70, 90)),
    words('ct state', one('new', 'established,related', 'invalid', '!= new', '{ new, untracked }')),
    words('ct status', one('dnat', 'snat')),
    words('ct direction', one('original', 'reply')),
    words('ct mark', maybeNot, '1'),
    words('ct original', ip, one('saddr', 'daddr'), one(...addresses[family])),
    words('ct original proto-dst', maybeNot, one(80, 8080)),
    words('fib daddr type', one('local', 'unicast', '!= local')),
    words('fib saddr . iif oif', one('missing', 'exists')),
    words('fib saddr oifname', maybeNot, one('"docker0"', '"eth0"')),
    words(family === 'ipv4' ? 'ip ttl' : 'ip6 hoplimit', one('63', '!= 63', '64', '< 64')),
  );
}

/** About the protocol, since nft refuses a rule that speaks of two; and what may be asked only then. */
function protocol(family: Family): fc.Arbitrary<string> {
  return fc.oneof(
    one(''),
    words('tcp dport', maybeNot, one('80', '8080', '{ 80, 2222 }', '1024-9000', '{ 53, 80-90 }')),
    words('udp dport', one('53', '7777')),
    words('th dport', maybeNot, one('80', '5353')),
    words('meta l4proto', one('tcp', 'udp', family === 'ipv4' ? 'icmp' : 'ipv6-icmp', '{ tcp, udp }')),
    one('tcp flags & (syn | ack) == syn | ack', 'tcp flags syn / syn,ack'),
    words(icmpHeads[family], 'type', one('echo-request', 'echo-reply')),
    words(heads[family], 'daddr . tcp dport', maybeNot, '@pairs'),
    words(
      'meta l4proto . th dport',
      one('{ tcp . 80, udp . 53 }', '{ tcp . 8080, tcp . 7777 }', '{ udp . 5353 }'),
    ),
  );
}

function rule(family: Family, end: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(protocol(family), fc.array(condition(family), { maxLength: 2 }), end)
    .map(([about, conditions, verdict]) =>
      [verdict.endsWith('tcp reset') ? 'meta l4proto tcp' : about, ...conditions, verdict]
        .filter((text) => text !== '')
        .join(' '),
    );
}

const acts = one(
  ...['accept', 'accept', 'drop', 'return', 'jump own', 'goto own'],
  ...[
    'meta mark set 1',
    'ct mark set 1',
    'meta mark set ct mark',
    'counter',
    'meta mark set meta mark | 0x10',
  ],
);

function mapped(family: Family): fc.Arbitrary<string> {
  const ip = heads[family];
  return one(
    `${ip} saddr vmap @verdicts`,
    `${ip} daddr vmap @verdicts`,
    'meta l4proto vmap { tcp : jump own, udp : accept }',
    'iifname vmap { "docker0" : jump own, "eth0" : accept }',
    'ct state vmap { established : accept, invalid : drop, new : jump own }',
    'tcp dport vmap { 80 : accept, 8080-9000 : drop }',
    'meta mark set tcp dport map @marks',
  );
}

interface Shape {
  readonly family: string;
  readonly speaks: Family;
  readonly chain: string;
  readonly rules: readonly string[];
  readonly own: readonly string[];
}

function tableText(name: string, { family, speaks, chain, rules, own }: Shape): string {
  const all = [...rules, ...own].join('\n');
  const sets = namedSets[speaks].filter((text) => all.includes(`@${text.split(' ')[1]}`));
  const chains = all.includes('own') || sets.some((text) => text.includes('jump own')) ? ['own', 'c'] : ['c'];
  const inner = (lines: readonly string[]) => lines.map((text) => `  ${text}`);
  return [
    `table ${family} ${name} {`,
    ...sets.map((text) => ` ${text}`),
    ...(chains.includes('own') ? [' chain own {', ...inner(own), ' }'] : []),
    ' chain c {',
    `  ${chain}`,
    ...inner(rules),
    ' }',
    '}',
  ].join('\n');
}

/** What stands in the chain that others jump to: nothing that jumps. */
function ownRules(speaks: Family): fc.Arbitrary<readonly string[]> {
  return fc.array(rule(speaks, one('accept', 'drop', 'return', 'meta mark set 2', 'counter')), {
    maxLength: 2,
  });
}

/** The kernel takes some words at some hooks only (nft_fib_validate), and before conntrack alone is it of use to leave it out. */
function fitting(hook: string, priority: number): (text: string) => boolean {
  const early = priority < -200 && (hook === 'prerouting' || hook === 'output');
  return (text) =>
    (early || !text.endsWith('notrack')) && (hook === 'prerouting' || !text.includes('fib saddr'));
}

function filterTable(name: string, speaks: Family): fc.Arbitrary<string> {
  return fc
    .record({
      family: one('inet', heads[speaks]),
      hook: one('prerouting', 'input', 'forward', 'output', 'postrouting'),
      priority: one(-310, -250, -155, -10, 5, 110),
      policy: one('accept', 'accept', 'accept', 'drop'),
      rules: fc.array(
        fc.oneof({ weight: 3, arbitrary: rule(speaks, acts) }, mapped(speaks), rule(speaks, one('notrack'))),
        { maxLength: 3 },
      ),
      own: ownRules(speaks),
    })
    .map(({ hook, priority, policy, rules, own, ...shape }) => {
      const fits = fitting(hook, priority);
      return tableText(name, {
        ...shape,
        speaks,
        rules: rules.filter(fits),
        own: own.filter(fits),
        chain: `type filter hook ${hook} priority ${priority}; policy ${policy};`,
      });
    });
}

function rejectTable(name: string, speaks: Family): fc.Arbitrary<string> {
  const codes = speaks === 'ipv4' ? 'icmp type host-unreachable' : 'icmpv6 type addr-unreachable';
  return fc
    .record({
      family: one('inet', heads[speaks]),
      hook: one('input', 'forward', 'output', 'prerouting'),
      priority: one(-1, 1),
      text: rule(speaks, one('reject', `reject with ${codes}`, 'reject with tcp reset')),
    })
    .map(({ family, hook, priority, text }) =>
      tableText(name, {
        ...{
          family,
          speaks,
          rules: [text]
            .filter(fitting(hook, priority))
            .map((text) =>
              family === 'inet' && text.includes(' type ') && text.includes('reject with')
                ? `meta nfproto ${speaks} ${text}`
                : text,
            ),
          own: [],
        },
        chain: `type filter hook ${hook} priority ${priority};`,
      }),
    );
}

const dnatTo = { ipv4: ['172.17.0.2', '172.18.0.2'], ipv6: ['fd00:17::2', 'fd00:18::2'] } as const;
const dnatMaps = {
  ipv4: 'tcp dport map { 8080 : 172.17.0.2, 2222 : 172.18.0.2 }',
  ipv6: 'tcp dport map { 8080 : fd00:17::2, 2222 : fd00:18::2 }',
} as const;
const snatTo = { ipv4: '203.0.113.2', ipv6: '2001:db8:113::2' } as const;

function natTable(name: string, speaks: Family): fc.Arbitrary<string> {
  const family = heads[speaks];
  const dnat = fc
    .tuple(
      one('prerouting', 'output'),
      one(-110, -90),
      fc.oneof(
        rule(speaks, one(...dnatTo[speaks].map((to) => `dnat to ${to}`), 'redirect')),
        one(`dnat to ${dnatMaps[speaks]}`),
      ),
    )
    .map(([hook, priority, text]) => ({
      chain: `type nat hook ${hook} priority ${priority};`,
      rules: [text].filter(fitting(hook, priority)),
    }));
  const snat = fc
    .tuple(one(90, 110), rule(speaks, one('masquerade', `snat to ${snatTo[speaks]}`)))
    .map(([priority, text]) => ({
      chain: `type nat hook postrouting priority ${priority};`,
      rules: [text].filter(fitting('postrouting', priority)),
    }));
  return fc.oneof(dnat, snat).map((part) => tableText(name, { family, speaks, own: [], ...part }));
}

function routeTable(name: string, speaks: Family): fc.Arbitrary<string> {
  return rule(speaks, one('meta mark set 1')).map((text) =>
    tableText(name, {
      ...{ family: heads[speaks], speaks, rules: [text].filter(fitting('output', -140)), own: [] },
      chain: 'type route hook output priority -140;',
    }),
  );
}

/** Chains that see frames. Their conditions name the protocol, so that ARP passes. */
function frameTable(name: string, speaks: Family): fc.Arbitrary<string> {
  const ip = heads[speaks];
  const some = fc.oneof(one(...addresses[speaks]), one(...prefixes[speaks]));
  const about = fc.oneof(
    words(ip, one('saddr', 'daddr'), maybeNot, some),
    words('tcp dport', maybeNot, one('80', '8080', '{ 80, 2222 }')),
    words('udp dport', one('53', '7777')),
    words(ip, one('saddr', 'daddr'), '@hosts'),
    words('ether saddr 02:42:ac:11:00:02', ip, 'daddr', some),
  );
  const verdict = one('accept', 'drop', 'drop', 'meta mark set 1', 'return');
  const rules = fc.array(words(about, verdict), { minLength: 1, maxLength: 2 });
  const bridged = fc
    .tuple(one('prerouting', 'input', 'forward', 'output', 'postrouting'), one(-310, -1, 10), rules)
    .map(([hook, priority, lines]) =>
      tableText(name, {
        ...{ family: 'bridge', speaks, rules: lines, own: [] },
        chain: `type filter hook ${hook} priority ${priority};`,
      }),
    );
  const netdev = fc
    .tuple(one('ingress', 'egress'), one('eth0', 'docker0', 'veth-web', 'veth-peer'), rules)
    .map(([hook, device, lines]) =>
      tableText(name, {
        ...{ family: 'netdev', speaks, rules: lines, own: [] },
        chain: `type filter hook ${hook} device ${device} priority 0;`,
      }),
    );
  return fc.oneof(bridged, netdev);
}

/** A native table with one base chain, as nft reads it. */
export function nativeTable(name: string, speaks: Family): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 5, arbitrary: filterTable(name, speaks) },
    rejectTable(name, speaks),
    { weight: 2, arbitrary: natTable(name, speaks) },
    routeTable(name, speaks),
    { weight: 2, arbitrary: frameTable(name, speaks) },
  );
}
