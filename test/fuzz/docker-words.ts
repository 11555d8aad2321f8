/**
 * What an engine of some version makes of two networks, and what people make of that: rules deleted, moved, inverted, pointed elsewhere.
 * In: nothing. Out: an arbitrary of rules in the words of the tools, settings and proxies. The rules are the plan's.
 */
import fc from 'fast-check';
import { printNft } from '../../src/firewall/nft/print.ts';
import type { Family } from '../../src/net/addr.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { planOf, rulesOf } from '../support/plan.ts';
import type { HostCase } from './case.ts';
import { addresses, bridges, containers, devices, ports } from './topology.ts';

export interface DockerMakes
  extends Pick<HostCase, 'iptables' | 'ip6tables' | 'nft' | 'sysctls' | 'proxies'> {
  /** The proxy is off: bridge ports send back what came from them. */
  readonly hairpin: boolean;
}

const engines = ['17.06.2', '20.10.24', '26.1.5', '28.5.2', '29.7.2'] as const;
const configs = [{}, {}, { 'userland-proxy': false }, { icc: false }, { 'ip-masq': false }] as const;
type Config = (typeof configs)[number];

function planFor(engine: string, config: object, dual: boolean): Plan {
  const [docker0, neta] = bridges;
  const six = (address: string) => (dual ? ` ${address}` : '');
  const on = ({ address, address6 }: (typeof containers)[number]) => `${address}${six(address6)}`;
  const [web, peer, other] = containers;
  const all = dual
    ? { ...config, ipv6: true, 'fixed-cidr-v6': prefixOf(docker0.address6), ip6tables: true }
    : config;
  return planOf({
    engine,
    // Before 20.10 there is no ip6tables.
    config: JSON.stringify(
      engine === '17.06.2'
        ? config
        : engine === '20.10.24'
          ? { ...all, ...(dual ? { experimental: true } : {}) }
          : all,
    ),
    networks: [
      { name: 'bridge', subnet: '172.17.0.0/16', ...(dual ? { subnet6: prefixOf(docker0.address6) } : {}) },
      { name: 'neta', subnet: '172.18.0.0/16', ...(dual ? { subnet6: prefixOf(neta.address6) } : {}) },
    ],
    containers: [
      { name: 'web', on: { bridge: on(web) }, ports: ['8080:80/tcp', '5353:53/udp'] },
      { name: 'peer', on: { bridge: on(peer) } },
      { name: 'other', on: { neta: on(other) }, ports: ['127.0.0.1:8081:80/tcp'] },
    ],
  });
}

/** `fd00:17::1/64` to `fd00:17::/64`. */
function prefixOf(address: string): string {
  return address.replace(/::.*\//, '::/');
}

function linesOf(plan: Plan, family: Family): readonly string[] {
  const chains = plan.ruleset.tables
    .filter((table) => table.family === family)
    .flatMap(({ name, chains }) =>
      chains.flatMap((chain) => (chain.policy === undefined ? [`${name} -N ${chain.name}`] : [])),
    );
  return [...chains, ...rulesOf(plan, family).filter((line) => !/^\w+ -N /.test(line))];
}

function make(
  engine: string,
  config: Config,
  { dual, native }: { dual: boolean; native: boolean },
): DockerMakes {
  const plan = planFor(
    native ? '29.7.2' : engine,
    native ? { ...config, 'firewall-backend': 'nftables' } : config,
    dual,
  );
  const sysctls = [...plan.sysctls].flatMap(([name, { value }]) =>
    /^net\.ipv4\.(ip_forward|conf\.)/.test(name) ||
    (dual && /^net\.ipv6\.conf\.(all|default)\.forwarding/.test(name))
      ? [`${name}=${value}`]
      : [],
  );
  return {
    iptables: linesOf(plan, 'ipv4'),
    ip6tables: dual ? linesOf(plan, 'ipv6') : [],
    nft: plan.nft.tables
      .filter(({ family }) => dual || family !== 'ip6')
      // nft has a name for this number at some hooks only, which ones depends on its version.
      .map((table) =>
        printNft([table]).replaceAll('hook output priority dstnat', 'hook output priority -100'),
      ),
    sysctls: dual ? [...sysctls, 'net.ipv6.conf.all.forwarding=1'] : sysctls,
    proxies: plan.proxies.flatMap(({ protocol, hostAddress, hostPort, containerAddress, containerPort }) =>
      protocol === 'tcp' && (dual || !hostAddress.includes(':'))
        ? [`tcp ${hostAddress} ${hostPort} ${containerAddress} ${containerPort}`]
        : [],
    ),
    hairpin: 'userland-proxy' in config,
  };
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
function mutate(
  family: Family,
  lines: readonly string[],
  { kind, line, choice }: Mutation,
): readonly string[] {
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
      return rewritten(rule.replace(/(-[sd]) \S+/, `$1 ${around(addresses[family], choice)}`));
  }
}

/** One rule of a native table deleted, doubled or changed in a word. */
function mutateNative(tables: readonly string[], { kind, line, choice }: Mutation): readonly string[] {
  const at = line % Math.max(1, tables.length);
  const lines = tables[at]?.split('\n');
  if (lines === undefined) return tables;
  // A line of a chain that is no head of one: two levels deep, and not the first there.
  const rules = lines.flatMap((text, index) =>
    /^\t\t(?!type |elements|flags|policy |comment |\s|\})/.test(text) &&
    !text.endsWith('{') &&
    !/vmap|fib/.test(text)
      ? [index]
      : [],
  );
  const rule = around(rules, choice);
  const text = rule === undefined ? undefined : lines[rule];
  if (rule === undefined || text === undefined) return tables;
  const changed = (to: readonly string[]) => tables.with(at, to.join('\n'));
  switch (kind) {
    case 'delete':
    case 'move':
      return changed(lines.toSpliced(rule, 1));
    case 'duplicate':
      return changed(lines.toSpliced(rule, 0, text));
    case 'device':
      return changed(
        lines.with(rule, text.replace(/([io]ifname (?:!= )?)"[^"]*"/, `$1"${around(devices, choice)}"`)),
      );
    case 'port':
      return changed(lines.with(rule, text.replace(/dport \d+/, `dport ${around(ports, choice)}`)));
    case 'invert':
    case 'address':
      return changed(
        lines.with(
          rule,
          text.replace(
            /(ifname|daddr|saddr) (!= )?/,
            (_, key, not) => `${key} ${not === undefined ? '!= ' : ''}`,
          ),
        ),
      );
  }
}

const mutations = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.array(mutation, { maxLength: 6 }) },
);

/** `native`: by the nftables backend of 29. */
export function docker(dual: boolean, native: boolean): fc.Arbitrary<DockerMakes> {
  return fc
    .tuple(fc.constantFrom(...engines), fc.constantFrom(...configs), mutations, mutations)
    .map(([engine, config, changes, changes6]) => {
      const made = make(engine, config, { dual, native });
      return {
        ...made,
        iptables: changes.reduce((lines, change) => mutate('ipv4', lines, change), made.iptables),
        ip6tables: changes6.reduce((lines, change) => mutate('ipv6', lines, change), made.ip6tables),
        nft: changes.reduce(mutateNative, made.nft),
      };
    });
}
