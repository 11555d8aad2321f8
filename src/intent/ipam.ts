/**
 * Address management: which subnet, gateway and addresses a network and its endpoints get.
 * In: pools, prefixes that are taken, addresses that are taken. Out: a prefix, an address, a MAC. Pure; who holds what is the caller's state.
 * It does not validate a configuration (options/ does) and keeps no reservations.
 */
import { type Addr, addrPlus, compareAddr, formatAddr, type Ipv4Addr, ipv4, sameAddr } from '../net/addr.ts';
import {
  containsAddr,
  containsPrefix,
  lastAddr,
  maskPrefix,
  overlaps,
  type Prefix,
  parsePrefix,
} from '../net/prefix.ts';
import type { AddressPool } from '../options/options.ts';
import type { IpamConfig } from './intent.ts';

/**
 * Docker's built-in local pools, in the order in which they are tried: 172.17 to 172.31 as /16, then
 * 192.168.0.0/16 in /20 steps (libnetwork's ipamutils, unchanged since 1.9).
 */
export const defaultPools: readonly Prefix[] = [
  ...Array.from({ length: 15 }, (_, i) => ({ addr: ipv4((172 << 24) | ((17 + i) << 16)), bits: 16 })),
  ...Array.from({ length: 16 }, (_, i) => ({ addr: ipv4((192 << 24) | (168 << 16) | (i << 12)), bits: 20 })),
];

/**
 * The subnets that `default-address-pools` offers, lazily and in order; the built-in ones when it is empty.
 * Malformed and IPv6 pools are passed over: options/ reports them.
 */
export function* candidatePools(configured: readonly AddressPool[]): Generator<Prefix> {
  if (configured.length === 0) yield* defaultPools;
  for (const pool of configured) {
    const base = parsePrefix(pool.base);
    if (base?.addr.family !== 'ipv4' || pool.size < base.bits || pool.size > 32) continue;
    const first = maskPrefix(base).addr;
    const step = 2 ** (32 - pool.size);
    for (let i = 0; i < 2 ** (pool.size - base.bits); i++) {
      yield { addr: addrPlus(first, i * step), bits: pool.size };
    }
  }
}

/** The first candidate that overlaps nothing in `taken` (routes, other networks, name servers); undefined if none is free. */
export function chooseSubnet(candidates: Iterable<Prefix>, taken: readonly Prefix[]): Prefix | undefined {
  for (const candidate of candidates) {
    if (!taken.some((other) => overlaps(candidate, other))) return candidate;
  }
  return undefined;
}

/**
 * The part of the subnet that addresses are taken from. A range outside its subnet, which 17.06 accepts, is laid over it
 * by its host bits: 192.168.81.0/25 in 172.17.0.0/16 is 172.17.81.0/25 (capture fixed-cidr-no-bip).
 */
function rangeOf(config: IpamConfig): Prefix {
  const subnet = maskPrefix(config.subnet);
  const range = maskPrefix(config.ipRange ?? subnet);
  if (containsPrefix(subnet, range)) return range;
  if (range.addr.family !== 'ipv4' || subnet.addr.family !== 'ipv4' || range.bits < subnet.bits)
    return subnet;
  const hostBits = range.addr.value % 2 ** (32 - subnet.bits);
  return { addr: addrPlus(subnet.addr, hostBits), bits: range.bits };
}

/** The bridge's address: the one asked for, else the first that IPAM would give. */
export function gatewayOf(config: IpamConfig): Addr | undefined {
  if (config.gateway !== undefined) return config.gateway;
  const first = rangeOf(config).addr;
  return sameAddr(first, maskPrefix(config.subnet).addr) ? addrPlus(first, 1) : first;
}

/**
 * The lowest free address, as 17.06 gives it: in the range, not the network or broadcast address, not the gateway, not taken.
 * `after` starts the search behind that address and wraps, as engines since 20.10 do. Undefined: exhausted.
 */
export function nextAddress(config: IpamConfig, taken: readonly Addr[], after?: Addr): Prefix | undefined {
  const subnet = maskPrefix(config.subnet);
  const range = rangeOf(config);
  const gateway = gatewayOf(config);
  const refused = [subnet.addr, lastAddr(subnet), ...(gateway === undefined ? [] : [gateway]), ...taken];
  const busy = new Set(refused.map(formatAddr));
  const start = after !== undefined && containsAddr(range, after) ? addrPlus(after, 1) : range.addr;
  for (const candidate of addressesFrom(range, start)) {
    if (!busy.has(formatAddr(candidate))) return { addr: candidate, bits: subnet.bits };
  }
  return undefined;
}

/** All addresses of the range once, from `start`, wrapping at its end. */
function* addressesFrom(range: Prefix, start: Addr): Generator<Addr> {
  const last = lastAddr(range);
  for (let addr = start; containsAddr(range, addr); addr = addrPlus(addr, 1)) {
    yield addr;
    if (sameAddr(addr, last)) break;
  }
  for (let addr = range.addr; compareAddr(addr, start) < 0; addr = addrPlus(addr, 1)) yield addr;
}

/** The MAC that engines up to 27 derive from an IPv4 address: `02:42:` and its four bytes. */
export function macOf(addr: Ipv4Addr): string {
  const bytes = [
    0x02,
    0x42,
    addr.value >>> 24,
    (addr.value >>> 16) & 255,
    (addr.value >>> 8) & 255,
    addr.value & 255,
  ];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
