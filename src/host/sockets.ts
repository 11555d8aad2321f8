/**
 * Listening TCP sockets and bound UDP sockets, from `ss -lntup`. In: its text. Out: Socket[].
 * Other socket families in the listing are left out. Connections are not listed by `ss -l`.
 */
import { type Addr, type Family, ipv4, isUnspecified, parseAddr } from '../net/addr.ts';
import { type FactProblem, numberedLines, type Parsed } from './facts.ts';
import type { Socket } from './state.ts';

export function parseSockets(content: string, file: string): Parsed<readonly Socket[]> {
  const value: Socket[] = [];
  const problems: FactProblem[] = [];
  for (const { line, text } of numberedLines(content)) {
    const [protocol, state, , , local, , ...rest] = text.split(/\s+/);
    if ((protocol !== 'tcp' && protocol !== 'udp') || (state !== 'LISTEN' && state !== 'UNCONN')) continue;
    const socket = local === undefined ? undefined : socketOf(protocol, local, rest.join(' '));
    if (socket === undefined) problems.push({ file, line, message: `not a socket: ${text}` });
    else value.push(socket);
  }
  return { value, problems };
}

function socketOf(protocol: 'tcp' | 'udp', local: string, rest: string): Socket | undefined {
  const match = /^(.*):(\d+)$/.exec(local);
  const port = Number(match?.[2]);
  const bound = boundTo(match?.[1]);
  if (bound === undefined || port < 1 || port > 65535) return undefined;
  const process = /users:\(\("((?:[^"\\]|\\.)*)"/.exec(rest)?.[1];
  return { protocol, ...bound, port, ...(process === undefined ? {} : { process }) };
}

/** `0.0.0.0` is IPv4, `[::]` an IPv6-only socket, `*` an IPv6 socket that takes both (iproute2, misc/ss.c, inet_addr_print). */
function boundTo(text: string | undefined): Pick<Socket, 'address' | 'families' | 'dev'> | undefined {
  const match = /^\[?([^%[\]]*)\]?(?:%(\S+))?$/.exec(text ?? '');
  const host = match?.[1];
  if (host === undefined) return undefined;
  const dev = match?.[2] === undefined ? {} : { dev: match[2].replace(/\]$/, '') };
  if (host === '*') return { families: ['ipv4', 'ipv6'], ...dev };
  const addr = parseAddr(host);
  if (addr === undefined) return undefined;
  const plain = unmapped(addr);
  const families: readonly Family[] = [plain.family];
  return isUnspecified(plain) ? { families, ...dev } : { address: plain, families, ...dev };
}

/** `::ffff:192.0.2.1` on an IPv6 socket is the IPv4 address. */
function unmapped(addr: Addr): Addr {
  return addr.family === 'ipv6' && addr.value >> 32n === 0xffffn
    ? ipv4(Number(addr.value & 0xffffffffn))
    : addr;
}
