/**
 * Random cases: what an engine of some version makes, changed here and there, and rules, routes and settings of others. In: a
 * number. Out: the case of that number, always the same. Whether the kernel takes it is the kernel's answer.
 */
import fc from 'fast-check';
import { planOf, rulesOf } from '../support/plan.ts';
import type { CaseFlow, HostCase } from './case.ts';
import { addresses, devices, nativeTable, ports, ruleFor, type Table, tableHooks } from './vocabulary.ts';

/** The case of a number. */
export function caseOf(number: number): HostCase {
  const [made] = fc.sample(hostCase, { seed: number, numRuns: 1 });
  if (made === undefined) throw new Error('no case was made');
  return made;
}

const bridges = [
  { name: 'docker0', address: '172.17.0.1/16' },
  { name: 'br-neta', address: '172.18.0.1/16' },
] as const;
const containers = [
  { name: 'web', bridge: 'docker0', address: '172.17.0.2/16', gateway: '172.17.0.1' },
  { name: 'peer', bridge: 'docker0', address: '172.17.0.3/16', gateway: '172.17.0.1' },
  { name: 'other', bridge: 'br-neta', address: '172.18.0.2/16', gateway: '172.18.0.1' },
] as const;

const engines = ['17.06.2', '20.10.24', '26.1.5', '28.5.2', '29.7.2'] as const;
const configs = [{}, {}, { 'userland-proxy': false }, { icc: false }, { 'ip-masq': false }] as const;

/** What an engine makes: rules as lines, and settings. */
function dockerMakes(engine: string, config: object): Pick<HostCase, 'iptables' | 'sysctls'> {
  const plan = planOf({
    engine,
    config: JSON.stringify(config),
    networks: [
      { name: 'bridge', subnet: '172.17.0.0/16' },
      { name: 'neta', subnet: '172.18.0.0/16' },
    ],
    containers: [
      { name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp', '5353:53/udp'] },
      { name: 'peer', on: { bridge: '172.17.0.3/16' } },
      { name: 'other', on: { neta: '172.18.0.2/16' }, ports: ['127.0.0.1:8081:80/tcp'] },
    ],
  });
  const chains = plan.ruleset.tables
    .filter(({ family }) => family === 'ipv4')
    .flatMap(({ name, chains }) =>
      chains.flatMap((chain) => (chain.policy === undefined ? [`${name} -N ${chain.name}`] : [])),
    );
  const rules = rulesOf(plan).filter((line) => !/^\w+ -N /.test(line));
  const sysctls = [...plan.sysctls].flatMap(([name, { value }]) =>
    name.startsWith('net.ipv4.') ? [`${name}=${value}`] : [],
  );
  return { iptables: [...chains, ...rules], sysctls };
}

interface Mutation {
  readonly kind: 'delete' | 'duplicate' | 'move' | 'invert' | 'device' | 'port' | 'address';
  /** Which line, and where to or which word, both counted around. */
  readonly line: number;
  readonly choice: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('delete', 'duplicate', 'move', 'invert', 'device', 'port', 'address'),
  line: fc.nat(1000),
  choice: fc.nat(1000),
});

function around<T>(list: readonly T[], index: number): T | undefined {
  return list[index % Math.max(1, list.length)];
}

/** One rule changed; chains and policies stay. */
function mutate(lines: readonly string[], { kind, line, choice }: Mutation): readonly string[] {
  const rules = lines.flatMap((text, index) => (/^\w+ -A /.test(text) ? [index] : []));
  const at = around(rules, line);
  const to = around(rules, choice);
  const rule = at === undefined ? undefined : lines[at];
  if (at === undefined || to === undefined || rule === undefined) return lines;
  const rewritten = (text: string) => lines.with(at, text);
  switch (kind) {
    case 'delete':
      return lines.toSpliced(at, 1);
    case 'duplicate':
      return lines.toSpliced(to, 0, rule);
    case 'move':
      return lines.toSpliced(at, 1).toSpliced(to, 0, rule);
    case 'invert': {
      const options = [...rule.matchAll(/(! )?(-[iosd]|--dport|--ctstate|--dst-type) /g)];
      const found = around(options, choice);
      if (found === undefined) return lines;
      const [text, negated] = found;
      const turned = negated === undefined ? `! ${text}` : text.slice(2);
      return rewritten(rule.slice(0, found.index) + turned + rule.slice(found.index + text.length));
    }
    case 'device':
      return rewritten(rule.replace(/(-[io]) \S+/, `$1 ${around(devices, choice)}`));
    case 'port':
      return rewritten(rule.replace(/--dport \S+/, `--dport ${around(ports, choice)}`));
    case 'address':
      return rewritten(rule.replace(/(-[sd]) \S+/, `$1 ${around(addresses, choice)}`));
  }
}

const docker = fc
  .tuple(
    fc.constantFrom(...engines),
    fc.constantFrom(...configs),
    fc.oneof(
      { weight: 1, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(mutation, { maxLength: 6 }) },
    ),
  )
  .map(([engine, config, mutations]) => {
    const { iptables, sysctls } = dockerMakes(engine, config);
    return {
      iptables: mutations.reduce(mutate, iptables),
      sysctls,
      hairpin: 'userland-proxy' in config,
    };
  });

/** Rules of others in one table: some at a built-in chain, some in a chain of their own that these reach. */
const foreignRules = fc.constantFrom<Table>('raw', 'mangle', 'nat', 'filter', 'filter').chain((table) =>
  fc.constantFrom(...tableHooks[table]).chain((hook) => {
    const own = `OTHERS-${hook}`;
    const rule = ruleFor(table, hook, own);
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

const setting = (name: string, ...values: readonly string[]) =>
  fc.constantFrom(...values).map((value) => `net.ipv4.${name}=${value}`);
const sysctl = fc.oneof(
  setting('ip_forward', '0', '1'),
  ...['all', 'eth0', 'docker0', 'br-neta'].flatMap((dev) => [
    setting(`conf.${dev}.rp_filter`, '0', '1', '2'),
    setting(`conf.${dev}.route_localnet`, '0', '1'),
  ]),
  ...['eth0', 'docker0', 'br-neta'].map((dev) => setting(`conf.${dev}.forwarding`, '0', '1')),
  ...['all', 'docker0', 'eth0'].map((dev) => setting(`conf.${dev}.accept_local`, '0', '1')),
  fc.constantFrom('net.bridge.bridge-nf-call-iptables=0', 'net.bridge.bridge-nf-call-iptables=1'),
  setting('conf.all.src_valid_mark', '0', '1'),
  setting('ip_default_ttl', '64', '1'),
  setting('icmp_echo_ignore_all', '0', '1'),
  setting('fwmark_reflect', '0', '1'),
);

const badRoute = fc
  .tuple(
    fc.constantFrom('blackhole', 'prohibit', 'unreachable'),
    fc.constantFrom('198.51.100.0/24', '172.17.0.3/32', '172.18.0.0/24', '203.0.113.1/32'),
  )
  .map((parts) => parts.join(' '));
const tableRoute = fc.constantFrom(
  'default via 203.0.113.1 table 100',
  'blackhole default table 100',
  'unreachable 198.51.100.0/24 table 100',
  '172.18.0.0/16 dev br-neta table 100',
  '172.17.0.0/16 dev docker0 table 100',
  'throw 198.51.100.0/24 table 100',
);
const routes = fc.uniqueArray(fc.oneof(badRoute, { weight: 2, arbitrary: tableRoute }), {
  maxLength: 2,
  selector: (line) =>
    line.replace(/^(blackhole|prohibit|unreachable|throw) /, '').replace(/via \S+ |dev \S+ /, ''),
});
const policyRule = fc
  .tuple(
    fc.constantFrom('', 'not '),
    fc.constantFrom(
      'fwmark 0x1',
      'fwmark 0x1/0xff',
      'from 172.17.0.0/16',
      'to 198.51.100.0/24',
      'iif docker0',
      'iif eth0',
      'iif lo',
      'oif eth0',
    ),
    fc.constantFrom(
      'lookup 100',
      'lookup 100',
      'lookup main suppress_prefixlength 0',
      'prohibit',
      'blackhole',
      'unreachable',
    ),
  )
  .map(([inverted, selector, action]) => `${inverted}${selector} ${action}`);
const policyRules = fc
  .array(policyRule, { maxLength: 2 })
  .map((rules) => rules.map((rule, index) => `pref ${100 + index} ${rule}`));

const far = '198.51.100.7';
const flowCatalogue: readonly CaseFlow[] = [
  ...['web', 'other'].flatMap((from): CaseFlow[] => [
    { from, kind: 'ping', dst: far },
    { from, kind: 'tcp', dst: far, port: 7777 },
    { from, kind: 'udp', dst: far, port: 7777 },
    { from, kind: 'ping', dst: '172.17.0.3' },
    { from, kind: 'tcp', dst: '172.17.0.3', port: 80 },
    { from, kind: 'udp', dst: '172.17.0.3', port: 53 },
    { from, kind: 'tcp', dst: '172.17.0.3', port: 81 },
    { from, kind: 'tcp', dst: '203.0.113.2', port: 8080 },
    { from, kind: 'udp', dst: '203.0.113.2', port: 5353 },
    { from, kind: 'tcp', dst: '172.17.0.1', port: 2222 },
    { from, kind: 'udp', dst: '203.0.113.2', port: 2223 },
    { from, kind: 'tcp', dst: '203.0.113.2', port: 2222 },
  ]),
  { from: 'web', kind: 'tcp', dst: '172.18.0.2', port: 80 },
  { from: 'web', kind: 'ping', dst: '172.18.0.2' },
  { from: 'host', kind: 'ping', dst: far },
  { from: 'host', kind: 'tcp', dst: far, port: 7777 },
  { from: 'host', kind: 'udp', dst: far, port: 7777 },
  { from: 'host', kind: 'ping', dst: '172.17.0.2' },
  { from: 'host', kind: 'tcp', dst: '172.17.0.2', port: 80 },
  { from: 'host', kind: 'udp', dst: '172.17.0.2', port: 53 },
  { from: 'host', kind: 'tcp', dst: '127.0.0.1', port: 8080 },
  { from: 'host', kind: 'tcp', dst: '203.0.113.2', port: 8080 },
  { from: 'host', kind: 'udp', dst: '203.0.113.2', port: 5353 },
  { from: 'host', kind: 'tcp', dst: '127.0.0.1', port: 2222 },
  { from: 'inet', kind: 'ping', dst: '203.0.113.2' },
  { from: 'inet', kind: 'tcp', dst: '203.0.113.2', port: 2222 },
  { from: 'inet', kind: 'tcp', dst: '203.0.113.2', port: 8080 },
  { from: 'inet', kind: 'udp', dst: '203.0.113.2', port: 5353 },
  { from: 'inet', kind: 'udp', dst: '203.0.113.2', port: 2224 },
  { from: 'inet', kind: 'tcp', dst: '172.17.0.2', port: 80, direct: true },
  { from: 'inet', kind: 'ping', dst: '172.18.0.2', direct: true },
];

const hostCase: fc.Arbitrary<HostCase> = fc
  .record({
    docker,
    policies,
    foreign: fc.array(foreignRules, { maxLength: 4 }),
    sysctls: fc.array(sysctl, { maxLength: 4 }),
    routes: fc.oneof(fc.constant([]), routes),
    policyRules: fc.oneof(fc.constant([]), policyRules),
    native: fc.oneof(
      fc.constant([]),
      fc.tuple(nativeTable('others')),
      fc.tuple(nativeTable('others'), nativeTable('more')),
    ),
    flows: fc.shuffledSubarray([...flowCatalogue], { minLength: 12, maxLength: 12 }),
  })
  .map(({ docker, policies, foreign, sysctls, routes, policyRules, native, flows }) => ({
    bridges,
    containers: containers.map((container) => ({ ...container, hairpin: docker.hairpin })),
    sysctls: [...docker.sysctls, ...sysctls],
    routes,
    policyRules,
    iptables: [
      ...new Set(foreign.map(({ chain }) => chain)),
      ...policies,
      ...foreign.filter(({ first }) => first).flatMap(({ rules }) => rules),
      ...docker.iptables.filter((line) => !policies.some((policy) => samePolicy(policy, line))),
      ...foreign.filter(({ first }) => !first).flatMap(({ rules }) => rules),
      ...foreign.flatMap(({ inside }) => inside),
    ],
    nft: native,
    flows,
  }));

function samePolicy(a: string, b: string): boolean {
  const head = (line: string) => line.split(' ').slice(0, 3).join(' ');
  return head(a) === head(b);
}
