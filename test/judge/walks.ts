/**
 * Judges walks: each probe of a capture against the simulator. In: facts. Out: one verdict a probe.
 */
import type { Facts } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { formatAddr } from '../../src/net/addr.ts';
import { sameOutcomeClass } from '../../src/packet/seen.ts';
import type { Trace } from '../../src/packet/trace.ts';
import { makeScene, walk } from '../../src/packet/walk.ts';
import { expectedFromFacts } from '../../src/plan/expected.ts';
import { nameServiceOf } from '../../src/plan/name-service.ts';
import { flowOf, type Probe, probesOf } from './capture.ts';

export { sameOutcomeClass } from '../../src/packet/seen.ts';

export interface WalkVerdict {
  readonly probe: Probe;
  readonly trace: Trace;
  readonly exact: boolean;
  /** Same class of outcome: who notices an unresolved neighbour first, and whether the path MTU is known, is timing. */
  readonly sameClass: boolean;
  /** Undefined where the probe says nothing of it. */
  readonly seenAs: boolean | undefined;
  readonly deliveredTo: boolean | undefined;
  readonly answer: boolean | undefined;
}

/** The prober's words for one outcome that the contract has one word for. */
const synonyms: Readonly<Record<string, string>> = {
  'connected-then-eof': 'connected-then-closed',
  'connected-then-ECONNRESET': 'connected-then-closed',
};

export function judgeWalks(facts: Facts): readonly WalkVerdict[] {
  const probes = probesOf(facts).filter((p) => p.decidable !== false);
  if (probes.length === 0) return [];
  const { state } = hostStateFromFacts(facts);
  const scene = makeScene(state, [], nameServiceOf(expectedFromFacts(facts, { state }), state));
  return probes.map((probe) => judge(probe, walk(scene, flowOf(probe))));
}

function judge(probe: Probe, trace: Trace): WalkVerdict {
  const truth = synonyms[probe.outcome.result] ?? probe.outcome.result;
  const exact = truth === trace.outcome;
  const sameClass = sameOutcomeClass(truth, trace.outcome);
  const { src, srv, at, answer } = probe.outcome;
  const seen = trace.seenAs === undefined ? undefined : formatAddr(trace.seenAs);
  return {
    probe,
    trace,
    exact,
    sameClass,
    seenAs: src === undefined ? undefined : src === seen,
    deliveredTo:
      at === undefined && srv === undefined ? undefined : samePlace(at, trace) && sameServer(srv, trace),
    answer: answer == null ? undefined : (trace.answers ?? []).map(formatAddr).includes(answer),
  };
}

/** The prober writes IPv6 without brackets, and only the port (`[]:53`) where it could not see the address. */
function samePlace(at: string | undefined, trace: Trace): boolean {
  const to = trace.deliveredTo;
  if (to === undefined || at === undefined) return at === undefined;
  if (at.startsWith('[]:')) return at === `[]:${to.port}`;
  return at === `${formatAddr(to.address)}${to.port === undefined ? '' : `:${to.port}`}`;
}

function sameServer(srv: string | undefined, trace: Trace): boolean {
  return srv === undefined || srv === trace.deliveredTo?.namespace;
}
