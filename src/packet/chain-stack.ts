/**
 * The chains that a packet is in, from the base chain to the one whose rules are asked now; iptables and nftables
 * share it. In: a stack that its caller pushes to. Out: the stack after a chain has ended.
 */

/** One place in the stack of chains. */
export interface ChainFrame<Chain> {
  readonly chain: Chain;
  /** The places of the rules that are asked; undefined: all. */
  readonly places: readonly number[] | undefined;
  /** How many of them were asked. */
  asked: number;
  /** Entered by goto: its end returns to the caller's caller. */
  readonly tail: boolean;
}

/** Goes on to the next rule that is asked: its place in the chain, which is past the last rule at the end. */
export function nextPlace(frame: ChainFrame<{ readonly rules: readonly unknown[] }>): number {
  const next = frame.asked;
  frame.asked += 1;
  return frame.places === undefined ? next : (frame.places[next] ?? frame.chain.rules.length);
}

/** Leaves the innermost chain, at its end or by RETURN. */
export function leaveChain(stack: ChainFrame<unknown>[]): void {
  while (stack.pop()?.tail === true) {
    // A chain entered by goto has no place of its own to return to: its caller ends too.
  }
}
