/**
 * What a real kernel did with a flow, held against a walk of it. In: what the two ends saw, and a Trace. Out: whether they agree.
 * It sends nothing; who sends stands in rehearsal/ and in test/fuzz.
 */
import { type Addr, formatAddr } from '../net/addr.ts';
import type { FlowKind } from '../net/flow.ts';
import type { Trace } from './trace.ts';

/** What the sender saw; for a delivered tcp or udp flow also who answered, where it was asked, and by whom as it saw it. */
export interface Seen {
  /** A word of `Outcome`, or an error of the sender's system call that has none. */
  readonly outcome: string;
  /** The namespace that answered. */
  readonly server?: string;
  /** Address and port at which it was reached: `172.17.0.2:80`, `[fd00::2]:80`. */
  readonly at?: string;
  /** The source address as it arrived. */
  readonly from?: string;
}

/** `same class`: they differ by nothing but timing. `unknown`: the walk does not know. */
export type Agreement = 'exact' | 'same class' | 'unknown' | 'wrong';

/** Who notices an unresolved neighbour first, and whether the path MTU is known, is timing. */
const classes: readonly (readonly string[])[] = [
  ['timeout', 'host-unreachable', 'icmp-3/1'],
  ['EMSGSIZE', 'icmp-3/4'],
];

/** Whether two outcomes differ by nothing but timing. */
export function sameOutcomeClass(truth: string, walked: string): boolean {
  return truth === walked || classes.some((c) => c.includes(truth) && c.includes(walked));
}

/** What a walk says, in the words of what would be seen. */
export function seenOf(trace: Trace): Seen {
  const { flow, outcome, seenAs, deliveredTo } = trace;
  const told = outcome === 'ok' && (flow.kind === 'tcp' || flow.kind === 'udp');
  if (!told || seenAs === undefined || deliveredTo === undefined) return { outcome };
  const at = endpointText(deliveredTo.address, deliveredTo.port ?? 0);
  return { outcome, server: deliveredTo.namespace, at, from: formatAddr(seenAs) };
}

/** `172.17.0.2:80`, `[fd00::2]:80`. */
export function endpointText(address: Addr, port: number): string {
  return address.family === 'ipv6' ? `[${formatAddr(address)}]:${port}` : `${formatAddr(address)}:${port}`;
}

/** ping(8) is silent where its own kernel refuses a packet in sendto: the error queue that it asks next overwrites errno. */
const untoldByPing: readonly string[] = ['EPERM', 'EACCES', 'EINVAL', 'net-unreachable'];

/** Whether what a sender saw on a kernel is an outcome, but for timing and for what ping(8) does not say. */
export function isOutcome(kind: FlowKind, seen: string, outcome: string): boolean {
  if (kind === 'ping' && seen === 'timeout' && untoldByPing.includes(outcome)) return true;
  return sameOutcomeClass(seen, outcome);
}

/** Whether the kernel did what the walk says. */
export function agreement(kernel: Seen, trace: Trace): Agreement {
  const walked = seenOf(trace);
  if (walked.outcome === 'unknown') return 'unknown';
  if (!isOutcome(trace.flow.kind, kernel.outcome, walked.outcome)) return 'wrong';
  if (kernel.outcome !== walked.outcome) return 'same class';
  const same = kernel.server === walked.server && kernel.at === walked.at && kernel.from === walked.from;
  return same ? 'exact' : 'wrong';
}
