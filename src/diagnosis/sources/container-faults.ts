/**
 * Faults inside containers: an address or a default route other than the engine gave. In: the patient. Out: faults.
 */

import { endpointsOf, networkGateway } from '../../drift/networks.ts';
import { defaultRoute, type StateChange } from '../../host/change.ts';
import type { Link, Namespace } from '../../host/state.ts';
import type { Endpoint, Network } from '../../intent/intent.ts';
import { formatAddr, sameAddr } from '../../net/addr.ts';
import { formatPrefix, samePrefix } from '../../net/prefix.ts';
import { isAtLeast } from '../../options/version.ts';
import type { Patient } from '../candidate.ts';
import type { Fault } from './fault.ts';
import { describeRoute } from './route-text.ts';

/** Inside containers: address and default route as the engine gave them. */
export function containerFaultsOf(patient: Patient, host: Namespace): Fault[] {
  return patient.state.namespaces.flatMap((ns) => {
    if (ns.kind !== 'container' || ns === host) return [];
    const own = endpointsOf(patient, ns.name);
    return [
      ...own.flatMap(({ network, endpoint }) => containerFaults(ns, network, endpoint)),
      ...otherGateways(patient, ns, own),
    ];
  });
}

/** A container has one way out, though it may be on several networks: each of the others might be the better one. */
function otherGateways(patient: Patient, ns: Namespace, own: ReturnType<typeof endpointsOf>): Fault[] {
  const now = ns.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0 && r.table === 'main');
  if (now?.gateway === undefined || own.length < 2) return [];
  const through = own.find(({ endpoint }) => linkOf(ns, endpoint)?.name === now.dev);
  return own.flatMap(({ network, endpoint }): Fault[] => {
    const link = linkOf(ns, endpoint);
    const { gateway } = endpoint;
    if (link === undefined || gateway?.family !== 'ipv4' || link.name === now.dev || network.internal)
      return [];
    return [
      {
        cause: 'gateway-on-other-network',
        changes: [
          { namespace: ns.name, kind: 'delete-route', route: now },
          { namespace: ns.name, kind: 'add-route', route: defaultRoute(link.name, gateway) },
        ],
        params: { container: ns.name, through: through?.network.name ?? '', wanted: network.name },
        cost: 1.5,
        evidence: [{ file: 'sandboxes.json', text: `${ns.name}: ${describeRoute(now)}` }],
        repairs: [{ kind: 'config', change: lastingGateway(patient, ns.name, network, through?.network) }],
      },
    ];
  });
}

/** Since 28.0 a container says which network is its way out; before, the network's name decided. */
function lastingGateway(
  { expected }: Patient,
  container: string,
  wanted: Network,
  through: Network | undefined,
): string {
  return expected !== undefined && isAtLeast(expected.options.engine, '28.0')
    ? `connect ${container} to the network ${wanted.name} with --gw-priority 1`
    : `disconnect ${container} from the network ${through?.name ?? ''}, or give ${wanted.name} a name that sorts before it`;
}

function containerFaults(ns: Namespace, network: Network, endpoint: Endpoint): Fault[] {
  const faults: Fault[] = [];
  const wanted = endpoint.addresses.find((p) => p.addr.family === 'ipv4');
  const gateway = endpoint.gateway;
  const link = linkOf(ns, endpoint);
  if (link === undefined || wanted === undefined) return [];
  if (!link.addresses.some((a) => sameAddr(a.prefix.addr, wanted.addr))) {
    const wrong = link.addresses.filter((a) => a.prefix.addr.family === 'ipv4');
    faults.push({
      cause: 'container-address-wrong',
      changes: [
        ...wrong.map(
          (a): StateChange => ({
            namespace: ns.name,
            kind: 'delete-address',
            dev: link.name,
            prefix: a.prefix,
          }),
        ),
        { namespace: ns.name, kind: 'add-address', dev: link.name, prefix: wanted },
        ...containerRoutes(ns, link, network, endpoint),
      ],
      params: {
        container: ns.name,
        address: wrong.map((a) => formatPrefix(a.prefix)).join(', '),
        wanted: formatPrefix(wanted),
      },
    });
  }
  const now = ns.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0);
  const hasOther = now?.dev !== undefined && now.dev !== link.name;
  if (gateway !== undefined && !hasOther && (now?.gateway === undefined || !sameAddr(now.gateway, gateway))) {
    faults.push({
      cause: 'container-route-wrong',
      changes: [
        ...(now === undefined ? [] : [{ namespace: ns.name, kind: 'delete-route' as const, route: now }]),
        ...containerRoutes(ns, link, network, endpoint),
      ],
      params: {
        container: ns.name,
        gateway: now?.gateway === undefined ? '' : formatAddr(now.gateway),
        wanted: formatAddr(gateway),
      },
    });
  }
  return faults;
}

/** The container's link of an endpoint, by its address, else by its MAC. */
function linkOf(ns: Namespace, endpoint: Endpoint): Link | undefined {
  const wanted = endpoint.addresses.find((p) => p.addr.family === 'ipv4');
  const has = (link: Link) =>
    link.addresses.some((a) => wanted !== undefined && samePrefix(a.prefix, wanted));
  return (
    ns.links.find(has) ?? ns.links.find((link) => endpoint.mac !== undefined && link.mac === endpoint.mac)
  );
}

export function containerRoutes(
  ns: Namespace,
  link: Link,
  network: Network,
  endpoint: Endpoint,
): StateChange[] {
  const gateway = endpoint.gateway ?? networkGateway(network);
  if (gateway?.family !== 'ipv4') return [];
  return [{ namespace: ns.name, kind: 'add-route', route: defaultRoute(link.name, gateway) }];
}
