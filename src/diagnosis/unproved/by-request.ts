/**
 * Findings that no walk can heal, because somebody asked for them: stopped containers, containers without a network,
 * macvlan children and their own host. In: what the engine says of its containers and networks. Out: information.
 */
import type { HostState } from '../../host/state.ts';
import type { Sandbox } from '../../intent/intent.ts';
import { formatAddr } from '../../net/addr.ts';
import type { Trace } from '../../packet/trace.ts';
import type { Cause } from '../causes.ts';
import { shellLine } from '../shell.ts';
import type { Detector, Suspicion } from './case.ts';
import { isExplained } from './container-start.ts';

/** The failing flows of a container without a network are explained here too. */
export const containersByRequest: Detector = (patient) => {
  const { state, expected, unhealed } = patient;
  if (expected === undefined) return [];
  const { sandboxes, networks } = expected.intent;
  const childNetworks = networks.filter((n) => n.driver === 'macvlan' || n.driver === 'ipvlan');
  const isChild = (sandbox: Sandbox) =>
    sandbox.running && sandbox.endpoints.some((e) => childNetworks.some((n) => n.id === e.network));
  return [
    ...sandboxes
      .filter((s) => !s.running && !isExplained(patient, s))
      .map((s) =>
        request('container-not-running', s, 'not running', [], [shellLine(['docker', 'start', s.name])]),
      ),
    ...sandboxes
      .filter((s) => s.running && s.mode.kind === 'none')
      .map((s) =>
        request(
          'none-or-host-network',
          s,
          'network mode none',
          unhealed.filter((t) => t.flow.from === s.name),
        ),
      ),
    ...sandboxes
      .filter(isChild)
      .map((s) =>
        request(
          'macvlan-host-isolation',
          s,
          'its network is a child of the host link',
          toChild(state, s, unhealed),
        ),
      ),
  ];
};

function toChild(state: HostState, sandbox: Sandbox, failing: readonly Trace[]): readonly Trace[] {
  const own = sandbox.endpoints.flatMap((e) => e.addresses.map((p) => formatAddr(p.addr)));
  const host = state.namespaces.find((n) => n.kind === 'host')?.name;
  return failing.filter(
    (t) => t.flow.from === host && t.flow.dst !== undefined && own.includes(formatAddr(t.flow.dst)),
  );
}

function request(
  cause: Cause,
  sandbox: Sandbox,
  what: string,
  failing: readonly Trace[],
  commands: readonly string[] = [],
): Suspicion {
  return {
    cause,
    severity: 'info',
    params: { container: sandbox.name },
    failing,
    hop: sandbox.name,
    evidence: [{ file: 'docker-container-inspect.json', text: `${sandbox.name}: ${what}` }],
    repairs: commands.map((change) => ({ kind: 'command', change })),
  };
}
