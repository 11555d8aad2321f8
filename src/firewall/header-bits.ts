/**
 * The bits of a packet's headers as far as a PacketView tells them, for rules that ask for places instead of fields.
 * In: a view and a place. Out: bits, and which of them are known. Headers without options, as a sending kernel makes them.
 */
import type { PacketView } from './packet-view.ts';

/** Of the unknown ones `value` has zeros. */
export interface Bits {
  readonly value: bigint;
  readonly known: bigint;
}

/** `undefined` for a byte that the view does not tell. */
type Bytes = readonly (number | undefined)[];

/** The bits from a place on, counted from the beginning of the IP header; undefined where the packet is shorter. */
export function bitsAt(view: PacketView, offset: number, count: number): Bits | undefined {
  if (offset + count > view.length * 8) return undefined;
  const bytes = headerBytes(view);
  const first = Math.floor(offset / 8);
  const end = Math.ceil((offset + count) / 8);
  let value = 0n;
  let known = 0n;
  for (let at = first; at < end; at++) {
    const byte = bytes[at];
    value = (value << 8n) | BigInt(byte ?? 0);
    known = (known << 8n) | (byte === undefined ? 0n : 0xffn);
  }
  const behind = BigInt(end * 8 - offset - count);
  return { value: BigInt.asUintN(count, value >> behind), known: BigInt.asUintN(count, known >> behind) };
}

/** Bytes of the IP header without options. */
export function networkHeaderBytes(view: PacketView): number {
  return view.family === 'ipv4' ? 20 : 40;
}

function headerBytes(view: PacketView): Bytes {
  return [...(view.family === 'ipv4' ? ipv4Header(view) : ipv6Header(view)), ...transportHeader(view)];
}

const unknown2 = [undefined, undefined];
const unknown4 = [...unknown2, ...unknown2];

function ipv4Header(view: PacketView): Bytes {
  const { dontFragment, fragment } = view;
  const flags = dontFragment === undefined || fragment ? unknown2 : [dontFragment ? 0x40 : 0, 0];
  return [
    ...[0x45, view.tos],
    ...two(view.length),
    // Identification, then a checksum behind the protocol.
    ...unknown2,
    ...flags,
    ...[view.ttl, view.protocol],
    ...unknown2,
    ...bytesOf(BigInt(view.src.value), 4),
    ...bytesOf(BigInt(view.dst.value), 4),
  ];
}

function ipv6Header(view: PacketView): Bytes {
  const first = view.tos === undefined ? undefined : 0x60 | (view.tos >> 4);
  return [
    // The flow label shares a byte with the traffic class.
    ...[first, undefined, undefined, undefined],
    ...two(Math.max(0, view.length - 40)),
    ...[view.protocol, view.ttl],
    ...bytesOf(BigInt(view.src.value), 16),
    ...bytesOf(BigInt(view.dst.value), 16),
  ];
}

function transportHeader(view: PacketView): Bytes {
  if (view.fragment) return [];
  if (view.icmp !== undefined) return [view.icmp.type, view.icmp.code];
  const ports = [...two(view.sport), ...two(view.dport)];
  switch (view.protocol) {
    case 6:
      // Sequence, acknowledgement, length of the header, flags.
      return [...ports, ...unknown4, ...unknown4, undefined, view.tcpFlags];
    case 17:
      return [...ports, ...two(view.length - networkHeaderBytes(view))];
    default:
      return ports;
  }
}

function two(value: number | undefined): Bytes {
  return value === undefined ? unknown2 : [(value >> 8) & 0xff, value & 0xff];
}

function bytesOf(value: bigint, count: number): Bytes {
  return Array.from({ length: count }, (_, i) => Number((value >> BigInt(8 * (count - 1 - i))) & 0xffn));
}
