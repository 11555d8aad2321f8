/**
 * The words that random rules of iptables and ip6tables are made of: conditions and targets, and which fit where. In: a family and a place.
 * Out: arbitraries of text. Names, addresses and ports are those of the hosts in topology.ts, so that rules meet packets.
 */
import fc from 'fast-check';
import type { Family } from '../../src/net/addr.ts';
import { addresses, devices, one, ports, prefixes, words } from './topology.ts';

export const hooks = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;
export type Hook = (typeof hooks)[number];

/** The tables of iptables, and the hooks at which each has a chain. */
export const tableHooks = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: hooks,
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const satisfies Readonly<Record<string, readonly Hook[]>>;
export type Table = keyof typeof tableHooks;

const marks = ['0x1', '0x1/0xff', '0x2', '0x10/0xf0'] as const;

const not = fc.constantFrom('', '', '', '!');
const address = {
  ipv4: fc.oneof(one(...addresses.ipv4), one(...prefixes.ipv4)),
  ipv6: fc.oneof(one(...addresses.ipv6), one(...prefixes.ipv6)),
} as const;
const port = one(...ports);
const device = one(...devices, 'br+', 'veth+');

function comesIn(hook: Hook): boolean {
  return hook === 'PREROUTING' || hook === 'INPUT' || hook === 'FORWARD';
}

function goesOut(hook: Hook): boolean {
  return hook === 'OUTPUT' || hook === 'POSTROUTING' || hook === 'FORWARD';
}

/** What a rule says about the protocol: at most one of these, since later conditions depend on it. */
const protocolMatches = (family: Family) =>
  fc.oneof(
    { weight: 3, arbitrary: one('') },
    words('-p tcp -m tcp', not, '--dport', port),
    words('-p udp -m udp', not, '--dport', port),
    words(
      '-p',
      one('tcp', 'udp'),
      '-m multiport',
      not,
      one('--dports', '--ports', '--sports'),
      one('53,80,8080', '80:90,7777'),
    ),
    words('-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK', one('SYN', 'SYN,ACK', 'RST,ACK')),
    family === 'ipv4'
      ? words('-p icmp -m icmp', not, '--icmp-type', one('8', '0', '3', '3/3'))
      : words('-p ipv6-icmp -m icmp6', not, '--icmpv6-type', one('128', '129', '1', '1/4')),
    words(not, '-p', one('tcp', 'udp', family === 'ipv4' ? 'icmp' : 'ipv6-icmp')),
  );

function matches(family: Family, hook: Hook): fc.Arbitrary<string> {
  return fc.oneof(
    words(not, '-s', address[family]),
    words(not, '-d', address[family]),
    words(
      '-m conntrack',
      not,
      '--ctstate',
      one('NEW', 'ESTABLISHED', 'RELATED,ESTABLISHED', 'INVALID', 'UNTRACKED', 'DNAT', 'SNAT'),
    ),
    words('-m conntrack', not, one('--ctorigdst', '--ctreplsrc', '--ctorigsrc'), address[family]),
    words('-m conntrack --ctdir', one('ORIGINAL', 'REPLY')),
    words('-m state --state', one('NEW', 'RELATED,ESTABLISHED', 'INVALID')),
    words(
      '-m addrtype',
      not,
      one('--dst-type', '--src-type'),
      // The kernel has no more of them for IPv6 (xt_addrtype.c, addrtype_mt_checkentry).
      family === 'ipv4'
        ? one('LOCAL', 'LOCAL', 'UNICAST', 'BROADCAST', 'BLACKHOLE,PROHIBIT')
        : one('LOCAL', 'LOCAL', 'UNICAST'),
    ),
    words('-m mark', not, '--mark', one(...marks)),
    words('-m connmark', not, '--mark', one(...marks)),
    words(
      '-m iprange',
      not,
      family === 'ipv4'
        ? one('--src-range 172.17.0.2-172.17.0.3', '--dst-range 172.17.0.0-172.18.255.255')
        : one('--src-range fd00:17::2-fd00:17::3', '--dst-range fd00:17::-fd00:18::ffff'),
    ),
    words('-m length', not, '--length', one('84', '84:200', '104')),
    words(family === 'ipv4' ? '-m ttl --ttl-eq' : '-m hl --hl-eq', one(63, 64)),
    words('-m pkttype', not, '--pkt-type', one('host', 'otherhost', 'broadcast')),
    words('-m comment --comment "of another"'),
    ...(comesIn(hook)
      ? [
          words(not, '-i', device),
          words(not, '-i', device),
          words('-m mac', not, '--mac-source', one('02:42:ac:11:00:02', '02:42:ac:11:00:03')),
          words('-m physdev', not, '--physdev-in', one('veth-web', 'veth+')),
          words('-m physdev', not, '--physdev-is-in'),
        ]
      : []),
    ...(goesOut(hook) ? [words(not, '-o', device), words(not, '-o', device)] : []),
    ...(hook === 'FORWARD' || hook === 'POSTROUTING'
      ? [
          words('-m physdev', not, '--physdev-is-bridged'),
          words('-m physdev --physdev-is-bridged', not, '--physdev-out', one('veth-web', 'veth+')),
        ]
      : []),
  );
}

const verdicts = fc.oneof({ weight: 2, arbitrary: one('-j ACCEPT') }, one('-j DROP', '-j RETURN'));
const marking = fc.oneof(
  words('-j MARK', one('--set-xmark 0x1/0xffffffff', '--set-xmark 0x2/0xff', '--set-xmark 0x0/0xff')),
  words('-j CONNMARK', one('--set-xmark 0x1/0xffffffff', '--save-mark', '--restore-mark')),
);

const dnatTo = {
  ipv4: ['172.17.0.2', '172.18.0.2', '198.51.100.7', '203.0.113.2', '127.0.0.1'],
  ipv6: ['fd00:17::2', 'fd00:18::2', '2001:db8:ffff::7', '2001:db8:113::2', '::1'],
} as const;
const snatTo = {
  ipv4: ['203.0.113.2', '172.17.0.1', '203.0.113.1'],
  ipv6: ['2001:db8:113::2', 'fd00:17::1', '2001:db8:113::1'],
} as const;
const dnatPortTo = {
  ipv4: ['172.17.0.2:80', '172.18.0.2:80', '203.0.113.2:2222', '127.0.0.1:2222'],
  ipv6: ['[fd00:17::2]:80', '[fd00:18::2]:80', '[2001:db8:113::2]:2222', '[::1]:2222'],
} as const;

/** Where a rule stands. */
export interface Place {
  readonly table: Table;
  readonly hook: Hook;
}

/** A target with the protocol that it needs, if any. */
function targets(family: Family, { table, hook }: Place, ownChain: string): fc.Arbitrary<string> {
  const jump = words(one('-j', '-g'), ownChain);
  switch (table) {
    case 'raw':
      return fc.oneof(verdicts, one('-j NOTRACK', '-j CT --notrack'), marking, jump);
    case 'mangle':
      return fc.oneof(
        verdicts,
        marking,
        marking,
        family === 'ipv4'
          ? words('-j TTL', one('--ttl-set 1', '--ttl-set 64', '--ttl-inc 1'))
          : words('-j HL', one('--hl-set 1', '--hl-set 64', '--hl-inc 1')),
        jump,
      );
    case 'filter':
      return fc.oneof(
        verdicts,
        words(
          '-j REJECT --reject-with',
          family === 'ipv4'
            ? one(
                'icmp-port-unreachable',
                'icmp-net-unreachable',
                'icmp-host-prohibited',
                'icmp-admin-prohibited',
              )
            : one(
                'icmp6-port-unreachable',
                'icmp6-no-route',
                'icmp6-adm-prohibited',
                'icmp6-addr-unreachable',
              ),
        ),
        jump,
      );
    case 'nat':
      return hook === 'PREROUTING' || hook === 'OUTPUT'
        ? fc.oneof(
            one('-j ACCEPT', '-j RETURN'),
            words('-j DNAT --to-destination', one(...dnatTo[family])),
            one('-j REDIRECT'),
            jump,
          )
        : hook === 'POSTROUTING'
          ? fc.oneof(
              one('-j ACCEPT', '-j RETURN', '-j MASQUERADE', '-j MASQUERADE'),
              words('-j SNAT --to-source', one(...snatTo[family])),
              jump,
            )
          : fc.oneof(
              one('-j ACCEPT', '-j RETURN'),
              words('-j SNAT --to-source', one(...snatTo[family])),
              jump,
            );
  }
}

/** Rules with a port in their target, whole, for these need their protocol. */
function portRules(family: Family, { table, hook }: Place): readonly fc.Arbitrary<string>[] {
  if (table === 'filter') return [words('-p tcp -j REJECT --reject-with tcp-reset')];
  if (table !== 'nat' || hook === 'INPUT' || hook === 'POSTROUTING') return [];
  return [
    words('-p', one('tcp', 'udp'), '-j REDIRECT --to-ports', port),
    words('-p tcp -m tcp --dport', port, '-j DNAT --to-destination', one(...dnatPortTo[family])),
  ];
}

/** One rule for a chain that this hook reaches, `-A` and the chain's name left out. */
export function ruleFor(family: Family, place: Place, ownChain: string): fc.Arbitrary<string> {
  const plain = fc
    .tuple(
      protocolMatches(family),
      fc.array(matches(family, place.hook), { maxLength: 2 }),
      targets(family, place, ownChain),
    )
    .map(([protocol, conditions, target]) =>
      [protocol, ...distinct(conditions), target].filter((t) => t !== '').join(' '),
    );
  const withPorts = portRules(family, place);
  return withPorts.length === 0
    ? plain
    : fc.oneof({ weight: 5, arbitrary: plain }, ...withPorts.map((arbitrary) => ({ weight: 1, arbitrary })));
}

/** iptables takes each of -s, -d, -i, -o once. */
function distinct(conditions: readonly string[]): readonly string[] {
  const key = (condition: string) => condition.replace(/^! /, '').split(' ').slice(0, 1).join();
  return conditions.filter(
    (c, i) => key(c) === '-m' || conditions.findIndex((other) => key(other) === key(c)) === i,
  );
}
