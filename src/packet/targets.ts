/**
 * Effects of targets that iptables and nftables share: untracking, segment size, the addresses that NAT chooses by itself.
 * In: a packet and the devices of its hook. Out: the packet changed, or an address. No rule is looked at here.
 */
import { type Addr, ipv4, ipv6 } from '../net/addr.ts';
import { addressBits, type Prefix } from '../net/prefix.ts';
import type { Hook, HookDevices } from './hooks.ts';
import { familyOf, type Packet, tcpHeaderBytes } from './packet.ts';
import { selectSource } from './route.ts';
import { usableAddresses } from './world.ts';

/**
 * No connection for this packet. One that has its connection already keeps it: what came over loopback, and a reset, which belongs to
 * the connection that it ends (xt_ct_target, nft_notrack_eval; nf_ct_attach).
 */
export function untrack(packet: Packet): void {
  if (packet.tracking !== undefined) return;
  packet.tracking = { connection: undefined, direction: 'original', state: 'UNTRACKED' };
}

/** Lowers the segment size that a SYN announces, never raises it; without a size to what the devices can carry. */
export function clampMss(size: number | undefined, packet: Packet, at: HookDevices): void {
  if (packet.mss === undefined) return;
  const headers = tcpHeaderBytes(familyOf(packet));
  const mtus = [at.inDev, at.outDev].flatMap((w) => (w === undefined ? [] : [w.link.mtu]));
  packet.mss = Math.min(packet.mss, size ?? Math.min(...mtus) - headers);
}

/**
 * nf_nat_masquerade_ipv4 takes what inet_select_addr gives for the out device and the next hop (a bridged frame's is its destination),
 * nf_nat_masquerade_ipv6 what ipv6_dev_get_saddr gives for the destination.
 */
export function masqueradeAddress({ outDev, nexthop }: HookDevices, packet: Packet): Addr | undefined {
  if (outDev === undefined) return undefined;
  return selectSource(
    outDev.node,
    outDev,
    familyOf(packet) === 'ipv6' ? packet.dst : (nexthop ?? packet.dst),
  );
}

/** NETMAP: the network is another one, the bits behind it stay. */
export function mappedAddress(addr: Addr, to: Prefix): Addr | undefined {
  if (addr.family !== to.addr.family) return undefined;
  const behind = BigInt(addressBits(addr.family) - to.bits);
  const value =
    ((BigInt(to.addr.value) >> behind) << behind) | BigInt.asUintN(Number(behind), BigInt(addr.value));
  return addr.family === 'ipv4' ? ipv4(Number(value)) : ipv6(value);
}

/** nf_nat_redirect: loopback for local senders, else the first address of the device it came in on. */
export function redirectAddress(hook: Hook, at: HookDevices, packet: Packet): Addr | undefined {
  const family = familyOf(packet);
  if (hook === 'OUTPUT') return family === 'ipv4' ? ipv4(0x7f000001) : ipv6(1n);
  return at.inDev === undefined ? undefined : usableAddresses(at.inDev.link, family)[0]?.prefix.addr;
}
