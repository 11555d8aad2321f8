/**
 * Walk: a Flow answered. In: a scene (a host and its outside) and a flow. Out: a Trace.
 * Where facts do not decide, every branch is walked; the outcome is `unknown` only when they differ.
 */

import type { HostState } from '../host/state.ts';
import { type Addr, formatAddr, sameAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import type { Prefix } from '../net/prefix.ts';
import type { NameService } from '../plan/name-service.ts';
import { forEachBranch, type Run } from './decisions.ts';
import { Exchange, type Result } from './exchange.ts';
import { outsideOf, withDirectRoute } from './outside.ts';
import { Recorder } from './recorder.ts';
import { Stack } from './stack.ts';
import type { Outcome, Trace, Unknown } from './trace.ts';
import { makeWorld, missingFile, nodeOf, type OutsideNode, type World } from './world.ts';

/** A host and its outside, ready to be walked many times. */
export interface Scene {
  readonly world: World;
  readonly outside: OutsideNode | undefined;
  /** What the engine's resolvers answer; undefined where the engine or its networks are not known. */
  readonly names: NameService | undefined;
  /** Worlds in which the outside has a host route to an address, by that address. */
  readonly direct: Map<string, World>;
}

/** `outsideRoutes`: prefixes that the site routes to this host. */
export function makeScene(
  state: HostState,
  outsideRoutes: readonly Prefix[] = [],
  names: NameService | undefined = undefined,
): Scene {
  const outside = outsideOf(state, outsideRoutes);
  return { world: makeWorld(state, outside), outside, names, direct: new Map() };
}

/**
 * Walks a flow: request and reply, and for TCP what is said after the handshake. `keeps`: where many walks are compared, of the
 * steps only those that end a packet are needed.
 */
export function walk(scene: Scene, flow: Flow, keeps: 'all' | 'deaths' = 'all'): Trace {
  const undecidable = cannotAsk(scene.world, flow);
  if (undecidable !== undefined) return unanswered(flow, undecidable);
  const { runs, complete } = everyBranch(scene, flow, keeps);
  const first = runs[0];
  if (first === undefined) return unanswered(flow, { fact: 'nothing was walked' });
  const agree = complete && runs.every((r) => sameResult(r.result, first.result));
  const { request, reply, assumed, slow: _, ...seen } = first.result;
  if (agree) {
    const unknowns = distinct(runs.flatMap((r) => r.met));
    return { flow, ...seen, hops: request, reply, unknowns, assumed };
  }
  // Of walks that differ, one that fails is shown: it names what may stop the packet.
  const { result } = runs.find((r) => r.result.outcome !== 'ok') ?? first;
  return {
    flow,
    outcome: 'unknown',
    hops: result.request,
    reply: result.reply,
    ...(result.data === undefined ? {} : { data: result.data }),
    possible: outcomesOf(runs),
    unknowns: weighed(runs),
    assumed,
  };
}

/** Every outcome that a flow may have, when unknown facts are decided either way; one when they do not matter. */
export function possibleOutcomes(scene: Scene, flow: Flow): readonly Outcome[] {
  if (cannotAsk(scene.world, flow) !== undefined) return ['unknown'];
  const { runs } = everyBranch(scene, flow, 'deaths');
  return outcomesOf(runs);
}

function outcomesOf(runs: readonly Run<Result>[]): readonly Outcome[] {
  return [...new Set(runs.map((r) => r.result.outcome))];
}

/** The open facts with what is left of the outcomes once each is known; those that decide alone come first, those that change nothing last. */
function weighed(runs: readonly Run<Result>[]): readonly Unknown[] {
  const left = (fact: string, answer: boolean) =>
    outcomesOf(runs.filter(({ taken }) => (taken.get(fact) ?? answer) === answer));
  return distinct(runs.flatMap((r) => r.met))
    .map((unknown) => ({
      ...unknown,
      outcomes: { ifSo: left(unknown.fact, true), ifNot: left(unknown.fact, false) },
    }))
    .toSorted((a, b) => openness(a.outcomes) - openness(b.outcomes));
}

/** How much stays open whichever way the fact is, on the whole. */
function openness({ ifSo, ifNot }: NonNullable<Unknown['outcomes']>): number {
  return ifSo.length + ifNot.length;
}

/** The flow's exchange, once for every way in which the facts may be. */
function everyBranch(
  scene: Scene,
  flow: Flow,
  keeps: 'all' | 'deaths',
): ReturnType<typeof forEachBranch<Result>> {
  const world = worldFor(scene, flow);
  return forEachBranch((decisions) => {
    const recorder = new Recorder(keeps);
    return new Exchange(new Stack(world, decisions, recorder), recorder, scene.names).run(flow);
  });
}

function worldFor(scene: Scene, flow: Flow): World {
  if (flow.direct !== true || flow.dst === undefined || scene.outside === undefined) return scene.world;
  const key = formatAddr(flow.dst);
  const known = scene.direct.get(key);
  if (known !== undefined) return known;
  const { state } = scene.world;
  const world = makeWorld(state, withDirectRoute(scene.outside, flow.dst, state));
  scene.direct.set(key, world);
  return world;
}

function cannotAsk(world: World, flow: Flow): Unknown | undefined {
  const node = nodeOf(world, flow.from);
  if (node === undefined) {
    return { fact: `the namespace ${flow.from} is not in the facts`, command: 'docker ps; docker inspect' };
  }
  if (flow.kind === 'dns' && flow.dst === undefined && node.facts.resolvConf === undefined)
    return { fact: `the name servers of ${flow.from}`, command: 'cat /etc/resolv.conf' };
  if (flow.kind === 'dns' && flow.qname === undefined) return { fact: `the name that ${flow.from} asks for` };
  if (flow.kind !== 'dns' && flow.dst === undefined) return { fact: 'the flow has no destination address' };
  return missingGround(world, flow);
}

/** Without links, addresses or routes of the sender or of the host no walk has ground to stand on. */
function missingGround(world: World, flow: Flow): Unknown | undefined {
  const family = flow.dst?.family ?? 'ipv4';
  const sender = nodeOf(world, flow.from);
  for (const node of world.incomplete) {
    if (node.facts.kind !== 'host' && node !== sender) continue;
    for (const part of ['links', 'addresses', 'routes'] as const) {
      const file = missingFile(node, part, family);
      if (file !== undefined) {
        return {
          fact: `${part} of ${node.name} (${file} is not in the facts)`,
          command: groundCommands[part],
        };
      }
    }
  }
  return undefined;
}

const groundCommands = {
  links: 'ip -d link',
  addresses: 'ip addr',
  routes: 'ip route show table all',
} as const;

function unanswered(flow: Flow, unknown: Unknown): Trace {
  return { flow, outcome: 'unknown', hops: [], reply: [], unknowns: [unknown], assumed: [] };
}

function sameResult(a: Result, b: Result): boolean {
  return (
    a.outcome === b.outcome &&
    sameOptional(a.seenAs, b.seenAs) &&
    a.deliveredTo?.namespace === b.deliveredTo?.namespace &&
    a.deliveredTo?.port === b.deliveredTo?.port &&
    sameOptional(a.deliveredTo?.address, b.deliveredTo?.address)
  );
}

function sameOptional(a: Addr | undefined, b: Addr | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameAddr(a, b);
}

function distinct(unknowns: readonly Unknown[]): Unknown[] {
  return [...new Map(unknowns.map((u) => [u.fact, u])).values()];
}
