/**
 * Which pairs of containers to ask, so that the number of questions grows with the containers and not with their square.
 * In: the ends of networks, and the host. Out: for each end, the ends that it asks. It knows no flow and walks nothing.
 *
 * A packet between two containers dies by something at the end that sends, at the end that receives, on the bridge between
 * them, or by what both ends are together. On a large network each container therefore asks the next one, and the last one the
 * first: so each end is asked from and asked to, and every bridge is crossed. Together two ends matter in two ways: by the
 * flags of their bridge ports, of which one pair is asked for each two sorts of ends; and by rules that name both, whose
 * ends are asked themselves. Small networks are asked wholly.
 */
import { addressOf } from '../firewall/nft/condition.ts';
import type { Rule } from '../firewall/ruleset.ts';
import type { HostState, Link, Namespace } from '../host/state.ts';
import type { Network } from '../intent/intent.ts';
import type { Addr } from '../net/addr.ts';
import { containsAddr, type Prefix } from '../net/prefix.ts';

/** A container's end on one network. */
export interface End {
  readonly container: string;
  readonly network: Network;
  readonly address: Addr;
}

/** Up to so many ends everybody asks everybody. */
const few = 12;

/** Up to so many networks, each is asked from each other. */
const fewNetworks = 16;

/** Of ends that a rule names at one side, so many are asked. */
const namedEach = 4;

export interface Peers<E extends End> {
  /** Ends of the same network that an end asks, in their order. */
  readonly near: (end: E) => readonly E[];
  /** Ends of other networks. */
  readonly far: (end: E) => readonly E[];
}

/** The pairs to ask among these ends. */
export function peersAmong<E extends End>(ends: readonly E[], state: HostState): Peers<E> {
  const groups = [...Map.groupBy(ends, (end) => end.network.id).values()];
  const near = new Pairs(ends);
  const far = new Pairs(ends);
  for (const group of groups) {
    if (group.length <= few) everybody(group, near);
    else chosenNear(group, state, near);
  }
  if (ends.length <= few) everybody(ends, far);
  else chosenFar(groups, far);
  return {
    near: (end) => near.of(end),
    far: (end) => far.of(end).filter((other) => other.network.id !== end.network.id),
  };
}

/** Ordered pairs, without a container and itself. */
class Pairs<E extends End> {
  private readonly asked = new Map<E, Set<E>>();
  private readonly place: ReadonlyMap<E, number>;

  constructor(ends: readonly E[]) {
    this.place = new Map(ends.map((end, index) => [end, index]));
  }

  add(from: E | undefined, to: E | undefined): void {
    if (from === undefined || to === undefined || from.container === to.container) return;
    const known = this.asked.get(from);
    if (known === undefined) this.asked.set(from, new Set([to]));
    else known.add(to);
  }

  of(end: E): readonly E[] {
    const at = (other: E) => this.place.get(other) ?? 0;
    return [...(this.asked.get(end) ?? [])].sort((a, b) => at(a) - at(b));
  }
}

function everybody<E extends End>(ends: readonly E[], pairs: Pairs<E>): void {
  for (const from of ends) for (const to of ends) pairs.add(from, to);
}

function ring<E extends End>(ends: readonly E[], pairs: Pairs<E>): void {
  for (const [index, from] of ends.entries()) pairs.add(from, ends[(index + 1) % ends.length]);
}

function chosenNear<E extends End>(group: readonly E[], state: HostState, pairs: Pairs<E>): void {
  ring(group, pairs);
  const host = state.namespaces.find((ns) => ns.kind === 'host');
  const sorts = [...Map.groupBy(group, (end) => sortOf(end, state, host)).values()];
  for (const senders of sorts) {
    for (const receivers of sorts) pairs.add(senders[0], receivers[senders === receivers ? 1 : 0]);
  }
  for (const { from, to } of host === undefined ? [] : namedPairs(host)) {
    for (const sender of from(group)) for (const receiver of to(group)) pairs.add(sender, receiver);
  }
}

/** Of every two networks one pair, and each container once to and once from another network. */
function chosenFar<E extends End>(groups: readonly (readonly E[])[], pairs: Pairs<E>): void {
  for (const [index, group] of groups.entries()) {
    const others = groups.length <= fewNetworks ? groups : groups.slice(index + 1, index + 2);
    for (const [other, members] of others.entries()) {
      if (members !== group) pairs.add(group[other % group.length], members[index % members.length]);
    }
  }
  const longest = Math.max(0, ...groups.map((group) => group.length));
  const mixed = Array.from({ length: longest }, (_, place) =>
    groups.flatMap((group) => group[place] ?? []),
  ).flat();
  ring(mixed, pairs);
}

/** Equal for ends that a bridge treats alike, whoever is at the other end. */
function sortOf(end: End, state: HostState, host: Namespace | undefined): string {
  const own = state.namespaces.find((ns) => ns.name === end.container || ns.sharedBy.includes(end.container));
  const link = own?.links.find((l) => l.addresses.some((a) => a.prefix.addr.value === end.address.value));
  const port = host?.links.find((l) => l.index === link?.peer?.index && link.peer.namespace === host.name);
  return JSON.stringify([
    link === undefined ? null : flagsOf(link),
    port === undefined ? null : flagsOf(port),
  ]);
}

function flagsOf({ kind, mode, up, mtu, master, port }: Link): readonly unknown[] {
  return [kind, mode, up, mtu, master, port];
}

interface NamedPair {
  readonly from: <E extends End>(ends: readonly E[]) => readonly E[];
  readonly to: <E extends End>(ends: readonly E[]) => readonly E[];
}

/** What rules say of a sender and a receiver at once. */
function namedPairs(host: Namespace): readonly NamedPair[] {
  const iptables = host.firewall.tables
    .flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))
    .flatMap(({ source, destination }) => {
      if (source === undefined || destination === undefined) return [];
      return [{ from: holders(source), to: holders(destination) }];
    });
  const native = (host.nft?.tables ?? [])
    .flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))
    .flatMap((rule) => {
      const source = addressOf(rule, 'saddr');
      const destination = addressOf(rule, 'daddr');
      if (source === undefined || destination === undefined) return [];
      return [{ from: inside(source, false), to: inside(destination, false) }];
    });
  return [...iptables, ...native];
}

function holders({ not, value }: NonNullable<Rule['source']>): NamedPair['from'] {
  // A mask that is no prefix may mean anybody.
  return typeof value === 'string' ? (ends) => ends.slice(0, namedEach) : inside(value, not);
}

function inside(prefix: Prefix, not: boolean): NamedPair['from'] {
  return (ends) => ends.filter((end) => containsAddr(prefix, end.address) !== not).slice(0, namedEach);
}
