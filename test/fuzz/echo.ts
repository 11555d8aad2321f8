/**
 * ICMP echo as bytes: the question, and what a raw socket hears of it. In: identifiers, packets. Out: bytes, an outcome. Pure.
 */
import { type Addr, type Family, ipv4, ipv6, sameAddr } from '../../src/net/addr.ts';

/** Numbers in the IP header. */
export const icmpProtocols = { ipv4: 1, ipv6: 58 } as const;

const requests = { ipv4: 8, ipv6: 128 } as const;
const replies = { ipv4: 0, ipv6: 129 } as const;
/** Types that quote a packet: unreachable, too big, time exceeded, parameter problem. */
const errors = { ipv4: [3, 11, 12], ipv6: [1, 2, 3, 4] } as const;

/** An echo request with so many bytes of payload; of ICMPv6 the kernel sums up itself. */
export function echoRequest(family: Family, id: number, size: number): Buffer {
  const message = Buffer.alloc(8 + size);
  message.writeUInt8(requests[family], 0);
  message.writeUInt16BE(id, 4);
  message.writeUInt16BE(1, 6);
  if (family === 'ipv4') message.writeUInt16BE(checksum(message), 2);
  return message;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2)
    sum += at + 1 < bytes.length ? bytes.readUInt16BE(at) : (bytes[at] ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/**
 * What a message heard says about the ping of this identifier to `dst`; undefined: nothing. An answer from another address is none,
 * as for a socket, and so is an error about a packet to another.
 */
export function echoAnswer(heard: Buffer, from: Addr, dst: Addr, id: number): string | undefined {
  const { family } = dst;
  // A raw IPv4 socket hears the header too.
  const message = family === 'ipv4' ? heard.subarray(((heard[0] ?? 0) & 15) * 4) : heard;
  if (message.length < 8) return undefined;
  const [type = 0, code = 0] = message;
  if (type === replies[family])
    return message.readUInt16BE(4) === id && sameAddr(from, dst) ? 'ok' : undefined;
  if (!errors[family].some((t) => t === type)) return undefined;
  const quoted = quotedEcho(family, message.subarray(8));
  if (quoted === undefined || quoted.id !== id || !sameAddr(quoted.dst, dst)) return undefined;
  return family === 'ipv4' ? `icmp-${type}/${code}` : `icmp6-${type}/${code}`;
}

/** Where a quoted echo request went; undefined when it is none. */
function quotedEcho(family: Family, quoted: Buffer): { readonly dst: Addr; readonly id: number } | undefined {
  const header = family === 'ipv4' ? ((quoted[0] ?? 0) & 15) * 4 : 40;
  const protocol = quoted[family === 'ipv4' ? 9 : 6];
  if (quoted.length < header + 6 || protocol !== icmpProtocols[family] || quoted[header] !== requests[family])
    return undefined;
  const dst =
    family === 'ipv4'
      ? ipv4(quoted.readUInt32BE(16))
      : ipv6((quoted.readBigUInt64BE(24) << 64n) | quoted.readBigUInt64BE(32));
  return { dst, id: quoted.readUInt16BE(header + 4) };
}
