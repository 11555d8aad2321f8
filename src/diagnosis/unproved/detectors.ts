/**
 * The detectors, in one list: each says by itself what it looks for. In: a case. Out: findings without a proof.
 */
import type { Finding } from '../finding.ts';
import { foreignPublishAddresses, fullNetworks, unreadyBridge } from './addresses.ts';
import { networksWithoutIpv4, separateNetworks, unmappedPorts } from './apart.ts';
import { unfilteredBridges } from './bridge-netfilter.ts';
import { containersByRequest } from './by-request.ts';
import { type Case, type Detector, findingOf } from './case.ts';
import { staleConnections } from './conntrack.ts';
import { failedContainers } from './container-start.ts';
import { busyResolver, contendedLock, missingExtensions, unreadableTables } from './engine-log.ts';
import { twoEngines } from './engines.ts';
import { otherZones } from './firewalld.ts';
import { uselessPortRules } from './host-ports.ts';
import { settingsNotInForce } from './in-force.ts';
import { intentDifferences } from './intent.ts';
import { hiddenClients, ignoredAdvertisements, missingNeighbourProxy } from './ipv6.ts';
import { fullConntrack, wrongChecksums } from './kernel.ts';
import { upgradedKernel } from './kernel-modules.ts';
import { networkdClaims, networkManagerClaims } from './link-managers.ts';
import { missingGatewayNames } from './names.ts';
import { exhaustedPools, mtuOfDefaultAlone } from './networks.ts';
import { oldLibseccomp, windowsLoopback } from './platform.ts';
import { fallbackResolvers, loopbackResolvers, unknownResolverPorts } from './resolvers.ts';
import { missedSubnets, outdatedNeighbours, uplinkInVrf } from './routing.ts';
import { earlyPrograms, invalidDropped } from './rules.ts';
import { refusedStart } from './start.ts';
import { inconsistentStore } from './store.ts';
import { addresslessUplink, smallUplink } from './uplink.ts';
import { unansweredOutside } from './upstream.ts';

const detectors: readonly Detector[] = [
  refusedStart,
  failedContainers,
  addresslessUplink,
  smallUplink,
  mtuOfDefaultAlone,
  exhaustedPools,
  twoEngines,
  otherZones,
  uselessPortRules,
  networkdClaims,
  networkManagerClaims,
  loopbackResolvers,
  fallbackResolvers,
  unknownResolverPorts,
  settingsNotInForce,
  intentDifferences,
  containersByRequest,
  separateNetworks,
  networksWithoutIpv4,
  unmappedPorts,
  unfilteredBridges,
  missedSubnets,
  uplinkInVrf,
  outdatedNeighbours,
  ignoredAdvertisements,
  missingNeighbourProxy,
  hiddenClients,
  missingGatewayNames,
  foreignPublishAddresses,
  fullNetworks,
  unreadyBridge,
  staleConnections,
  fullConntrack,
  wrongChecksums,
  upgradedKernel,
  oldLibseccomp,
  windowsLoopback,
  invalidDropped,
  earlyPrograms,
  contendedLock,
  busyResolver,
  unreadableTables,
  missingExtensions,
  inconsistentStore,
  unansweredOutside,
];

export function unprovedFindings(patient: Case): readonly Finding[] {
  return detectors.flatMap((detect) => detect(patient).map(findingOf));
}
