/**
 * Candidates for engines that make no rules for IPv6 at all, before 20.10: by hand what they do for IPv4. In: the patient. Out: one
 * candidate, that masquerades all IPv6 subnets: they leave the host with addresses to which the outside has no way back.
 */

import { bridgeNames } from '../../drift/networks.ts';
import { runCommand } from '../../firewall/machine.ts';
import type { Rule, Ruleset } from '../../firewall/ruleset.ts';
import { maskPrefix, type Prefix } from '../../net/prefix.ts';
import { optionTable } from '../../options/table.ts';
import { spans } from '../../options/version.ts';
import type { Candidate, Patient } from '../candidate.ts';

export function ipv6MasqueradeCandidates(patient: Patient): Candidate[] {
  const { expected, state } = patient;
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined || expected === undefined) return [];
  const { options } = expected;
  if (spans(optionTable.ip6tables, options.engine) || !options.settings.iptables.value) return [];
  const rules = [...bridgeNames(patient)].flatMap(([bridge, { ipam, internal }]) =>
    internal
      ? []
      : ipam.flatMap(({ subnet }) => (subnet.addr.family === 'ipv6' ? [masquerade(subnet, bridge)] : [])),
  );
  if (rules.length === 0) return [];
  const backend = host.firewall.tables[0]?.backend ?? 'iptables-nft';
  const to = rules.reduce((ruleset: Ruleset, rule) => {
    const key = { backend, family: 'ipv6', table: 'nat' } as const;
    return runCommand(ruleset, key, { op: 'append', chain: 'POSTROUTING', rule }).ruleset;
  }, host.firewall);
  return [
    {
      key: 'masquerade IPv6',
      cause: 'ip6tables-disabled',
      restriction: false,
      params: { setting: 'ip6tables', value: '', engine: options.engine },
      changes: [{ namespace: host.name, kind: 'ruleset', from: host.firewall, to }],
      cost: 2,
      because: [],
      evidence: [{ file: 'docker-version.json', text: options.engine }],
      repairs: [],
    },
  ];
}

function masquerade(subnet: Prefix, bridge: string): Rule {
  return {
    source: { not: false, value: maskPrefix(subnet) },
    outInterface: { not: true, value: bridge },
    matches: [],
    target: { kind: 'jump', name: 'MASQUERADE', options: [] },
  };
}
