/**
 * The packet as firewall rules see it at one hook: a PacketView over a Packet and its namespace.
 * In: packet, devices, namespace. Out: a view that reads through to them, so it stays true while targets rewrite marks
 * and tracking. A class, because a view is made at every hook and its getters must cost nothing until asked.
 */
import type { AddrType, CtState, CtStatus, CtTuple, PacketView, UnknownTruth } from '../firewall/match.ts';
import { flowProtocolNumber } from '../firewall/protocols.ts';
import type { Addr, Family } from '../net/addr.ts';
import type { Decisions } from './decisions.ts';
import type { HookDevices } from './hooks.ts';
import { familyOf, type Packet } from './packet.ts';
import { addressType, lookupRoute } from './route.ts';
import type { Node } from './world.ts';

export class HookView implements PacketView {
  private readonly node: Node;
  private readonly packet: Packet;
  private readonly at: HookDevices;
  private readonly decisions: Decisions;
  readonly srcMac: string | undefined;
  readonly dstMac: string | undefined;
  readonly fragment = false;
  readonly packetType = 'unicast';

  constructor(
    node: Node,
    packet: Packet,
    at: HookDevices,
    srcMac: string | undefined,
    decisions: Decisions,
    dstMac?: string,
  ) {
    this.node = node;
    this.packet = packet;
    this.at = at;
    this.srcMac = srcMac;
    this.dstMac = dstMac;
    this.decisions = decisions;
  }

  get family(): Family {
    return familyOf(this.packet);
  }
  get src(): Addr {
    return this.packet.src;
  }
  get dst(): Addr {
    return this.packet.dst;
  }
  get protocol(): number {
    return flowProtocolNumber(this.packet.protocol);
  }
  get sport(): number | undefined {
    return this.packet.icmp === undefined ? this.packet.sport : undefined;
  }
  get dport(): number | undefined {
    return this.packet.icmp === undefined ? this.packet.dport : undefined;
  }
  get icmp(): Packet['icmp'] {
    return this.packet.icmp;
  }
  get tcpFlags(): number | undefined {
    return this.packet.protocol === 'tcp' ? this.packet.tcpFlags : undefined;
  }
  get length(): number {
    return this.packet.length;
  }
  get ttl(): number {
    return this.packet.ttl;
  }
  get mark(): number {
    return this.packet.mark;
  }
  get connmark(): number | undefined {
    return this.packet.tracking?.connection?.mark;
  }
  get inDev(): string | undefined {
    return this.at.inDev?.link.name;
  }
  get outDev(): string | undefined {
    return this.at.outDev?.link.name;
  }
  get bridged(): boolean {
    return this.at.physIn !== undefined;
  }
  get physIn(): string | undefined {
    return this.at.physIn?.link.name;
  }
  get physOut(): string | undefined {
    return this.at.physOut?.link.name;
  }
  get inBridge(): string | undefined {
    return this.at.inDev?.master?.link.name;
  }
  get outBridge(): string | undefined {
    return this.at.outDev?.master?.link.name;
  }
  get ctZone(): number {
    return this.packet.zone.id;
  }
  get ctState(): CtState {
    // Before conntrack has seen it, in raw, a packet has no connection and is not untracked either (xt_conntrack, conntrack_mt).
    return this.packet.tracking?.state ?? 'INVALID';
  }
  get ctStatus(): CtStatus | undefined {
    const connection = this.packet.tracking?.connection;
    if (connection === undefined) return undefined;
    const { snat, dnat, seenReply, confirmed } = connection;
    return { snat, dnat, expected: false, seenReply, assured: false, confirmed };
  }
  get ctDirection(): 'original' | 'reply' | undefined {
    const tracking = this.packet.tracking;
    return tracking?.connection === undefined ? undefined : tracking.direction;
  }
  get ctOriginal(): CtTuple | undefined {
    return this.packet.tracking?.connection?.original;
  }
  get ctReply(): CtTuple | undefined {
    return this.packet.tracking?.connection?.reply;
  }
  get owner(): { readonly uid: number; readonly gid: number } | 'none' {
    const uid = this.packet.owner;
    return uid === undefined ? 'none' : { uid, gid: uid };
  }

  takeToken(bucket: string | object, size: number): boolean {
    return this.decisions.takeToken(bucket, size);
  }

  addrType(addr: Addr, dev?: string): AddrType | UnknownTruth {
    return addressType(this.node, addr, dev, this.decisions);
  }

  /** nft_fib4_eval, nft_fib6_eval: a route of type unicast, and by the asked device where one is asked for. */
  routeDevice(addr: Addr, by: { readonly dev: string | undefined; readonly mark: boolean }): string {
    const { dev } = by;
    if (dev !== undefined && this.at.inDev?.link.kind === 'loopback' && dev === this.inDev) return dev;
    const ipv6 = addr.family === 'ipv6';
    const found = lookupRoute(
      this.node,
      {
        dst: addr,
        src: undefined,
        mark: by.mark ? this.packet.mark : 0,
        inDev: undefined,
        ...(ipv6 && dev !== undefined ? { outDev: dev } : {}),
      },
      this.decisions,
    );
    if (found.kind !== 'route' || found.route.type !== 'unicast') return '';
    return dev === undefined || found.route.dev === dev ? (found.route.dev ?? '') : '';
  }
}
