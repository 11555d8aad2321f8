/**
 * Options of match modules in the form in which iptables-save prints them, and the defaults that it writes out.
 * In: a module's name and options. Out: options. Values that are not understood stay as given.
 */
import type { Family } from '../net/addr.ts';
import { addressBits } from '../net/prefix.ts';
import { printedIcmpType } from './icmp.ts';
import { hexDigits, parseCNumber, printedRange, printedRangeUpTo, printedRate } from './numbers.ts';
import {
  inListOrder,
  mapFirst,
  printedBareAddress,
  printedDecimal,
  printedFlags,
  printedMac,
  printedMark,
  printedMaskLength,
  printedPort,
  printedPortRange,
  printedPorts,
  printedProbability,
  printedTos,
} from './printed-values.ts';
import { protocolNumber } from './protocols.ts';
import type { RuleOption } from './ruleset.ts';
import { addrTypes, ctStates, ctStatuses, dscpOfClass } from './value-names.ts';

/** The option as printed; none where iptables-save leaves it out. */
export function printedMatchOption(module: string, option: RuleOption): readonly RuleOption[] {
  switch (module) {
    case 'tcp':
    case 'udp':
    case 'sctp':
    case 'dccp':
      return transportOption(module, option);
    case 'ah':
    case 'esp':
    case 'ipcomp':
    case 'frag':
    case 'rt':
      return /^--(?:ahspi|espspi|ipcompspi|fragid|rt-segsleft)$/.test(option.name)
        ? unlessAny(option, 0xffffffff)
        : [option];
    case 'mh':
      return option.name === '--mh-type' ? unlessAny(option, 255) : [option];
    case 'limit':
      if (option.name === '--limit-burst' && option.values[0] === '5') return [];
      return [option.name === '--limit' ? mapFirst(option, (text) => printedRate(text, 10_000)) : option];
    case 'string': {
      const isDefault = option.values[0] === (option.name === '--from' ? '0' : '65535');
      return (option.name === '--from' || option.name === '--to') && isDefault ? [] : [option];
    }
    default:
      return [valuePrinted(module, option)];
  }
}

function valuePrinted(module: string, option: RuleOption): RuleOption {
  switch (module) {
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
    case 'realm':
    case 'devgroup':
      return mapFirst(option, printedMark);
    case 'multiport':
      return mapFirst(option, printedPorts);
    case 'mac':
      return mapFirst(option, printedMac);
    case 'iprange':
      return mapFirst(option, (text) => (text.includes('-') ? text : `${text}-${text}`));
    case 'length':
    case 'tcpmss':
      return mapFirst(option, printedRange);
    case 'pkttype':
      return mapFirst(option, (text) => (text === 'host' ? 'unicast' : text));
    case 'owner':
      return mapFirst(option, (text) => (text === 'root' ? '0' : text));
    case 'hashlimit':
      return /^--hashlimit-(upto|above)$/.test(option.name)
        ? mapFirst(option, (text) => printedRate(text, 1_000_000))
        : option;
    case 'statistic':
      return option.name === '--probability' ? mapFirst(option, printedProbability) : option;
    case 'tos':
      return mapFirst(option, (text) => printedTos(text));
    case 'dscp':
      return dscpOption(option, '--dscp');
    case 'connbytes':
      return option.name === '--connbytes' ? mapFirst(option, printedBytes) : option;
    case 'cpu':
    case 'quota':
      return mapFirst(option, printedDecimal);
    case 'cluster':
      return clusterOption(option);
    case 'ipvs':
      return ipvsOption(option);
    case 'rateest':
      return /^--rateest-bps[12]?$/.test(option.name) ? mapFirst(option, printedBitRate) : option;
    default:
      return option;
  }
}

function transportOption(module: string, option: RuleOption): readonly RuleOption[] {
  switch (option.name) {
    case '--sport':
    case '--dport': {
      const printed = mapFirst(option, printedPortRange);
      // Of DCCP iptables keeps whether the option was given.
      return !option.not && printed.values[0] === '0:65535' && module !== 'dccp' ? [] : [printed];
    }
    case '--syn':
      return [{ not: option.not, name: '--tcp-flags', values: ['FIN,SYN,RST,ACK', 'SYN'] }];
    case '--tcp-flags':
      return [{ ...option, values: option.values.map(printedFlags) }];
    default:
      return [option];
  }
}

/** A range; every number is what the rule means without the option. */
function unlessAny(option: RuleOption, max: number): readonly RuleOption[] {
  const printed = mapFirst(option, (text) => printedRangeUpTo(text, max));
  return !option.not && printed.values[0] === `0:${max}` ? [] : [printed];
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
    case '--ctexpire':
      return mapFirst(option, (text) => printedRangeUpTo(text, 0xffffffff));
    case '--ctorigsrc':
    case '--ctorigdst':
    case '--ctreplsrc':
    case '--ctrepldst':
      return mapFirst(option, printedBareAddress);
    default:
      return option.name.endsWith('port') ? mapFirst(option, printedPortRange) : option;
  }
}

function dscpOption(option: RuleOption, name: string): RuleOption {
  const [text = ''] = option.values;
  const bits = option.name === `${name}-class` ? dscpOfClass(text) : parseCNumber(text);
  return bits === undefined ? option : { not: option.not, name, values: [hexDigits(bits, 2)] };
}

/** An open end is not printed, and no beginning is 0. */
function printedBytes(text: string): string {
  const [, from, to] = /^([0-9]*):([0-9]*)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) return text;
  return `${from === '' ? '0' : from}${to === '' ? '' : `:${to}`}`;
}

/** One node is a mask of its bit. */
function clusterOption(option: RuleOption): RuleOption {
  const name = '--cluster-local-nodemask';
  const number = parseCNumber(option.values[0] ?? '');
  if (number === undefined || option.name === '--cluster-total-nodes') return option;
  if (option.name === '--cluster-local-node')
    return number < 1 || number > 32
      ? option
      : { ...option, name, values: [hexDigits(2 ** (number - 1), 8)] };
  return { ...option, values: [hexDigits(number, 8)] };
}

function ipvsOption(option: RuleOption): RuleOption {
  switch (option.name) {
    case '--vproto':
      return mapFirst(option, (text) => `${protocolNumber(text) ?? text}`);
    case '--vport':
    case '--vportctl':
      return mapFirst(option, printedPort);
    case '--vaddr':
      return mapFirst(option, printedMaskLength);
    default:
      return option;
  }
}

const bitUnits: ReadonlyMap<string, number> = new Map([
  ['bit', 1],
  ['kibit', 1024],
  ['kbit', 1000],
  ['mibit', 1024 ** 2],
  ['mbit', 1000 ** 2],
  ['gibit', 1024 ** 3],
  ['gbit', 1000 ** 3],
  ['bps', 8],
  ['kibps', 8 * 1024],
  ['kbps', 8000],
  ['mibps', 8 * 1024 ** 2],
  ['mbps', 8 * 1000 ** 2],
]);

/** Bits a second, from a thousand of a unit on in the next one. */
function printedBitRate(text: string): string {
  const [, number, unit = ''] = /^([0-9]{1,12})([a-z]+)$/i.exec(text) ?? [];
  const scale = bitUnits.get(unit.toLowerCase());
  if (number === undefined || scale === undefined) return text;
  const bits = Number(number) * scale;
  if (bits >= 1e9) return `${Math.round(bits / 1e6)}Mbit`;
  return bits >= 1e6 ? `${Math.round(bits / 1e3)}Kbit` : `${bits}bit`;
}

/** The options with those that iptables-save writes out although nobody gave them. */
export function completeMatch(
  module: string,
  options: readonly RuleOption[],
  family: Family | undefined,
): readonly RuleOption[] {
  const has = (...names: readonly string[]) => options.some((o) => names.includes(o.name));
  const added: RuleOption[] = [];
  const add = (name: string, ...values: readonly string[]) => added.push({ not: false, name, values });
  switch (module) {
    case 'hashlimit':
      // A rate in bytes has no burst unless one is given.
      if (!has('--hashlimit-burst') && !options.some(isByteRate)) add('--hashlimit-burst', '5');
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

function isByteRate({ name, values: [text = ''] }: RuleOption): boolean {
  return /^--hashlimit-(?:upto|above)$/.test(name) && /^[0-9]+[km]?b\/s/i.test(text);
}
