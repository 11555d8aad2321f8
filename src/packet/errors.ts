/**
 * Errors: what the sender's socket makes of a packet that was not delivered. In: the fate. Out: an Outcome.
 * Sources: net/ipv4/icmp.c (icmp_err_convert), tcp_ipv4.c (tcp_v4_err), udp.c (__udp4_lib_err), ping.c.
 */
import type { Family } from '../net/addr.ts';
import type { FlowKind } from '../net/flow.ts';
import type { Fate } from './fate.ts';
import { icmpNumbers } from './icmp.ts';
import { invert, sameTuple, type Tuple, tupleOf } from './packet.ts';
import type { Outcome } from './trace.ts';
import type { Node } from './world.ts';

type Errno = 'net-unreachable' | 'host-unreachable' | 'refused' | 'EACCES';

/** icmp_err_convert: errno of each "destination unreachable" code, and whether it is fatal to a datagram socket. */
const unreachable: Readonly<Record<number, { readonly errno: Errno; readonly fatal: boolean }>> = {
  0: { errno: 'net-unreachable', fatal: false },
  1: { errno: 'host-unreachable', fatal: false },
  3: { errno: 'refused', fatal: true },
  6: { errno: 'net-unreachable', fatal: true },
  7: { errno: 'host-unreachable', fatal: true },
  9: { errno: 'net-unreachable', fatal: true },
  10: { errno: 'host-unreachable', fatal: true },
  11: { errno: 'net-unreachable', fatal: false },
  12: { errno: 'host-unreachable', fatal: false },
  13: { errno: 'host-unreachable', fatal: true },
  14: { errno: 'host-unreachable', fatal: true },
  15: { errno: 'host-unreachable', fatal: true },
};

/** The same for ICMPv6 (net/ipv6/icmp.c, icmpv6_err_convert). */
const unreachable6: typeof unreachable = {
  0: { errno: 'net-unreachable', fatal: false },
  1: { errno: 'EACCES', fatal: true },
  2: { errno: 'host-unreachable', fatal: false },
  3: { errno: 'host-unreachable', fatal: false },
  4: { errno: 'refused', fatal: true },
  5: { errno: 'EACCES', fatal: true },
  6: { errno: 'EACCES', fatal: true },
};

/** What a ping, a connecting TCP socket or a connected UDP socket reports. */
export function errorSeenBy(kind: Exclude<FlowKind, 'dns'>, fate: Fate, sender: Node, sent: Tuple): Outcome {
  switch (fate.kind) {
    case 'delivered':
    case 'lost':
      return 'timeout';
    case 'send-error':
      // A SYN that a rule or a later route drops is sent again until the connect times out (tcp_connect ignores it).
      return kind === 'tcp' && !fate.connecting ? 'timeout' : fate.error;
    case 'reset':
      return hears(fate.reset, sender, sent) ? 'refused' : 'timeout';
    case 'icmp':
      return hears(fate.error, sender, sent) ? fromIcmp(kind, sent.dst.family, fate) : 'timeout';
    case 'unresolved': {
      const unresolved = icmpNumbers(sent.dst.family, 'host-unreachable');
      if (fate.error !== undefined && hears(fate.error, sender, sent)) {
        return fromIcmp(kind, sent.dst.family, unresolved);
      }
      return 'timeout';
    }
  }
}

function fromIcmp(
  kind: Exclude<FlowKind, 'dns'>,
  family: Family,
  { type, code }: { readonly type: number; readonly code: number },
): Outcome {
  if (kind === 'ping') return family === 'ipv4' ? `icmp-${type}/${code}` : `icmp6-${type}/${code}`;
  if (type === icmpNumbers(family, 'ttl-exceeded').type)
    return kind === 'tcp' ? 'host-unreachable' : 'timeout';
  const isUnreachable = type === icmpNumbers(family, 'no-route').type;
  const meaning = isUnreachable ? (family === 'ipv4' ? unreachable : unreachable6)[code] : undefined;
  if (meaning === undefined) return 'timeout';
  return kind === 'tcp' || meaning.fatal ? meaning.errno : 'timeout';
}

/** Whether an error or reset came back to the socket: it is at the sender and speaks of what was sent. */
function hears(answer: Fate, sender: Node, sent: Tuple): boolean {
  if (answer.kind !== 'delivered' || answer.node !== sender) return false;
  const quoted = answer.packet.quoted;
  return quoted === undefined ? sameTuple(tupleOf(answer.packet), invert(sent)) : sameTuple(quoted, sent);
}
