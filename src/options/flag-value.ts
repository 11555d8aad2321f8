/**
 * Values of dockerd's flags: what pflag and dockerd's own types make of an argument, and how they print it.
 * In: text of one argument and the value so far. Out: the new value, or the reason for which it is refused.
 */
import { type Addr, formatAddr, parseAddr, parseIpv4 } from '../net/addr.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { AddressPool, OptionName, OptionValues } from './options.ts';
import type { ValueType } from './table.ts';
import { isAtLeast } from './version.ts';

export type OptionValue = OptionValues[OptionName];

export type ValueResult<T = OptionValue> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

/** Go's strconv.ParseBool. */
export function parseGoBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  return undefined;
}

/** Go's net.ParseIP: an IPv4 address in IPv6 clothes is the IPv4 address. */
export function parseNetIp(text: string): Addr | undefined {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(text)?.[1];
  return mapped === undefined ? parseAddr(text) : parseIpv4(mapped);
}

/** Applies `--flag=text` to the value that earlier uses of the flag left; undefined is "not used yet". */
export function setFlag(
  type: ValueType,
  before: OptionValue | undefined,
  text: string,
  engine: string,
): ValueResult {
  const list = Array.isArray(before) ? (before as readonly string[]) : [];
  switch (type) {
    case 'bool': {
      const value = parseGoBool(text);
      return value === undefined
        ? refuse(`strconv.ParseBool: parsing ${quote(text)}: invalid syntax`)
        : done(value);
    }
    case 'int':
      return parseGoInt(text);
    case 'text':
    case 'any':
      return done(text);
    case 'ip':
      return parseIpFlag(text, engine);
    case 'texts':
      return done([...list, text]);
    case 'domains': {
      const domain = validDomain(text);
      return domain.ok ? done([...list, domain.value]) : domain;
    }
    case 'ip-texts': {
      const addr = parseNetIp(text.trim());
      return addr === undefined ? refuse(`${text} is not an ip address`) : done([...list, formatAddr(addr)]);
    }
    case 'net-ips':
      return parseIpSlice(list, text);
    case 'netip-addrs': {
      const addr = parseAddr(text);
      return addr === undefined ? refuse(netipReason(text)) : done([...list, formatAddr(addr)]);
    }
    case 'pools':
      return parsePool(Array.isArray(before) ? (before as readonly AddressPool[]) : [], text, engine);
    case 'map': {
      const [key, value] = cut(text);
      return done({ ...(before as Readonly<Record<string, string>> | undefined), [key]: value ?? '' });
    }
    case 'map-of-maps': {
      const maps = (before ?? {}) as OptionValues['default-network-opts'];
      const [root, rest] = cut(text);
      const [key, value] = cut(rest ?? '');
      if (value === undefined) {
        return refuse(`invalid value ${quote(text)} for map option, should be root-key=key=value`);
      }
      return done({ ...maps, [root]: { ...maps[root], [key]: value } });
    }
    case 'bool-map': {
      const [key, given] = cut(text);
      if (key === '') return refuse(`invalid option name: ${text}`);
      const value = parseGoBool(given ?? 'true');
      if (value === undefined)
        return refuse(`strconv.ParseBool: parsing ${quote(given ?? '')}: invalid syntax`);
      return done({ ...(before as OptionValues['features'] | undefined), [key]: value });
    }
  }
}

/** What a flag's String() prints, which is what the message of a conflict shows. */
export function printFlagValue(type: ValueType, value: OptionValue): string {
  if (Array.isArray(value)) {
    const items = value as readonly (string | AddressPool)[];
    if (type === 'pools') {
      return items.map((pool) => (typeof pool === 'string' ? pool : `${pool.base} ${pool.size}`)).join(', ');
    }
    return `[${items.join(type === 'net-ips' ? ',' : ' ')}]`;
  }
  return typeof value === 'object' ? printMap(value) : String(value);
}

function printMap(value: object): string {
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, v]) => `${key}:${typeof v === 'object' ? printMap(v) : v}`).join(' ')}]`;
}

/** Go's %q for what comes up here: printable text with quotes and backslashes escaped. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

/** The words of Go's net/netip for an address that it refuses (the general ones). */
export function netipReason(text: string): string {
  return `ParseAddr(${quote(text)}): unable to parse IP`;
}

/** A search domain as dockerd accepts it (opts.ValidateDNSSearch): `.`, or labels with at least one letter. */
export function validDomain(text: string): ValueResult<string> {
  const domain = text.replace(/^ +| +$/g, '');
  if (domain === '.') return { ok: true, value: domain };
  // Two steps, because one expression for nested labels backtracks without bound on hostile input.
  const bare = domain.trimEnd().replace(/\.$/, '');
  const labels = bare.split('.');
  const good =
    /[a-zA-Z]/.test(domain) &&
    labels.every((label) => /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/.test(label));
  return good && bare.length < 255
    ? { ok: true, value: bare }
    : { ok: false, reason: `${domain} is not a valid domain` };
}

/** strconv.ParseInt with base 0, as pflag calls it: 0x, 0o, 0b, a leading 0 for octal, `_` between digits. */
function parseGoInt(text: string): ValueResult {
  const wrong = (why: string): ValueResult => refuse(`strconv.ParseInt: parsing ${quote(text)}: ${why}`);
  const [, sign, digits = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  const form = integerForms.find(({ written }) => written.test(digits));
  if (form === undefined) return wrong('invalid syntax');
  const plain = digits.replace(/^0[xXbBoO]/, '').replaceAll('_', '');
  const size = BigInt(`${form.prefix}${plain}`);
  const value = sign === '-' ? -size : size;
  return fitsInt64(value) ? done(Number(value)) : wrong('value out of range');
}

const integerForms = [
  { written: /^(0|[1-9](_?[0-9])*)$/, prefix: '' },
  { written: /^0[xX](_?[0-9a-fA-F])+$/, prefix: '0x' },
  { written: /^0[bB](_?[01])+$/, prefix: '0b' },
  { written: /^0[oO]?(_?[0-7])+$/, prefix: '0o' },
] as const;

export function fitsInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** Until 20.10 dockerd's own type, then pflag's, which drops spaces and, lately, takes an empty text as "none". */
function parseIpFlag(text: string, engine: string): ValueResult {
  const own = !isAtLeast(engine, '23.0');
  const trimmed = own ? text : text.trim();
  if (trimmed === '' && isAtLeast(engine, '28.0')) return done('');
  const addr = parseNetIp(trimmed);
  if (addr !== undefined) return done(formatAddr(addr));
  return refuse(own ? `${text} is not an ip address` : `failed to parse IP: ${quote(text)}`);
}

/** pflag's ipSlice: comma-separated. */
function parseIpSlice(before: readonly string[], text: string): ValueResult {
  const added: string[] = [];
  for (const part of text.replaceAll('"', '').split(',')) {
    const addr = parseNetIp(part.trim());
    if (addr === undefined) return refuse(`invalid string being converted to IP address: ${part.trim()}`);
    added.push(formatAddr(addr));
  }
  return done([...before, ...added]);
}

function parsePool(before: readonly AddressPool[], text: string, engine: string): ValueResult {
  let [base, size] = ['', 0];
  for (const field of text.split(',')) {
    const [key, value] = cut(field.toLowerCase());
    if (value === undefined) return refuse(`invalid field '${field}' must be a key=value pair`);
    if (key === 'base') {
      if (isAtLeast(engine, '27.0') && parsePrefix(value) === undefined) {
        return refuse(`invalid base prefix ${quote(value)}: ${prefixReason(value)}`);
      }
      base = value;
    } else if (key === 'size') {
      if (!/^[-+]?[0-9]+$/.test(value)) {
        const shown = isAtLeast(engine, '23.0') ? text : value;
        return refuse(
          `invalid size value: ${quote(shown)} (must be integer): strconv.Atoi: parsing ${quote(value)}: invalid syntax`,
        );
      }
      size = Number(value);
    } else return refuse(`unexpected key '${key}' in '${field}'`);
  }
  return done([...before, { base, size }]);
}

/** The words of Go's netip.ParsePrefix (the general ones). */
export function prefixReason(text: string): string {
  const [address, bits] = text.split('/');
  const call = `netip.ParsePrefix(${quote(text)})`;
  if (bits === undefined) return `${call}: no '/'`;
  if (parseAddr(address ?? '') === undefined) return `${call}: ${netipReason(address ?? '')}`;
  return /^[0-9]+$/.test(bits)
    ? `${call}: prefix length out of range`
    : `${call}: bad bits after slash: ${quote(bits)}`;
}

function cut(text: string): readonly [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function done(value: OptionValue): ValueResult {
  return { ok: true, value };
}

function refuse(reason: string): ValueResult {
  return { ok: false, reason };
}
