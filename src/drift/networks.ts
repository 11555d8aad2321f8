/**
 * Networks by bridge, by container, by link. In: a host and what is expected of it. Out: what the engine was
 * asked for. It judges nothing.
 */
import type { HostState, Link } from '../host/state.ts';
import type { Endpoint, Network } from '../intent/intent.ts';
import { gatewayOf } from '../intent/ipam.ts';
import { type Addr, sameAddr } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Expected } from '../plan/expected.ts';

/** A host and what should be on it. */
export interface ExpectingHost {
  readonly state: HostState;
  /** Undefined where the engine's version or configuration is not known. */
  readonly expected: Expected | undefined;
}

/** A host of which it is known what should be on it. */
export type PlannedHost = ExpectingHost & { readonly expected: Expected };

/** Bridge networks by the name of their link, as the plan has it. */
export function bridgeNames(host: ExpectingHost): ReadonlyMap<string, Network> {
  const names = new Map<string, Network>();
  for (const network of host.expected?.intent.networks ?? []) {
    if (network.driver !== 'bridge') continue;
    const given = network.options['com.docker.network.bridge.name'];
    const isDefault = network.options['com.docker.network.bridge.default_bridge'] === 'true';
    names.set(given ?? (isDefault ? 'docker0' : `br-${network.id.slice(0, 12)}`), network);
  }
  return names;
}

export function networkGateway(network: Network): Addr | undefined {
  const config = network.ipam.find((c) => c.subnet.addr.family === 'ipv4');
  return config === undefined ? undefined : gatewayOf(config);
}

/** The bridge that a host-side veth belongs to, by the container at its other end. */
export function bridgeOf(host: ExpectingHost, link: Link): string | undefined {
  const container = link.kind === 'veth' ? link.peer?.namespace : undefined;
  if (container === undefined) return undefined;
  const far = host.state.namespaces
    .find((n) => n.name === container)
    ?.links.find((l) => l.index === link.peer?.index);
  const mine = endpointsOf(host, container).find(({ endpoint }) =>
    endpoint.addresses.some((p) => far?.addresses.some((a) => sameAddr(a.prefix.addr, p.addr))),
  );
  if (mine === undefined) return undefined;
  return [...bridgeNames(host)].find(([, n]) => n.id === mine.network.id)?.[0];
}

export function endpointsOf(
  host: ExpectingHost,
  container: string,
): { network: Network; endpoint: Endpoint }[] {
  const intent = host.expected?.intent;
  const sandbox = intent?.sandboxes.find((s) => s.name === container);
  return (sandbox?.endpoints ?? []).flatMap((endpoint) => {
    const network = intent?.networks.find((n) => n.id === endpoint.network);
    return network === undefined ? [] : [{ network, endpoint }];
  });
}

export function isContainerAddress(host: ExpectingHost, dst: Prefix): boolean {
  return (host.expected?.intent.sandboxes ?? []).some((s) =>
    s.endpoints.some((e) => e.addresses.some((p) => sameAddr(p.addr, dst.addr))),
  );
}
