/**
 * Faults of routing: routes that refuse, overlap, lead to dead links or are gone; policy rules and neighbours set by hand.
 * In: the patient and its host. Out: faults.
 */

import { bridgeNames, isContainerAddress } from '../../drift/networks.ts';
import { defaultRoute, type StateChange } from '../../host/change.ts';
import type { Link, Namespace, Neighbour, PolicyRule, Route } from '../../host/state.ts';
import { type Addr, formatAddr, sameAddr } from '../../net/addr.ts';
import { addressBits, containsAddr, formatPrefix, overlaps, type Prefix } from '../../net/prefix.ts';
import type { Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { lineEvidence } from '../evidence.ts';
import type { Fault } from './fault.ts';
import { describeRoute } from './route-text.ts';

/** Everything that is wrong with routing. */
export function routeFaults(patient: Patient, host: Namespace): Fault[] {
  return [
    ...routes(patient, host),
    ...policyRules(host),
    ...missedSources(patient, host),
    ...neighbours(patient),
  ];
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

/**
 * Policy rules that send the host's own address by another table, and not its containers: their answers are routed while they still
 * have the container's address (net/netfilter/nf_nat_core.c gives the host's back only behind routing).
 */
function missedSources(patient: Patient, host: Namespace): Fault[] {
  return ownSourceRules(host).flatMap(({ rule, from, table }) =>
    subnetsWithout(patient, host, table).map(
      (subnet): Fault => ({
        cause: 'policy-routing-misses-containers',
        changes: [
          {
            namespace: host.name,
            kind: 'add-policy-rule',
            from: subnet,
            table,
            priority: rule.priority,
          },
        ],
        params: { address: formatAddr(from.addr), table, subnet: formatPrefix(subnet) },
        cost: 1.5,
        evidence: [{ file: 'ip-rule.json', text: describeRule(rule) }],
      }),
    ),
  );
}

/** A policy rule for what the host itself sends from one of its addresses. */
export interface OwnSourceRule {
  readonly rule: PolicyRule;
  readonly from: Prefix;
  readonly table: string;
}

export function ownSourceRules(host: Namespace): readonly OwnSourceRule[] {
  const own = (addr: Addr) => host.links.some((l) => l.addresses.some((a) => sameAddr(a.prefix.addr, addr)));
  return host.policyRules.flatMap((rule) => {
    const { from, table, action } = rule;
    const isOne = from !== undefined && from.bits === addressBits(from.addr.family) && own(from.addr);
    const plain = rule.mark === undefined && rule.to === undefined && !rule.not;
    return isOne && plain && action === 'lookup' && table !== undefined ? [{ rule, from, table }] : [];
  });
}

/** IPv4 subnets of bridge networks for which no policy rule asks this table. */
export function subnetsWithout(patient: Patient, host: Namespace, table: string): readonly Prefix[] {
  const asked = host.policyRules.filter(
    (r) => r.table === table && (r.from !== undefined || r.mark !== undefined),
  );
  return [...bridgeNames(patient).values()]
    .flatMap((network) => network.ipam.map((c) => c.subnet))
    .filter((subnet) => subnet.addr.family === 'ipv4')
    .filter(
      (subnet) =>
        !asked.some((r) => r.mark !== undefined || (r.from !== undefined && overlaps(r.from, subnet))),
    );
}

/** `100: from 203.0.113.2/32 lookup isp2` */
export function describeRule({ priority, from, table }: PolicyRule): string {
  return `${priority}: from ${from === undefined ? 'all' : formatPrefix(from)} lookup ${table ?? ''}`;
}

function neighbours(patient: Patient): Fault[] {
  return patient.state.namespaces.flatMap((ns) =>
    ns.neighbours
      .filter((n) => n.addr.family === 'ipv4' && n.mac !== undefined)
      .filter((n) => n.state.includes('PERMANENT') || isOutdated(patient, n))
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

/** A container's address with another MAC than that container's: learned from who had the address before. */
export function isOutdated({ state, expected }: Patient, { addr, mac }: Neighbour): boolean {
  const running = (expected?.intent.sandboxes ?? []).filter((s) => s.running).map((s) => s.name);
  const holder = state.namespaces
    .filter((ns) => ns.kind === 'container' && running.includes(ns.name))
    .flatMap((ns) => ns.links)
    .find((link) => link.addresses.some((a) => sameAddr(a.prefix.addr, addr)));
  return holder?.mac !== undefined && mac !== undefined && holder.mac !== mac;
}

/** The default route that went with an uplink: by the gateway that the outside is known to have there. */
function lostDefaultRoute(patient: Patient, host: Namespace, link: Link): StateChange[] {
  if (host.routes.some((r) => r.family === 'ipv4' && r.dst.bits === 0)) return [];
  const far = patient.state.outside?.links.find((l) => l.peer === link.name);
  const gateway = far?.addresses.find(
    (p) => p.addr.family === 'ipv4' && link.addresses.some((a) => containsAddr(a.prefix, p.addr)),
  )?.addr;
  if (gateway === undefined) return [];
  return [{ namespace: host.name, kind: 'add-route', route: defaultRoute(link.name, gateway) }];
}
