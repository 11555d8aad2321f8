/**
 * Search: the smallest, least invasive set of changes that makes failing flows succeed. In: a host, flows that fail,
 * candidates. Out: remedies, each with the flows that need it. Counterfactual: every candidate is applied in memory
 * and the flow is walked again; nothing is inferred from what a rule looks like.
 */
import { applyChanges } from '../host/change.ts';
import type { HostState } from '../host/state.ts';
import type { Flow } from '../net/flow.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Progress } from '../net/progress.ts';
import type { Trace } from '../packet/trace.ts';
import { makeScene, walk } from '../packet/walk.ts';
import type { NameService } from '../plan/name-service.ts';
import type { Candidate } from './candidate.ts';
import { commandRepair } from './commands.ts';
import { deathOf } from './death.ts';
import { joinByOrigin } from './join.ts';
import type { Receivers, Succeeds } from './receiver.ts';
import { Trials } from './trials.ts';

/** A change that is part of the repair. */
export interface Remedy {
  readonly candidate: Candidate;
  /** Indices of the failing flows that fail without it. */
  readonly heals: ReadonlySet<number>;
  /** The other changes of the repair that some of these flows need as well. */
  readonly together: readonly Partner[];
}

export interface Partner {
  readonly candidate: Candidate;
  /** Indices of the flows that need both. */
  readonly heals: ReadonlySet<number>;
}

export interface SearchInput {
  readonly state: HostState;
  readonly outsideRoutes: readonly Prefix[];
  readonly names: NameService | undefined;
  readonly failing: readonly Trace[];
  readonly candidates: readonly Candidate[];
  readonly succeeds: Succeeds;
  /** Whom flows are meant for. */
  readonly receiverOf: Receivers;
  readonly progress: Progress;
}

/** Remedies that together heal as many failing flows as can be healed, in the order in which they were found, and the flows that nothing heals. */
export function searchRemedies(input: SearchInput): {
  readonly remedies: readonly Remedy[];
  readonly unhealed: readonly Trace[];
} {
  const chosen = choose(input);
  const healed = healedBy(input, chosen, [...input.failing.keys()]);
  const needed = withoutNeedless(input, chosen, healed);
  const commands = (candidate: Candidate) => commandRepair(input.state, candidate.changes)?.change;
  return {
    remedies: remediesOf(input, joinByOrigin(needed, commands), healed),
    unhealed: input.failing.filter((_, i) => !healed.has(i)),
  };
}

/** Walks of flows on the host with these candidates applied; of their steps only those that end a packet. */
export function walksWith(
  input: Pick<SearchInput, 'state' | 'outsideRoutes' | 'names'>,
  candidates: readonly Candidate[],
  flows: readonly Flow[],
): readonly Trace[] {
  if (flows.length === 0) return [];
  const scene = makeScene(
    applyChanges(
      input.state,
      candidates.flatMap((c) => c.changes),
    ),
    input.outsideRoutes,
    input.names,
  );
  return flows.map((flow) => walk(scene, flow, 'deaths'));
}

/** Walks of failing flows, by their indices, with these candidates applied. */
function walksOf(
  input: SearchInput,
  candidates: readonly Candidate[],
  indices: readonly number[],
): ReadonlyMap<number, Trace> {
  const flows = indices.flatMap((i) => input.failing[i]?.flow ?? []);
  const walks = walksWith(input, candidates, flows);
  return new Map(indices.flatMap((index, i) => (walks[i] === undefined ? [] : [[index, walks[i]]])));
}

function healedBy(
  input: SearchInput,
  candidates: readonly Candidate[],
  indices: Iterable<number>,
): ReadonlySet<number> {
  const walks = walksOf(input, candidates, [...indices]);
  return new Set([...walks].flatMap(([i, trace]) => (input.succeeds(trace) ? [i] : [])));
}

/**
 * Candidates one after the other: each time the one that, beside those chosen before, heals most of what still fails for its cost;
 * where none heals anything by itself, a few that stand one behind the other.
 */
function choose(input: SearchInput): readonly Candidate[] {
  const chosen: Candidate[] = [];
  let open: ReadonlyMap<number, Trace> = new Map(input.failing.entries());
  const heals = new Map(input.candidates.map((candidate) => [candidate, new Set<number>()]));
  let changed = [...open.keys()];
  const trials = new Trials(input);
  /** Tries all on some flows, and what heals one of them on all that are open. */
  const tryOn = (flows: readonly number[]): void => {
    let tried = 0;
    for (const [candidate, healed] of heals) {
      input.progress('repairs', tried, heals.size);
      tried += 1;
      if (chosen.includes(candidate)) continue;
      const some = trials.concernedBy(candidate, flows);
      const found = healedBy(input, [...chosen, candidate], some);
      for (const index of found) healed.add(index);
      if (found.size === 0) continue;
      const others = trials.rest(candidate, open.keys(), some);
      for (const index of healedBy(input, [...chosen, candidate], others)) healed.add(index);
    }
  };
  while (open.size > 0) {
    // Where the flow dies as before, what was chosen has not changed what heals it.
    for (const healed of heals.values()) for (const index of changed) healed.delete(index);
    let single: Candidate | undefined;
    let flows = trials.first(changed, open);
    do {
      tryOn(flows);
      single = mostForItsCost(heals, chosen, open);
      flows = single === undefined ? trials.next(open.keys()) : [];
    } while (flows.length > 0);
    const next = single === undefined ? together(input, chosen, open, trials) : [single];
    if (next === undefined) return chosen;
    chosen.push(...next);
    const after = walksOf(input, chosen, [...open.keys()]);
    const before = open;
    open = new Map([...after].filter(([, trace]) => !input.succeeds(trace)));
    changed = [...open].flatMap(([i, trace]) => (sameDeath(before.get(i), trace) ? [] : [i]));
  }
  return chosen;
}

function sameDeath(before: Trace | undefined, after: Trace): boolean {
  return before !== undefined && deathOf(before) === deathOf(after);
}

function mostForItsCost(
  heals: ReadonlyMap<Candidate, ReadonlySet<number>>,
  chosen: readonly Candidate[],
  open: ReadonlyMap<number, Trace>,
): Candidate | undefined {
  let best: { readonly candidate: Candidate; readonly worth: number } | undefined;
  for (const [candidate, healed] of heals) {
    if (chosen.includes(candidate)) continue;
    const worth = [...healed].filter((i) => open.has(i)).length / candidate.cost;
    if (worth > 0 && (best === undefined || worth > best.worth)) best = { candidate, worth };
  }
  return best?.candidate;
}

const maxTogether = 3;
const maxWays = 4;

/**
 * Where no single change heals a flow, several faults stand one behind the other: each step takes a change after which
 * the flow dies somewhere else, until it lives. Of flows that die at the same place for want of the same thing not all are tried.
 */
function together(
  input: SearchInput,
  chosen: readonly Candidate[],
  open: ReadonlyMap<number, Trace>,
  trials: Trials,
): readonly Candidate[] | undefined {
  for (const [index, trace] of open) {
    if (trials.isHopeless(index)) continue;
    const candidates = input.candidates.filter((c) => trials.concernedBy(c, [index]).length > 0);
    const found = follow({ ...input, candidates }, chosen, trace, []);
    if (found !== undefined) return found;
    trials.giveUp(index);
  }
  return undefined;
}

function follow(
  input: SearchInput,
  chosen: readonly Candidate[],
  trace: Trace,
  used: readonly Candidate[],
): readonly Candidate[] | undefined {
  if (used.length >= maxTogether) return undefined;
  const died = deathOf(trace);
  const ahead: { readonly candidate: Candidate; readonly trace: Trace }[] = [];
  for (const candidate of input.candidates) {
    if (used.includes(candidate) || chosen.includes(candidate)) continue;
    const [next] = walksWith(input, [...chosen, ...used, candidate], [trace.flow]);
    if (next === undefined) continue;
    if (input.succeeds(next)) return [...used, candidate];
    if (next.outcome !== 'unknown' && deathOf(next) !== died) ahead.push({ candidate, trace: next });
  }
  ahead.sort((a, b) => a.candidate.cost - b.candidate.cost);
  for (const way of ahead.slice(0, maxWays)) {
    const found = follow(input, chosen, way.trace, [...used, way.candidate]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What a later choice made needless is taken out again; the last choice is looked at first. */
function withoutNeedless(
  input: SearchInput,
  chosen: readonly Candidate[],
  healed: ReadonlySet<number>,
): readonly Candidate[] {
  if (chosen.length < 2) return chosen;
  return chosen.reduceRight<readonly Candidate[]>((kept, candidate) => {
    const rest = kept.filter((other) => other !== candidate);
    return healedBy(input, rest, healed).size === healed.size ? rest : kept;
  }, chosen);
}

/** Which flows need which of the changes: those that fail when it alone is left out. */
function remediesOf(
  input: SearchInput,
  chosen: readonly Candidate[],
  healed: ReadonlySet<number>,
): readonly Remedy[] {
  const needs = new Map(
    chosen.map((candidate) => {
      const others = chosen.filter((other) => other !== candidate);
      // Without any change the flows fail: that is why they are looked at.
      const still = others.length === 0 ? new Set<number>() : healedBy(input, others, healed);
      return [candidate, new Set([...healed].filter((i) => !still.has(i)))];
    }),
  );
  giveToFirst(input, chosen, healed, needs);
  return chosen.flatMap((candidate): readonly Remedy[] => {
    const heals = needs.get(candidate) ?? new Set();
    const partners = chosen.flatMap((other) => {
      const both = new Set([...(needs.get(other) ?? [])].filter((i) => heals.has(i)));
      return other === candidate || both.size === 0 ? [] : [{ candidate: other, heals: both }];
    });
    return [{ candidate, heals, together: partners }];
  });
}

/** A flow that either of two changes heals is the first one's. */
function giveToFirst(
  input: SearchInput,
  chosen: readonly Candidate[],
  healed: ReadonlySet<number>,
  needs: ReadonlyMap<Candidate, Set<number>>,
): void {
  let left = [...healed].filter((i) => ![...needs.values()].some((needed) => needed.has(i)));
  for (const [position, candidate] of chosen.entries()) {
    if (left.length === 0) return;
    const now = healedBy(input, chosen.slice(0, position + 1), left);
    for (const index of now) needs.get(candidate)?.add(index);
    left = left.filter((i) => !now.has(i));
  }
}
