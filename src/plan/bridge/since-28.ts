/**
 * Engines since 28: what dockerd does to iptables from the driver's start to the last container, for G6 to G10.
 * In: a Script and what is particular to a generation. Out: steps in the engine's order. A network's rules are in `network-since-28.ts`.
 * Sources: moby 28.0.0, 28.1.1, 28.5.2 and 29.7.2 (libnetwork/drivers/bridge, libnetwork/firewall_linux.go) and debug logs.
 */
import type { Family } from '../../net/addr.ts';
import { mirroredLoopback } from './chains.ts';
import { guardEndpoint } from './direct-access.ts';
import { dropForwarded, userChain } from './forwarding.ts';
import { linkSteps } from './links.ts';
import type { BridgeEndpoint, BridgeNetwork } from './network.ts';
import { type NetworkLayout, networkSteps } from './network-since-28.ts';
import { fillChecksum, guardLoopback, guardPort, masqueradeSelf, openPort, translate } from './port-rules.ts';
import { isMapped, isTranslated, type PublishedPort, publishedPorts } from './ports.ts';
import {
  becauseTables,
  madeEndpoints,
  madeNetworks,
  restoredEndpoints,
  restoredNetworks,
  type Script,
  turnsForwardingOn,
  usedFamilies,
} from './script.ts';
import { type Course, type FamilyStep, inFamily, type Step } from './steps.ts';
import { withoutContainers, withoutOldDefault } from './withdrawal.ts';

export interface LayoutSince28 {
  readonly network: NetworkLayout;
  /** Away with old chains, in with new ones and the jumps to them. */
  readonly chains: (script: Script, family: Family) => readonly Step[];
  /** What older engines left in FORWARD. */
  readonly oldRules: (script: Script, family: Family) => readonly Step[];
  /** Containers' own addresses are guarded port by port, or as a whole. */
  readonly guards: 'ports' | 'endpoints';
  readonly userChain: 'returns' | 'ends';
}

/** One run of such an engine. Nothing at all of a family without its tables. */
export function courseSince28(script: Script, layout: LayoutSince28): Course {
  const families = usedFamilies(script);
  const network = (made: BridgeNetwork) => [
    ...families.flatMap((family) => inFamily(family, forwardPolicy(script, made, family))),
    ...families.flatMap((family) => inFamily(family, networkSteps(script, made, family, layout.network))),
  ];
  const endpoint = (made: BridgeEndpoint) => endpointSteps(script, layout, made);
  const start = [
    ...families.flatMap((family) => inFamily(family, chainSetup(script, layout, family))),
    ...restoredNetworks(script).flatMap(network),
    ...restoredEndpoints(script).flatMap(endpoint),
    ...families.flatMap((family) => inFamily(family, userChainSteps(script, layout, family))),
    ...withoutOldDefault(script, network),
    ...madeNetworks(script).flatMap(network),
    ...madeEndpoints(script).flatMap(endpoint),
  ];
  return { start, stop: withoutContainers(script, endpoint) };
}

function chainSetup(script: Script, layout: LayoutSince28, family: Family): readonly Step[] {
  return [
    ...layout.chains(script, family),
    ...mirroredLoopback(script, family),
    ...layout.oldRules(script, family),
  ];
}

/** In 28.x DOCKER_FIREWALL_BACKEND=nftables leaves this chain out, and nothing else (captures of 28.5.2). */
function userChainSteps(script: Script, layout: LayoutSince28, family: Family): readonly Step[] {
  if (script.options.env.DOCKER_FIREWALL_BACKEND === 'nftables') return [];
  return userChain(becauseTables(script, family), layout.userChain);
}

/** Forwarding is turned on with the first network that has the family, wherever it comes from. */
function forwardPolicy(script: Script, network: BridgeNetwork, family: Family): readonly Step[] {
  const first = [...restoredNetworks(script), ...madeNetworks(script)].find(
    ({ sides }) => sides[family] !== undefined,
  );
  const drops = turnsForwardingOn(script, family) && !script.options.settings['ip-forward-no-drop'].value;
  return network === first && drops ? [dropForwarded(script, family)] : [];
}

function endpointSteps(
  script: Script,
  layout: LayoutSince28,
  endpoint: BridgeEndpoint,
): readonly FamilyStep[] {
  const families = usedFamilies(script);
  return [
    ...(layout.guards === 'endpoints'
      ? families.flatMap((family) => inFamily(family, guardEndpoint(script, endpoint, family)))
      : []),
    ...publishedPorts(script, endpoint)
      .filter(({ side }) => families.includes(side.family))
      .flatMap((port) => inFamily(port.side.family, portSteps(script, layout, port))),
    ...(families.includes('ipv4') ? inFamily('ipv4', linkSteps(endpoint)) : []),
  ];
}

/** Where only the proxy leads from the host address to the container, the container is guarded all the same. */
function portSteps(script: Script, layout: LayoutSince28, port: PublishedPort): readonly Step[] {
  const mapped = isMapped(port);
  return [
    ...(mapped ? guardLoopback(script, port) : []),
    ...guardPort(script, port, layout.guards === 'ports'),
    ...(isTranslated(port) ? translationSteps(script, port, mapped) : []),
  ];
}

function translationSteps(script: Script, port: PublishedPort, mapped: boolean): readonly Step[] {
  return [
    ...(mapped ? [translate(script, port), masqueradeSelf(script, port)] : []),
    ...(port.side.gatewayMode.value === 'nat-unprotected'
      ? []
      : [openPort(script, port), ...fillChecksum(script, port)]),
  ];
}
