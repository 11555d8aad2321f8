/**
 * Random cases: what an engine of some version makes, changed here and there, and rules, routes and settings of others. In: a
 * number. Out: the case of that number, always the same. Whether the kernel takes it is the kernel's answer.
 */
import fc from 'fast-check';
import type { Family } from '../../src/net/addr.ts';
import type { HostCase } from './case.ts';
import { type DockerMakes, docker } from './docker-words.ts';
import { catalogue, large } from './flow-words.ts';
import { nativeTable } from './native-words.ts';
import { bridges, containers, one, sometimes, words } from './topology.ts';
import { ruleFor, type Table, tableHooks } from './vocabulary.ts';

/** The case of a number. */
export function caseOf(number: number): HostCase {
  const [made] = fc.sample(hostCase, { seed: number, numRuns: 1 });
  if (made === undefined) throw new Error('no case was made');
  return made;
}

interface Foreign {
  readonly chain: string;
  readonly rules: readonly string[];
  readonly inside: readonly string[];
  /** Before those of the engine. */
  readonly first: boolean;
}

/** Rules of others in one table: some at a built-in chain, some in a chain of their own that these reach. */
const foreignRules = (family: Family): fc.Arbitrary<Foreign> =>
  fc.constantFrom<Table>('raw', 'mangle', 'nat', 'filter', 'filter').chain((table) =>
    fc.constantFrom(...tableHooks[table]).chain((hook) => {
      const own = `OTHERS-${hook}`;
      const rule = ruleFor(family, { table, hook }, own);
      // In a chain of its own a rule does not jump there again.
      const inside = rule.filter((text) => !text.endsWith(own));
      return fc.record({
        chain: fc.constant(`${table} -N ${own}`),
        rules: fc
          .array(rule, { minLength: 1, maxLength: 3 })
          .map((rules) => rules.map((text) => `${table} -A ${hook} ${text}`)),
        inside: fc
          .array(inside, { maxLength: 2 })
          .map((rules) => rules.map((text) => `${table} -A ${own} ${text}`)),
        first: fc.boolean(),
      });
    }),
  );

const policies = fc.subarray(
  [
    'filter -P INPUT DROP',
    'filter -P FORWARD DROP',
    'filter -P OUTPUT DROP',
    'mangle -P FORWARD DROP',
    'raw -P PREROUTING DROP',
  ],
  { maxLength: 1 },
);

/** Lines of iptables-restore: what others have before and after the engine's. */
function together(
  made: readonly string[],
  policies: readonly string[],
  foreign: readonly Foreign[],
): readonly string[] {
  return [
    ...new Set(foreign.map(({ chain }) => chain)),
    ...policies,
    ...foreign.filter(({ first }) => first).flatMap(({ rules }) => rules),
    ...made.filter((line) => !policies.some((policy) => samePolicy(policy, line))),
    ...foreign.filter(({ first }) => !first).flatMap(({ rules }) => rules),
    ...foreign.flatMap(({ inside }) => inside),
  ];
}

function samePolicy(a: string, b: string): boolean {
  const head = (line: string) => line.split(' ').slice(0, 3).join(' ');
  return head(a) === head(b);
}

const setting = (name: string, ...values: readonly string[]) =>
  fc.constantFrom(...values).map((value) => `net.${name}=${value}`);

const sysctl4 = fc.oneof(
  setting('ipv4.ip_forward', '0', '1'),
  ...['all', 'eth0', 'docker0', 'br-neta'].flatMap((dev) => [
    setting(`ipv4.conf.${dev}.rp_filter`, '0', '1', '2'),
    setting(`ipv4.conf.${dev}.route_localnet`, '0', '1'),
  ]),
  ...['eth0', 'docker0', 'br-neta'].map((dev) => setting(`ipv4.conf.${dev}.forwarding`, '0', '1')),
  ...['all', 'docker0', 'eth0'].flatMap((dev) => [
    setting(`ipv4.conf.${dev}.accept_local`, '0', '1'),
    setting(`ipv4.conf.${dev}.arp_ignore`, '0', '1', '2'),
    setting(`ipv4.conf.${dev}.proxy_arp`, '0', '1'),
  ]),
  one('net.bridge.bridge-nf-call-iptables=0', 'net.bridge.bridge-nf-call-iptables=1'),
  setting('ipv4.conf.all.src_valid_mark', '0', '1'),
  setting('ipv4.ip_default_ttl', '64', '1'),
  setting('ipv4.icmp_echo_ignore_all', '0', '1'),
  setting('ipv4.fwmark_reflect', '0', '1'),
);
const sysctl6 = fc.oneof(
  setting('ipv6.conf.all.forwarding', '0', '1'),
  ...['eth0', 'docker0', 'br-neta'].map((dev) => setting(`ipv6.conf.${dev}.forwarding`, '0', '1')),
  one('net.bridge.bridge-nf-call-ip6tables=0', 'net.bridge.bridge-nf-call-ip6tables=1'),
  setting('ipv6.icmp.echo_ignore_all', '0', '1'),
  setting('ipv6.fwmark_reflect', '0', '1'),
  setting('ipv6.conf.docker0.disable_ipv6', '1'),
);

const routeWords = {
  ipv4: {
    bad: ['198.51.100.0/24', '172.17.0.3/32', '172.18.0.0/24', '203.0.113.1/32'],
    table: [
      'default via 203.0.113.1 table 100',
      'blackhole default table 100',
      'unreachable 198.51.100.0/24 table 100',
      '172.18.0.0/16 dev br-neta table 100',
      '172.17.0.0/16 dev docker0 table 100',
      'throw 198.51.100.0/24 table 100',
    ],
  },
  ipv6: {
    bad: ['2001:db8:ffff::/48', 'fd00:17::3/128', 'fd00:18::/72', '2001:db8:113::1/128'],
    table: [
      'default via 2001:db8:113::1 table 100',
      'blackhole ::/0 table 100',
      'unreachable 2001:db8:ffff::/48 table 100',
      'fd00:18::/64 dev br-neta table 100',
      'fd00:17::/64 dev docker0 table 100',
      'throw 2001:db8:ffff::/48 table 100',
    ],
  },
} as const;

function routes(family: Family): fc.Arbitrary<readonly string[]> {
  const { bad, table } = routeWords[family];
  const refusing = words(one('blackhole', 'prohibit', 'unreachable'), one(...bad));
  return fc.uniqueArray(fc.oneof(refusing, { weight: 2, arbitrary: one(...table) }), {
    maxLength: 2,
    selector: (line) =>
      line.replace(/^(blackhole|prohibit|unreachable|throw) /, '').replace(/via \S+ |dev \S+ /, ''),
  });
}

const selectors = {
  ipv4: ['from 172.17.0.0/16', 'to 198.51.100.0/24'],
  ipv6: ['from fd00:17::/64', 'to 2001:db8:ffff::/48'],
} as const;

function policyRules(family: Family): fc.Arbitrary<readonly string[]> {
  const selector = one(
    ...selectors[family],
    ...['fwmark 0x1', 'fwmark 0x1/0xff', 'iif docker0', 'iif eth0', 'iif lo', 'oif eth0'],
  );
  const action = one(
    ...['lookup 100', 'lookup 100', 'lookup main suppress_prefixlength 0'],
    ...['prohibit', 'blackhole', 'unreachable'],
  );
  return fc
    .array(words(one('', 'not'), selector, action), { maxLength: 2 })
    .map((rules) => rules.map((rule, index) => `pref ${100 + index} ${rule}`));
}

/** What is set at links, bridges and their ports. Smaller MTUs are those of tunnels. */
const link = fc.oneof(
  ...['veth-web', 'veth-peer'].map((port) =>
    words(
      'set',
      port,
      'type bridge_slave',
      one(
        'hairpin on',
        'isolated on',
        'learning off',
        'flood off',
        'learning off flood off',
        'state 4',
        'state 0',
      ),
    ),
  ),
  words('set docker0 type bridge', one('nf_call_iptables 1', 'nf_call_ip6tables 1')),
  words('set', one('eth0', 'docker0', 'br-neta', 'veth-web'), 'mtu', one(1400, 1300)),
  words('set', one('veth-web', 'br-neta'), 'down'),
);

/** In containers: rules of their own, settings and routes. */
function inside(dual: boolean): fc.Arbitrary<readonly string[]> {
  const name = one('web', 'peer', 'other');
  const rule = (family: Family) =>
    fc.constantFrom<Table>('filter', 'filter', 'nat', 'mangle', 'raw').chain((table) =>
      fc
        .constantFrom(...tableHooks[table])
        .filter((hook) => hook !== 'FORWARD')
        .chain((hook) =>
          ruleFor(family, { table, hook }, 'OWN')
            .filter((text) => !text.endsWith('OWN'))
            .map((text) => `${table} -A ${hook} ${text}`),
        ),
    );
  const line = fc.oneof(
    words('iptables', rule('ipv4')),
    words('iptables filter -P', one('INPUT', 'OUTPUT'), 'DROP'),
    words('sysctl', one('net.ipv4.conf.all.rp_filter=1', 'net.ipv4.icmp_echo_ignore_all=1')),
    words('ip', one('route add unreachable 198.51.100.0/24', 'route add prohibit 172.17.0.3/32')),
    ...(dual ? [words('ip6tables', rule('ipv6'))] : []),
  );
  return fc.array(words(name, line), { minLength: 1, maxLength: 2 });
}

const empty = { links: [], policyRules6: [], ip6tables: [], legacy: [], legacy6: [], inside: [] } as const;

/** Both families in four of ten, the nftables backend of 29 in two of ten. */
const hostCase: fc.Arbitrary<HostCase> = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }))
  .chain(([six, native]) => caseWith(six < 4, native < 2));

function caseWith(dual: boolean, native: boolean): fc.Arbitrary<HostCase> {
  const only6 = <T>(lists: fc.Arbitrary<readonly T[]>) => (dual ? lists : fc.constant<readonly T[]>([]));
  const speaks = fc.constantFrom<Family>('ipv4', ...(dual ? (['ipv6'] as const) : []));
  const table = (name: string) => speaks.chain((family) => nativeTable(name, family));
  const flows = [...catalogue('ipv4'), ...(dual ? catalogue('ipv6') : [])];
  const largeFlows = [...large('ipv4'), ...(dual ? large('ipv6') : [])];
  return fc
    .record({
      made: docker(dual, native),
      policies,
      policies6: only6(policies),
      foreign: fc.array(foreignRules('ipv4'), { maxLength: 4 }),
      foreign6: only6(fc.array(foreignRules('ipv6'), { maxLength: 3 })),
      legacy: sometimes(2, fc.array(foreignRules('ipv4'), { minLength: 1, maxLength: 2 })),
      sysctls: fc.array(sysctl4, { maxLength: 4 }),
      sysctls6: only6(fc.array(sysctl6, { maxLength: 2 })),
      routes: sometimes(5, routes('ipv4')),
      routes6: only6(sometimes(4, routes('ipv6'))),
      policyRules: sometimes(5, policyRules('ipv4')),
      policyRules6: only6(sometimes(4, policyRules('ipv6'))),
      links: sometimes(3, fc.array(link, { minLength: 1, maxLength: 2 })),
      tables: fc.oneof(fc.constant([]), fc.tuple(table('others')), fc.tuple(table('others'), table('more'))),
      inside: sometimes(2, inside(dual)),
      proxied: fc.boolean(),
      flows: fc.shuffledSubarray([...flows], { minLength: 12, maxLength: 12 }),
      largeFlows: fc.shuffledSubarray([...largeFlows], { minLength: 2, maxLength: 2 }),
    })
    .map((all) => assemble(dual, all));
}

interface Parts {
  readonly made: DockerMakes;
  readonly policies: readonly string[];
  readonly policies6: readonly string[];
  readonly foreign: readonly Foreign[];
  readonly foreign6: readonly Foreign[];
  readonly legacy: readonly Foreign[];
  readonly sysctls: readonly string[];
  readonly sysctls6: readonly string[];
  readonly routes: readonly string[];
  readonly routes6: readonly string[];
  readonly policyRules: readonly string[];
  readonly policyRules6: readonly string[];
  readonly links: readonly string[];
  readonly tables: readonly string[];
  readonly inside: readonly string[];
  readonly proxied: boolean;
  readonly flows: HostCase['flows'];
  readonly largeFlows: HostCase['flows'];
}

function assemble(dual: boolean, parts: Parts): HostCase {
  const { made, foreign, legacy, routes, routes6, policyRules, policyRules6, links, inside } = parts;
  return {
    ...empty,
    bridges: bridges.map(({ address6, ...bridge }) => (dual ? { ...bridge, address6 } : bridge)),
    containers: containers.map(({ address6, gateway6, ...container }) => ({
      ...container,
      ...(dual ? { address6, gateway6 } : {}),
      hairpin: made.hairpin,
    })),
    sysctls: [...made.sysctls, ...parts.sysctls, ...parts.sysctls6],
    links,
    routes: [...routes, ...routes6],
    policyRules,
    policyRules6,
    iptables: together(made.iptables, parts.policies, foreign),
    ip6tables: together(made.ip6tables, parts.policies6, parts.foreign6),
    legacy: together([], [], legacy),
    nft: [...made.nft, ...parts.tables],
    inside,
    // Whether a proxy that finds no neighbour gives up before its client does is timing: none where neighbours may be unheard, by a link
    // that is shut or a rule that stops IPv6 discovery.
    proxies: parts.proxied && !made.hairpin && !dual && links.length === 0 ? made.proxies : [],
    // Where something is small, something large is sent.
    flows: links.some((line) => line.includes('mtu'))
      ? [...parts.largeFlows, ...parts.flows.slice(2)]
      : parts.flows,
  };
}
