/**
 * Fate: what became of one packet. Made by the stack and the links, read by `errors.ts` and `exchange.ts`.
 */
import type { Packet } from './packet.ts';
import type { Node, Wire } from './world.ts';

export type SendError = 'net-unreachable' | 'host-unreachable' | 'EACCES' | 'EINVAL' | 'EPERM' | 'EMSGSIZE';

export type Fate =
  | { readonly kind: 'delivered'; readonly node: Node; readonly wire: Wire; readonly packet: Packet }
  /** Died without a word. */
  | { readonly kind: 'lost' }
  /** The sending kernel refused; `connecting`: so early that a TCP connect hears of it too. */
  | { readonly kind: 'send-error'; readonly error: SendError; readonly connecting: boolean }
  /** Somebody sent an ICMP error about it; what became of that is `error`'s own fate. */
  | {
      readonly kind: 'icmp';
      readonly type: number;
      readonly code: number;
      readonly mtu: number | undefined;
      readonly error: Fate;
    }
  /** Somebody answered with a TCP reset (REJECT). */
  | { readonly kind: 'reset'; readonly reset: Fate }
  /** The next hop's link address is not known; `error` tells the sender, which may be the same host. */
  | { readonly kind: 'unresolved'; readonly error: Fate | undefined };

/** Died without a word. */
export const lost: Fate = { kind: 'lost' };
