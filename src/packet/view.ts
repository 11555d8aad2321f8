/**
 * The packet as firewall rules see it at one hook: a PacketView over a Packet and its namespace.
 * In: packet, devices, namespace. Out: a view whose costly parts are computed only when a rule asks.
 */

import type { AddrType, PacketView, UnknownTruth } from '../firewall/match.ts';
import type { Addr } from '../net/addr.ts';
import type { Decisions } from './decisions.ts';
import type { HookDevices } from './hooks.ts';
import { familyOf, type Packet } from './packet.ts';
import { addressType } from './route.ts';
import type { Node } from './world.ts';

const protocolNumbers = { tcp: 6, udp: 17, icmp: 1, icmpv6: 58, sctp: 132 } as const;

export function packetView(
  node: Node,
  packet: Packet,
  at: HookDevices,
  srcMac: string | undefined,
  decisions: Decisions,
): PacketView {
  const tracking = packet.tracking;
  const connection = tracking?.connection;
  const hasPorts = packet.icmp === undefined;
  return {
    family: familyOf(packet),
    src: packet.src,
    dst: packet.dst,
    protocol: protocolNumbers[packet.protocol],
    fragment: false,
    length: packet.length,
    ttl: packet.ttl,
    get mark() {
      return packet.mark;
    },
    packetType: 'unicast',
    bridged: at.physIn !== undefined,
    ctState: tracking?.state ?? 'NEW',
    owner: packet.owner === undefined ? 'none' : { uid: packet.owner, gid: packet.owner },
    addrType: (addr: Addr, dev?: string): AddrType | UnknownTruth => addressType(node, addr, dev, decisions),
    ...(hasPorts ? { sport: packet.sport, dport: packet.dport } : {}),
    ...(packet.icmp === undefined ? {} : { icmp: packet.icmp }),
    ...(packet.protocol === 'tcp' ? { tcpFlags: packet.tcpFlags } : {}),
    ...(at.inDev === undefined ? {} : { inDev: at.inDev.link.name }),
    ...(at.outDev === undefined ? {} : { outDev: at.outDev.link.name }),
    ...(at.physIn === undefined ? {} : { physIn: at.physIn.link.name }),
    ...(at.physOut === undefined ? {} : { physOut: at.physOut.link.name }),
    ...(srcMac === undefined ? {} : { srcMac }),
    ...(tracking === undefined || connection === undefined
      ? {}
      : {
          get connmark() {
            return connection.mark;
          },
          ctStatus: {
            snat: connection.snat,
            dnat: connection.dnat,
            expected: false,
            seenReply: connection.seenReply,
            assured: false,
            confirmed: connection.confirmed,
          },
          ctDirection: tracking.direction,
          ctOriginal: connection.original,
          ctReply: connection.reply,
        }),
  };
}
