/**
 * Faults of links: down, detached, renamed, gone, without their address; bridge ports that block; proxies that do not run.
 * In: the patient and its host. Out: faults. Containers' own addresses and routes are `container-faults.ts`'s subject, links to the
 * outside that of `uplink-faults.ts`.
 */
import {
  addAddress,
  bringBackBridge,
  joinBridge,
  lostAddresses,
  lostBridges,
  lostProxies,
  renamedBridges,
  strayPorts,
} from '../../drift/lost.ts';
import { bridgeNames, endpointsOf, networkGateway } from '../../drift/networks.ts';
import { startProxies } from '../../drift/proxies.ts';
import type { Link, Namespace } from '../../host/state.ts';
import { macOf } from '../../intent/ipam.ts';
import { formatPrefix } from '../../net/prefix.ts';
import type { Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { shellLine } from '../shell.ts';
import { containerRoutes } from './container-faults.ts';
import type { Fault } from './fault.ts';

/** Everything that is wrong with links. */
export function linkFaults(patient: Patient, host: Namespace): Fault[] {
  return [
    ...links(patient, host),
    ...addresses(patient, host),
    ...deleted(patient, host),
    ...unlinked(patient),
    ...sharedMacs(patient, host),
    ...proxies(patient, host),
  ];
}

function links(patient: Patient, host: Namespace): Fault[] {
  const faults: Fault[] = [];
  for (const link of host.links) {
    const change = { namespace: host.name, kind: 'link-up', dev: link.name } as const;
    const isBridge = link.kind === 'bridge';
    if (!link.up && (isBridge || link.master !== undefined)) {
      faults.push({
        cause: isBridge ? 'bridge-down' : 'container-link-down',
        changes: [change],
        params: { link: link.name },
      });
    }
    if (link.port !== undefined) faults.push(...portFaults(host, link));
  }
  for (const { link, bridge } of strayPorts(patient, host)) {
    faults.push({
      cause: 'veth-detached',
      changes: [joinBridge(host, link, bridge)],
      params: { link: link.name, bridge },
      origin: `ports of ${bridge}`,
    });
  }
  faults.push(...renamed(patient, host));
  for (const ns of patient.state.namespaces) {
    if (ns.kind !== 'container') continue;
    for (const link of ns.links) {
      if (link.up || link.kind === 'loopback') continue;
      const back = endpointsOf(patient, ns.name).flatMap(({ network, endpoint }) =>
        containerRoutes(ns, link, network, endpoint),
      );
      faults.push({
        cause: 'container-link-down',
        changes: [{ namespace: ns.name, kind: 'link-up', dev: link.name }, ...back],
        params: { link: link.name, container: ns.name },
      });
    }
  }
  return faults;
}

function portFaults(host: Namespace, link: Link): Fault[] {
  const { port } = link;
  if (port === undefined) return [];
  const set = (cause: Cause, flags: Partial<typeof port>, what: string): Fault => ({
    cause,
    changes: [{ namespace: host.name, kind: 'port-flags', dev: link.name, flags }],
    params: { link: link.name, flag: what },
    origin: `ports ${what}`,
  });
  const faults: Fault[] = [];
  if (!port.learning && !port.flood)
    faults.push(set('bridge-port-blocks', { learning: true, flood: true }, 'learning, flood'));
  if (port.isolated) faults.push(set('bridge-port-blocks', { isolated: false }, 'isolated'));
  if (link.up && port.state === 'blocking')
    faults.push(set('bridge-port-blocks', { state: 'forwarding' }, 'state'));
  if (!port.hairpin) faults.push({ ...set('hairpin-off', { hairpin: true }, 'hairpin'), cost: 2 });
  return faults;
}

/** A bridge that the plan names is gone, and another carries its address. */
function renamed(patient: Patient, host: Namespace): Fault[] {
  return renamedBridges(patient, host).map(({ planned, link }) => ({
    cause: 'bridge-renamed',
    changes: [{ namespace: host.name, kind: 'rename-link', dev: link.name, name: planned.name }],
    params: { link: link.name, bridge: planned.name },
  }));
}

/** Addresses that the plan puts on bridges. */
function addresses(patient: Patient, host: Namespace): Fault[] {
  return lostAddresses(patient, host).map(({ planned, address }) => ({
    cause: 'bridge-address-missing',
    changes: [addAddress(host, planned.name, address.prefix)],
    params: { bridge: planned.name, address: formatPrefix(address.prefix) },
  }));
}

/** Bridges of the plan that are gone. */
function deleted(patient: Patient, host: Namespace): Fault[] {
  return lostBridges(patient, host).map((planned) => ({
    cause: 'bridge-down',
    changes: bringBackBridge(patient, host, planned),
    params: { link: planned.name },
    cost: 1.5,
  }));
}

/** Endpoints without a link: the veth pair is gone, and only the engine makes a new one. */
function unlinked(patient: Patient): Fault[] {
  return patient.state.namespaces.flatMap((ns) => {
    if (ns.kind !== 'container') return [];
    return endpointsOf(patient, ns.name).flatMap(({ network, endpoint }): Fault[] => {
      const prefix = endpoint.addresses.find((p) => p.addr.family === 'ipv4');
      const bridge = [...bridgeNames(patient)].find(([, n]) => n.id === network.id)?.[0];
      const isThere = ns.links.some((l) => l.kind !== 'loopback');
      if (isThere || prefix === undefined || bridge === undefined) return [];
      const gateway = endpoint.gateway ?? networkGateway(network);
      const mac = endpoint.mac ?? `new:${ns.name}:${bridge}`;
      return [
        {
          cause: 'container-link-down',
          changes: [{ namespace: ns.name, kind: 'attach', dev: 'eth0', mac, prefix, gateway, bridge }],
          params: { link: 'eth0', container: ns.name },
          repairs: [{ kind: 'command', change: shellLine(['docker', 'restart', ns.name]) }],
        },
      ];
    });
  });
}

/** Containers of one bridge with the same MAC: the bridge sends to whichever it heard last. The second of them gets another. */
function sharedMacs(patient: Patient, host: Namespace): Fault[] {
  const stations = patient.state.namespaces.flatMap((ns) =>
    ns.kind !== 'container'
      ? []
      : ns.links.flatMap((link) => {
          const port = host.links.find((l) => l.peer?.namespace === ns.name && l.peer.index === link.index);
          return port?.master === undefined || link.mac === undefined
            ? []
            : [{ ns, link, mac: link.mac, bridge: port.master }];
        }),
  );
  return stations.flatMap(({ ns, link, mac, bridge }, i): Fault[] => {
    const before = stations.slice(0, i).find((s) => s.mac === mac && s.bridge === bridge);
    const address = link.addresses.map((a) => a.prefix.addr).find((a) => a.family === 'ipv4');
    if (before === undefined || address === undefined) return [];
    return [
      {
        cause: 'duplicate-mac',
        changes: [{ namespace: ns.name, kind: 'link-mac', dev: link.name, mac: macOf(address) }],
        params: { mac, bridge, containers: `${before.ns.name}, ${ns.name}` },
        evidence: [before.ns, ns].map((holder) => ({
          file: 'docker-container-inspect.json',
          text: `${holder.name}: MacAddress ${mac}`,
        })),
        repairs: [{ kind: 'config', change: `recreate ${ns.name} without --mac-address ${mac}` }],
      },
    ];
  });
}

/** Proxies of the plan that do not run. */
function proxies(patient: Patient, host: Namespace): Fault[] {
  const lost = lostProxies(patient);
  if (lost.length === 0) return [];
  return [
    {
      cause: 'userland-proxy-missing',
      changes: startProxies(host, lost),
      params: { ports: [...new Set(lost.map((p) => `${p.hostPort}/${p.protocol}`))].join(', ') },
      repairs: [{ kind: 'command', change: 'systemctl restart docker' }],
    },
  ];
}
