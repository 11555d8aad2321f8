/**
 * The shape of a rule: its iptables-save text with placeholders in place of names, addresses and numbers.
 * In: a rule, and which interface names are bridges. Out: text such as `-s NET ! -o BR -j MASQUERADE`.
 * Rules that one program writes for many networks have few shapes; whose a shape is, is not decided here.
 */
import { parseAddr } from '../net/addr.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import { formatRule } from './format.ts';
import type { ModuleMatch, Negatable, Rule, RuleOption } from './ruleset.ts';

/**
 * Placeholders: HOST an address, NET a longer prefix, BR a bridge, IF another interface, P tcp, udp or sctp, N a number.
 * A second bridge or address is BR2 or HOST2, so that `-i BR -o BR` means the same bridge twice. `lo` and `loopback0`, which have one
 * meaning everywhere, stay.
 */
export function shapeOf(rule: Rule, isBridge: (name: string) => boolean): string {
  const hosts = numbered('HOST');
  const bridges = numbered('BR');
  const interfaceShape = (name: string) => {
    if (name === 'lo' || name === 'loopback0') return name;
    return isBridge(name) ? bridges(name) : 'IF';
  };
  const { source, destination, inInterface, outInterface, protocol, target } = rule;
  const transport = protocol !== undefined && transports.includes(protocol.value);
  const ping = protocol !== undefined && pings.includes(protocol.value);
  return formatRule({
    ...rule,
    ...(source === undefined ? {} : { source: mapped(source, (at) => addressShape(at, hosts)) }),
    ...(destination === undefined
      ? {}
      : { destination: mapped(destination, (at) => addressShape(at, hosts)) }),
    ...(inInterface === undefined ? {} : { inInterface: mapped(inInterface, interfaceShape) }),
    ...(outInterface === undefined ? {} : { outInterface: mapped(outInterface, interfaceShape) }),
    ...(protocol === undefined
      ? {}
      : { protocol: mapped(protocol, (name) => (transport ? 'P' : ping ? 'PING' : name)) }),
    matches: rule.matches.map(
      ({ module, options }): ModuleMatch => ({
        module: transport && module === protocol?.value ? 'P' : module,
        options: options.map(optionShape),
      }),
    ),
    ...(target === undefined ? {} : { target: { ...target, options: target.options.map(optionShape) } }),
  });
}

const transports: readonly string[] = ['tcp', 'udp', 'sctp'];
const pings: readonly string[] = ['icmp', 'icmpv6', 'ipv6-icmp'];

function mapped<T, U>({ not, value }: Negatable<T>, change: (value: T) => U): Negatable<U> {
  return { not, value: change(value) };
}

/** HOST for the first value, HOST2 for another one, and HOST again for the first. */
function numbered(word: string): (value: string) => string {
  const seen: string[] = [];
  return (value) => {
    if (!seen.includes(value)) seen.push(value);
    const place = seen.indexOf(value);
    return place === 0 ? word : `${word}${place + 1}`;
  };
}

function addressShape(address: Prefix | string, hosts: (value: string) => string): string {
  const text = typeof address === 'string' ? address : formatPrefix(address);
  return /\/(?:32|128)$/.test(text) ? hosts(text) : 'NET';
}

/** Where an option's value is a number or an address: marks, ports, translations. Families of a set's name are one. */
function optionShape(option: RuleOption): RuleOption {
  return { ...option, values: option.values.map((value) => valueShape(option.name, value)) };
}

function valueShape(option: string, value: string): string {
  switch (option) {
    case '--dport':
    case '--sport':
    case '--mark':
      return /^[0-9a-fx/]+$/.test(value) ? 'N' : value;
    case '--to-destination':
      return value.replace(/^(?:[0-9.]+|\[[0-9a-f:.]+\]):[0-9]+$/, 'HOST:N');
    case '--to-source':
      return parseAddr(value) === undefined ? value : 'HOST';
    case '--match-set':
      return value.replace(/-v[46]$/, '');
    default:
      return value;
  }
}
