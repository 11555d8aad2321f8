/**
 * The words that random rules are made of: conditions and targets of iptables and of native chains, and which fit where. In: nothing.
 * Out: arbitraries of text. Names, addresses and ports are those of the hosts in generate.ts, so that rules meet packets.
 */
import fc from 'fast-check';

export const hooks = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;
type Hook = (typeof hooks)[number];

/** The tables of iptables, and the hooks at which each has a chain. */
export const tableHooks = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: hooks,
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const satisfies Readonly<Record<string, readonly Hook[]>>;
export type Table = keyof typeof tableHooks;

export const devices = ['eth0', 'docker0', 'br-neta', 'lo', 'veth-web'] as const;
export const ports = [53, 80, 81, 2222, 2223, 5353, 7777, 8080] as const;
export const addresses = [
  '172.17.0.1',
  '172.17.0.2',
  '172.17.0.3',
  '172.18.0.2',
  '203.0.113.1',
  '203.0.113.2',
  '198.51.100.7',
  '127.0.0.1',
] as const;
const prefixes = [
  '172.17.0.0/16',
  '172.18.0.0/16',
  '203.0.113.0/24',
  '127.0.0.0/8',
  '172.16.0.0/12',
] as const;
const marks = ['0x1', '0x1/0xff', '0x2', '0x10/0xf0'] as const;

const words = (...parts: readonly (string | number | fc.Arbitrary<string | number>)[]) =>
  fc
    .tuple(...parts.map((part) => (typeof part === 'object' ? part : fc.constant(part))))
    .map((texts) => texts.filter((text) => text !== '').join(' '));
const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const not = fc.constantFrom('', '', '', '!');
const address = fc.oneof(one(...addresses), one(...prefixes));
const port = one(...ports);
const device = one(...devices, 'br+', 'veth+');

function comesIn(hook: Hook): boolean {
  return hook === 'PREROUTING' || hook === 'INPUT' || hook === 'FORWARD';
}

function goesOut(hook: Hook): boolean {
  return hook === 'OUTPUT' || hook === 'POSTROUTING' || hook === 'FORWARD';
}

/** What a rule says about the protocol: at most one of these, since later conditions depend on it. */
const protocolMatches = fc.oneof(
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
  words('-p icmp -m icmp', not, '--icmp-type', one('8', '0', '3', '3/3')),
  words(not, '-p', one('tcp', 'udp', 'icmp')),
);

function matches(hook: Hook): fc.Arbitrary<string> {
  return fc.oneof(
    words(not, '-s', address),
    words(not, '-d', address),
    words(
      '-m conntrack',
      not,
      '--ctstate',
      one('NEW', 'ESTABLISHED', 'RELATED,ESTABLISHED', 'INVALID', 'UNTRACKED', 'DNAT', 'SNAT'),
    ),
    words('-m conntrack', not, one('--ctorigdst', '--ctreplsrc', '--ctorigsrc'), address),
    words('-m conntrack --ctdir', one('ORIGINAL', 'REPLY')),
    words('-m state --state', one('NEW', 'RELATED,ESTABLISHED', 'INVALID')),
    words(
      '-m addrtype',
      not,
      one('--dst-type', '--src-type'),
      one('LOCAL', 'LOCAL', 'UNICAST', 'BROADCAST', 'BLACKHOLE,PROHIBIT'),
    ),
    words('-m mark', not, '--mark', one(...marks)),
    words('-m connmark', not, '--mark', one(...marks)),
    words(
      '-m iprange',
      not,
      one('--src-range 172.17.0.2-172.17.0.3', '--dst-range 172.17.0.0-172.18.255.255'),
    ),
    words('-m length', not, '--length', one('84', '84:200')),
    words('-m ttl --ttl-eq', one(63, 64)),
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

/** A target with the protocol that it needs, if any. */
function targets(table: Table, hook: Hook, ownChain: string): fc.Arbitrary<string> {
  const jump = words(one('-j', '-g'), ownChain);
  switch (table) {
    case 'raw':
      return fc.oneof(verdicts, one('-j NOTRACK', '-j CT --notrack'), marking, jump);
    case 'mangle':
      return fc.oneof(
        verdicts,
        marking,
        marking,
        words('-j TTL', one('--ttl-set 1', '--ttl-set 64', '--ttl-inc 1')),
        jump,
      );
    case 'filter':
      return fc.oneof(
        verdicts,
        words(
          '-j REJECT --reject-with',
          one(
            'icmp-port-unreachable',
            'icmp-net-unreachable',
            'icmp-host-prohibited',
            'icmp-admin-prohibited',
          ),
        ),
        jump,
      );
    case 'nat':
      return hook === 'PREROUTING' || hook === 'OUTPUT'
        ? fc.oneof(
            one('-j ACCEPT', '-j RETURN'),
            words(
              '-j DNAT --to-destination',
              one('172.17.0.2', '172.18.0.2', '198.51.100.7', '203.0.113.2', '127.0.0.1'),
            ),
            one('-j REDIRECT'),
            jump,
          )
        : hook === 'POSTROUTING'
          ? fc.oneof(
              one('-j ACCEPT', '-j RETURN', '-j MASQUERADE', '-j MASQUERADE'),
              words('-j SNAT --to-source', one('203.0.113.2', '172.17.0.1', '203.0.113.1')),
              jump,
            )
          : fc.oneof(
              one('-j ACCEPT', '-j RETURN'),
              words('-j SNAT --to-source', one('203.0.113.2', '172.17.0.1')),
              jump,
            );
  }
}

/** Rules with a port in their target, whole, for these need their protocol. */
function portRules(table: Table, hook: Hook): readonly fc.Arbitrary<string>[] {
  if (table === 'filter') return [words('-p tcp -j REJECT --reject-with tcp-reset')];
  if (table !== 'nat' || hook === 'INPUT' || hook === 'POSTROUTING') return [];
  return [
    words('-p', one('tcp', 'udp'), '-j REDIRECT --to-ports', port),
    words(
      '-p tcp -m tcp --dport',
      port,
      '-j DNAT --to-destination',
      one('172.17.0.2:80', '172.18.0.2:80', '203.0.113.2:2222', '127.0.0.1:2222'),
    ),
  ];
}

/** One rule for a chain that this hook reaches, `-A` and the chain's name left out. */
export function ruleFor(table: Table, hook: Hook, ownChain: string): fc.Arbitrary<string> {
  const plain = fc
    .tuple(protocolMatches, fc.array(matches(hook), { maxLength: 2 }), targets(table, hook, ownChain))
    .map(([protocol, conditions, target]) =>
      [protocol, ...distinct(conditions), target].filter((t) => t !== '').join(' '),
    );
  const withPorts = portRules(table, hook);
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

/** A native table with one base chain, as nft reads it. */
export function nativeTable(name: string): fc.Arbitrary<string> {
  const condition = fc.oneof(
    words('ip saddr', one('', '!='), one(...addresses, ...prefixes)),
    words('ip daddr', one('', '!='), one(...addresses, ...prefixes)),
    words('iifname', one('', '!='), one('"docker0"', '"eth0"', '"br-*"')),
    words('meta mark', one('', '!='), '1'),
    words('ct state', one('new', 'established,related', 'invalid', '!= new')),
    words('ct status', one('dnat', 'snat')),
    words('ct direction', one('original', 'reply')),
    words('fib daddr type', one('local', 'unicast', '!= local')),
    words('ip ttl', one('63', '64')),
  );
  // nft refuses a rule that speaks of two protocols.
  const protocol = fc.oneof(
    one(''),
    words('tcp dport', one('', '!='), one('80', '8080', '{ 80, 2222 }')),
    words('udp dport', one('53', '7777')),
    words('meta l4proto', one('tcp', 'udp', 'icmp', '{ tcp, udp }')),
    one('tcp flags & (syn | ack) == syn | ack', 'tcp flags syn / syn,ack', 'icmp type echo-request'),
  );
  const rule = (verdict: fc.Arbitrary<string>) =>
    fc
      .tuple(protocol, fc.array(condition, { maxLength: 2 }), verdict)
      .map(([about, conditions, end]) =>
        [end.endsWith('tcp reset') ? 'meta l4proto tcp' : about, ...conditions, end]
          .filter((t) => t !== '')
          .join(' '),
      );
  const table = (family: string, chain: string, rules: readonly string[]) =>
    [
      `table ${family} ${name} {`,
      ' chain c {',
      `  ${chain}`,
      ...rules.map((text) => `  ${text}`),
      ' }',
      '}',
    ].join('\n');
  const filter = fc
    .tuple(
      one('inet', 'ip'),
      one('prerouting', 'input', 'forward', 'output', 'postrouting'),
      one(-310, -155, -10, 5, 110),
      one('accept', 'accept', 'drop'),
      fc.array(
        rule(one('accept', 'accept', 'drop', 'return', 'meta mark set 1', 'ct mark set 1', 'counter')),
        { maxLength: 3 },
      ),
    )
    .map(([family, hook, priority, policy, rules]) =>
      table(family, `type filter hook ${hook} priority ${priority}; policy ${policy};`, rules),
    );
  const rejecting = fc
    .tuple(
      one('input', 'forward', 'output'),
      one(-1, 1),
      rule(one('reject', 'reject with icmp type host-unreachable', 'reject with tcp reset')),
    )
    .map(([hook, priority, text]) => table('ip', `type filter hook ${hook} priority ${priority};`, [text]));
  const nat = fc.oneof(
    fc
      .tuple(
        one('prerouting', 'output'),
        one(-110, -90),
        rule(one('dnat to 172.17.0.2', 'dnat to 172.18.0.2', 'redirect')),
      )
      .map(([hook, priority, text]) => table('ip', `type nat hook ${hook} priority ${priority};`, [text])),
    fc
      .tuple(one(90, 110), rule(one('masquerade', 'snat to 203.0.113.2')))
      .map(([priority, text]) => table('ip', `type nat hook postrouting priority ${priority};`, [text])),
  );
  const route = rule(one('meta mark set 1')).map((text) =>
    table('ip', 'type route hook output priority -140;', [text]),
  );
  return fc.oneof({ weight: 4, arbitrary: filter }, rejecting, { weight: 2, arbitrary: nat }, route);
}
