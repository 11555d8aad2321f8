/**
 * Rules that stop good packets only under circumstances that no listing shows. In: the rules, what is attached to the uplink. Out:
 * suspicions, each with the command that decides.
 */
import { formatRule } from '../../firewall/args.ts';
import { type Chain, findChain, type Rule, type Table } from '../../firewall/ruleset.ts';
import { attachedPrograms } from '../../host/attached-programs.ts';
import { lineEvidence } from '../evidence.ts';
import type { Detector } from './case.ts';

/** `ctstate INVALID` drops what conntrack cannot place: harmless, unless packets take two ways or its counter tells. */
export const invalidDropped: Detector = (patient) => {
  const { host } = patient;
  if (host === undefined || host.sysctls.get('net.netfilter.nf_conntrack_tcp_be_liberal')?.value === '1')
    return [];
  const defaults = host.routes.filter((r) => r.family === 'ipv4' && r.dst.bits === 0 && r.type === 'unicast');
  const twoWays = new Set(defaults.map((r) => r.dev)).size > 1;
  return host.firewall.tables.flatMap((table) =>
    forwardChains(table).flatMap((chain) =>
      chain.rules.flatMap((rule, i) => {
        const counted = (rule.counters?.packets ?? 0) > 0;
        if (table.family !== 'ipv4' || !dropsInvalid(rule) || !(counted || twoWays)) return [];
        return [
          {
            cause: 'invalid-state-dropped',
            severity: 'warning',
            params: {
              table: table.name,
              chain: chain.name,
              position: `${i + 1}`,
              rule: `-A ${chain.name} ${formatRule(rule)}`,
            },
            hop: `${table.name}/${chain.name}`,
            evidence: lineEvidence(rule.at, patient),
            repairs: [
              { kind: 'command', change: 'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1' } as const,
            ],
            decide: `iptables -t ${table.name} -nvxL ${chain.name}`,
          } as const,
        ];
      }),
    ),
  );
};

/** What forwarded packets pass: FORWARD, and the chains that it leads to. */
function forwardChains(table: Table): readonly Chain[] {
  const reached = new Set(['FORWARD']);
  // Names are added while they are walked over: a set gives those too.
  for (const name of reached) {
    for (const { target } of findChain(table, name)?.rules ?? [])
      if (target !== undefined) reached.add(target.name);
  }
  return table.chains.filter(({ name }) => reached.has(name));
}

function dropsInvalid({ target, matches }: Rule): boolean {
  return (
    target?.name === 'DROP' &&
    matches.some(
      (m) =>
        (m.module === 'conntrack' || m.module === 'state') &&
        m.options.some((o) => !o.not && o.values.some((v) => v.split(',').includes('INVALID'))),
    )
  );
}

/** Programs at the uplink's ingress run before raw/PREROUTING, where the engine drops what is for a container's own address. */
export const earlyPrograms: Detector = (patient) => {
  const { host, expected } = patient;
  const guards = (expected?.plan.ruleset.tables ?? []).some(
    (t) => t.name === 'raw' && t.chains.some((c) => c.rules.some((r) => r.target?.name === 'DROP')),
  );
  const natively = (expected?.plan.nft.tables ?? []).some((t) =>
    t.chains.some((c) => c.name === 'raw-PREROUTING' && c.rules.length > 0),
  );
  if (host === undefined || !(guards || natively)) return [];
  const uplinks = new Set(host.routes.filter((r) => r.dst.bits === 0).map((r) => r.dev));
  return attachedPrograms(patient.lines)
    .filter(({ link }) => uplinks.has(link))
    .map(({ link, program, evidence }) => ({
      cause: 'dnat-before-netfilter',
      severity: 'warning',
      params: { link, program },
      hop: link,
      evidence: [evidence],
      repairs: [
        {
          kind: 'config',
          change: 'recreate the network with -o com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected',
        },
      ],
      decide: `bpftool net show dev ${link}`,
    }));
};
