/**
 * Options of targets in the form in which iptables-save prints them, and the defaults that it writes out.
 * In: a target's name and options. Out: options. Values that are not understood stay as given.
 */
import type { Family } from '../net/addr.ts';
import { hex, hexDigits, parseCNumber, parseMasked } from './numbers.ts';
import { mapFirst, printedDecimal, printedPort, printedPrefix, printedTos } from './printed-values.ts';
import type { RuleOption } from './ruleset.ts';
import { dscpOfClass } from './value-names.ts';

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

/** The kernel's field for the prefix has 64 bytes, the last of them zero (struct xt_nflog_info). */
const nflogPrefix = 63;

/** The option as printed: none where iptables-save leaves it out, several where it writes one as two. */
export function printedTargetOption(target: string, option: RuleOption): readonly RuleOption[] {
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
    case 'NFLOG':
      if (option.name === '--nflog-prefix') return [mapFirst(option, (text) => text.slice(0, nflogPrefix))];
      return option.name === '--nflog-group' && option.values[0] === '0' ? [] : [option];
    case 'NFQUEUE':
      return [option.name === '--queue-balance' ? mapFirst(option, printedQueues) : option];
    case 'TOS':
      return [tosOption(option)];
    case 'DSCP':
      return [dscpOption(option)];
    case 'SNAT':
    case 'DNAT':
    case 'MASQUERADE':
    case 'REDIRECT':
      return [natOption(option)];
    case 'NETMAP':
      return [mapFirst(option, printedPrefix)];
    case 'CLASSIFY':
      return [mapFirst(option, printedClass)];
    case 'CT':
      return [option.name.startsWith('--zone') ? mapFirst(option, printedDecimal) : option];
    case 'TPROXY':
      return [tproxyOption(option)];
    default:
      return [option];
  }
}

/** The options with those that iptables-save writes out although nobody gave them. */
export function completeTarget(
  target: string,
  options: readonly RuleOption[],
  family: Family | undefined,
): readonly RuleOption[] {
  const has = (...names: readonly string[]) => options.some((o) => names.includes(o.name));
  switch (target) {
    case 'REJECT': {
      if (options.length > 0 || family === undefined) return options;
      const type = family === 'ipv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
      return [{ not: false, name: '--reject-with', values: [type] }];
    }
    case 'CONNMARK': {
      if (!has('--save-mark', '--restore-mark')) return options;
      const missing = ['--nfmask', '--ctmask'].filter((name) => !has(name));
      return [...options, ...missing.map((name) => ({ not: false, name, values: ['0xffffffff'] }))];
    }
    case 'NFQUEUE':
      return has('--queue-num', '--queue-balance')
        ? options
        : [{ not: false, name: '--queue-num', values: ['0'] }, ...options];
    case 'TPROXY':
      return [
        ...options,
        ...(has('--on-ip') || family === undefined
          ? []
          : [{ not: false, name: '--on-ip', values: [family === 'ipv4' ? '0.0.0.0' : '::'] }]),
        ...(has('--tproxy-mark') ? [] : [{ not: false, name: '--tproxy-mark', values: ['0x0/0x0'] }]),
      ];
    default:
      return options;
  }
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

/** TOS, like MARK, has one operation: clear the bits of the mask, then turn those of the value over. */
function tosOption(option: RuleOption): RuleOption {
  const [text = ''] = option.values;
  const set = (value: number, mask: number): RuleOption => ({
    not: false,
    name: '--set-tos',
    values: [`${hexDigits(value, 2)}/${hexDigits(mask, 2)}`],
  });
  if (option.name === '--set-tos') return mapFirst(option, (given) => printedTos(given));
  const bits = parseCNumber(text);
  if (bits === undefined || bits > 0xff) return option;
  switch (option.name) {
    case '--and-tos':
      return set(0, ~bits & 0xff);
    case '--or-tos':
      return set(bits, bits);
    case '--xor-tos':
      return set(bits, 0);
    default:
      return option;
  }
}

function dscpOption(option: RuleOption): RuleOption {
  const [text = ''] = option.values;
  const bits = option.name === '--set-dscp-class' ? dscpOfClass(text) : parseCNumber(text);
  return bits === undefined ? option : { not: false, name: '--set-dscp', values: [hexDigits(bits, 2)] };
}

/** Ports of NAT as numbers, a range of one as one: after the last colon of an address, or alone in `--to-ports`. */
function natOption(option: RuleOption): RuleOption {
  switch (option.name) {
    case '--to-ports':
      return mapFirst(option, natPorts);
    case '--to-source':
    case '--to-destination':
      return mapFirst(option, (text) => {
        const [, address, ports] = /^([^:]*|\[.*\]):([^:\]]+)$/.exec(text) ?? [];
        return address === undefined || ports === undefined ? text : `${address}:${natPorts(ports)}`;
      });
    default:
      return option;
  }
}

/** `80`, `80-90`, and of DNAT `80-90/1080`, the first port to count from. */
function natPorts(text: string): string {
  const port = printedPort(text);
  if (port !== text) return port;
  const [, from, to, base] = /^([^-]+)-([^/]+)(?:\/(.+))?$/.exec(text) ?? [];
  if (from === undefined || to === undefined) return text;
  const ports =
    printedPort(from) === printedPort(to) ? printedPort(from) : `${printedPort(from)}-${printedPort(to)}`;
  return base === undefined ? ports : `${ports}/${printedPort(base)}`;
}

/** A class of traffic control, major and minor number in four hexadecimal digits. */
function printedClass(text: string): string {
  const parts = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(text)?.slice(1);
  return parts === undefined ? text : parts.map((part) => part.toLowerCase().padStart(4, '0')).join(':');
}

function tproxyOption(option: RuleOption): RuleOption {
  switch (option.name) {
    case '--on-port':
      return mapFirst(option, printedPort);
    case '--tproxy-mark':
      return mapFirst(option, (text) => {
        const mark = parseMasked(text);
        return mark === undefined ? text : `${hex(mark.value)}/${hex(mark.mask)}`;
      });
    default:
      return option;
  }
}

/** Open ends are the first and the last queue; the last number is no queue. */
function printedQueues(text: string): string {
  const [, from, to] = /^([0-9]*):([0-9]*)$/.exec(text) ?? [];
  return from === undefined || to === undefined ? text : `${from || '0'}:${to || '65534'}`;
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
