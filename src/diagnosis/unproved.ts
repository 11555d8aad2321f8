/**
 * Findings without a proof: the repair needs something that no fact tells, or what it mends is not asked by a flow.
 * In: the patient and the flows that nothing healed. Out: findings that say so by having no proof.
 */
import type { Link, Namespace } from '../host/state.ts';
import { isLoopback } from '../net/addr.ts';
import type { Trace } from '../packet/trace.ts';
import { describeIntentDifference } from '../plan/intent-differences.ts';
import type { Patient } from './candidate.ts';
import { settingEvidence } from './evidence.ts';
import type { Finding } from './finding.ts';
import { becauseOf, notInForceParams } from './option-flips.ts';

export function unprovedFindings(patient: Patient, unhealed: readonly Trace[]): Finding[] {
  const host = patient.state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return [];
  return [...addresslessUplink(host, unhealed), ...smallUplink(patient, host)];
}

/** The host has no way out and a link that faces the outside has no address: which one it should have, nobody says. */
function addresslessUplink(host: Namespace, unhealed: readonly Trace[]): Finding[] {
  const outward = unhealed.filter((t) => t.flow.dst !== undefined && !isLoopback(t.flow.dst));
  const hasDefault = host.routes.some((r) => r.family === 'ipv4' && r.dst.bits === 0);
  const bare = host.links.find(
    (l) => facesOutside(l) && !l.addresses.some((a) => a.prefix.addr.family === 'ipv4'),
  );
  if (hasDefault || bare === undefined || outward.length === 0) return [];
  return [
    {
      cause: 'uplink-down',
      severity: 'error',
      params: { link: bare.name },
      flows: outward.map((t) => t.flow),
      hop: bare.name,
      because: [],
      evidence: [{ file: 'ip-addr.json', text: `${bare.name}: no IPv4 address` }],
      repairs: [],
      changes: [],
      proof: { flows: [], newlyAllowed: [] },
      ...(outward[0] === undefined ? {} : { walk: outward[0] }),
    },
  ];
}

function facesOutside(link: Link): boolean {
  const kinds: readonly Link['kind'][] = ['ether', 'veth', 'vlan', 'other'];
  return (
    kinds.includes(link.kind) && link.up && link.master === undefined && link.peer?.namespace === undefined
  );
}

/** Full-size packets of containers do not fit the uplink: that works only as long as ICMP 3/4 gets through everywhere. */
function smallUplink(patient: Patient, host: Namespace): Finding[] {
  const dev = host.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0)?.dev;
  const uplink = host.links.find((l) => l.name === dev);
  const clamped = host.firewall.tables.some((t) =>
    t.chains.some((c) => c.rules.some((r) => r.target?.name === 'TCPMSS')),
  );
  if (uplink === undefined || clamped) return [];
  const larger = patient.state.namespaces.filter(
    (n) => n.kind === 'container' && n.links.some((l) => l.kind === 'veth' && l.mtu > uplink.mtu),
  );
  if (larger.length === 0) return [];
  const repair = `"mtu": ${uplink.mtu} in daemon.json for the default network, com.docker.network.driver.mtu=${uplink.mtu} for others; then recreate the containers`;
  return [
    {
      cause: 'uplink-mtu-smaller',
      severity: 'warning',
      params: {
        link: uplink.name,
        mtu: String(uplink.mtu),
        containers: larger.map((n) => n.name).join(', '),
      },
      flows: [],
      hop: uplink.name,
      because: [],
      evidence: [{ file: 'ip-link.json', text: `${uplink.name}: mtu ${uplink.mtu}` }],
      repairs: [{ kind: 'config', change: repair }],
      changes: [],
      proof: { flows: [], newlyAllowed: [] },
    },
  ];
}

/** Settings that wait for another start of the engine: then the host will behave otherwise, though nobody changes anything that day. */
export function notInForceFindings(
  { expected, line }: Patient,
  explained: readonly Finding[],
): readonly Finding[] {
  return (expected?.notInForce ?? [])
    .filter(
      ({ option }) =>
        !explained.some((f) => f.cause === 'config-not-in-force' && f.params.setting === option),
    )
    .map((entry) => {
      const because = becauseOf(entry.option, entry.configured);
      return {
        cause: 'config-not-in-force',
        severity: 'warning',
        params: { setting: entry.option, value: String(because.value), ...notInForceParams(entry) },
        flows: [],
        hop: 'dockerd',
        because: [because, becauseOf(entry.option, entry.inForce)],
        evidence: settingEvidence(because.origin, { line }),
        repairs: [],
        changes: [],
        proof: { flows: [], newlyAllowed: [] },
      };
    });
}

/** What the store says otherwise comes into force with the engine's next start; what was declared otherwise never does by itself. */
export function intentFindings({ expected }: Patient): readonly Finding[] {
  const found = expected?.intentDifferences ?? [];
  return (['local-kv.db', 'networks.json'] as const).flatMap((source): readonly Finding[] => {
    const differences = found.filter((difference) => difference.source === source);
    if (differences.length === 0) return [];
    return [
      {
        cause: source === 'local-kv.db' ? 'store-and-kernel-differ' : 'declaration-differs',
        severity: 'warning',
        params: { count: String(differences.length) },
        flows: [],
        hop: source,
        because: [],
        evidence: differences.map((difference) => ({
          file: source,
          text: describeIntentDifference(difference),
        })),
        repairs: [],
        changes: [],
        proof: { flows: [], newlyAllowed: [] },
      },
    ];
  });
}
