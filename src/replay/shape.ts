/**
 * The shape of a rule: what is left of it without the addresses, ports and bridges of one host. In: a rule. Out: texts that are equal for
 * rules that an engine makes for the same purpose on different networks. The default bridge keeps its name, for it has settings of its own.
 */
import { formatRule } from '../firewall/args.ts';
import type { Negatable, Rule, RuleOption } from '../firewall/ruleset.ts';
import type { TableOf } from './events.ts';

/** The closer shape, which tells the default bridge from others, and the one that does not. */
export function shapesOf(
  { family, table }: Pick<TableOf, 'family' | 'table'>,
  chain: string,
  rule: Rule,
): readonly [closer: string, wider: string] {
  const text = (bridge: (name: string) => string) =>
    `${family} ${table} ${chain} ${formatRule(abstractRule(rule, bridge))}`;
  return [text((name) => (name === 'docker0' ? name : 'bridge')), text(() => 'bridge')];
}

function abstractRule(rule: Rule, bridge: (name: string) => string): Rule {
  const named = <T>(of: Negatable<T> | undefined, value: T) =>
    of === undefined ? undefined : { ...of, value };
  const { source, destination, inInterface, outInterface, protocol, matches, target } = rule;
  const parts = {
    source: named(source, 'address'),
    destination: named(destination, isLoopback(destination) ? 'loopback' : 'address'),
    inInterface: named(inInterface, bridge(inInterface?.value ?? '')),
    outInterface: named(outInterface, bridge(outInterface?.value ?? '')),
    protocol: named(protocol, isTransport(protocol?.value) ? 'transport' : (protocol?.value ?? '')),
  };
  return {
    ...Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)),
    matches: matches.map((match) => ({
      module: isTransport(match.module) ? 'transport' : match.module,
      options: match.options.map(abstractOption),
    })),
    ...(target === undefined ? {} : { target: { ...target, options: target.options.map(abstractOption) } }),
  };
}

function isTransport(name: string | undefined): boolean {
  return name === 'tcp' || name === 'udp' || name === 'sctp';
}

function isLoopback(of: Rule['destination']): boolean {
  return (
    of !== undefined &&
    typeof of.value !== 'string' &&
    of.value.bits < 32 &&
    formatRule({ destination: of, matches: [] }).includes('127.')
  );
}

const ofThisHost = new Set([
  '--to-destination',
  '--to-source',
  '--to-ports',
  '--dport',
  '--sport',
  '--dports',
  '--mark',
]);

function abstractOption(option: RuleOption): RuleOption {
  return ofThisHost.has(option.name) ? { ...option, values: ['any'] } : option;
}
