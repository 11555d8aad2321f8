/**
 * Receivers: who a flow is meant for, and whether it got there. In: a flow and what is expected of the host.
 * Out: yes or no. An answer from somebody else is not success: a captured port answers too.
 */
import type { HostState } from '../host/state.ts';
import type { Sandbox } from '../intent/intent.ts';
import { type Addr, isUnspecified, sameAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import type { Trace } from '../packet/trace.ts';
import type { Expected } from '../plan/expected.ts';

/** Tells whether a walk reached whom its flow is meant for. */
export type Succeeds = (trace: Trace) => boolean;

export function successOn(state: HostState, expected: Expected | undefined): Succeeds {
  return (trace) => {
    if (trace.outcome !== 'ok') return false;
    const wanted = receiverOf(state, expected, trace.flow);
    return wanted === undefined || trace.deliveredTo === undefined || wanted === trace.deliveredTo.namespace;
  };
}

/** The container that a flow asks for, by its address or a port that it published; undefined for all other flows. */
function receiverOf(state: HostState, expected: Expected | undefined, flow: Flow): string | undefined {
  if (expected === undefined || flow.dst === undefined) return undefined;
  const holder = holderOfAddress(expected, flow.dst) ?? holderOfPort(state, expected, flow, flow.dst);
  if (holder === undefined) return undefined;
  const own = state.namespaces.find((n) => n.name === holder.name || n.sharedBy.includes(holder.name));
  return own?.name;
}

/** Subnets of bridge networks do not overlap, so that an address of one is one container's. */
function holderOfAddress(expected: Expected, dst: Addr): Sandbox | undefined {
  const bridges = new Set(expected.intent.networks.filter((n) => n.driver === 'bridge').map((n) => n.id));
  return expected.intent.sandboxes.find(
    (s) =>
      s.running &&
      s.endpoints.some((e) => bridges.has(e.network) && e.addresses.some((p) => sameAddr(p.addr, dst))),
  );
}

/** The container behind a published port of the host; undefined for other addresses and ports. */
export function holderOfPort(
  state: HostState,
  expected: Expected,
  flow: Flow,
  dst: Addr,
): Sandbox | undefined {
  const { port } = flow;
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (port === undefined || host === undefined || flow.kind === 'ping') return undefined;
  const isHosts = host.links.some((l) => l.addresses.some((a) => sameAddr(a.prefix.addr, dst)));
  if (!isHosts) return undefined;
  return expected.intent.sandboxes.find(
    (s) =>
      s.running &&
      s.endpoints.some((e) =>
        e.ports.some(
          (p) =>
            p.hostPort === port &&
            p.protocol === flow.kind &&
            (p.hostAddress === undefined || isUnspecified(p.hostAddress) || sameAddr(p.hostAddress, dst)),
        ),
      ),
  );
}
