/**
 * Receivers: who a flow is meant for, and whether it got there. In: a flow and what is expected of the host.
 * Out: yes or no. An answer from somebody else is not success: a captured port answers too.
 */
import type { HostState } from '../host/state.ts';
import { isUnspecified, sameAddr } from '../net/addr.ts';
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

/** The container whose published port a flow asks for; undefined for all other flows. */
function receiverOf(state: HostState, expected: Expected | undefined, flow: Flow): string | undefined {
  const { dst, port } = flow;
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (dst === undefined || port === undefined || host === undefined || flow.kind === 'ping') return undefined;
  const isHosts = host.links.some((l) => l.addresses.some((a) => sameAddr(a.prefix.addr, dst)));
  if (!isHosts) return undefined;
  const holder = expected?.intent.sandboxes.find(
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
  if (holder === undefined) return undefined;
  const own = state.namespaces.find((n) => n.name === holder.name || n.sharedBy.includes(holder.name));
  return own?.name;
}
