/**
 * Packets that leave the host as they should and are not answered. In: failing walks that nothing here would heal. Out: suspicions:
 * the cause is beyond the host, and one command shows it.
 */

import { formatAddr } from '../../net/addr.ts';
import { containsAddr } from '../../net/prefix.ts';
import type { Trace } from '../../packet/trace.ts';
import { deathStep } from '../death.ts';
import type { Case, Detector, Suspicion } from './case.ts';
import { isAskedOnUplink } from './ipv6.ts';

export const unansweredOutside: Detector = (patient) => {
  const exits = new Map<string, { readonly sources: Set<string>; readonly failing: Trace[] }>();
  for (const trace of patient.unhealed) {
    const exit = isForOutside(patient, trace) ? exitOf(patient, trace) : undefined;
    if (exit === undefined || isAskedOnUplink(patient, trace)) continue;
    const known = exits.get(exit.link) ?? { sources: new Set(), failing: [] };
    known.sources.add(exit.source);
    known.failing.push(trace);
    exits.set(exit.link, known);
  }
  return [...exits].map(([link, { sources, failing }]): Suspicion => {
    const [first = ''] = sources;
    return {
      cause: 'upstream-drops',
      severity: 'error',
      params: { link, source: [...sources].join(', ') },
      failing,
      hop: link,
      evidence: [{ file: 'ip-route.json', text: `leaves by ${link} as ${first}` }],
      decide: `tcpdump -ni ${link} host ${first}`,
    };
  });
};

/** What is for a container and leaves all the same went astray here; questions for names are another subject. */
function isForOutside({ expected }: Case, { flow: { dst, kind } }: Trace): boolean {
  return (
    dst !== undefined &&
    kind !== 'dns' &&
    !(expected?.intent.networks ?? []).some((n) => n.ipam.some((c) => containsAddr(c.subnet, dst)))
  );
}

/** By which link, and as whom, a request of the host or of a container got out to somebody who cannot answer. */
function exitOf(
  { state, host }: Case,
  trace: Trace,
): { readonly link: string; readonly source: string } | undefined {
  const known = new Set(state.namespaces.map((n) => n.name));
  const last = trace.hops.at(-1);
  const death = deathStep(trace);
  if (host === undefined || last === undefined || known.has(last.namespace) || !known.has(trace.flow.from))
    return undefined;
  if (death === undefined || known.has(death.namespace)) return undefined;
  const before = trace.hops.findLast((hop) => hop.namespace === host.name);
  const link = before?.steps.findLast((step) => step.kind === 'transmit')?.dev;
  const source = last.steps.find((step) => step.kind === 'receive')?.header.src;
  return link === undefined || source === undefined ? undefined : { link, source: formatAddr(source) };
}
