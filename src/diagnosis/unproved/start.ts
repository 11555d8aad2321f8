/**
 * A daemon that did not start: its own last words. In: its log and what its configuration says.
 * Out: one suspicion, or none when nothing shows that it failed. dockerd prints the reason for its end as a bare line,
 * without the `time=` of its log.
 */
import type { ConfigProblem } from '../../options/problem.ts';
import { type Cause, isCause } from '../causes.ts';
import { settingEvidence } from '../evidence.ts';
import type { Evidence, Repair } from '../finding.ts';
import type { Detector } from './case.ts';
import { causeOfError } from './container-start.ts';

/** What dockerd says (daemon/config/config.go, libnetwork errors of all versions), and the cause that it means. */
const reasons: readonly { readonly says: RegExp; readonly cause: Cause; readonly command?: string }[] = [
  { says: /specified both as a flag and in the configuration file/, cause: 'option-in-flag-and-file' },
  { says: /don't match any configuration option/, cause: 'config-key-unknown' },
  {
    says: /non-overlapping IPv[46] address pool|predefined address pools have been fully subnetted/,
    cause: 'address-pools-exhausted',
  },
  {
    says: /ZONE_CONFLICT/,
    cause: 'firewalld-zone-conflict',
    command:
      'for d in "" --permanent; do firewall-cmd $d --zone="$(firewall-cmd $d --get-zone-of-interface=docker0)" --remove-interface=docker0; done',
  },
  {
    says: /failed to allocate gateway|invalid CIDR|must belong to the|must be part of|overlaps with/,
    cause: 'address-options-invalid',
  },
  { says: /networks have same bridge name|conflicts with network/, cause: 'store-inconsistent' },
  { says: /must be created manually|non default name/, cause: 'user-bridge-unready' },
  {
    says: /restrict inter-container communication/,
    cause: 'bridge-nf-off',
    command: 'modprobe br_netfilter',
  },
  { says: /is incompatible, use 'nft' tool/, cause: 'iptables-cannot-read-nft' },
  // Only with nftables: with iptables the engine turns forwarding on (setup_ip_forwarding.go of 29).
  {
    says: /IPv4 forwarding is disabled: check your host's firewalling/,
    cause: 'nftables-backend-needs-forwarding',
    command: 'sysctl -w net.ipv4.ip_forward=1',
  },
  {
    says: /IPv6 global forwarding is disabled: check your host's firewalling/,
    cause: 'nftables-backend-needs-forwarding',
    command: 'sysctl -w net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.forwarding=1',
  },
];

interface LastWords {
  readonly reason: string;
  readonly line: number;
}

export const refusedStart: Detector = ({ lines, line, configuration }) => {
  // A daemon that answered has told its networks.
  if (lines('docker-network-inspect.json') !== undefined) return [];
  const words = lastWords(lines('dockerd.log') ?? []);
  const refusal = configuration?.errors[0];
  if (words === undefined && refusal === undefined) return [];
  const reason = words?.reason ?? refusal?.message ?? '';
  const logged: Evidence[] =
    words === undefined ? [] : [{ file: 'dockerd.log', line: words.line, text: words.reason }];
  // The configuration explains the log's words when it is refused in the same words.
  const explained = refusal !== undefined && reason.includes(refusal.message) ? refusal : undefined;
  const known = reasons.find(({ says }) => says.test(reason));
  const repairs: readonly Repair[] = [
    ...(explained === undefined ? [] : [{ kind: 'config', change: explained.remedy } as const]),
    ...(known?.command === undefined ? [] : [{ kind: 'command', change: known.command } as const]),
  ];
  return [
    {
      cause: known?.cause ?? causeOfError({ lines }, reason) ?? causeOf(explained ?? refusal),
      severity: 'error',
      params: { reason, options: (explained?.options ?? []).join(', ') },
      hop: 'dockerd',
      because: origins(explained).map((origin) => ({
        setting: explained?.options[0] ?? '',
        value: null,
        origin,
      })),
      evidence: [...logged, ...origins(explained).flatMap((origin) => settingEvidence(origin, { line }))],
      repairs,
    },
  ];
};

function origins(problem: ConfigProblem | undefined): NonNullable<ConfigProblem['at']>[] {
  if (problem === undefined) return [];
  return problem.at === undefined ? [...problem.others] : [problem.at, ...problem.others];
}

function causeOf(problem: ConfigProblem | undefined): Cause {
  return problem?.cause !== undefined && isCause(problem.cause) ? problem.cause : 'engine-did-not-start';
}

function lastWords(lines: readonly string[]): LastWords | undefined {
  for (let i = lines.length - 1; i >= 0; i--) {
    const reason = lines[i]?.trim() ?? '';
    if (reason === '') continue;
    return reason.startsWith('time=') || reason.startsWith('{') ? undefined : { reason, line: i + 1 };
  }
  return undefined;
}
