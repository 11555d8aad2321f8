/**
 * The chains that a packet is in, from the base chain to the one whose rules are asked now; iptables and nftables
 * share it. In: a stack that its caller pushes to. Out: the stack after a chain has ended.
 */

/** One place in the stack of chains. */
export interface ChainFrame<Chain> {
  readonly chain: Chain;
  /** Index of the rule that is asked next. */
  next: number;
  /** Entered by goto: its end returns to the caller's caller. */
  readonly tail: boolean;
}

/** Leaves the innermost chain, at its end or by RETURN. */
export function leaveChain(stack: ChainFrame<unknown>[]): void {
  while (stack.pop()?.tail === true) {
    // A chain entered by goto has no place of its own to return to: its caller ends too.
  }
}
