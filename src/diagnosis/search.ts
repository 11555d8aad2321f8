/**
 * Search: the smallest, least invasive set of changes that makes failing flows succeed. In: a host, flows that fail,
 * candidates. Out: remedies, each with the flows that it heals. Counterfactual: every candidate is applied in memory
 * and the flow is walked again; nothing is inferred from what a rule looks like.
 */
import { applyChanges } from '../host/change.ts';
import type { HostState } from '../host/state.ts';
import type { Flow } from '../net/flow.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Step, Trace } from '../packet/trace.ts';
import { makeScene, walk } from '../packet/walk.ts';
import type { NameService } from '../plan/name-service.ts';
import type { Candidate } from './candidate.ts';
import type { Succeeds } from './receiver.ts';

export interface Remedy {
  /** Applied together; the first is what the flow met first. */
  readonly candidates: readonly Candidate[];
  /** Indices of the failing flows that it heals. */
  readonly heals: ReadonlySet<number>;
}

export interface SearchInput {
  readonly state: HostState;
  readonly outsideRoutes: readonly Prefix[];
  readonly names: NameService | undefined;
  readonly failing: readonly Trace[];
  readonly candidates: readonly Candidate[];
  readonly succeeds: Succeeds;
}

/** Remedies that together heal as many failing flows as can be healed, and the flows that nothing heals. */
export function searchRemedies(input: SearchInput): {
  readonly remedies: readonly Remedy[];
  readonly unhealed: readonly Trace[];
} {
  const single = input.candidates
    .map((candidate): Remedy => ({ candidates: [candidate], heals: healedBy(input, [candidate]) }))
    .filter((remedy) => remedy.heals.size > 0);
  const open = new Set(input.failing.keys());
  for (const remedy of single) for (const index of remedy.heals) open.delete(index);
  const joint = jointRemedies(input, open);
  const remedies = cover([...single, ...joint]);
  const healed = new Set(remedies.flatMap((r) => [...r.heals]));
  return { remedies, unhealed: input.failing.filter((_, i) => !healed.has(i)) };
}

function healedBy(input: SearchInput, candidates: readonly Candidate[]): Set<number> {
  const after = walksWith(
    input,
    candidates,
    input.failing.map((t) => t.flow),
  );
  return new Set(after.flatMap((trace, i) => (input.succeeds(trace) ? [i] : [])));
}

/** Walks of flows on the host with these candidates applied. */
export function walksWith(
  input: Pick<SearchInput, 'state' | 'outsideRoutes' | 'names'>,
  candidates: readonly Candidate[],
  flows: readonly Flow[],
): readonly Trace[] {
  const scene = makeScene(
    applyChanges(
      input.state,
      candidates.flatMap((c) => c.changes),
    ),
    input.outsideRoutes,
    input.names,
  );
  return flows.map((flow) => walk(scene, flow));
}

const maxTogether = 3;
const maxWays = 4;

/**
 * Where no single change heals a flow, several faults stand one behind the other: each step takes a change after which
 * the flow dies somewhere else, until it lives.
 */
function jointRemedies(input: SearchInput, open: ReadonlySet<number>): Remedy[] {
  const remedies: Remedy[] = [];
  const left = new Set(open);
  // Flows that die at the same place for want of the same thing: when one cannot be healed, the others are not tried.
  const hopeless = new Set<string>();
  for (const index of open) {
    const trace = input.failing[index];
    if (!left.has(index) || trace === undefined || hopeless.has(deathOf(trace))) continue;
    const together = follow(input, trace, []);
    if (together === undefined) {
      hopeless.add(deathOf(trace));
      continue;
    }
    const heals = healedBy(input, together);
    for (const healed of heals) left.delete(healed);
    remedies.push({ candidates: together, heals });
  }
  return remedies;
}

function follow(
  input: SearchInput,
  trace: Trace,
  used: readonly Candidate[],
): readonly Candidate[] | undefined {
  if (used.length >= maxTogether) return undefined;
  const died = deathOf(trace);
  const ahead: { readonly candidate: Candidate; readonly trace: Trace }[] = [];
  for (const candidate of input.candidates) {
    if (used.includes(candidate)) continue;
    const state = applyChanges(
      input.state,
      [...used, candidate].flatMap((c) => c.changes),
    );
    const next = walk(makeScene(state, input.outsideRoutes, input.names), trace.flow);
    if (input.succeeds(next)) return [...used, candidate];
    if (next.outcome !== 'unknown' && deathOf(next) !== died) ahead.push({ candidate, trace: next });
  }
  ahead.sort((a, b) => a.candidate.cost - b.candidate.cost);
  for (const way of ahead.slice(0, maxWays)) {
    const found = follow(input, way.trace, [...used, way.candidate]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The step at which a flow died: the first drop on its way there or back. */
export function deathStep(
  trace: Trace,
): { readonly namespace: string; readonly step: Extract<Step, { kind: 'drop' }> } | undefined {
  for (const hop of [...trace.hops, ...trace.reply]) {
    for (const step of hop.steps) if (step.kind === 'drop') return { namespace: hop.namespace, step };
  }
  return undefined;
}

function deathOf(trace: Trace): string {
  const death = deathStep(trace);
  if (death === undefined) return trace.outcome;
  const { step } = death;
  return [trace.outcome, death.namespace, step.where, step.why, step.rule?.chain, step.rule?.position].join(
    ' ',
  );
}

/** Weighted greedy set cover: the remedy that heals most for its cost, then what is left. */
function cover(remedies: readonly Remedy[]): Remedy[] {
  const chosen: Remedy[] = [];
  const healed = new Set<number>();
  for (;;) {
    let best: { remedy: Remedy; worth: number } | undefined;
    for (const remedy of remedies) {
      const fresh = [...remedy.heals].filter((i) => !healed.has(i)).length;
      const worth = fresh / costOf(remedy);
      if (fresh > 0 && (best === undefined || worth > best.worth)) best = { remedy, worth };
    }
    if (best === undefined) return chosen;
    chosen.push(best.remedy);
    for (const index of best.remedy.heals) healed.add(index);
  }
}

function costOf(remedy: Remedy): number {
  return remedy.candidates.reduce((sum, c) => sum + c.cost, 0);
}
