/**
 * Sets of ipset: whether one holds a packet. In: the sets of a namespace and a PacketView. Out: true, false, or what is not known.
 * Semantics are the kernel's net/netfilter/ipset; elements are those that were there at the time of the facts, whatever their timeouts.
 */
import type { Addr, Family } from '../net/addr.ts';
import {
  addressBits,
  containsAddr,
  formatPrefix,
  maskPrefix,
  type Prefix,
  parsePrefixOrAddr,
} from '../net/prefix.ts';
import { parseIcmpType } from './icmp.ts';
import { addressRangeTest, deviceTest } from './match-values.ts';
import { parseCNumber, parseMasked } from './numbers.ts';
import type { PacketView, Truth, UnknownTruth } from './packet-view.ts';
import { protocolNumber } from './protocols.ts';

/** One set as `ipset save` prints it. */
export interface IpSet {
  readonly name: string;
  /** `hash:ip,port`, `bitmap:port`, `list:set`. */
  readonly type: string;
  /** Options of `create` by name; those without a value have an empty one. */
  readonly options: ReadonlyMap<string, string>;
  readonly elements: readonly IpSetElement[];
}

export interface IpSetElement {
  /** `10.0.0.0/8,tcp:80`; of a list the name of a set. */
  readonly entry: string;
  /** An exception: what it holds is not in the set (`nomatch`). */
  readonly except: boolean;
  /** Its interface is a beginning of names (`wildcard`). */
  readonly wildcard: boolean;
}

/** Which end of the packet each part of an entry is asked about. */
type End = 'src' | 'dst';

/** Whether a set of this name holds the packet; `dimensions` as a rule writes them: `src,dst`. */
export function setHolds(
  sets: readonly IpSet[],
  name: string,
  dimensions: string,
  view: PacketView,
  reversed = false,
): Truth {
  return holds(sets, name, dimensions.split(',').map(endOf), view, reversed, 0);
}

function endOf(text: string): End {
  return text === 'src' ? 'src' : 'dst';
}

/** Lists hold sets, and no list holds a list; a hostile file may say otherwise. */
const maxDepth = 2;

function holds(
  sets: readonly IpSet[],
  name: string,
  ends: readonly End[],
  view: PacketView,
  reversed: boolean,
  depth: number,
): Truth {
  const set = sets.find((s) => s.name === name);
  if (set === undefined || depth > maxDepth) return membersUnknown(name);
  if (set.type === 'list:set') {
    let unknown: UnknownTruth | undefined;
    for (const { entry } of set.elements) {
      const truth = holds(sets, entry, ends, view, reversed, depth + 1);
      if (truth === true) return true;
      if (truth !== false) unknown ??= truth;
    }
    return unknown ?? false;
  }
  const compiled = compiledOf(set);
  if (compiled === undefined)
    return { unknown: `what the ipset ${name} of type ${set.type} holds`, command: `ipset list ${name}` };
  // A set of the other family, or of more parts than the rule gives ends for, holds nothing (ip_set_test).
  if (compiled.dimension > ends.length || !compiled.families.includes(view.family)) return false;
  const found = compiled.find(view, ends);
  return found !== undefined && found.except === reversed;
}

function membersUnknown(name: string): UnknownTruth {
  return { unknown: `members of ipset ${name}`, command: `ipset list ${name}` };
}

type PartTest = (view: PacketView, end: End) => boolean;

interface Compiled {
  readonly dimension: number;
  readonly families: readonly Family[];
  readonly find: (view: PacketView, ends: readonly End[]) => CompiledElement | undefined;
}

interface CompiledElement {
  readonly except: boolean;
  readonly width: number;
  /** The prefix of its first part, where that is one. */
  readonly first: Prefix | undefined;
  readonly test: (view: PacketView, ends: readonly End[]) => boolean;
}

const compiledSets = new WeakMap<IpSet, Compiled | 'not understood'>();

function compiledOf(set: IpSet): Compiled | undefined {
  const known = compiledSets.get(set) ?? compile(set) ?? 'not understood';
  compiledSets.set(set, known);
  return known === 'not understood' ? undefined : known;
}

const kinds: ReadonlySet<string> = new Set(['ip', 'net', 'port', 'iface', 'mac', 'mark']);

function compile(set: IpSet): Compiled | undefined {
  const [, method, list = ''] = /^(hash|bitmap):(.+)$/.exec(set.type) ?? [];
  const parts = list.split(',');
  if (method === undefined || !parts.every((part) => kinds.has(part)) || set.options.has('bitmask'))
    return undefined;
  const elements = set.elements.map((element) => {
    const texts = element.entry.split(',');
    // An address of bitmap:ip,mac that has no MAC yet takes that of the first packet.
    if (texts.length !== parts.length && set.type !== 'bitmap:ip,mac') return undefined;
    const tests = texts.map((text, i) => partTest(parts[i] ?? '', text, set, element));
    if (!tests.every((test) => test !== undefined)) return undefined;
    return {
      except: element.except,
      width: texts.reduce((sum, text) => sum + widthOf(text), 0),
      first:
        parts[0] === 'ip' || parts[0] === 'net'
          ? prefixOf(texts[0] ?? '', set.options.get('netmask'))
          : undefined,
      test: (view: PacketView, ends: readonly End[]) =>
        tests.every((test, i) => test(view, ends[i] ?? 'dst')),
    };
  });
  if (!elements.every((element) => element !== undefined)) return undefined;
  const family = set.options.get('family');
  const both: readonly Family[] = ['ipv4', 'ipv6'];
  const hasAddress = parts.includes('ip') || parts.includes('net');
  return {
    dimension: parts.length,
    families: hasAddress ? [family === 'inet6' ? 'ipv6' : 'ipv4'] : both,
    find: finderOf(elements),
  };
}

/** Of the elements that hold a packet the narrowest, which is the one that decides. Lists of addresses are long: they are looked up. */
function finderOf(elements: readonly CompiledElement[]): Compiled['find'] {
  const byPrefix = new Map<string, CompiledElement[]>();
  const widths = new Set<number>();
  const others: CompiledElement[] = [];
  for (const element of elements) {
    if (element.first === undefined) {
      others.push(element);
      continue;
    }
    widths.add(element.first.bits);
    const key = prefixKey(element.first.addr, element.first.bits);
    const same = byPrefix.get(key);
    if (same === undefined) byPrefix.set(key, [element]);
    else same.push(element);
  }
  return (view, ends) => {
    const addr = ends[0] === 'src' ? view.src : view.dst;
    const candidates = [...widths].flatMap((bits) => byPrefix.get(prefixKey(addr, bits)) ?? []);
    let found: CompiledElement | undefined;
    for (const element of [...candidates, ...others])
      if ((found === undefined || element.width > found.width) && element.test(view, ends)) found = element;
    return found;
  };
}

function prefixKey(addr: Addr, bits: number): string {
  return bits > addressBits(addr.family) ? '' : formatPrefix(maskPrefix({ addr, bits }));
}

/** Bits that an address must have; what is no address does not tell widths apart. */
function widthOf(text: string): number {
  return parsePrefixOrAddr(text)?.bits ?? 0;
}

function partTest(kind: string, text: string, set: IpSet, element: IpSetElement): PartTest | undefined {
  switch (kind) {
    case 'ip':
    case 'net':
      return addressTest(text, set);
    case 'port':
      return portTest(text, set.type === 'bitmap:port');
    case 'iface':
      return interfaceTest(text, element.wildcard);
    case 'mac': {
      const wanted = text.toLowerCase();
      return (view, end) => (end === 'src' ? view.srcMac : view.dstMac) === wanted;
    }
    case 'mark': {
      const wanted = parseMasked(text)?.value;
      const mask = parseCNumber(set.options.get('markmask') ?? '0xffffffff');
      if (wanted === undefined || mask === undefined) return undefined;
      return (view) => (view.mark & mask) >>> 0 === wanted;
    }
    default:
      return undefined;
  }
}

function addressTest(text: string, set: IpSet): PartTest | undefined {
  const addr = (view: PacketView, end: End): Addr => (end === 'src' ? view.src : view.dst);
  if (text.includes('-')) {
    const test = addressRangeTest(text);
    return test && ((view, end) => test(addr(view, end)));
  }
  const prefix = prefixOf(text, set.options.get('netmask'));
  return prefix && ((view, end) => containsAddr(prefix, addr(view, end)));
}

/** With `netmask` a set of addresses holds networks, each listed by its first address. */
function prefixOf(text: string, netmask: string | undefined): Prefix | undefined {
  const prefix = parsePrefixOrAddr(text);
  if (prefix === undefined || netmask === undefined || text.includes('/')) return prefix;
  return /^[0-9]{1,3}$/.test(netmask) ? parsePrefixOrAddr(`${text}/${netmask}`) : undefined;
}

/** `tcp:80`, `icmp:8/0`, `gre:0`; of a bitmap a port of any protocol that has ports. */
function portTest(text: string, bare: boolean): PartTest | undefined {
  const port = (view: PacketView, end: End) => (end === 'src' ? view.sport : view.dport);
  if (bare) {
    const [low = '', high = low] = text.split('-');
    const [from, to] = [parseCNumber(low), parseCNumber(high)];
    if (from === undefined || to === undefined) return undefined;
    return (view, end) => {
      const found = port(view, end);
      return found !== undefined && found >= from && found <= to;
    };
  }
  const [, name = 'tcp', value = ''] = /^(?:([^:]+):)?(.+)$/.exec(text) ?? [];
  const protocol = protocolNumber(name);
  if (protocol === undefined) return undefined;
  if (protocol === 1 || protocol === 58) {
    const wanted = parseIcmpType(protocol === 1 ? 'icmp' : 'icmp6', value);
    if (wanted === undefined || wanted === 'any') return undefined;
    return ({ protocol: own, icmp }) =>
      own === protocol && icmp?.type === wanted.type && icmp.code === (wanted.code ?? 0);
  }
  const number = parseCNumber(value);
  // What has no ports is asked for with 0.
  return number === undefined
    ? undefined
    : (view, end) => view.protocol === protocol && (port(view, end) ?? 0) === number;
}

/** `eth0`, or `physdev:veth1` for a bridge port. */
function interfaceTest(text: string, wildcard: boolean): PartTest {
  const port = text.startsWith('physdev:');
  const name = port ? text.slice('physdev:'.length) : text;
  const test = deviceTest(wildcard ? `${name}+` : name);
  return (view, end) => {
    const device = end === 'src' ? (port ? view.physIn : view.inDev) : port ? view.physOut : view.outDev;
    return device !== undefined && test(device);
  };
}
