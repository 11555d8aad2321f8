/**
 * Candidates from connections that open and then stop: rules that drop the ICMP message by which a sender learns that its packets are
 * too large (RFC 1191, RFC 8201). In: the patient and failing walks. Out: candidates that take such a rule away.
 */
import { formatRule } from '../../firewall/args.ts';
import type { Chain, Rule, Ruleset, Table } from '../../firewall/ruleset.ts';
import type { HostState, Namespace } from '../../host/state.ts';
import type { Trace } from '../../packet/trace.ts';
import type { Candidate, Patient } from '../candidate.ts';
import { lineEvidence } from '../evidence.ts';

export function mtuCandidates(patient: Patient, traces: readonly Trace[]): Candidate[] {
  // The message belongs to what is sent after the handshake, of which a walk keeps no steps: the rules are looked for.
  if (!traces.some(({ outcome }) => outcome === 'connected-then-timeout')) return [];
  return patient.state.namespaces.flatMap((ns) =>
    ns.firewall.tables.flatMap((table) =>
      table.chains.flatMap((chain) =>
        chain.rules.flatMap((rule, i) =>
          stopsErrors(table, rule) ? [candidateFor(patient, ns, table, chain, rule, i + 1)] : [],
        ),
      ),
    ),
  );
}

/** Whether some rule keeps senders from being told. */
export function hasErrorStopper({ namespaces }: HostState): boolean {
  return namespaces.some(({ firewall }) =>
    firewall.tables.some((table) =>
      table.chains.some(({ rules }) => rules.some((rule) => stopsErrors(table, rule))),
    ),
  );
}

const icmp = { ipv4: ['icmp', '1'], ipv6: ['icmpv6', 'ipv6-icmp', '58'] } as const;

function stopsErrors({ family }: Table, { protocol, target }: Rule): boolean {
  const names: readonly string[] = icmp[family];
  const drops = target?.name === 'DROP' || target?.name === 'REJECT';
  return drops && protocol !== undefined && !protocol.not && names.includes(protocol.value);
}

function candidateFor(
  patient: Patient,
  ns: Namespace,
  table: Table,
  chain: Chain,
  rule: Rule,
  position: number,
): Candidate {
  const text = `-A ${chain.name} ${formatRule(rule)}`;
  return {
    key: `errors ${ns.name} ${table.backend} ${table.family} ${table.name} ${chain.name} ${position}`,
    cause: 'path-mtu-black-hole',
    restriction: false,
    params: {
      rule: text,
      table: table.name,
      chain: chain.name,
      position: `${position}`,
      namespace: ns.name,
    },
    changes: [
      {
        namespace: ns.name,
        kind: 'ruleset',
        from: ns.firewall,
        to: without(ns.firewall, table, chain, rule),
      },
    ],
    cost: 1,
    because: [],
    evidence: lineEvidence(rule.at, patient),
    repairs: [],
  };
}

function without(ruleset: Ruleset, table: Table, chain: Chain, rule: Rule): Ruleset {
  const left = { ...chain, rules: chain.rules.filter((r) => r !== rule) };
  const chains = table.chains.map((c) => (c === chain ? left : c));
  return { tables: ruleset.tables.map((t) => (t === table ? { ...t, chains } : t)) };
}
