/**
 * Candidates for bridges of other programs that the engine's DROP in FORWARD stops. In: the patient, the guests behind such bridges,
 * and the walks that fail. Out: one candidate for each bridge and family: it may pass, in the chain that the engine leaves alone.
 */
import { findChain, type Rule, type Table } from '../../firewall/ruleset.ts';
import type { Link, Namespace } from '../../host/state.ts';
import type { Family } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import { isAtLeast } from '../../options/version.ts';
import type { Trace } from '../../packet/trace.ts';
import { userChainName } from '../../plan/docker-rules.ts';
import type { Expected } from '../../plan/expected.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { ruleEvidence } from '../evidence.ts';
import { closedForward, type Guest } from './guests.ts';
import { editChain } from './rule-faults.ts';

export function otherBridgeCandidates(
  patient: Patient,
  guests: readonly Guest[],
  failing: readonly Trace[],
): Candidate[] {
  const { state, expected } = patient;
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined || expected === undefined) return [];
  return guests.flatMap(({ name, bridge, flows }) =>
    (['ipv4', 'ipv6'] as const).flatMap((family): Candidate[] => {
      const own = failing.filter(({ flow }) => flows.includes(flow) && flow.dst?.family === family);
      const table = closedForward(host, expected, family);
      if (own.length === 0 || table === undefined) return [];
      const inbound = own.some(({ flow }) => flow.from !== name);
      return [passing(patient, expected, host, table, bridge, inbound)];
    }),
  );
}

function passing(
  patient: Patient,
  expected: Expected,
  host: Namespace,
  table: Table,
  bridge: Link,
  inbound: boolean,
): Candidate {
  const { backend, family } = table;
  const jumps =
    findChain(table, 'FORWARD')?.rules.some(({ target }) => target?.name === userChainName) === true;
  const rules = passRules(bridge.name, inbound);
  const to = editChain(host.firewall, table, jumps ? userChainName : 'FORWARD', (chain) => ({
    ...chain,
    rules: [...rules, ...chain.rules],
  }));
  const { cause, because } = meaningOf(expected, bridge.name, family);
  const hit = { backend, family, table: 'filter', chain: 'FORWARD', position: 0 } as const;
  return {
    key: `bridge of others ${family} ${bridge.name}`,
    cause,
    restriction: false,
    params: { bridge: bridge.name, engine: expected.options.engine },
    changes: [{ namespace: host.name, kind: 'ruleset', from: host.firewall, to }],
    cost: 1,
    because,
    evidence: ruleEvidence(hit, host.firewall, patient),
    repairs: [],
  };
}

/** What comes from the bridge, and answers to it; connections to mapped ports where there are any. */
function passRules(bridge: string, inbound: boolean): readonly Rule[] {
  const target = { kind: 'jump', name: 'ACCEPT', options: [] } as const;
  const name = { not: false, value: bridge };
  const states = ['RELATED', 'ESTABLISHED', ...(inbound ? ['DNAT'] : [])].join(',');
  const connection = { module: 'conntrack', options: [{ not: false, name: '--ctstate', values: [states] }] };
  return [
    { inInterface: name, matches: [], target },
    { outInterface: name, matches: [connection], target },
  ];
}

function meaningOf(
  { options: { engine, settings } }: Expected,
  bridge: string,
  family: Family,
): { readonly cause: Cause; readonly because: readonly Because[] } {
  const { ip6tables } = settings;
  // Off by default before.
  if (family === 'ipv6' && isAtLeast(engine, '27.0') && ip6tables.origin.kind === 'default') {
    const because = { setting: 'ip6tables', value: ip6tables.value, origin: ip6tables.origin };
    return { cause: 'ip6tables-turned-on', because: [because] };
  }
  const podman = /^(?:cni-)?podman\d+$/.test(bridge);
  return { cause: podman ? 'other-engine-blocked' : 'forward-policy-drop-hits-others', because: [] };
}
