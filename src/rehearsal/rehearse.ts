/**
 * A rehearsal: a bundle's host on the real kernel, beside what the simulator says of it. In: facts, flows, and whether the doctor's repairs
 * are to be tried. Out: a Rehearsal. It works on a stage of its own, as its first process; what it makes goes with the stage.
 */
import { captureFacts } from '../bundle/capture.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import { questionsFor } from '../diagnosis/flows.ts';
import { type Facts, text } from '../host/facts.ts';
import type { HostState } from '../host/state.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { Flow } from '../net/flow.ts';
import type { Prefix } from '../net/prefix.ts';
import { outsideOf } from '../packet/outside.ts';
import { agreement } from '../packet/seen.ts';
import { makeScene, walk } from '../packet/walk.ts';
import { expectedFromFacts } from '../plan/expected.ts';
import { nameServiceOf } from '../plan/name-service.ts';
import type { Rehearsal, RehearsedFlow } from '../report/rehearsal.ts';
import { askAll, type Stand } from './ask.ts';
import { type Rebuilt, rebuild } from './build.ts';
import { tryRepairs, worst } from './repairs.ts';

export interface RehearsalRequest {
  readonly facts: Facts;
  readonly state: HostState;
  /** Absent: what people care about. */
  readonly flows?: readonly Flow[];
  readonly outsideRoutes: readonly Prefix[];
  readonly repair: boolean;
}

/** What a long rehearsal tells of itself. */
export interface Progress {
  readonly rebuilding: () => void;
  readonly asking: (done: number, of: number) => void;
}

/** Rebuilds, asks, and repairs. Throws KernelError where this kernel cannot have the host at all. */
export async function rehearse(request: RehearsalRequest, progress: Progress): Promise<Rehearsal> {
  const { facts, state, outsideRoutes } = request;
  const expected = expectedFromFacts(facts, { state });
  const plan = 'cannot' in expected ? undefined : expected;
  const flows = request.flows ?? questionsFor(state, plan).wanted;
  const outside = outsideOf(state, outsideRoutes);
  const scene = makeScene(state, outsideRoutes, nameServiceOf(expected, state));
  const traces = flows.map((flow) => walk(scene, flow));
  progress.rebuilding();
  const rebuilt = await rebuild({ state, outside, flows });
  try {
    progress.asking(0, traces.length);
    const stand: Stand = { rebuilt, state, outside };
    const asked = await askAll(stand, traces, (done) => progress.asking(done, traces.length));
    const results = rebuilt.unbuilt.length === 0 ? asked : await excused(asked, request, rebuilt);
    const findings = request.repair
      ? diagnose({ state, expected, facts, outsideRoutes, ...(request.flows === undefined ? {} : { flows }) })
          .findings
      : [];
    const repairs = request.repair ? { repairs: await tryRepairs(stand, worst(findings), results) } : {};
    return {
      namespaces: rebuilt.namespaces,
      rules: state.namespaces.reduce((sum, namespace) => sum + rulesOf(namespace), 0),
      proxies: state.proxies?.length ?? 0,
      flows: results,
      unbuilt: rebuilt.unbuilt,
      ...repairs,
    };
  } finally {
    await rebuilt.release();
  }
}

function rulesOf({ firewall, nft }: HostState['namespaces'][number]): number {
  const tables = [...firewall.tables, ...(nft?.tables ?? [])];
  return tables.reduce((sum, { chains }) => sum + chains.reduce((s, { rules }) => s + rules.length, 0), 0);
}

/**
 * Where kernel and walk differ, the host as it was rebuilt is read and walked too: if the kernel agrees with that walk, the
 * difference comes from what could not be rebuilt.
 */
async function excused(
  asked: readonly RehearsedFlow[],
  { facts, state, outsideRoutes }: RehearsalRequest,
  rebuilt: Rebuilt,
): Promise<readonly RehearsedFlow[]> {
  if (!asked.some(({ verdict }) => verdict === 'wrong')) return asked;
  const there = await observe(facts, state, rebuilt);
  const scene = makeScene(there, outsideRoutes);
  return asked.map((result): RehearsedFlow => {
    if (result.verdict !== 'wrong' || result.kernel === undefined) return result;
    const again = agreement(result.kernel, walk(scene, result.flow));
    return again === 'exact' || again === 'same class' ? { ...result, verdict: 'not rebuilt' } : result;
  });
}

async function observe(facts: Facts, state: HostState, { actors }: Rebuilt): Promise<HostState> {
  const path = (name: string) => actors.get(name)?.path ?? '';
  const outside = facts.files.get('outside.json');
  const captured = await captureFacts({
    netns: path(state.namespaces.find(({ kind }) => kind === 'host')?.name ?? 'host'),
    sandboxes: state.namespaces
      .filter(({ kind }) => kind === 'container')
      .map(({ name }) => ({ name, netns: path(name) })),
    engineFacts: new Map(outside === undefined ? [] : [['outside.json', outside]]),
  });
  const proxies = text(facts, 'docker-proxy.txt');
  const files = new Map(captured.files);
  if (proxies !== undefined) files.set('docker-proxy.txt', new TextEncoder().encode(proxies));
  const observed = hostStateFromFacts({ ...captured, files }).state;
  // Our own processes listen there under other names.
  return {
    ...observed,
    namespaces: observed.namespaces.map((namespace) => {
      const sockets = state.namespaces.find(({ name }) => name === namespace.name)?.sockets;
      const { sockets: _, ...rest } = namespace;
      return sockets === undefined ? rest : { ...rest, sockets };
    }),
  };
}
