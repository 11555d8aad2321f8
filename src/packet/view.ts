/**
 * The packet as firewall rules see it at one hook: a PacketView over a Packet and its namespace.
 * In: packet, devices, namespace. Out: a view that reads through to them, so it stays true while targets rewrite marks
 * and tracking. A class, because a view is made at every hook and its getters must cost nothing until asked.
 */
import { setHolds } from '../firewall/ipset.ts';
import type {
  AddrType,
  CtState,
  CtStatus,
  CtTuple,
  PacketView,
  Truth,
  UnknownTruth,
} from '../firewall/match.ts';
import type { ReversePath } from '../firewall/packet-view.ts';
import { flowProtocolNumber } from '../firewall/protocols.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import { type Addr, type Family, isLinkLocal, isMulticast, isUnspecified, sameAddr } from '../net/addr.ts';
import type { Decisions } from './decisions.ts';
import type { HookDevices } from './hooks.ts';
import { familyOf, type Packet } from './packet.ts';
import { addressType, lookupRoute } from './route.ts';
import type { Node } from './world.ts';

const changed = new WeakMap<Ruleset, ReadonlySet<string>>();

/** Sets that rules add to or take from (`-j SET`). */
function changedSets(ruleset: Ruleset): ReadonlySet<string> {
  const known = changed.get(ruleset);
  if (known !== undefined) return known;
  const found = new Set<string>();
  for (const { chains } of ruleset.tables)
    for (const { rules } of chains)
      for (const { target } of rules)
        if (target?.name === 'SET')
          for (const { name, values } of target.options)
            if (name === '--add-set' || name === '--del-set') found.add(values[0] ?? '');
  changed.set(ruleset, found);
  return found;
}

export class HookView implements PacketView {
  private readonly node: Node;
  private readonly packet: Packet;
  private readonly at: HookDevices;
  private readonly decisions: Decisions;
  readonly srcMac: string | undefined;
  readonly dstMac: string | undefined;
  readonly fragment = false;

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

  /** Of what came in; what is sent has none yet, which reads as the first (linux/if_packet.h). */
  get packetType(): 'unicast' | 'multicast' {
    return this.at.inDev !== undefined && isMulticast(this.packet.dst) ? 'multicast' : 'unicast';
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
  get tos(): number {
    return this.packet.tos;
  }
  get dontFragment(): boolean {
    return this.packet.dontFragment;
  }
  get mss(): number | 'none' {
    return this.packet.mss ?? 'none';
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

  /** What the set held when the facts were taken, unless a rule of this namespace changes it. */
  setContains(set: string, dimensions: string, reversed = false): Truth | undefined {
    const { ipsets, firewall } = this.node.facts;
    if (ipsets === undefined || changedSets(firewall).has(set)) return undefined;
    return setHolds(ipsets, set, dimensions, this, reversed);
  }

  localSocket(): 'bound' | 'any' | 'none' | UnknownTruth {
    const { sockets } = this.node.facts;
    const { dst, protocol, dport } = this.packet;
    const connected = {
      unknown: 'whether a socket is connected to the sender (-m socket)',
      command: 'ss -tuan',
    };
    if (sockets === undefined) return connected;
    const fitting = sockets.filter(
      (s) => s.protocol === protocol && s.port === dport && s.families.includes(familyOf(this.packet)),
    );
    if (fitting.some(({ address }) => address !== undefined && sameAddr(address, dst))) return 'bound';
    // An answer may be for a socket that listens nowhere.
    if (this.packet.tracking?.direction !== 'original' && this.addrType(dst) === 'LOCAL') return connected;
    return fitting.some(({ address }) => address === undefined || isUnspecified(address)) ? 'any' : 'none';
  }

  reversePath(by: ReversePath): boolean {
    const { src, dst, mark } = this.packet;
    const dev = this.inDev;
    if (this.at.inDev?.link.kind === 'loopback') return true;
    if (src.family === 'ipv6' && isUnspecified(src)) return true;
    const bound = src.family === 'ipv6' && (!by.loose || isLinkLocal(src)) && dev !== undefined;
    const found = lookupRoute(
      this.node,
      {
        dst: src,
        src: src.family === 'ipv6' || isMulticast(dst) ? undefined : dst,
        mark: by.mark ? mark : 0,
        inDev: undefined,
        ...(bound ? { outDev: dev } : {}),
      },
      this.decisions,
    );
    if (found.kind !== 'route') return false;
    if (found.route.type === 'local') {
      if (!by.local) return false;
      // fib_info_nh_uses_dev asks for the device of a local route too, ip6t_rpfilter does not.
      return src.family === 'ipv6' || by.loose || found.route.dev === dev;
    }
    return found.route.type === 'unicast' && (by.loose || found.route.dev === dev);
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
