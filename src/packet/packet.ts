/**
 * Packets and connections as a walk moves them. A packet's header changes on its way, so these are the only
 * mutable values of the simulator; they live for one walk and are copied into the trace.
 */
import { type Addr, type Family, sameAddr } from '../net/addr.ts';
import type { Protocol } from '../net/flow.ts';
import type { Header } from './trace.ts';

/** TCP header flags, as bits of the 14th byte (RFC 9293). */
export const tcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

/** One direction's addressing. For ICMP echo both ports hold the identifier. */
export interface Tuple {
  readonly src: Addr;
  readonly dst: Addr;
  readonly protocol: Protocol;
  readonly sport: number;
  readonly dport: number;
}

export type Direction = 'original' | 'reply';
export type ConnState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';

/** A conntrack entry of one namespace. */
export interface Connection {
  original: Tuple;
  reply: Tuple;
  readonly zone: Zone;
  snat: boolean;
  dnat: boolean;
  /** NAT is chosen once per direction of manipulation, also when the choice was "none". */
  srcDone: boolean;
  dstDone: boolean;
  /** In the table; an entry whose first packet is dropped never gets there. */
  confirmed: boolean;
  seenReply: boolean;
  mark: number;
}

/** Conntrack zone of a packet: which directions it counts for (CT --zone, --zone-orig, --zone-reply). */
export interface Zone {
  readonly id: number;
  readonly original: boolean;
  readonly reply: boolean;
}

export const defaultZone: Zone = { id: 0, original: true, reply: true };

export interface Tracking {
  readonly connection: Connection | undefined;
  readonly direction: Direction;
  state: ConnState;
}

export interface Packet {
  src: Addr;
  dst: Addr;
  readonly protocol: Protocol;
  sport: number;
  dport: number;
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
  readonly tcpFlags: number;
  /** IP total length in bytes. */
  readonly length: number;
  dontFragment: boolean;
  /** A large send that the kernel cuts late (TCP segmentation offload): length checks at layer 2 do not see it. */
  readonly offloaded: boolean;
  ttl: number;
  /** Type of service, or traffic class. */
  tos: number;
  mark: number;
  zone: Zone;
  /** Set by the namespace that the packet is in; gone when it leaves it. */
  tracking: Tracking | undefined;
  /** Of an ICMP error: the header that it quotes. */
  quoted: Tuple | undefined;
  /** Maximum segment size that a SYN announces, in bytes; TCPMSS rules lower it on the way. */
  mss: number | undefined;
  /** Next-hop MTU in an ICMP 3/4. */
  readonly mtu: number | undefined;
  /** Who sent it: the uid for -m owner; undefined once it left its namespace. */
  owner: number | undefined;
}

/** A packet of these ends; everything else as a fresh, small packet of the sending kernel has it. */
export function makePacket(
  given: Partial<Packet> & { readonly src: Addr; readonly dst: Addr; readonly protocol: Protocol },
): Packet {
  return {
    src: given.src,
    dst: given.dst,
    protocol: given.protocol,
    sport: given.sport ?? 0,
    dport: given.dport ?? 0,
    icmp: given.icmp,
    tcpFlags: given.tcpFlags ?? 0,
    length: given.length ?? 60,
    dontFragment: given.dontFragment ?? false,
    offloaded: given.offloaded ?? false,
    ttl: given.ttl ?? 64,
    tos: given.tos ?? 0,
    mark: given.mark ?? 0,
    zone: given.zone ?? defaultZone,
    tracking: given.tracking,
    quoted: given.quoted,
    mss: given.mss,
    mtu: given.mtu,
    owner: given.owner,
  };
}

/** Addresses and ports of the answer to a packet. */
export function answerTo(packet: Packet): Tuple {
  return invert(tupleOf(packet));
}

export function familyOf(packet: Packet): Family {
  return packet.dst.family;
}

/** Bytes of the IP and TCP headers without options. */
export function tcpHeaderBytes(family: Family): number {
  return family === 'ipv4' ? 40 : 60;
}

export function tupleOf(packet: Packet): Tuple {
  return {
    src: packet.src,
    dst: packet.dst,
    protocol: packet.protocol,
    sport: packet.sport,
    dport: packet.dport,
  };
}

export function invert(t: Tuple): Tuple {
  return { src: t.dst, dst: t.src, protocol: t.protocol, sport: t.dport, dport: t.sport };
}

export function sameTuple(a: Tuple, b: Tuple): boolean {
  return (
    a.sport === b.sport &&
    a.dport === b.dport &&
    a.protocol === b.protocol &&
    sameAddr(a.src, b.src) &&
    sameAddr(a.dst, b.dst)
  );
}

/** The header as a trace shows it. */
export function headerOf(packet: Packet): Header {
  const { src, dst, protocol } = packet;
  if (packet.icmp !== undefined) return { src, dst, protocol, icmp: packet.icmp };
  return { src, dst, protocol, sport: packet.sport, dport: packet.dport };
}

/** ICMP errors (not questions and answers): RFC 792 types 3, 4, 5, 11, 12; RFC 4443 types below 128. */
export function isIcmpError(packet: Packet): boolean {
  const type = packet.icmp?.type;
  if (type === undefined) return false;
  return packet.protocol === 'icmpv6' ? type < 128 : [3, 4, 5, 11, 12].includes(type);
}

/** Echo request of either family. */
export function isEchoRequest(packet: Packet): boolean {
  const type = packet.icmp?.type;
  return packet.protocol === 'icmpv6' ? type === 128 : packet.protocol === 'icmp' && type === 8;
}

/** Neighbour and router discovery, and reports of multicast listeners (nf_conntrack_icmpv6, noct_valid_new). */
export function isDiscovery(packet: Packet): boolean {
  const type = packet.icmp?.type ?? 0;
  return packet.protocol === 'icmpv6' && ((type >= 130 && type <= 137) || type === 143);
}
