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

/** The namespace of the container that a flow asks for, by its address or a port that it published; undefined for all other flows. */
export type Receivers = (flow: Flow) => string | undefined;

export function successOn(receiverOf: Receivers): Succeeds {
  return (trace) => {
    if (trace.outcome !== 'ok') return false;
    const wanted = receiverOf(trace.flow);
    return wanted === undefined || trace.deliveredTo === undefined || wanted === trace.deliveredTo.namespace;
  };
}

export function receiversOn(state: HostState, expected: Expected | undefined): Receivers {
  if (expected === undefined) return () => undefined;
  const byAddress = holdersByAddress(expected);
  const namespaces = new Map<string, string>();
  for (const { name, sharedBy } of state.namespaces) {
    for (const own of [name, ...sharedBy]) if (!namespaces.has(own)) namespaces.set(own, name);
  }
  return (flow) => {
    if (flow.dst === undefined) return undefined;
    const holder = byAddress.get(flow.dst.value) ?? holderOfPort(state, expected, flow, flow.dst)?.name;
    return holder === undefined ? undefined : namespaces.get(holder);
  };
}

/** Subnets of bridge networks do not overlap, so that an address of one is one container's. */
function holdersByAddress({ intent }: Expected): ReadonlyMap<Addr['value'], string> {
  const bridges = new Set(intent.networks.filter((n) => n.driver === 'bridge').map((n) => n.id));
  const holders = new Map<Addr['value'], string>();
  for (const { name, endpoints } of intent.sandboxes.filter((s) => s.running)) {
    for (const { network, addresses } of endpoints) {
      if (!bridges.has(network)) continue;
      for (const { addr } of addresses) if (!holders.has(addr.value)) holders.set(addr.value, name);
    }
  }
  return holders;
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
