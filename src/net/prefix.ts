/**
 * IP prefixes (CIDR), modelled on Go's net/netip. In: `172.17.0.1/16` as text. Out: an address that may
 * keep its host part, and a length; `maskPrefix` drops the host part.
 */
import { type Addr, type Family, formatAddr, ipv4, ipv6, parseAddr } from './addr.ts';

export interface Prefix {
  /** May carry host bits, as in `bip: 172.17.0.1/16`. */
  readonly addr: Addr;
  /** 0 to 32 or 0 to 128. */
  readonly bits: number;
}

/** Number of bits of an address of this family. */
export function addressBits(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128;
}

/** Parses `ADDR/LEN`; undefined if malformed. Host bits are kept. A bare address is not a prefix. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const addr = parseAddr(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (addr === undefined || !/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const bits = Number(length);
  return bits <= addressBits(addr.family) ? { addr, bits } : undefined;
}

/** Parses `ADDR/LEN`, or a bare address as a prefix of full length. */
export function parsePrefixOrAddr(text: string): Prefix | undefined {
  if (text.includes('/')) return parsePrefix(text);
  const addr = parseAddr(text);
  return addr === undefined ? undefined : hostPrefix(addr);
}

/** The prefix of full length that holds just this address. */
export function hostPrefix(addr: Addr): Prefix {
  return { addr, bits: addressBits(addr.family) };
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddr(prefix.addr)}/${prefix.bits}`;
}

function ipv4Mask(bits: number): number {
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
}

/** The prefix without host bits. */
export function maskPrefix(prefix: Prefix): Prefix {
  const { addr, bits } = prefix;
  if (addr.family === 'ipv4') return { addr: ipv4((addr.value & ipv4Mask(bits)) >>> 0), bits };
  const shift = BigInt(128 - bits);
  return { addr: ipv6((addr.value >> shift) << shift), bits };
}

/** Whether the address lies in the prefix; false across families. */
export function containsAddr(prefix: Prefix, addr: Addr): boolean {
  const base = prefix.addr;
  if (base.family === 'ipv4') {
    return addr.family === 'ipv4' && ((base.value ^ addr.value) & ipv4Mask(prefix.bits)) === 0;
  }
  const shift = BigInt(128 - prefix.bits);
  return addr.family === 'ipv6' && base.value >> shift === addr.value >> shift;
}

/** Whether every address of `inner` lies in `outer`. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return inner.bits >= outer.bits && containsAddr(outer, inner.addr);
}

/** Whether the two prefixes share an address. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.bits <= b.bits ? containsAddr(a, b.addr) : containsAddr(b, a.addr);
}

/** Same prefix, host bits ignored. */
export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.bits === b.bits && containsAddr(a, b.addr);
}

/** The last address of the prefix: the broadcast address of an IPv4 subnet. */
export function lastAddr(prefix: Prefix): Addr {
  const base = maskPrefix(prefix).addr;
  if (base.family === 'ipv4') return ipv4((base.value | ~ipv4Mask(prefix.bits)) >>> 0);
  return ipv6(base.value | ((1n << BigInt(128 - prefix.bits)) - 1n));
}
