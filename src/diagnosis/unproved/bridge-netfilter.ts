/**
 * Restrictions between containers of one bridge that nothing enforces, since bridged frames pass by iptables (net/bridge/
 * br_netfilter_hooks.c). In: the setting, the plan and the rules. Out: a warning.
 */
import { formatRule } from '../../firewall/args.ts';
import { foundLine, lineEvidence } from '../evidence.ts';
import type { Evidence } from '../finding.ts';
import type { Case, Detector } from './case.ts';

const callers = 'net.bridge.bridge-nf-call-iptables';

export const unfilteredBridges: Detector = (patient) => {
  const { host } = patient;
  // A bundle without settings says nothing; one with settings and without this one has no br_netfilter.
  if (host === undefined || host.sysctls.size === 0 || patient.lines('sysctl.txt') === undefined) return [];
  const value = host.sysctls.get(callers)?.value;
  const restriction = value === '1' ? undefined : restrictionOf(patient);
  if (restriction === undefined) return [];
  const line = foundLine(patient, 'sysctl.txt', `${callers} `);
  return [
    {
      cause: 'bridge-nf-off',
      severity: 'warning',
      params: { sysctl: callers, value: value ?? '', restriction: restriction.text },
      hop: 'bridge',
      evidence: [line ?? { file: 'sysctl.txt', text: `no ${callers}` }, ...restriction.evidence],
      repairs: [
        {
          kind: 'command',
          change: [...(value === undefined ? ['modprobe br_netfilter'] : []), `sysctl -w ${callers}=1`].join(
            '\n',
          ),
        },
      ],
    },
  ];
};

/** A rule that stops what goes from a bridge to the same bridge, or what the plan wants the setting for. */
function restrictionOf(
  patient: Case,
): { readonly text: string; readonly evidence: readonly Evidence[] } | undefined {
  for (const table of patient.host?.firewall.tables ?? []) {
    if (table.family !== 'ipv4') continue;
    for (const chain of table.chains) {
      const rule = chain.rules.find(
        (r) =>
          (r.target?.name === 'DROP' || r.target?.name === 'REJECT') &&
          r.inInterface !== undefined &&
          !r.inInterface.not &&
          r.outInterface?.not === false &&
          r.inInterface.value === r.outInterface.value,
      );
      if (rule !== undefined)
        return { text: `-A ${chain.name} ${formatRule(rule)}`, evidence: lineEvidence(rule.at, patient) };
    }
  }
  const because = patient.expected?.plan.sysctls.get(callers)?.reason?.because[0];
  return because === undefined
    ? undefined
    : { text: `${because.setting}=${String(because.value)}`, evidence: [] };
}
