/**
 * Single option values as iptables-save prints them: lists, marks, ports, addresses, flags.
 * In: an option's text, as a person may write it. Out: printed text; text that is something else stays as given.
 */
import { formatAddr, parseAddr } from '../net/addr.ts';
import { addressBits, formatPrefix, parsePrefixOrAddr } from '../net/prefix.ts';
import { parseRuleAddress } from './address.ts';
import { hex, hexDigits, parseCNumber, parseMasked, printedRange } from './numbers.ts';
import type { RuleOption } from './ruleset.ts';
import { servicePort, tcpFlagNames, tosOfName } from './value-names.ts';

/** The option with its first value changed. */
export function mapFirst(option: RuleOption, change: (text: string) => string): RuleOption {
  const [first, ...rest] = option.values;
  return first === undefined ? option : { ...option, values: [change(first), ...rest] };
}

/** A comma list in the order of `names`, upper case, once each; unchanged if an item is not among them. */
export function inListOrder(text: string, names: readonly string[]): string {
  const given = text.toUpperCase().split(',');
  if (!given.every((item) => names.includes(item))) return text;
  return names.filter((name) => given.includes(name)).join(',');
}

/** Flags of a TCP header, in the order of their bits. */
export function printedFlags(text: string): string {
  const upper = text.toUpperCase();
  if (upper === 'NONE') return 'NONE';
  return upper === 'ALL' ? tcpFlagNames.join(',') : inListOrder(upper, tcpFlagNames);
}

/** Marks, realms and device groups: hexadecimal, without a mask of all bits. */
export function printedMark(text: string): string {
  const mark = parseMasked(text);
  if (mark === undefined) return text;
  return mark.mask === 0xffffffff ? hex(mark.value) : `${hex(mark.value)}/${hex(mark.mask)}`;
}

/** Type of service: a number has a mask of eight bits, an old name one of six. */
export function printedTos(text: string): string {
  const named = tosOfName(text);
  if (named !== undefined) return `${hexDigits(named, 2)}/0x3f`;
  const given = parseMasked(text);
  if (given === undefined) return text;
  return `${hexDigits(given.value, 2)}/${hexDigits(given.mask & 0xff, 2)}`;
}

export function printedMac(text: string): string {
  const octets = text.toLowerCase().split(':');
  return octets.length === 6 ? octets.map((octet) => octet.padStart(2, '0')).join(':') : text;
}

/** An address, or a prefix that is more than one. */
export function printedBareAddress(text: string): string {
  const prefix = parsePrefixOrAddr(text);
  if (prefix === undefined) return text;
  return prefix.bits === addressBits(prefix.addr.family) ? formatAddr(prefix.addr) : formatPrefix(prefix);
}

/** A prefix without host bits, with its length also where that is all of the address. */
export function printedPrefix(text: string): string {
  const prefix = parseRuleAddress(text, text.includes(':') ? 'ipv6' : 'ipv4');
  return prefix === undefined || typeof prefix === 'string' ? text : formatPrefix(prefix);
}

/** `ADDRESS/MASK` with the mask as a length; the address keeps its host bits. */
export function printedMaskLength(text: string): string {
  const [address = '', mask] = text.split('/');
  const known = parseAddr(address);
  const prefix = mask === undefined || known === undefined ? undefined : parseRuleAddress(text, known.family);
  return prefix === undefined || typeof prefix === 'string' ? text : `${address}/${prefix.bits}`;
}

/** A number in C notation as a decimal one. */
export function printedDecimal(text: string): string {
  const number = parseCNumber(text);
  return number === undefined ? text : `${number}`;
}

/** A port by number or by the name of its service. */
export function printedPort(text: string): string {
  return `${servicePort(text) ?? text}`;
}

/** A port or a range of them. */
export function printedPortRange(text: string): string {
  return printedRange(text.split(':').map(printedPort).join(':'));
}

/** A comma list of ports and ranges. */
export function printedPorts(text: string): string {
  return text.split(',').map(printedPortRange).join(',');
}

/** The kernel keeps a probability in 31 bits; iptables prints eleven decimals. */
export function printedProbability(text: string): string {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 1)) return text;
  return (Math.round(value * 0x80000000) / 0x80000000).toFixed(11);
}
