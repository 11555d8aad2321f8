/**
 * Runs a case on the kernel and in the simulator. In: a case, on a stage. Out: for each flow what both say. The simulator sees
 * the host as `doctor` sees a live one: observed, then parsed. It is observed before the flows, so that it knows nothing of them.
 */
import { formatAddr, parseAddr } from '../../src/net/addr.ts';
import type { Trace } from '../../src/packet/trace.ts';
import { makeScene, walk } from '../../src/packet/walk.ts';
import { sameOutcomeClass } from '../judge/walks.ts';
import { type CaseFlow, flowsOf, type HostCase } from './case.ts';
import type { Seen } from './ends.ts';
import type { Watch } from './native.ts';
import { observe } from './observe.ts';
import { isSame, type Trail, trailsOf } from './path.ts';
import { build, directMark, type Place } from './place.ts';
import { whileTraced } from './tracing.ts';

export interface Verdict {
  readonly flow: CaseFlow;
  readonly kernel: Seen;
  readonly walked: Seen;
  readonly verdict: 'exact' | 'same class' | 'unknown' | 'wrong';
  /** What would decide, where the simulator does not know. */
  readonly unknowns: readonly string[];
  /** The ways of its packets through the host's rules. */
  readonly trails: readonly Trail[];
}

export interface Asking {
  /** Milliseconds to wait for an answer. */
  readonly patience: number;
  /** One flow after the other, instead of all at once. */
  readonly oneByOne: boolean;
}

/** Longer than three unanswered neighbour questions take. */
export const shortPatience = 450;
/** Longer than until a SYN is sent again: of an error about the first one the caller may not hear (tcp_v4_err). */
export const longPatience = 1300;

/** Throws when the case cannot be made: a tool refused a line of it. */
export async function compare(
  hostCase: HostCase,
  watch: Watch,
  { patience, oneByOne }: Asking,
): Promise<readonly Verdict[]> {
  const place = await build(hostCase, watch);
  try {
    const scene = makeScene(await observe(place, hostCase));
    const { result, traced } = await whileTraced(place, hostCase, async () => {
      const answers: Promise<Seen>[] = [];
      for (const [index, flow] of hostCase.flows.entries()) {
        const answer = ask(place, flow, firstOwn + index, patience);
        answers.push(answer);
        if (oneByOne) await answer;
      }
      const traces = flowsOf(hostCase).map((flow) => walk(scene, flow));
      return { traces, seen: await Promise.all(answers) };
    });
    const { traces, seen } = result;
    return hostCase.flows.flatMap((flow, index) => {
      const kernel = seen[index];
      const trace = traces[index];
      if (kernel === undefined || trace === undefined) return [];
      return [judge(flow, kernel, trace, trailsOf(trace, traced, firstOwn + index))];
    });
  } finally {
    place.release();
  }
}

/** The first flow's source port or identifier; that of a flow is its own, so that none meets another's connection. */
const firstOwn = 40_000;

function ask(place: Place, flow: CaseFlow, own: number, patience: number): Promise<Seen> {
  const dst = parseAddr(flow.dst);
  if (dst === undefined) throw new Error(`not an address: ${flow.dst}`);
  const { kind, port = 0, size = 56, df = false, up = 0, down = 0, direct } = flow;
  const mark = direct === true ? directMark : 0;
  return place.ends.ask(place.namespace(flow.from), {
    kind,
    dst,
    port,
    own,
    mark,
    size,
    df,
    up,
    down,
    patience,
  });
}

function judge(flow: CaseFlow, kernel: Seen, trace: Trace, trails: readonly Trail[]): Verdict {
  const { outcome, seenAs, deliveredTo } = trace;
  const told = outcome === 'ok' && flow.kind !== 'ping' && seenAs !== undefined && deliveredTo !== undefined;
  const walked: Seen = told
    ? {
        outcome,
        server: deliveredTo.namespace,
        at: `${formatAddr(deliveredTo.address)}:${deliveredTo.port}`,
        from: formatAddr(seenAs),
      }
    : { outcome };
  const unknowns = outcome === 'unknown' ? trace.unknowns.map(({ fact }) => fact) : [];
  const verdict = trails.every(isSame) ? verdictOf(kernel, walked) : 'wrong';
  return { flow, kernel, walked, verdict, unknowns, trails };
}

function verdictOf(kernel: Seen, walked: Seen): Verdict['verdict'] {
  if (walked.outcome === 'unknown') return 'unknown';
  if (!sameOutcomeClass(kernel.outcome, walked.outcome)) return 'wrong';
  if (kernel.outcome !== walked.outcome) return 'same class';
  const same = kernel.server === walked.server && kernel.at === walked.at && kernel.from === walked.from;
  return same ? 'exact' : 'wrong';
}
