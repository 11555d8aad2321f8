/**
 * Faults of routing: routes that refuse, overlap, lead to dead links or are gone; policy rules and neighbours set by hand.
 * In: the patient and its host. Out: faults.
 */

import { bridgeNames, isContainerAddress } from '../drift/networks.ts';
import { defaultRoute, type StateChange } from '../host/change.ts';
import type { Link, Namespace, Route } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import { containsAddr, formatPrefix, maskPrefix, overlaps } from '../net/prefix.ts';
import type { Patient } from './candidate.ts';
import type { Cause } from './causes.ts';
import { lineEvidence } from './evidence.ts';
import type { Fault } from './fault.ts';

/** Everything that is wrong with routing. */
export function routeFaults(patient: Patient, host: Namespace): Fault[] {
  return [...routes(patient, host), ...policyRules(host), ...neighbours(patient)];
}

function routes(patient: Patient, host: Namespace): Fault[] {
  const faults: Fault[] = [];
  const remove = (cause: Cause, route: Route): Fault => ({
    cause,
    changes: [{ namespace: host.name, kind: 'delete-route', route }],
    params: { route: describeRoute(route) },
  });
  const networks = [...bridgeNames(patient)].flatMap(([bridge, network]) =>
    network.ipam.map((c) => ({ bridge, network, subnet: c.subnet })),
  );
  for (const route of host.routes) {
    if (route.family !== 'ipv4') continue;
    const refuses = route.type === 'blackhole' || route.type === 'unreachable' || route.type === 'prohibit';
    if (refuses) faults.push(remove('route-refuses', route));
    const mine = networks.find((n) => overlaps(n.subnet, route.dst) && route.dst.bits >= n.subnet.bits);
    if (mine !== undefined && route.type === 'local' && isContainerAddress(patient, route.dst)) {
      faults.push(remove('container-address-is-local', route));
    } else if (
      mine !== undefined &&
      route.type === 'unicast' &&
      route.table === 'main' &&
      route.dev !== mine.bridge
    ) {
      faults.push(remove('subnet-overlap', route));
    } else if (route.type === 'unicast' && route.gateway !== undefined && route.dst.bits > 0) {
      faults.push({ ...remove('route-via-dead-link', route), cost: 1.5 });
    }
  }
  faults.push(...deadHalves(host));
  if (!host.routes.some((r) => r.dst.bits === 0 && r.family === 'ipv4')) {
    const changes = host.links.flatMap((link) => lostDefaultRoute(patient, host, link));
    if (changes.length > 0)
      faults.push({ cause: 'no-default-route', changes: changes.slice(0, 1), params: {} });
  }
  return faults;
}

/** VPNs cover the default route with 0.0.0.0/1 and 128.0.0.0/1: they go together. */
function deadHalves(host: Namespace): Fault[] {
  const halves = host.routes.filter((r) => r.family === 'ipv4' && r.dst.bits === 1 && r.type === 'unicast');
  if (halves.length < 2) return [];
  return [
    {
      cause: 'route-via-dead-link',
      changes: halves.map((route) => ({ namespace: host.name, kind: 'delete-route', route })),
      params: { route: halves.map(describeRoute).join(', ') },
      cost: 1.5,
    },
  ];
}

function policyRules(host: Namespace): Fault[] {
  const own = new Set([0, 32766, 32767]);
  return host.policyRules
    .filter((r) => r.family === 'ipv4' && !own.has(r.priority))
    .map((rule) => ({
      cause: rule.mark === undefined ? 'reply-captured-by-other-table' : 'mark-routes-elsewhere',
      changes: [{ namespace: host.name, kind: 'delete-policy-rule', priority: rule.priority }],
      params: { priority: String(rule.priority), table: rule.table ?? rule.action },
    }));
}

function neighbours(patient: Patient): Fault[] {
  return patient.state.namespaces.flatMap((ns) =>
    ns.neighbours
      .filter((n) => n.addr.family === 'ipv4' && n.mac !== undefined && n.state.includes('PERMANENT'))
      .map(
        (n): Fault => ({
          cause: 'stale-neighbour',
          changes: [{ namespace: ns.name, kind: 'delete-neighbour', dev: n.dev, addr: n.addr }],
          params: { address: formatAddr(n.addr), mac: n.mac ?? '', link: n.dev },
          evidence: lineEvidence(n.at, patient),
        }),
      ),
  );
}

/** The default route that went with an uplink: by the gateway that the outside is known to have there. */
export function lostDefaultRoute(patient: Patient, host: Namespace, link: Link): StateChange[] {
  if (host.routes.some((r) => r.family === 'ipv4' && r.dst.bits === 0)) return [];
  const far = patient.state.outside?.links.find((l) => l.peer === link.name);
  const gateway = far?.addresses.find(
    (p) => p.addr.family === 'ipv4' && link.addresses.some((a) => containsAddr(a.prefix, p.addr)),
  )?.addr;
  if (gateway === undefined) return [];
  return [{ namespace: host.name, kind: 'add-route', route: defaultRoute(link.name, gateway) }];
}

function describeRoute(route: Route): string {
  const dst = route.dst.bits === 0 ? 'default' : formatPrefix(maskPrefix(route.dst));
  const via = route.gateway === undefined ? '' : ` via ${formatAddr(route.gateway)}`;
  const dev = route.dev === undefined ? '' : ` dev ${route.dev}`;
  return `${route.type === 'unicast' ? '' : `${route.type} `}${dst}${via}${dev}`;
}
