/**
 * A better name for what stops clients of a port that the userland proxy serves: their packets are for the host itself, unlike those
 * that NAT maps to a container. In: a candidate, and the walk that met its rule. Out: the candidate under that name, or as it is.
 */
import type { Trace } from '../../packet/trace.ts';
import type { Candidate, Patient } from '../candidate.ts';

export function namedForProxy(patient: Patient, { flow }: Trace, candidate: Candidate): Candidate {
  // A reject has its name for whomever it stops.
  const blocks = candidate.cause === 'input-blocks-container-to-host';
  const fromContainer = patient.state.namespaces.some((n) => n.kind === 'container' && n.name === flow.from);
  const proxied = (patient.state.proxies ?? []).some(
    (p) => p.hostPort === flow.port && p.protocol === flow.kind,
  );
  if (!blocks || fromContainer || !proxied) return candidate;
  return {
    ...candidate,
    key: `${candidate.key} proxied`,
    cause: 'host-firewall-blocks-proxied-port',
    params: { ...candidate.params, port: `${flow.port}/${flow.kind}` },
    // What blocks containers too is named for them.
    cost: candidate.cost + 0.1,
  };
}
