/**
 * JSON nodes as the Go types of dockerd's configuration. In: a node and the type that its key has. Out: the value,
 * or Go's words for why there is none. Also how Go prints a node, for the messages that show one.
 */
import { formatAddr, parseAddr } from '../net/addr.ts';
import { parsePrefix } from '../net/prefix.ts';
import { fitsInt64, netipReason, type OptionValue, parseNetIp, prefixReason } from './flag-value.ts';
import type { JsonMember, JsonNode } from './json.ts';
import type { AddressPool } from './options.ts';
import type { ValueType } from './table.ts';
import { isAtLeast } from './version.ts';

export type Decoded<T = OptionValue> =
  | { readonly kind: 'value'; readonly value: T }
  /** `null` leaves a simple value as it is and empties a list or map. */
  | { readonly kind: 'null' }
  /** A wrong type: the reader goes on and reports the first one at the end. */
  | { readonly kind: 'wrong'; readonly message: string }
  /** A text that the type's own parser refuses: the reader stops at once. */
  | { readonly kind: 'stop'; readonly message: string };

/** Decodes the value of `key`. Struct paths (`Config.key`) are given as toolchains up to Go 1.23 print them. */
export function decodeValue(node: JsonNode, type: ValueType, key: string, engine: string): Decoded {
  switch (type) {
    case 'any':
      return { kind: 'null' };
    case 'bool':
      return simple(node, 'bool', key, 'bool', (n) => (n.kind === 'bool' ? n.value : undefined));
    case 'int':
      return simple(node, 'int', key, 'int', intValue);
    case 'text':
      return textValue(node, key);
    case 'ip':
      return netIpValue(node, key);
    case 'texts':
    case 'domains':
    case 'ip-texts':
      return listOf(node, key, 'string', textValue);
    case 'net-ips':
      return listOf(node, key, 'net.IP', netIpValue);
    case 'netip-addrs':
      return listOf(node, key, 'netip.Addr', netipValue);
    case 'map':
      return mapOf(node, key, 'string', textValue);
    case 'bool-map':
      return mapOf(node, key, 'bool', (n, k) => decodeValue(n, 'bool', k, engine) as Decoded<boolean>);
    case 'map-of-maps':
      return mapOf(node, key, 'map[string]string', (n, k) => mapOf(n, k, 'string', textValue));
    case 'pools':
      return poolsValue(node, key, engine);
  }
}

/** How Go prints the value in a message (%v of an interface): lists and maps without quotes or commas. */
export function printNode(node: JsonNode): string {
  switch (node.kind) {
    case 'null':
      return '<nil>';
    case 'bool':
      return String(node.value);
    case 'string':
      return node.value;
    case 'number':
      return printFloat(Number(node.text));
    case 'array':
      return `[${node.items.map(printNode).join(' ')}]`;
    case 'object': {
      const last = new Map(node.members.map((member) => [member.key, printNode(member.value)]));
      const sorted = [...last].sort(([a], [b]) => (a < b ? -1 : 1));
      return `map[${sorted.map(([key, value]) => `${key}:${value}`).join(' ')}]`;
    }
  }
}

/** Go's %v of a float64, which is what every JSON number is there: 1500, 1e+06, 1.5e-07. */
function printFloat(value: number): string {
  const [, digits = '', sign = '+', power = '0'] = /^(.*)e([-+])(\d+)$/.exec(value.toExponential()) ?? [];
  const exponent = Number(`${sign}${power}`);
  // strconv.FormatFloat with 'g' and the shortest precision changes to exponents at 1e6 and below 1e-4.
  if (exponent < -4 || exponent >= 6) return `${digits}e${sign}${power.padStart(2, '0')}`;
  return String(value);
}

function wrongType(node: JsonNode, key: string, goType: string, what: string = node.kind): Decoded<never> {
  return {
    kind: 'wrong',
    message: `json: cannot unmarshal ${what} into Go struct field Config.${key} of type ${goType}`,
  };
}

function simple<T>(
  node: JsonNode,
  type: 'bool' | 'int',
  key: string,
  goType: string,
  read: (node: JsonNode) => T | undefined,
): Decoded<T> {
  if (node.kind === 'null') return { kind: 'null' };
  const value = read(node);
  if (value !== undefined) return { kind: 'value', value };
  const what = type === 'int' && node.kind === 'number' ? `number ${node.text}` : node.kind;
  return wrongType(node, key, goType, what);
}

function intValue(node: JsonNode): number | undefined {
  // Nineteen digits hold every 64-bit number; longer texts need not be converted to be refused.
  if (node.kind !== 'number' || !/^-?[0-9]{1,19}$/.test(node.text)) return undefined;
  return fitsInt64(BigInt(node.text)) ? Number(node.text) : undefined;
}

function textValue(node: JsonNode, key: string): Decoded<string> {
  if (node.kind === 'null') return { kind: 'null' };
  return node.kind === 'string' ? { kind: 'value', value: node.value } : wrongType(node, key, 'string');
}

/** net.IP reads the empty text as no address. */
function netIpValue(node: JsonNode, key: string): Decoded<string> {
  if (node.kind === 'null') return { kind: 'null' };
  if (node.kind !== 'string') return wrongType(node, key, 'net.IP');
  if (node.value === '') return { kind: 'value', value: '' };
  const addr = parseNetIp(node.value);
  if (addr === undefined) return { kind: 'stop', message: `invalid IP address: ${node.value}` };
  return { kind: 'value', value: formatAddr(addr) };
}

function netipValue(node: JsonNode, key: string): Decoded<string> {
  if (node.kind === 'null') return { kind: 'null' };
  if (node.kind !== 'string') return wrongType(node, key, 'netip.Addr');
  if (node.value === '') return { kind: 'value', value: '' };
  const addr = parseAddr(node.value);
  if (addr === undefined) return { kind: 'stop', message: netipReason(node.value) };
  return { kind: 'value', value: formatAddr(addr) };
}

type Reader<T> = (node: JsonNode, key: string) => Decoded<T>;

function listOf(
  node: JsonNode,
  key: string,
  goType: string,
  read: Reader<string>,
): Decoded<readonly string[]> {
  if (node.kind === 'null') return { kind: 'null' };
  if (node.kind !== 'array') return wrongType(node, key, `[]${goType}`);
  const values: string[] = [];
  for (const item of node.items) {
    const decoded = read(item, key);
    if (decoded.kind === 'wrong' || decoded.kind === 'stop') return decoded;
    values.push(decoded.kind === 'value' ? decoded.value : '');
  }
  return { kind: 'value', value: values };
}

function mapOf<T>(node: JsonNode, key: string, goType: string, read: Reader<T>): Decoded<Record<string, T>> {
  if (node.kind === 'null') return { kind: 'null' };
  if (node.kind !== 'object') return wrongType(node, key, `map[string]${goType}`);
  const entries: [string, T][] = [];
  for (const member of node.members) {
    const decoded = read(member.value, key);
    if (decoded.kind === 'wrong' || decoded.kind === 'stop') return decoded;
    if (decoded.kind === 'value') entries.push([member.key, decoded.value]);
  }
  return { kind: 'value', value: Object.fromEntries(entries) };
}

/** Pools have a parser of their own, so that also a wrong type inside stops the reader. */
function poolsValue(node: JsonNode, key: string, engine: string): Decoded<readonly AddressPool[]> {
  if (node.kind === 'null') return { kind: 'null' };
  if (node.kind !== 'array') return stop(wrongType(node, key, '[]*ipamutils.NetworkToSplit'));
  const pools: AddressPool[] = [];
  for (const item of node.items) {
    if (item.kind === 'null') continue;
    if (item.kind !== 'object') return stop(wrongType(item, key, 'ipamutils.NetworkToSplit'));
    let [base, size] = ['', 0];
    for (const member of item.members) {
      const decoded = poolMember(member, key, engine);
      if (decoded.kind === 'wrong' || decoded.kind === 'stop') return stop(decoded);
      if (decoded.kind === 'null') continue;
      if (typeof decoded.value === 'number') size = decoded.value;
      else base = decoded.value;
    }
    pools.push({ base, size });
  }
  return { kind: 'value', value: pools };
}

/** Since 27.0 a base is a netip.Prefix; before, it is a text that is looked at when the daemon starts. */
function poolMember(member: JsonMember, key: string, engine: string): Decoded<string | number> {
  const name = member.key.toLowerCase();
  if (name === 'size') return simple(member.value, 'int', `${key}.size`, 'int', intValue);
  if (name !== 'base') return { kind: 'null' };
  const prefixes = isAtLeast(engine, '27.0');
  const decoded = textValue(member.value, `${key}.base`);
  if (decoded.kind === 'wrong' && prefixes) return wrongType(member.value, `${key}.base`, 'netip.Prefix');
  if (decoded.kind !== 'value' || !prefixes || decoded.value === '') return decoded;
  if (parsePrefix(decoded.value) !== undefined) return decoded;
  return { kind: 'stop', message: prefixReason(decoded.value) };
}

function stop(decoded: Decoded<never> | Decoded<string | number>): Decoded<never> {
  const message = decoded.kind === 'wrong' || decoded.kind === 'stop' ? decoded.message : '';
  return { kind: 'stop', message };
}
