/**
 * IP addresses, modelled on Go's net/netip, because dockerd is written in Go and accepts what netip accepts.
 * In: text as Docker and iproute2 print it. Out: plain values that compare with numbers. No name resolution here.
 *
 * Parsing is strict where common libraries are lax: `010.0.0.1` and `1.2.3` are refused, as Go and the
 * kernel's own tools refuse them (inet_aton's octal and short forms are a well-known way to mean another host).
 */

export type Family = 'ipv4' | 'ipv6';

/** An IPv4 address; `value` is the 32 bits in host order, 0 to 2**32-1. */
export interface Ipv4Addr {
  readonly family: 'ipv4';
  readonly value: number;
}

/** An IPv6 address without zone; `value` is the 128 bits in host order. */
export interface Ipv6Addr {
  readonly family: 'ipv6';
  readonly value: bigint;
}

export type Addr = Ipv4Addr | Ipv6Addr;

const decimalOctet = /^(0|[1-9][0-9]{0,2})$/;

/** Makes an IPv4 address of 32 bits in host order. */
export function ipv4(value: number): Ipv4Addr {
  return { family: 'ipv4', value: value >>> 0 };
}

/** Makes an IPv6 address of 128 bits in host order. */
export function ipv6(value: bigint): Ipv6Addr {
  return { family: 'ipv6', value: BigInt.asUintN(128, value) };
}

/** Parses dotted-quad text; undefined if it is anything else (leading zeros included). */
export function parseIpv4(text: string): Ipv4Addr | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!decimalOctet.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    value = value * 256 + octet;
  }
  return { family: 'ipv4', value };
}

/** Parses IPv6 text (RFC 4291, with `::` and an embedded IPv4 tail); undefined if malformed or with a zone. */
export function parseIpv6(text: string): Ipv6Addr | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const given = head.length + tail.length;
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined;
  const zeros = new Array<number>(8 - given).fill(0);
  let value = 0n;
  for (const group of [...head, ...zeros, ...tail]) value = (value << 16n) | BigInt(group);
  return { family: 'ipv6', value };
}

function parseGroups(text: string, ipv4TailAllowed: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const quad = ipv4TailAllowed && index === parts.length - 1 ? parseIpv4(part) : undefined;
      if (quad === undefined) return undefined;
      groups.push(quad.value >>> 16, quad.value & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** Parses an address of either family; undefined if it is neither. */
export function parseAddr(text: string): Addr | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Canonical text: dotted quad, or RFC 5952 for IPv6. */
export function formatAddr(addr: Addr): string {
  if (addr.family === 'ipv4') {
    const v = addr.value;
    return `${v >>> 24}.${(v >>> 16) & 255}.${(v >>> 8) & 255}.${v & 255}`;
  }
  return formatIpv6(addr.value);
}

function formatIpv6(value: bigint): string {
  const groups: number[] = [];
  for (let i = 7; i >= 0; i--) groups.push(Number((value >> BigInt(i * 16)) & 0xffffn));
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatAddr(ipv4(Number(value & 0xffffffffn)))}`;
  }
  const run = longestZeroRun(groups);
  const hex = (part: number[]) => part.map((g) => g.toString(16)).join(':');
  if (run === undefined) return hex(groups);
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } | undefined {
  let best: { start: number; length: number } | undefined;
  let start = 0;
  while (start < groups.length) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start >= 2 && end - start > (best?.length ?? 0)) best = { start, length: end - start };
    start = Math.max(end, start + 1);
  }
  return best;
}

/** Same family and bits. */
export function sameAddr(a: Addr, b: Addr): boolean {
  return a.family === b.family && a.value === b.value;
}

/** Order: IPv4 before IPv6, then by value. */
export function compareAddr(a: Addr, b: Addr): number {
  if (a.family !== b.family) return a.family === 'ipv4' ? -1 : 1;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** The address `offset` later, wrapping within the family. */
export function addrPlus(addr: Addr, offset: number): Addr {
  return addr.family === 'ipv4' ? ipv4(addr.value + offset) : ipv6(addr.value + BigInt(offset));
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(addr: Addr): boolean {
  return addr.family === 'ipv4' ? addr.value >>> 24 === 127 : addr.value === 1n;
}

/** 0.0.0.0 or ::. */
export function isUnspecified(addr: Addr): boolean {
  return addr.family === 'ipv4' ? addr.value === 0 : addr.value === 0n;
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(addr: Addr): boolean {
  return addr.family === 'ipv4' ? addr.value >>> 28 === 14 : addr.value >> 120n === 0xffn;
}

/** 169.254.0.0/16 or fe80::/10. */
export function isLinkLocal(addr: Addr): boolean {
  return addr.family === 'ipv4' ? addr.value >>> 16 === 0xa9fe : addr.value >> 118n === 0x3fan;
}
