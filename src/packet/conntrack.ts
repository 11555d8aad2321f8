/**
 * Connection tracking and NAT of one namespace during one walk. In: packets at the hooks. Out: their state, and
 * rewritten headers. Sources: nf_conntrack_core.c, nf_conntrack_proto_{tcp,icmp}.c, nf_nat_core.c.
 * Timeouts, window tracking and helpers are not modelled; entries from before the walk are not known.
 */
import type { Addr } from '../net/addr.ts';
import {
  type Connection,
  type Direction,
  defaultZone,
  invert,
  isDiscovery,
  isEchoRequest,
  isIcmpError,
  type Packet,
  sameTuple,
  type Tracking,
  type Tuple,
  tcpFlag,
  tupleOf,
  type Zone,
} from './packet.ts';

export class Conntrack {
  private readonly entries: Connection[] = [];

  /** nf_conntrack_in: finds or makes the packet's entry. A packet that came over loopback keeps what it has. */
  track(packet: Packet): Tracking {
    const had = packet.tracking;
    if (had !== undefined) return had;
    if (isDiscovery(packet)) {
      packet.tracking = { connection: undefined, direction: 'original', state: 'UNTRACKED' };
      return packet.tracking;
    }
    const tracking = isIcmpError(packet) ? this.trackError(packet) : this.trackTuple(packet);
    packet.tracking = tracking;
    return tracking;
  }

  private trackTuple(packet: Packet): Tracking {
    const tuple = tupleOf(packet);
    const found = this.find(tuple, packet.zone);
    if (found !== undefined) {
      const { connection, direction } = found;
      if (direction === 'reply') connection.seenReply = true;
      const established = direction === 'reply' || connection.seenReply;
      return { connection, direction, state: established ? 'ESTABLISHED' : 'NEW' };
    }
    if (!mayBegin(packet)) return { connection: undefined, direction: 'original', state: 'INVALID' };
    const connection: Connection = {
      original: tuple,
      reply: invert(tuple),
      zone: packet.zone,
      snat: false,
      dnat: false,
      srcDone: false,
      dstDone: false,
      confirmed: false,
      seenReply: false,
      mark: 0,
    };
    return { connection, direction: 'original', state: 'NEW' };
  }

  /** An ICMP error belongs to the connection that it quotes (nf_conntrack_inet_error). */
  private trackError(packet: Packet): Tracking {
    const quoted = packet.quoted;
    const found = quoted === undefined ? undefined : this.find(invert(quoted), packet.zone);
    if (found === undefined) return { connection: undefined, direction: 'original', state: 'INVALID' };
    return { connection: found.connection, direction: found.direction, state: 'RELATED' };
  }

  private find(tuple: Tuple, zone: Zone): { connection: Connection; direction: Direction } | undefined {
    for (const connection of this.entries) {
      if (sameTuple(connection.original, tuple) && sameZone(connection.zone, zone, 'original')) {
        return { connection, direction: 'original' };
      }
      if (sameTuple(connection.reply, tuple) && sameZone(connection.zone, zone, 'reply')) {
        return { connection, direction: 'reply' };
      }
    }
    return undefined;
  }

  /** nf_conntrack_confirm, at the end of POSTROUTING and INPUT. */
  confirm(packet: Packet): void {
    const connection = packet.tracking?.connection;
    if (connection === undefined || connection.confirmed) return;
    connection.confirmed = true;
    this.entries.push(connection);
  }
}

function sameZone(a: Zone, b: Zone, direction: Direction): boolean {
  const id = (z: Zone) => (z[direction] ? z.id : defaultZone.id);
  return id(a) === id(b);
}

/** Which packets may begin a connection: a SYN, or mid-stream data (nf_conntrack_tcp_loose), an echo request, any datagram. */
function mayBegin(packet: Packet): boolean {
  if (packet.protocol === 'tcp') {
    const { syn, ack, rst, fin } = tcpFlag;
    if (packet.tcpFlags & rst || packet.tcpFlags & fin) return false;
    return (packet.tcpFlags & (syn | ack)) !== (syn | ack);
  }
  if (packet.icmp !== undefined) return isEchoRequest(packet);
  return true;
}

/** What a NAT rule asks for: a range of addresses (the first is taken) and of ports. */
export interface NatRange {
  readonly address: Addr | undefined;
  readonly port: number | undefined;
}

/** Binds a NAT choice to a connection (nf_nat_setup_info); the port is kept unless the range asks for another. */
export function bindNat(connection: Connection, manip: 'src' | 'dst', range: NatRange | undefined): void {
  if (manip === 'src') connection.srcDone = true;
  else connection.dstDone = true;
  if (range === undefined) return;
  const wanted = invert(connection.reply);
  const isIcmp = wanted.protocol === 'icmp' || wanted.protocol === 'icmpv6';
  const changed: Tuple =
    manip === 'src'
      ? {
          ...wanted,
          src: range.address ?? wanted.src,
          sport: isIcmp ? wanted.sport : (range.port ?? wanted.sport),
        }
      : {
          ...wanted,
          dst: range.address ?? wanted.dst,
          dport: isIcmp ? wanted.dport : (range.port ?? wanted.dport),
        };
  if (sameTuple(changed, wanted)) return;
  connection.reply = invert(changed);
  if (manip === 'src') connection.snat = true;
  else connection.dnat = true;
}

/**
 * Rewrites a packet's header as its connection says (nf_nat_packet), and of an ICMP error the quoted header too
 * (nf_nat_icmp_reply_translation). Returns whether anything changed.
 */
export function applyNat(packet: Packet, manip: 'src' | 'dst'): boolean {
  const tracking = packet.tracking;
  const connection = tracking?.connection;
  if (tracking === undefined || connection === undefined) return false;
  const forward = tracking.direction === 'original';
  const bound = (manip === 'src') === forward ? connection.snat : connection.dnat;
  if (!bound) return false;
  const other = forward ? connection.reply : connection.original;
  const target = invert(other);
  if (isIcmpError(packet)) {
    if (manip === 'src') packet.src = target.src;
    else packet.dst = target.dst;
    if (packet.quoted !== undefined) {
      packet.quoted =
        manip === 'dst'
          ? { ...packet.quoted, src: other.src, sport: other.sport }
          : { ...packet.quoted, dst: other.dst, dport: other.dport };
    }
    return true;
  }
  if (manip === 'src') {
    packet.src = target.src;
    packet.sport = target.sport;
  } else {
    packet.dst = target.dst;
    packet.dport = target.dport;
  }
  return true;
}
