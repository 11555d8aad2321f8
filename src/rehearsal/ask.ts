/**
 * Asks flows on a rebuilt host, and holds the answers against walks. In: a rebuilt host, traces. Out: what the kernel did with each. A
 * flow that disagrees is asked once more, alone and with more patience: what a busy machine delays is no disagreement.
 */
import type { HostState } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import { agreement, type Seen } from '../packet/seen.ts';
import type { Trace } from '../packet/trace.ts';
import type { OutsideNode } from '../packet/world.ts';
import type { RehearsedFlow } from '../report/rehearsal.ts';
import type { Rebuilt } from './build.ts';
import { addDirectRoute } from './outside.ts';

/** A host to ask on. */
export interface Stand {
  readonly rebuilt: Rebuilt;
  readonly state: HostState;
  readonly outside: OutsideNode | undefined;
}

/** Milliseconds: longer than three unanswered neighbour questions take on a rebuilt host. */
const shortPatience = 500;
/** Longer than until a SYN is sent again: of an error about the first one the caller may not hear (tcp_v4_err). */
const longPatience = 2500;

/** Flows at once, where no rule counts them. */
const atOnce = 6;

/** Asks each flow that can be put; `told` hears of every answer. */
export async function askAll(
  stand: Stand,
  traces: readonly Trace[],
  told: (done: number) => void = () => {},
): Promise<readonly RehearsedFlow[]> {
  const results = new Map<Trace, RehearsedFlow>();
  const settle = (trace: Trace, kernel: Seen | undefined): void => {
    const verdict = kernel === undefined ? 'not asked' : agreement(kernel, trace);
    results.set(trace, { flow: trace.flow, trace, verdict, ...(kernel === undefined ? {} : { kernel }) });
    told(results.size);
  };
  const [alone, together] = partition(traces, ({ flow }) => flow.direct === true);
  const left = [...together];
  const worker = async (): Promise<void> => {
    for (let trace = left.shift(); trace !== undefined; trace = left.shift())
      settle(trace, await askOne(stand, trace.flow, shortPatience));
  };
  const width = countsFlows(stand.state) ? 1 : atOnce;
  await Promise.all(Array.from({ length: width }, worker));
  // The host route of a direct flow is there for that flow only.
  for (const trace of alone) settle(trace, await askOne(stand, trace.flow, shortPatience));
  for (const [trace, { verdict }] of results)
    if (verdict === 'wrong') settle(trace, await askOne(stand, trace.flow, longPatience));
  return traces.flatMap((trace) => results.get(trace) ?? []);
}

/** Undefined where it cannot be put: who asks is not there, or the engine would have to answer. */
export async function askOne(stand: Stand, flow: Flow, patience = longPatience): Promise<Seen | undefined> {
  const { rebuilt, state, outside } = stand;
  const { kind, dst, port = 0, from, size, df, up, down } = flow;
  const actor = rebuilt.actors.get(from);
  if (actor === undefined || dst === undefined || kind === 'dns') return undefined;
  const far = outside === undefined ? undefined : rebuilt.actors.get(outside.facts.name);
  const undo =
    flow.direct === true && outside !== undefined && far !== undefined
      ? await addDirectRoute(outside, state, far.path, dst)
      : undefined;
  try {
    return await actor.do({
      kind: 'ask',
      question: {
        kind,
        dst: formatAddr(dst),
        port,
        patience,
        ...(size === undefined ? {} : { size }),
        ...(df === undefined ? {} : { df }),
        ...(up === undefined ? {} : { up }),
        ...(down === undefined ? {} : { down }),
      },
    });
  } finally {
    await undo?.();
  }
}

/** Modules whose verdict depends on how many came before. */
const counting = new Set(['connlimit', 'hashlimit', 'limit', 'quota', 'recent', 'statistic', 'nth']);

function countsFlows({ namespaces }: HostState): boolean {
  return namespaces.some(
    ({ firewall, nft }) =>
      firewall.tables.some(({ chains }) =>
        chains.some(({ rules }) =>
          rules.some(({ matches }) => matches.some(({ module }) => counting.has(module))),
        ),
      ) ||
      nft?.tables.some(({ chains }) =>
        chains.some(({ rules }) =>
          rules.some(({ statements }) => statements.some(({ kind }) => kind === 'limit')),
        ),
      ) === true,
  );
}

function partition<T>(
  items: readonly T[],
  holds: (item: T) => boolean,
): readonly [readonly T[], readonly T[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}
