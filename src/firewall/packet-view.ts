/**
 * PacketView: what a firewall rule can ask about one packet at one hook. The packet walker builds it; `match.ts`
 * reads it. Every field may be a getter, so that what no rule asks for costs nothing. Values only, no matching here.
 */
import type { Addr, Family } from '../net/addr.ts';

/** Three-valued: a rule matches, does not match, or the facts do not say. */
export type Truth = boolean | UnknownTruth;

export interface UnknownTruth {
  /** What would decide it, in a short phrase: `members of ipset blocked`. */
  readonly unknown: string;
  /** The one command that would show it. */
  readonly command?: string | undefined;
}

export type CtState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';

/** Bits of `struct nf_conn.status` that rules ask for. */
export interface CtStatus {
  readonly snat: boolean;
  readonly dnat: boolean;
  readonly expected: boolean;
  readonly seenReply: boolean;
  readonly assured: boolean;
  readonly confirmed: boolean;
}

/** One direction of a connection; ports are absent for protocols without them. */
export interface CtTuple {
  readonly src: Addr;
  readonly dst: Addr;
  readonly sport?: number | undefined;
  readonly dport?: number | undefined;
}

/** The type that the routing tables give to an address, as `-m addrtype` names it. */
export type AddrType =
  | 'UNSPEC'
  | 'UNICAST'
  | 'LOCAL'
  | 'BROADCAST'
  | 'ANYCAST'
  | 'MULTICAST'
  | 'BLACKHOLE'
  | 'UNREACHABLE'
  | 'PROHIBIT';

/** How `-m rpfilter` looks for the way back. */
export interface ReversePath {
  /** Any device will do. */
  readonly loose: boolean;
  /** With the packet's mark. */
  readonly mark: boolean;
  /** A source that is an address of this host will do. */
  readonly local: boolean;
}

export interface PacketView {
  readonly family: Family;
  /** Addresses and ports as they are at this hook, after the address translations done so far. */
  readonly src: Addr;
  readonly dst: Addr;
  /** IP protocol number (6 tcp, 17 udp, 1 icmp, 58 icmpv6, 132 sctp). */
  readonly protocol: number;
  readonly sport?: number | undefined;
  readonly dport?: number | undefined;
  /** Of icmp and icmpv6 packets. */
  readonly icmp?: { readonly type: number; readonly code: number } | undefined;
  /** TCP header bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  readonly tcpFlags?: number | undefined;
  /** A second or later fragment: it has no ports. */
  readonly fragment: boolean;
  /** Bytes of the IP packet, header included. */
  readonly length: number;
  /** IPv4 TTL or IPv6 hop limit. */
  readonly ttl: number;
  /** Type of service, or traffic class; absent: not known. */
  readonly tos?: number | undefined;
  /** Of IPv4; absent: not known. */
  readonly dontFragment?: boolean | undefined;
  /** The largest segment that a TCP packet announces, in bytes; absent: not known. */
  readonly mss?: number | 'none' | undefined;
  /** The packet's mark (fwmark), unsigned 32 bits. */
  readonly mark: number;
  /** The connection's mark; absent where the packet has no connection (INVALID, UNTRACKED). */
  readonly connmark?: number | undefined;
  /** Absent where the hook has none: no input device for what is sent locally, no output device in PREROUTING and INPUT. */
  readonly inDev?: string | undefined;
  readonly outDev?: string | undefined;
  /** br_netfilter shows this packet to iptables while a bridge handles it (or after a bridge received it). */
  readonly bridged: boolean;
  /** The bridge port it came from, and (on a bridged path) the one it leaves by. */
  readonly physIn?: string | undefined;
  readonly physOut?: string | undefined;
  /** Ethernet source, lower case; absent where there is none (made locally, or a link without Ethernet). */
  readonly srcMac?: string | undefined;
  /** Ethernet destination, on a bridged path. */
  readonly dstMac?: string | undefined;
  /** The bridges that the devices are ports of, where the bridge family asks. */
  readonly inBridge?: string | undefined;
  readonly outBridge?: string | undefined;
  /** How the packet was sent on its link. */
  readonly packetType: 'unicast' | 'broadcast' | 'multicast';
  readonly ctState: CtState;
  /** The four below are absent where the packet has no connection (INVALID, UNTRACKED). */
  readonly ctStatus?: CtStatus | undefined;
  readonly ctDirection?: ('original' | 'reply') | undefined;
  readonly ctOriginal?: CtTuple | undefined;
  readonly ctReply?: CtTuple | undefined;
  /** Conntrack zone in the packet's direction; absent: not known. */
  readonly ctZone?: number | undefined;
  /** With `dev`: the type as seen by that device alone (`--limit-iface-in`). */
  addrType(addr: Addr, dev?: string): AddrType | UnknownTruth;
  /** The device that an address is reached by (with `dev`: if it can be that one), empty for none: nftables' `fib ... oif`. */
  routeDevice?(
    addr: Addr,
    by: { readonly dev: string | undefined; readonly mark: boolean },
  ): string | UnknownTruth;
  /** Whether the way back to the source leads over the device that the packet came in on (ipt_rpfilter.c). */
  reversePath?(by: ReversePath): boolean | UnknownTruth;
  /** A socket of this namespace that the packet belongs to, bound to its address or to any (xt_socket.c). */
  localSocket?(): 'bound' | 'any' | 'none' | UnknownTruth;
  /** The sending process: its ids; `none` where the packet has no local socket (forwarded, kernel's own); absent: not known. */
  readonly owner?: ({ readonly uid: number; readonly gid: number } | 'none') | undefined;
  /** Takes a token of a bucket that started with so many; false when it is empty. Absent: every packet is the first. */
  takeToken?(bucket: string | object, size: number): boolean;
  /** Whether the ipset holds the packet; `dimensions` as written in the rule: `src`, `dst,dst`. Absent: sets are not in the facts. */
  setContains?(set: string, dimensions: string, reversed?: boolean): Truth | undefined;
}
