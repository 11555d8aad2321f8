/**
 * The shape of a rule: what is left of it without the addresses, ports and bridges of one host. In: a rule. Out: texts that are equal for
 * rules that an engine makes for the same purpose on different networks. The default bridge keeps its name, for it has settings of its own.
 */
import { formatRule } from '../firewall/args.ts';
import type { TableKey } from '../firewall/machine.ts';
import type { Negatable, Rule, RuleOption } from '../firewall/ruleset.ts';

/** The closer shape, which tells the default bridge from others, and the one that does not. */
export function shapesOf(
  { family, table }: Pick<TableKey, 'family' | 'table'>,
  chain: string,
  rule: Rule,
): readonly [closer: string, wider: string] {
  const shape = (kept: readonly string[]) =>
    `${family} ${table} ${chain} ${formatRule(abstractRule(rule, new Set(kept)))}`;
  return [shape(['lo', 'docker0']), shape(['lo'])];
}

function abstractRule(rule: Rule, keptDevices: ReadonlySet<string>): Rule {
  const device = (of: Negatable<string>) =>
    abstracted(of, (name) => (keptDevices.has(name) ? name : 'bridge'));
  const { source, destination, inInterface, outInterface, protocol, matches, target } = rule;
  return {
    ...(source && { source: abstracted(source, () => 'address') }),
    ...(destination && { destination: abstracted(destination, () => 'address') }),
    ...(inInterface && { inInterface: device(inInterface) }),
    ...(outInterface && { outInterface: device(outInterface) }),
    ...(protocol && { protocol: abstracted(protocol, abstractProtocol) }),
    matches: matches.map(({ module, options }) => ({
      module: abstractProtocol(module),
      options: options.map(abstractOption),
    })),
    ...(target && { target: { ...target, options: target.options.map(abstractOption) } }),
  };
}

function abstracted<T, U>({ not, value }: Negatable<T>, to: (value: T) => U): Negatable<U> {
  return { not, value: to(value) };
}

/** The protocols that have ports, and the modules that match them. */
function abstractProtocol(name: string): string {
  return name === 'tcp' || name === 'udp' || name === 'sctp' ? 'transport' : name;
}

const ofThisHost: ReadonlySet<string> = new Set([
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
