/**
 * Findings that no walk can heal, because somebody asked for them: stopped containers, containers without a network,
 * macvlan children and their own host. In: what the engine says of its containers and networks. Out: findings of severity info.
 */
import type { HostState } from '../host/state.ts';
import type { Sandbox } from '../intent/intent.ts';
import { formatAddr } from '../net/addr.ts';
import type { Trace } from '../packet/trace.ts';
import type { Expected } from '../plan/expected.ts';
import type { Cause } from './causes.ts';
import type { Finding } from './finding.ts';
import { shellLine } from './shell.ts';

/** `failing`: the flows that fail; those of a container without a network are explained here. */
export function byRequestFindings(
  state: HostState,
  expected: Expected | undefined,
  failing: readonly Trace[],
): Finding[] {
  if (expected === undefined) return [];
  const { sandboxes, networks } = expected.intent;
  const childNetworks = networks.filter((n) => n.driver === 'macvlan' || n.driver === 'ipvlan');
  const isChild = (sandbox: Sandbox) =>
    sandbox.running && sandbox.endpoints.some((e) => childNetworks.some((n) => n.id === e.network));
  return [
    ...sandboxes
      .filter((s) => !s.running)
      .map((s) =>
        finding('container-not-running', s, 'not running', [shellLine(['docker', 'start', s.name])], []),
      ),
    ...sandboxes
      .filter((s) => s.running && s.mode.kind === 'none')
      .map((s) =>
        finding(
          'none-or-host-network',
          s,
          'network mode none',
          [],
          failing.filter((t) => t.flow.from === s.name),
        ),
      ),
    ...sandboxes
      .filter(isChild)
      .map((s) =>
        finding(
          'macvlan-host-isolation',
          s,
          'its network is a child of the host link',
          [],
          toChild(state, s, failing),
        ),
      ),
  ];
}

function toChild(state: HostState, sandbox: Sandbox, failing: readonly Trace[]): readonly Trace[] {
  const own = sandbox.endpoints.flatMap((e) => e.addresses.map((p) => formatAddr(p.addr)));
  const host = state.namespaces.find((n) => n.kind === 'host')?.name;
  return failing.filter(
    (t) => t.flow.from === host && t.flow.dst !== undefined && own.includes(formatAddr(t.flow.dst)),
  );
}

function finding(
  cause: Cause,
  sandbox: Sandbox,
  what: string,
  commands: readonly string[],
  failing: readonly Trace[],
): Finding {
  return {
    cause,
    severity: 'info',
    params: { container: sandbox.name },
    flows: failing.map((t) => t.flow),
    hop: sandbox.name,
    because: [],
    evidence: [{ file: 'docker-container-inspect.json', text: `${sandbox.name}: ${what}` }],
    repairs: commands.map((change) => ({ kind: 'command', change })),
    changes: [],
    proof: { flows: [], newlyAllowed: [] },
  };
}
