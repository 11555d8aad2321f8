/**
 * Brings a rule to the one form in which iptables-save prints it: aliases resolved, lists in the kernel's order,
 * defaults written out or left out. In and out: a Rule. Modules and values that it does not know stay as given.
 * What is here was seen on iptables 1.8.9, both variants; the kernel tests compare it with the installed one.
 */
import type { Family } from '../net/addr.ts';
import { formatAddr } from '../net/addr.ts';
import { addressBits, formatPrefix, parsePrefixOrAddr } from '../net/prefix.ts';
import { printedIcmpType } from './icmp.ts';
import { type ModuleSpec, matchSpec, targetSpec } from './modules.ts';
import { hex, parseCNumber, parseMasked, printedRange, printedRate } from './numbers.ts';
import { printedProtocol, protocolNumber } from './protocols.ts';
import type { ModuleMatch, Rule, RuleOption, Target } from './ruleset.ts';

export const ctStates = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'] as const;
export const ctStatuses = ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'NONE'] as const;
export const addrTypes = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const;
export const tcpFlagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] as const;

const logLevels = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'];
const rejectTypes: readonly (readonly [string, string])[] = [
  ['net-unreach', 'icmp-net-unreachable'],
  ['host-unreach', 'icmp-host-unreachable'],
  ['proto-unreach', 'icmp-proto-unreachable'],
  ['port-unreach', 'icmp-port-unreachable'],
  ['net-prohib', 'icmp-net-prohibited'],
  ['host-prohib', 'icmp-host-prohibited'],
  ['admin-prohib', 'icmp-admin-prohibited'],
  ['tcp-rst', 'tcp-reset'],
  ['no-route', 'icmp6-no-route'],
  ['adm-prohibited', 'icmp6-adm-prohibited'],
  ['addr-unreach', 'icmp6-addr-unreachable'],
  ['policy-fail', 'icmp6-policy-fail'],
  ['reject-route', 'icmp6-reject-route'],
];

/** The rule in canonical form. Without `family`, defaults that depend on it are not written out. */
export function normaliseRule(rule: Rule, family?: Family): Rule {
  const { protocol, target, ...rest } = rule;
  const name = protocol === undefined ? undefined : printedProtocol(protocol.value);
  return {
    ...rest,
    // "all" is what a rule without -p means (`! -p all` stays: it never matches).
    ...(protocol === undefined || name === undefined || (name === 'all' && !protocol.not)
      ? {}
      : { protocol: { not: protocol.not, value: name } }),
    matches: rule.matches.map((match) => normaliseMatch(match, family)),
    ...(target === undefined ? {} : { target: normaliseTarget(target, family) }),
  };
}

function normaliseMatch(match: ModuleMatch, family: Family | undefined): ModuleMatch {
  const options = match.options.flatMap((option) => {
    const value = matchOption(match.module, option);
    return value === undefined ? [] : [value];
  });
  const complete = withMatchDefaults(match.module, options, family);
  return { module: match.module, options: inPrintOrder(complete, matchSpec(match.module)) };
}

/** The option as printed; undefined where iptables-save leaves it out. */
function matchOption(module: string, option: RuleOption): RuleOption | undefined {
  switch (module) {
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'dccp':
      return transportOption(option);
    case 'icmp':
    case 'icmp6':
      return mapFirst(option, (text) => printedIcmpType(module, text));
    case 'conntrack':
      return conntrackOption(option);
    case 'state':
      return mapFirst(option, (text) => inListOrder(text, ctStates));
    case 'addrtype':
      return mapFirst(option, (text) => inListOrder(text, addrTypes));
    case 'mark':
    case 'connmark':
      return mapFirst(option, printedMark);
    case 'mac':
      return mapFirst(option, printedMac);
    case 'iprange':
      return mapFirst(option, (text) => (text.includes('-') ? text : `${text}-${text}`));
    case 'length':
      return mapFirst(option, printedRange);
    case 'pkttype':
      return mapFirst(option, (text) => (text === 'host' ? 'unicast' : text));
    case 'owner':
      return mapFirst(option, (text) => (text === 'root' ? '0' : text));
    case 'limit':
      if (option.name === '--limit-burst' && option.values[0] === '5') return undefined;
      return option.name === '--limit' ? mapFirst(option, (text) => printedRate(text, 10_000)) : option;
    case 'hashlimit':
      return /^--hashlimit-(upto|above)$/.test(option.name)
        ? mapFirst(option, (text) => printedRate(text, 1_000_000))
        : option;
    case 'statistic':
      return option.name === '--probability' ? mapFirst(option, printedProbability) : option;
    default:
      return option;
  }
}

function transportOption(option: RuleOption): RuleOption | undefined {
  switch (option.name) {
    case '--sport':
    case '--dport': {
      const printed = mapFirst(option, printedRange);
      return !option.not && printed.values[0] === '0:65535' ? undefined : printed;
    }
    case '--syn':
      return { not: option.not, name: '--tcp-flags', values: ['FIN,SYN,RST,ACK', 'SYN'] };
    case '--tcp-flags':
      return { ...option, values: option.values.map(printedFlags) };
    default:
      return option;
  }
}

function conntrackOption(option: RuleOption): RuleOption {
  switch (option.name) {
    case '--ctstate':
      return mapFirst(option, (text) => inListOrder(text, ctStates));
    case '--ctstatus':
      return mapFirst(option, (text) => inListOrder(text, ctStatuses));
    case '--ctproto':
      return mapFirst(option, (text) => `${protocolNumber(text) ?? text}`);
    case '--ctdir':
      return mapFirst(option, (text) => text.toUpperCase());
    case '--ctorigsrc':
    case '--ctorigdst':
    case '--ctreplsrc':
    case '--ctrepldst':
      return mapFirst(option, printedBareAddress);
    default:
      return option.name.endsWith('port') ? mapFirst(option, printedRange) : option;
  }
}

function withMatchDefaults(
  module: string,
  options: readonly RuleOption[],
  family: Family | undefined,
): readonly RuleOption[] {
  const has = (...names: readonly string[]) => options.some((o) => names.includes(o.name));
  const added: RuleOption[] = [];
  const add = (name: string, ...values: readonly string[]) => added.push({ not: false, name, values });
  switch (module) {
    case 'hashlimit':
      if (!has('--hashlimit-burst')) add('--hashlimit-burst', '5');
      break;
    case 'recent':
      if (!has('--name')) add('--name', 'DEFAULT');
      if (!has('--mask') && family !== undefined) {
        add('--mask', family === 'ipv4' ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
      }
      if (!has('--rsource', '--rdest')) add('--rsource');
      break;
    case 'connlimit':
      if (!has('--connlimit-mask') && family !== undefined) add('--connlimit-mask', `${addressBits(family)}`);
      if (!has('--connlimit-saddr', '--connlimit-daddr')) add('--connlimit-saddr');
      break;
  }
  return added.length === 0 ? options : [...options, ...added];
}

function normaliseTarget(target: Target, family: Family | undefined): Target {
  if (target.kind === 'goto') return target;
  const options = target.options.flatMap((option) => targetOption(target.name, option));
  const complete = withTargetDefaults(target.name, options, family);
  return { ...target, options: inPrintOrder(complete, targetSpec(target.name)) };
}

/** The option as printed: none where iptables-save leaves it out, several where it writes one as two. */
function targetOption(target: string, option: RuleOption): readonly RuleOption[] {
  switch (target) {
    case 'REJECT':
      return [mapFirst(option, printedReject)];
    case 'MARK':
    case 'CONNMARK':
      return markOption(option);
    case 'LOG': {
      if (option.name !== '--log-level') return [option];
      const level = mapFirst(option, printedLogLevel);
      // 4, warning, is the default and not printed.
      return level.values[0] === '4' ? [] : [level];
    }
    default:
      return [option];
  }
}

function withTargetDefaults(
  target: string,
  options: readonly RuleOption[],
  family: Family | undefined,
): readonly RuleOption[] {
  if (target === 'REJECT' && options.length === 0 && family !== undefined) {
    const type = family === 'ipv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
    return [{ not: false, name: '--reject-with', values: [type] }];
  }
  if (target === 'CONNMARK' && options.some((o) => o.name === '--save-mark' || o.name === '--restore-mark')) {
    const missing = ['--nfmask', '--ctmask'].filter((name) => !options.some((o) => o.name === name));
    return [...options, ...missing.map((name) => ({ not: false, name, values: ['0xffffffff'] }))];
  }
  return options;
}

/** MARK and CONNMARK know one operation, `--set-xmark VALUE/MASK`; the others are spellings of it (iptables-extensions(8)). */
function markOption(option: RuleOption): readonly RuleOption[] {
  const given = parseMasked(option.values[0] ?? '');
  if (given === undefined) return [option];
  const xmark = (value: number, mask: number): readonly RuleOption[] => [
    { not: false, name: '--set-xmark', values: [`${hex(value)}/${hex(mask)}`] },
  ];
  switch (option.name) {
    case '--set-xmark':
      return xmark(given.value, given.mask);
    case '--set-mark':
      return xmark(given.value, given.value | given.mask);
    case '--and-mark':
      return xmark(0, ~given.value);
    case '--or-mark':
      return xmark(given.value, given.value);
    case '--xor-mark':
      return xmark(given.value, 0);
    case '--mask':
      return ['--nfmask', '--ctmask'].map((name) => ({ not: false, name, values: [hex(given.value)] }));
    default:
      return [{ ...option, values: [hex(given.value)] }];
  }
}

function mapFirst(option: RuleOption, change: (text: string) => string): RuleOption {
  const [first, ...rest] = option.values;
  return first === undefined ? option : { ...option, values: [change(first), ...rest] };
}

/** Known options in the table's order; an option that is not in it keeps all as given. */
function inPrintOrder(options: readonly RuleOption[], spec: ModuleSpec | undefined): readonly RuleOption[] {
  if (spec === undefined || options.length < 2) return options;
  const rank = new Map(spec.options.map((option, index) => [option.name, index]));
  if (!options.every((option) => rank.has(option.name))) return options;
  return options.toSorted((a, b) => (rank.get(a.name) ?? 0) - (rank.get(b.name) ?? 0));
}

/** A comma list in the order of `names`, upper case, once each; unchanged if an item is not among them. */
function inListOrder(text: string, names: readonly string[]): string {
  const given = text.toUpperCase().split(',');
  if (!given.every((item) => names.includes(item))) return text;
  return names.filter((name) => given.includes(name)).join(',');
}

function printedFlags(text: string): string {
  const upper = text.toUpperCase();
  if (upper === 'NONE') return 'NONE';
  return upper === 'ALL' ? tcpFlagNames.join(',') : inListOrder(upper, tcpFlagNames);
}

function printedMark(text: string): string {
  const mark = parseMasked(text);
  if (mark === undefined) return text;
  return mark.mask === 0xffffffff ? hex(mark.value) : `${hex(mark.value)}/${hex(mark.mask)}`;
}

function printedMac(text: string): string {
  const octets = text.toLowerCase().split(':');
  return octets.length === 6 ? octets.map((octet) => octet.padStart(2, '0')).join(':') : text;
}

function printedBareAddress(text: string): string {
  const prefix = parsePrefixOrAddr(text);
  if (prefix === undefined) return text;
  return prefix.bits === addressBits(prefix.addr.family) ? formatAddr(prefix.addr) : formatPrefix(prefix);
}

function printedReject(text: string): string {
  return rejectTypes.find(([alias]) => alias === text)?.[1] ?? text;
}

function printedLogLevel(text: string): string {
  const number = parseCNumber(text);
  if (number !== undefined) return `${number}`;
  const known = logLevels.indexOf(text.toLowerCase());
  return known < 0 ? text : `${known}`;
}

/** The kernel keeps a probability in 31 bits; iptables prints eleven decimals. */
function printedProbability(text: string): string {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 1)) return text;
  return (Math.round(value * 0x80000000) / 0x80000000).toFixed(11);
}
