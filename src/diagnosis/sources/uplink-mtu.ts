/**
 * An uplink that takes smaller packets than the containers' links. In: a host. Out: what is too small for whom, and the candidate that
 * puts an Ethernet back to what every Ethernet carries. Whether the network beyond carries it, no host can tell: else the containers'
 * links have to become smaller.
 */
import type { HostState, Link, Namespace } from '../../host/state.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Repair } from '../finding.ts';

export interface SmallUplink {
  readonly host: Namespace;
  readonly link: Link;
  /** Containers with a larger link. */
  readonly containers: readonly Namespace[];
  /** What the link had where somebody lowered it: an Ethernet below its standard size (IEEE 802.3). */
  readonly lowered: { readonly mtu: number } | undefined;
}

/** Undefined where all fits, or where TCP is told of the smaller size by a rule. */
export function smallUplinkOf(state: HostState): SmallUplink | undefined {
  const host = state.namespaces.find((n) => n.kind === 'host');
  const link = host === undefined ? undefined : uplinkOf(host);
  if (host === undefined || link === undefined || isClamped(host)) return undefined;
  const containers = state.namespaces.filter((n) => n.kind === 'container' && largestLink(n) > link.mtu);
  if (containers.length === 0) return undefined;
  const isEthernet = link.kind === 'ether' || link.kind === 'veth' || link.kind === 'vlan';
  const mtu = Math.min(1500, ...containers.map(largestLink));
  return { host, link, containers, lowered: isEthernet && link.mtu < mtu ? { mtu } : undefined };
}

function largestLink({ links }: Namespace): number {
  return Math.max(0, ...links.flatMap(({ kind, mtu }) => (kind === 'veth' ? [mtu] : [])));
}

function isClamped({ firewall }: Namespace): boolean {
  return firewall.tables.some(({ chains }) =>
    chains.some(({ rules }) => rules.some(({ target }) => target?.name === 'TCPMSS')),
  );
}

/** The link that the default route leaves by. */
export function uplinkOf(host: Namespace): Link | undefined {
  const dev = host.routes.find((r) => r.family === 'ipv4' && r.dst.bits === 0)?.dev;
  return host.links.find((l) => l.name === dev);
}

/** What the finding says, whether a walk shows it or not. */
export function aboutSmallUplink({ link, containers, lowered }: SmallUplink) {
  return {
    cause: 'uplink-mtu-smaller',
    params: {
      link: link.name,
      mtu: `${link.mtu}`,
      containers: containers.map((n) => n.name).join(', '),
      ...(lowered === undefined ? {} : { lowered: `${lowered.mtu}` }),
    },
    evidence: [{ file: 'ip-link.json', text: `${link.name}: mtu ${link.mtu}` }],
  } as const;
}

/** Smaller links for containers: what a path that takes no more asks for. */
export function smallerContainers({ link }: SmallUplink): Repair {
  const change = `"mtu": ${link.mtu} in daemon.json for the default network, com.docker.network.driver.mtu=${link.mtu} for others; then recreate the containers`;
  return { kind: 'config', change };
}

/** The candidate that heals what is too large, where the link was lowered. */
export function uplinkMtuCandidates({ state }: Patient): Candidate[] {
  const small = smallUplinkOf(state);
  if (small?.lowered === undefined) return [];
  const { host, link, lowered } = small;
  return [
    {
      key: `mtu ${link.name}`,
      ...aboutSmallUplink(small),
      // A sender that is told of the smaller size sends smaller packets.
      warns: ['EMSGSIZE', 'icmp-3/4'],
      restriction: false,
      changes: [{ namespace: host.name, kind: 'link-mtu', dev: link.name, mtu: lowered.mtu }],
      // More than a rule that keeps the sender from being told.
      cost: 3,
      because: [],
      repairs: [
        { kind: 'command', change: `ip link set ${link.name} mtu ${lowered.mtu}` },
        smallerContainers(small),
      ],
    },
  ];
}
