/**
 * Neighbour discovery of IPv6 as packets: unlike ARP it passes the rules of both ends, and of a bridge between them that calls ip6tables.
 * In: a question. Out: what stops it or its answer. Sources: net/ipv6/ndisc.c (ndisc_send_skb, ndisc_send_na), RFC 4861.
 */
import { type Addr, ipv6 } from '../net/addr.ts';
import { callsIptables } from './frames.ts';
import { type Hook, type HookDevices, noDevices, type Verdict } from './hooks.ts';
import type { NeighbourQuestion } from './link-layer.ts';
import { makePacket, type Packet } from './packet.ts';
import type { Node, Wire } from './world.ts';

type AskHook = (node: Node, hook: Hook, packet: Packet, at: HookDevices, srcMac?: string) => Verdict;

const solicitation = 135;
const advertisement = 136;
const hopLimit = 255;

/** Why the question or its answer is not heard; undefined when both are. IPv4 asks by ARP, which no rule of iptables sees. */
export function discoveryUnheard(
  { device, answerer, target, asker }: NeighbourQuestion,
  hook: AskHook,
): string | undefined {
  if (target.family === 'ipv4') return undefined;
  const message = (type: number, src: Addr, dst: Addr) =>
    makePacket({ src, dst, protocol: 'icmpv6', icmp: { type, code: 0 }, ttl: hopLimit, length: 72 });
  const lost =
    stoppedAt(message(solicitation, asker, solicitedNode(target)), device, answerer, hook) ??
    stoppedAt(message(advertisement, target, asker), answerer, device, hook);
  return lost === undefined ? undefined : `${lost} stops neighbour discovery`;
}

/** The group in which the owner of an address listens (RFC 4291). */
function solicitedNode(target: Addr): Addr {
  const low = BigInt(target.value) & 0xffffffn;
  return ipv6((0xff02n << 112n) | (1n << 32n) | (0xffn << 24n) | low);
}

/** Where rules stop a message between two devices on one link. */
function stoppedAt(packet: Packet, from: Wire, to: Wire, hook: AskHook): string | undefined {
  const ask = (node: Node, name: Hook, at: Partial<HookDevices>, mac?: string): string | undefined => {
    const verdict = hook(node, name, packet, { ...noDevices, ...at }, mac);
    return verdict.kind === 'accept' ? undefined : verdict.where;
  };
  const sent = ask(from.node, 'OUTPUT', { outDev: from }) ?? ask(from.node, 'POSTROUTING', { outDev: from });
  if (sent !== undefined) return sent;
  packet.mark = 0;
  packet.tracking = undefined;
  const mac = from.link.mac;
  const crossed = crossing(from, to, packet, (node, name, at) => ask(node, name, at, mac));
  if (crossed !== undefined) return crossed;
  const physIn = portInto(from, to, packet);
  const stopped =
    ask(to.node, 'PREROUTING', { inDev: to, physIn }, mac) ??
    ask(to.node, 'INPUT', { inDev: to, physIn }, mac);
  // Who has changed it may have forwarded it: then the message is none (ndisc_rcv).
  return stopped ?? (packet.ttl === hopLimit ? undefined : 'a changed hop limit');
}

/** The port by which a message comes to a bridge that is its receiver, where br_netfilter remembers it. */
function portInto(from: Wire, to: Wire, packet: Packet): Wire | undefined {
  const port = from.peer;
  return port?.master === to && callsIptables(to, packet) ? port : undefined;
}

/** A bridge between two stations shows what it forwards to ip6tables. */
function crossing(
  from: Wire,
  to: Wire,
  packet: Packet,
  ask: (node: Node, name: Hook, at: Partial<HookDevices>) => string | undefined,
): string | undefined {
  const [physIn, physOut] = [from.peer, to.peer];
  const bridge = physIn?.master;
  if (bridge === undefined || bridge !== physOut?.master || !callsIptables(bridge, packet)) return undefined;
  const at = { inDev: bridge, physIn };
  const found =
    ask(bridge.node, 'PREROUTING', at) ??
    ask(bridge.node, 'FORWARD', { ...at, outDev: bridge, physOut }) ??
    ask(bridge.node, 'POSTROUTING', { outDev: bridge, physIn, physOut });
  packet.mark = 0;
  packet.tracking = undefined;
  return found;
}
