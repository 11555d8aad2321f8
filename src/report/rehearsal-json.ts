/**
 * Rehearsals as JSON, schema `bridgekeeper.rehearsal/1`. In: a Rehearsal. Out: plain values. Results stand in the order of the flows and
 * repeat their ids. It decides nothing.
 */
import { seenOf } from '../packet/seen.ts';
import { flowJson } from './flow-text.ts';
import { conclusion, type Rehearsal } from './rehearsal.ts';

/** The whole answer of `rehearse --json`. */
export function rehearsalJson(rehearsal: Rehearsal) {
  const { namespaces, rules, proxies, flows, unbuilt, repairs } = rehearsal;
  return {
    schema: 'bridgekeeper.rehearsal/1',
    conclusion: conclusion(rehearsal),
    rebuilt: { namespaces, rules, proxies },
    unbuilt,
    results: flows.map(({ flow, trace, kernel, verdict }) => ({
      ...(flow.id === undefined ? {} : { id: flow.id }),
      flow: flowJson(flow),
      verdict,
      model: seenOf(trace),
      ...(kernel === undefined ? {} : { kernel }),
      unknowns: trace.outcome === 'unknown' ? trace.unknowns : [],
    })),
    ...(repairs === undefined
      ? {}
      : {
          repairs: repairs.map(({ cause, commands, flows: broken }) => ({
            cause,
            commands,
            flows: broken.map(({ flow, ...outcomes }) => ({ flow: flowJson(flow), ...outcomes })),
          })),
        }),
  } as const;
}
