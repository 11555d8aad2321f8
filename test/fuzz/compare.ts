/**
 * Runs a case on the kernel and in the simulator. In: a case, on a stage. Out: for each flow what both say. The simulator sees
 * the host as `doctor` sees a live one: captured, then parsed. The capture is taken before the flows, so that it knows nothing of them.
 */
import { captureFacts } from '../../src/bundle/capture.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { outsideDescription, outsideName } from '../../src/lab/place.ts';
import { formatAddr } from '../../src/net/addr.ts';
import type { Trace } from '../../src/packet/trace.ts';
import { makeScene, type Scene, walk } from '../../src/packet/walk.ts';
import { sameOutcomeClass } from '../judge/walks.ts';
import type { Seen } from './agent.ts';
import { type CaseFlow, flowsOf, type HostCase } from './case.ts';
import { build, hostUplink, type Place } from './place.ts';

export interface Verdict {
  readonly flow: CaseFlow;
  readonly kernel: Seen;
  readonly walked: Seen;
  readonly verdict: 'exact' | 'same class' | 'unknown' | 'wrong';
  /** What would decide, where the simulator does not know. */
  readonly unknowns: readonly string[];
}

/** Longer than three unanswered neighbour questions take. */
export const shortPatience = 450;
/** Longer than until a SYN is sent again: of an error about the first one the caller may not hear (tcp_v4_err). */
export const longPatience = 1300;

/** Asks with so many milliseconds of patience. Throws when the case cannot be made: a tool refused a line of it. */
export async function compare(hostCase: HostCase, patience: number): Promise<readonly Verdict[]> {
  const place = await build(hostCase);
  try {
    const scene = await observedScene(place, hostCase);
    const flows = flowsOf(hostCase);
    const verdicts: Verdict[] = [];
    for (const [index, flow] of hostCase.flows.entries()) {
      const asked = flows[index];
      if (asked === undefined) break;
      const trace = walk(scene, asked);
      verdicts.push(judge(flow, await ask(place, flow, patience), trace));
    }
    return verdicts;
  } finally {
    await place.release();
  }
}

async function observedScene(place: Place, { containers }: HostCase): Promise<Scene> {
  const facts = await captureFacts({
    netns: place.agent('host').path,
    sandboxes: containers.map(({ name }) => ({ name, netns: place.agent(name).path })),
    engineFacts: new Map([['outside.json', Buffer.from(JSON.stringify(outsideDescription))]]),
  });
  const { state, problems } = hostStateFromFacts(facts);
  const [problem] = problems;
  if (problem !== undefined) throw new Error(`the capture cannot be read: ${problem.message}`);
  return makeScene(state);
}

async function ask(place: Place, flow: CaseFlow, patience: number): Promise<Seen> {
  const agent = place.agent(flow.from);
  const route = [`${flow.dst}/32`, 'via', hostUplink];
  if (flow.direct === true) await place.run(outsideName, ['ip', 'route', 'add', ...route]);
  const seen = await agent.ask({ kind: flow.kind, dst: flow.dst, port: flow.port ?? 0, patience });
  if (flow.direct === true) await place.run(outsideName, ['ip', 'route', 'del', ...route]);
  return seen;
}

function judge(flow: CaseFlow, kernel: Seen, trace: Trace): Verdict {
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
  return { flow, kernel, walked, verdict: verdictOf(flow.kind, kernel, walked), unknowns };
}

/** ping(8) is silent where its own kernel refuses a packet in sendto: the error queue that it asks next overwrites errno. */
const untoldByPing: readonly string[] = ['EPERM', 'EACCES', 'EINVAL', 'net-unreachable'];

function verdictOf(kind: CaseFlow['kind'], kernel: Seen, walked: Seen): Verdict['verdict'] {
  if (walked.outcome === 'unknown') return 'unknown';
  if (kind === 'ping' && kernel.outcome === 'timeout' && untoldByPing.includes(walked.outcome))
    return 'same class';
  if (!sameOutcomeClass(kernel.outcome, walked.outcome)) return 'wrong';
  if (kernel.outcome !== walked.outcome) return 'same class';
  const same = kernel.server === walked.server && kernel.at === walked.at && kernel.from === walked.from;
  return same ? 'exact' : 'wrong';
}
