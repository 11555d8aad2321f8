/**
 * Trials: on which of the failing flows a candidate is tried, where to try every one on all would take long. In: failing flows and
 * candidates. Out: a selection of flows. It walks nothing.
 *
 * Of flows that die in the same way a few stand for the others: what heals none of these is not tried on the rest. What heals one
 * is tried on all. A change within one container, or at its port of a bridge, is tried on the flows of that container only: those
 * that it sends, that are meant for it, or that were seen in it. What it does for others shows when it has been chosen.
 */
import type { StateChange } from '../host/change.ts';
import type { HostState } from '../host/state.ts';
import type { Trace } from '../packet/trace.ts';
import type { Candidate } from './candidate.ts';
import { deathOf, deathStep } from './death.ts';
import type { Receivers } from './receiver.ts';

/** Up to so many walks everything is tried on everything. */
const affordable = 2500;

/** Flows that stand for others that die alike. */
const representatives = 6;

/** A way to die of which so many representatives could not be helped is given up. */
const patience = 3 * representatives;

/** So many of them are tried with several changes at once. */
const givenUp = 3;

export class Trials {
  private readonly ways = new Map<number, string>();
  private readonly concerns: (candidate: Candidate, index: number) => boolean;
  private readonly isSmall: boolean;
  private readonly state: HostState;
  /** How many of the flows that die in one way could not be helped by several changes either. */
  private readonly hopeless = new Map<string, number>();
  /** Flows that everything was tried on. */
  private readonly tried = new Set<number>();

  constructor(input: {
    readonly state: HostState;
    readonly failing: readonly Trace[];
    readonly candidates: readonly Candidate[];
    readonly receiverOf: Receivers;
  }) {
    const { failing, candidates } = input;
    this.isSmall = failing.length * candidates.length <= affordable;
    this.state = input.state;
    this.concerns = this.isSmall ? () => true : concernsOf(input);
  }

  /** Flows to try candidates on at first, of these, which die in another way than before. */
  first(changed: readonly number[], traces: ReadonlyMap<number, Trace>): readonly number[] {
    for (const index of changed) {
      this.tried.delete(index);
      const trace = traces.get(index);
      if (trace !== undefined)
        this.ways.set(index, this.isSmall ? deathOf(trace) : wayToDie(trace, this.state));
    }
    return this.isSmall ? changed : this.standFor(changed);
  }

  /** Others of the flows that are still open, after those before could not be helped; none where there is no hope. */
  next(open: Iterable<number>): readonly number[] {
    return this.isSmall ? [] : this.standFor([...open]);
  }

  /** Of the open flows those that a candidate may heal as well, after it healed some of those it was tried on. */
  rest(candidate: Candidate, open: Iterable<number>, tried: readonly number[]): readonly number[] {
    if (this.isSmall) return [];
    const known = new Set(tried);
    return this.concernedBy(candidate, open).filter((index) => !known.has(index));
  }

  /** Whether enough flows that die as this one does were given up. */
  isHopeless(index: number): boolean {
    return (this.hopeless.get(this.wayOf(index)) ?? 0) >= (this.isSmall ? 1 : givenUp);
  }

  giveUp(index: number): void {
    this.hopeless.set(this.wayOf(index), (this.hopeless.get(this.wayOf(index)) ?? 0) + 1);
  }

  private wayOf(index: number): string {
    return this.ways.get(index) ?? '';
  }

  /** Of these flows, those that a candidate may heal. */
  concernedBy(candidate: Candidate, indices: Iterable<number>): readonly number[] {
    return [...indices].filter((index) => this.concerns(candidate, index));
  }

  /** Some that were not tried yet, spread over those that die alike. */
  private standFor(indices: readonly number[]): readonly number[] {
    const groups = Map.groupBy(indices, (index) => this.wayOf(index));
    const chosen = [...groups.values()].flatMap((group) => {
      const left = group.filter((index) => !this.tried.has(index));
      if (group.length - left.length >= patience) return [];
      const step = Math.max(1, left.length / representatives);
      return Array.from(
        { length: Math.min(left.length, representatives) },
        (_, i) => left[Math.floor(i * step)],
      );
    });
    const found = chosen.filter((index) => index !== undefined);
    for (const index of found) this.tried.add(index);
    return found;
  }
}

/** Equal for flows that die alike: at the same rule, or for the same reason, in whichever container and of whichever address. */
function wayToDie(trace: Trace, state: HostState): string {
  const { outcome, flow } = trace;
  const death = deathStep(trace);
  if (death === undefined) return `${outcome} ${flow.kind}`;
  const { namespace, step } = death;
  const place = state.namespaces.find((ns) => ns.name === namespace)?.kind ?? namespace;
  const rule = step.rule === undefined ? '' : `${step.rule.chain} ${step.rule.position}`;
  return [outcome, flow.kind, place, withoutNumbers(step.where), withoutNumbers(step.why), rule].join(' ');
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/[0-9a-f]*[0-9][0-9a-f.:]*/g, '#');
}

function concernsOf({
  state,
  failing,
  candidates,
  receiverOf,
}: {
  readonly state: HostState;
  readonly failing: readonly Trace[];
  readonly candidates: readonly Candidate[];
  readonly receiverOf: Receivers;
}): (candidate: Candidate, index: number) => boolean {
  const container = containerOf(state);
  const within = new Map(
    candidates.map(({ key, changes }) => {
      const [first, ...others] = new Set(changes.map(container));
      return [key, others.length === 0 ? first : undefined];
    }),
  );
  const names = new Map(state.namespaces.flatMap((ns) => ns.sharedBy.map((name) => [name, ns.name])));
  const addresses = new Map(
    state.namespaces.flatMap((ns) =>
      ns.kind === 'container'
        ? ns.links.flatMap((l) =>
            l.kind === 'loopback' ? [] : l.addresses.map((a) => [a.prefix.addr.value, ns.name] as const),
          )
        : [],
    ),
  );
  const concerned = failing.map(({ flow, hops, reply }) => {
    const found = new Set<string | undefined>([...hops, ...reply].map((hop) => hop.namespace));
    found.add(names.get(flow.from) ?? flow.from).add(receiverOf(flow));
    return flow.dst === undefined ? undefined : found.add(addresses.get(flow.dst.value));
  });
  return ({ key }, index) => {
    const own = within.get(key);
    const flow = concerned[index];
    return own === undefined || flow === undefined || flow.has(own);
  };
}

/** The container that a change stays within; undefined for changes that others may notice too. */
function containerOf(state: HostState): (change: StateChange) => string | undefined {
  const containers = new Set(state.namespaces.filter((ns) => ns.kind === 'container').map((ns) => ns.name));
  const behind = new Map(
    state.namespaces.flatMap((ns) =>
      ns.kind !== 'host'
        ? []
        : ns.links.flatMap((l) => {
            const far = l.kind === 'veth' ? l.peer?.namespace : undefined;
            return far === undefined || !containers.has(far) ? [] : [[l.name, far] as const];
          }),
    ),
  );
  return (change) => {
    if (containers.has(change.namespace)) return change.namespace;
    switch (change.kind) {
      case 'port-flags':
      case 'link-up':
      case 'link-master':
      case 'link-mtu':
        return behind.get(change.dev);
      default:
        return undefined;
    }
  };
}
