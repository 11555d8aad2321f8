/**
 * Candidates from the host itself: sysctls that stop forwarding, and what the files beside this find wrong with links,
 * routes and containers. In: the observed state, and what the engine was asked for. Out: candidates, one for each
 * thing that is not as a working host has it. None is judged here.
 */
import type { Namespace } from '../../host/state.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { lineEvidence } from '../evidence.ts';
import { containerFaultsOf } from './container-faults.ts';
import type { Fault } from './fault.ts';
import { linkFaults } from './link-faults.ts';
import { routeFaults } from './route-faults.ts';

export function hostFaultCandidates(patient: Patient): Candidate[] {
  const host = patient.state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return [];
  const faults = [
    ...forwarding(patient, host),
    ...linkFaults(patient, host),
    ...routeFaults(patient, host),
    ...containerFaultsOf(patient, host),
  ];
  return faults.map((fault) => ({
    key: `${fault.cause} ${JSON.stringify(fault.params)}`,
    cause: fault.cause,
    restriction: false,
    ...(fault.origin === undefined ? {} : { origin: `${host.name} ${fault.origin}` }),
    params: fault.params,
    changes: fault.changes,
    cost: fault.cost ?? 1,
    because: fault.because ?? [],
    evidence: fault.evidence ?? [],
    repairs: fault.repairs ?? [],
  }));
}

function sysctlFault(patient: Patient, ns: Namespace, cause: Cause, name: string, value: string): Fault {
  const now = ns.sysctls.get(name);
  return {
    cause,
    changes: [{ namespace: ns.name, kind: 'sysctl', name, value, before: now?.value }],
    params: { sysctl: name, value: now?.value ?? '', wanted: value },
    evidence: lineEvidence(now?.at, patient),
  };
}

function forwarding(patient: Patient, host: Namespace): Fault[] {
  const faults: Fault[] = [];
  const option = patient.expected?.options.settings['ip-forward'];
  if (host.sysctls.get('net.ipv4.ip_forward')?.value === '0') {
    const because =
      option?.value === false ? [{ setting: 'ip-forward', value: false, origin: option.origin }] : [];
    faults.push({ ...sysctlFault(patient, host, 'ip-forward-off', 'net.ipv4.ip_forward', '1'), because });
  } else {
    for (const link of host.links) {
      const name = `net.ipv4.conf.${link.name}.forwarding`;
      if (link.kind === 'loopback' || host.sysctls.get(name)?.value !== '0') continue;
      faults.push(sysctlFault(patient, host, 'interface-forwarding-off', name, '1'));
    }
  }
  faults.push(...strictFiltering(patient, host));
  const callers = 'net.bridge.bridge-nf-call-iptables';
  if (host.sysctls.get(callers)?.value === '1') {
    // Wider than a rule: it takes all bridges out of iptables.
    faults.push({ ...sysctlFault(patient, host, 'bridge-nf-with-forward-drop', callers, '0'), cost: 3 });
  }
  if (host.sysctls.get(callers)?.value === '0') {
    // Without it answers between containers of one bridge pass by the NAT that their requests went through.
    faults.push({ ...sysctlFault(patient, host, 'bridge-nf-off', callers, '1'), cost: 1.5 });
  }
  faults.push(...silentArp(patient));
  return faults;
}

/** Devices that do not answer for all addresses of their namespace; of `all` and the device's own value the higher counts. */
function silentArp(patient: Patient): Fault[] {
  return patient.state.namespaces.flatMap((ns) =>
    ns.links.flatMap((link) => {
      const names = ['all', link.name].map((dev) => `net.ipv4.conf.${dev}.arp_ignore`);
      const set = names.filter((name) => !['0', undefined].includes(ns.sysctls.get(name)?.value));
      const [first] = set;
      if (link.kind === 'loopback' || first === undefined) return [];
      const changes = set.map((name) => sysctlFault(patient, ns, 'arp-suppressed', name, '0').changes);
      return [
        {
          ...sysctlFault(patient, ns, 'arp-suppressed', first, '0'),
          changes: changes.flat(),
          cost: set.length,
        },
      ];
    }),
  );
}

/** Loose filtering on every device that is strict: of `all` and the device's own the kernel takes the higher, and 2 is above 1. */
function strictFiltering(patient: Patient, host: Namespace): Fault[] {
  return host.links.flatMap((link) => {
    const own = `net.ipv4.conf.${link.name}.rp_filter`;
    const strict = [own, 'net.ipv4.conf.all.rp_filter'].some((name) => host.sysctls.get(name)?.value === '1');
    return strict && link.kind !== 'loopback'
      ? [sysctlFault(patient, host, 'reverse-path-filter', own, '2')]
      : [];
  });
}
