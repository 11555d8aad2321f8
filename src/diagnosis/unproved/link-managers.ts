/**
 * Network managers that take Docker's links for their own: they take addresses and bridge ports away that they did not set, at a
 * moment of their choice. In: a case. Out: a warning for each manager; what it has taken away already is found by the walks.
 */
import { bridgeNames } from '../../drift/networks.ts';
import {
  type Claim,
  type ConfigLines,
  claimedByNetworkd,
  claimedByNetworkManager,
} from '../../host/link-managers.ts';
import type { Link } from '../../host/state.ts';
import type { Cause } from '../causes.ts';
import type { Repair } from '../finding.ts';
import type { Case, Detector, Suspicion } from './case.ts';

export const networkdClaims: Detector = (patient) => {
  const files = filesOf(patient, /^networkd\/[^/]+\.network$/);
  return claims(patient, 'networkd-manages-docker-links', (link) => claimedByNetworkd(files, link), {
    repair: {
      kind: 'command',
      change: [
        "printf '[Match]\\nName=docker* br-* veth*\\n[Link]\\nUnmanaged=yes\\n' > /etc/systemd/network/00-docker.network",
        'networkctl reload',
      ].join('\n'),
    },
    decide: 'networkctl list',
  });
};

export const networkManagerClaims: Detector = (patient) => {
  const files = [
    ...filesOf(patient, /^NetworkManager\.conf$/),
    ...filesOf(patient, /^NetworkManager\.conf\.d\/[^/]+\.conf$/),
  ];
  return claims(
    patient,
    'networkmanager-manages-docker-links',
    (link) => claimedByNetworkManager(files, link),
    {
      repair: {
        kind: 'command',
        change: [
          "printf '[keyfile]\\nunmanaged-devices+=interface-name:docker0;interface-name:br-*;interface-name:veth*\\n' > /etc/NetworkManager/conf.d/docker.conf",
          'nmcli general reload',
        ].join('\n'),
      },
      decide: 'nmcli device status',
    },
  );
};

function filesOf({ files, lines }: Case, name: RegExp): readonly ConfigLines[] {
  return files.filter((file) => name.test(file)).map((file) => ({ file, lines: lines(file) ?? [] }));
}

function claims(
  patient: Case,
  cause: Cause,
  claimOf: (link: Link) => Claim | undefined,
  { repair, decide }: { readonly repair: Repair; readonly decide: string },
): readonly Suspicion[] {
  const claimed = dockerLinks(patient).flatMap((link) => {
    const claim = claimOf(link);
    return claim === undefined ? [] : [{ link, claim }];
  });
  const [first] = claimed;
  if (first === undefined) return [];
  const entries = new Map(claimed.map(({ claim }) => [`${claim.file} ${claim.line}`, claim]));
  return [
    {
      cause,
      severity: 'warning',
      params: {
        links: claimed.map(({ link }) => link.name).join(', '),
        file: first.claim.file,
        entry: first.claim.text,
      },
      hop: first.link.name,
      evidence: [...entries.values()],
      repairs: [repair],
      decide,
    },
  ];
}

/** The engine's bridges, and the host's ends of its containers' links. */
function dockerLinks({ host, state, expected }: Case): readonly Link[] {
  const bridges = bridgeNames({ state, expected });
  return (host?.links ?? []).filter(
    ({ name, kind, peer }) =>
      bridges.has(name) ||
      (kind === 'veth' &&
        state.namespaces.some((ns) => ns.kind === 'container' && ns.name === peer?.namespace)),
  );
}
