/**
 * Routing of the host that walks alone do not decide: policy rules for one uplink's address, uplinks in a VRF, neighbours that will be
 * asked anew. In: the case. Out: suspicions.
 */
import { formatAddr } from '../../net/addr.ts';
import { formatPrefix } from '../../net/prefix.ts';
import { describeRule, isOutdated, ownSourceRules, subnetsWithout } from '../sources/route-faults.ts';
import { describeRoute } from '../sources/route-text.ts';
import type { Detector } from './case.ts';

/** Answers of containers leave by the main table's uplink: what becomes of them there is decided upstream. */
export const missedSubnets: Detector = (patient) => {
  const { host, expected } = patient;
  const publishes = expected?.intent.sandboxes.some(
    (s) => s.running && s.endpoints.some((e) => e.ports.length > 0),
  );
  if (host === undefined || publishes !== true) return [];
  if (patient.proved.some((f) => f.cause === 'policy-routing-misses-containers')) return [];
  const wayOut = (table: string) =>
    host.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0 && r.table === table);
  const main = wayOut('main');
  return ownSourceRules(host).flatMap(({ rule, from, table }) => {
    const other = wayOut(table);
    const [subnet] = subnetsWithout(patient, host, table);
    if (subnet === undefined || other === undefined || other.dev === main?.dev) return [];
    return [
      {
        cause: 'policy-routing-misses-containers',
        severity: 'warning',
        params: { address: formatAddr(from.addr), table, subnet: formatPrefix(subnet) },
        hop: 'routing',
        evidence: [
          { file: 'ip-rule.json', text: describeRule(rule) },
          { file: 'ip-route.json', text: `table ${table}: ${describeRoute(other)}` },
        ],
        repairs: [
          {
            kind: 'command',
            change: `ip rule add from ${formatPrefix(subnet)} lookup ${table} priority ${rule.priority}`,
          },
        ],
        decide: `tcpdump -ni ${main?.dev ?? 'any'} src ${formatAddr(from.addr)}`,
      },
    ];
  });
};

/** The main table has no way out, and a link in a VRF has. */
export const uplinkInVrf: Detector = ({ host, unhealed }) => {
  const failing = unhealed.filter(({ outcome }) => outcome === 'net-unreachable' || outcome === 'icmp-3/0');
  const isDefault = (table: boolean, dev?: string) =>
    host?.routes.find(
      (r) =>
        r.family === 'ipv4' &&
        r.dst.bits === 0 &&
        (r.table === 'main') === table &&
        (dev === undefined || r.dev === dev),
    );
  if (host === undefined || failing.length === 0 || isDefault(true) !== undefined) return [];
  return host.links.flatMap((link) => {
    const vrf = host.links.find((l) => l.name === link.master && l.kind === 'vrf');
    const route = vrf === undefined ? undefined : isDefault(false, link.name);
    if (vrf === undefined || route === undefined) return [];
    return [
      {
        cause: 'uplink-in-vrf',
        severity: 'error',
        params: { link: link.name, vrf: vrf.name, table: route.table },
        failing,
        hop: link.name,
        evidence: [
          { file: 'ip-link.json', text: `${link.name}: master ${vrf.name}` },
          { file: 'ip-route.json', text: `table ${route.table}: ${describeRoute(route)}` },
        ],
        repairs: [
          {
            kind: 'config',
            change: `make the bridges of the engine ports of ${vrf.name} too, or lead the default route into the main table`,
          },
        ],
        decide: `ip route show vrf ${vrf.name}`,
      },
    ];
  });
};

/** Until the kernel has asked again, which it does only when the entry is used. */
export const outdatedNeighbours: Detector = (patient) =>
  (patient.host?.neighbours ?? []).flatMap((n) => {
    const told = patient.proved.some((f) => f.cause === 'stale-neighbour');
    if (told || n.mac === undefined || n.state.includes('FAILED') || !isOutdated(patient, n)) return [];
    return [
      {
        cause: 'stale-neighbour',
        severity: 'warning',
        params: { address: formatAddr(n.addr), mac: n.mac, link: n.dev },
        hop: n.dev,
        evidence: [{ file: 'ip-neigh.json', text: `${formatAddr(n.addr)} dev ${n.dev} lladdr ${n.mac}` }],
        repairs: [{ kind: 'command', change: `ip neigh del ${formatAddr(n.addr)} dev ${n.dev}` }],
        decide: `ip neigh show ${formatAddr(n.addr)}`,
      },
    ];
  });
