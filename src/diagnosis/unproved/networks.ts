/**
 * What the engine's networks were made with, or cannot be made with any more: an MTU that holds for the default network alone, pools
 * without a free subnet. In: a case. Out: warnings.
 */

import { bridgeNames } from '../../drift/networks.ts';
import { parseResolvConf } from '../../host/resolv-conf.ts';
import type { Namespace } from '../../host/state.ts';
import { isDefaultBridge, type Network } from '../../intent/intent.ts';
import { candidatePools, chooseSubnet } from '../../intent/ipam.ts';
import { formatPrefix, hostPrefix, overlaps } from '../../net/prefix.ts';
import { takenByRoutes } from '../../plan/taken-subnets.ts';
import type { Patient } from '../candidate.ts';
import { settingEvidence } from '../evidence.ts';
import type { Evidence } from '../finding.ts';
import type { Detector } from './case.ts';

const mtuOption = 'com.docker.network.driver.mtu';

/** Networks that somebody made without an MTU, and whose bridge has a larger one than the daemon's option asks for. */
export function networksWithoutMtu(patient: Patient, host: Namespace | undefined): readonly Network[] {
  const { expected } = patient;
  const mtu = expected?.options.settings.mtu;
  if (mtu === undefined || mtu.origin.kind === 'default') return [];
  const names = [...bridgeNames(patient)];
  return names.flatMap(([name, network]) => {
    const link = host?.links.find((l) => l.name === name);
    const larger = link !== undefined && link.mtu > mtu.value && mtu.value > 0;
    return larger && !isDefaultBridge(network) && network.options[mtuOption] === undefined ? [network] : [];
  });
}

export const mtuOfDefaultAlone: Detector = (patient) => {
  const { expected, host } = patient;
  const networks = networksWithoutMtu(patient, host);
  const [first] = networks;
  if (expected === undefined || first === undefined) return [];
  const { value, origin } = expected.options.settings.mtu;
  const bridges = [...bridgeNames(patient)].filter(([, network]) => networks.includes(network));
  return [
    {
      cause: 'mtu-not-on-user-networks',
      severity: 'warning',
      params: { mtu: String(value), networks: networks.map(({ name }) => name).join(', ') },
      hop: bridges[0]?.[0] ?? first.name,
      because: [{ setting: 'mtu', value, origin }],
      evidence: [
        ...settingEvidence(origin, patient),
        ...bridges.map(([name]) => ({
          file: 'ip-link.json',
          text: `${name}: mtu ${host?.links.find((l) => l.name === name)?.mtu}`,
        })),
      ],
      repairs: [
        {
          kind: 'config',
          change: `recreate the networks ${networks.map(({ name }) => name).join(', ')} with -o ${mtuOption}=${value}`,
        },
      ],
    },
  ];
};

/** The next `docker network create` without a subnet fails, or one has failed already. */
export const exhaustedPools: Detector = (patient) => {
  const { expected, host, messages } = patient;
  if (expected === undefined || host === undefined) return [];
  const pools = expected.options.settings['default-address-pools'];
  const servers = parseResolvConf(host.resolvConf ?? '').nameservers.filter(
    ({ family }) => family === 'ipv4',
  );
  const networks = expected.intent.networks.flatMap(({ ipam }) => ipam.map(({ subnet }) => subnet));
  const routes = takenByRoutes(host, expected.generation);
  const taken = [...routes, ...networks, ...servers.map(hostPrefix)];
  const candidates = [...candidatePools(pools.value)];
  const full = candidates.length > 0 && chooseSubnet(candidates, taken) === undefined;
  const said = messages().findLast(({ slug }) => slug === 'no-free-subnet');
  if (!full && said === undefined) return [];
  // What takes most of the pools at once: a VPN's route, or a LAN's.
  const wide = routes.filter((route) => candidates.filter((pool) => overlaps(route, pool)).length > 1);
  const evidence: readonly Evidence[] = [
    ...(said === undefined ? [] : [{ file: 'dockerd.log', line: said.line, text: said.text }]),
    ...wide.map((route) => ({ file: 'ip-route.json', text: formatPrefix(route) })),
    { file: 'docker-network-inspect.json', text: `${networks.length} subnets of networks` },
  ];
  return [
    {
      cause: 'address-pools-exhausted',
      severity: 'warning',
      params: {
        pools: String(candidates.length),
        networks: String(networks.length),
        routes: wide.map(formatPrefix).join(', '),
        full: full ? 'yes' : '',
      },
      hop: 'dockerd',
      because: [],
      evidence,
      repairs: [
        { kind: 'command', change: 'docker network prune' },
        {
          kind: 'config',
          change:
            'add "default-address-pools": [{"base": "10.200.0.0/16", "size": 24}] to daemon.json, then restart dockerd',
        },
      ],
    },
  ];
};
