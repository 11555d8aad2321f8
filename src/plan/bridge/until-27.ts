/**
 * Engines up to 27: what dockerd does to iptables from the driver's start to the last container, for G1 to G5.
 * In: a Script and what is particular to a generation. Out: steps in the engine's order.
 * Sources: libnetwork of 17.06 to 27.5 (drivers/bridge/bridge*.go, setup_ip_tables*.go, controller.go) and debug logs.
 */
import type { Family } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import { translationJumps } from './chains.ts';
import { dropForwarded, dropForwardedIpv6, userChain } from './forwarding.ts';
import { answersOnly, closeInternal } from './isolation.ts';
import { linkSteps } from './links.ts';
import { masqueradeLocal, masqueradeOut, skipTranslation } from './nat.ts';
import type { BridgeEndpoint, BridgeNetwork, NetworkSide } from './network.ts';
import { fillChecksum, masqueradeSelf, openPort, translate } from './port-rules.ts';
import { isMapped, isTranslated, publishedPorts } from './ports.ts';
import {
  becauseEngine,
  becauseTables,
  engineIsAtLeast,
  isHairpin,
  madeEndpoints,
  madeNetworks,
  restoredEndpoints,
  restoredNetworks,
  type Script,
  turnsForwardingOn,
  usesTables,
} from './script.ts';
import {
  type Course,
  ensure,
  type FamilyStep,
  inFamily,
  jumpFirst,
  reason,
  remove,
  type Step,
} from './steps.ts';
import { withoutContainers, withoutOldDefault } from './withdrawal.ts';

export interface LayoutUntil27 {
  /** The families that the engine has rules for. */
  readonly families: (script: Script) => readonly Family[];
  /** Away with old chains, in with new ones. */
  readonly chains: (script: Script, family: Family) => readonly Step[];
  /** Where FORWARD looks first, and where internal networks have their drops. */
  readonly isolationChain: string;
  /** What keeps a network that is not internal apart from those that were made before it. */
  readonly isolation: (network: BridgeNetwork, earlier: readonly BridgeNetwork[]) => readonly Step[];
  /** DOCKER-USER is put first in these families after every network that is made, whatever its driver. */
  readonly userChains: (script: Script) => readonly UserChain[];
}

export interface UserChain {
  readonly family: Family;
  readonly because: Because;
}

/** One run of such an engine. */
export function courseUntil27(script: Script, layout: LayoutUntil27): Course {
  const families = layout.families(script);
  const network = (made: BridgeNetwork) => networkSteps(script, layout, made);
  const endpoint = (made: BridgeEndpoint) => endpointSteps(script, layout, made);
  const user = layout
    .userChains(script)
    .flatMap(({ family, because }) => inFamily(family, userChain(because, 'returns')));
  const start = [
    ...families.flatMap((family) => inFamily(family, layout.chains(script, family))),
    ...families.flatMap((family) => inFamily(family, forwardPolicy(script, family))),
    ...restoredNetworks(script).flatMap(network),
    ...restoredEndpoints(script).flatMap(endpoint),
    // Since 27.4 the chain does not wait for a network that is made, of which a live restore has none (moby PR 48714).
    ...(engineIsAtLeast(script, '27.4') ? user : []),
    ...Array.from({ length: script.predefinedMade }, () => user).flat(),
    ...withoutOldDefault(script, network),
    ...madeNetworks(script).flatMap((made) => [...network(made), ...user]),
    ...madeEndpoints(script).flatMap(endpoint),
  ];
  return { start, stop: withoutContainers(script, endpoint) };
}

/** Engines before 20.10 know no ip6tables. */
export function onlyIpv4(script: Script): readonly Family[] {
  return usesTables(script, 'ipv4') ? ['ipv4'] : [];
}

/** Engines before 20.10 make the chain even with iptables=false: controller.NewNetwork asks nothing. */
export function userChainAlways(script: Script): readonly UserChain[] {
  return [{ family: 'ipv4', because: becauseEngine(script) }];
}

export function userChainsOf(script: Script, families: readonly Family[]): readonly UserChain[] {
  return families.map((family) => ({ family, because: becauseTables(script, family) }));
}

function forwardPolicy(script: Script, family: Family): readonly Step[] {
  if (family === 'ipv6')
    return script.options.settings['ip-forward'].value ? [dropForwardedIpv6(script)] : [];
  return turnsForwardingOn(script, 'ipv4') ? [dropForwarded(script, 'ipv4')] : [];
}

/** Isolation comes last, and for IPv6 before IPv4; there it does not ask whether the network has IPv6. */
function networkSteps(script: Script, layout: LayoutUntil27, network: BridgeNetwork): readonly FamilyStep[] {
  const families = layout.families(script);
  const at = script.networks.indexOf(network);
  const earlier = at < 0 ? restoredNetworks(script) : script.networks.slice(0, at);
  return [
    ...families.flatMap((family) => {
      const side = network.sides[family];
      return side === undefined ? [] : inFamily(family, sideSteps(script, layout, side));
    }),
    ...families
      .toReversed()
      .filter((family) => !network.internal.value && (family === 'ipv6' || network.sides.ipv4 !== undefined))
      .flatMap((family) => inFamily(family, layout.isolation(network, earlier))),
  ];
}

function sideSteps(script: Script, layout: LayoutUntil27, side: NetworkSide): readonly Step[] {
  const { isolationChain } = layout;
  const isolate = jumpFirst(
    reason('look at isolation before the rules of networks', side.because),
    'FORWARD',
    isolationChain,
  );
  if (side.internal.value)
    return [...closeInternal(script, side, isolationChain), ...interContainer(side), ...isolate];
  return [
    ...addressTranslation(script, side),
    ...interContainer(side),
    ...outgoing(side),
    ...translationJumps(script, side.family),
    ...incoming(side),
    ...isolate,
  ];
}

function addressTranslation(script: Script, side: NetworkSide): readonly Step[] {
  const hairpin = isHairpin(script);
  const out = masqueradeOut(side);
  return [
    ...out,
    ...(out.length > 0 && !hairpin ? [skipTranslation(script, side)] : []),
    // Engines before 23.0 leave the rule where it is when the proxy comes back.
    ...(hairpin || engineIsAtLeast(script, '23.0') ? [masqueradeLocal(script, side, hairpin)] : []),
  ];
}

/** The accept goes to the top of FORWARD, the drop to its end. */
function interContainer({ bridge, icc }: NetworkSide): readonly Step[] {
  const within = ['-i', bridge, '-o', bridge, '-j'];
  const why = reason(
    icc.value ? 'let containers of the network talk' : 'forbid containers of the network to talk',
    icc.because,
  );
  return icc.value
    ? [remove(why, '-D', 'FORWARD', ...within, 'DROP'), ensure(why, '-I', 'FORWARD', ...within, 'ACCEPT')]
    : [remove(why, '-D', 'FORWARD', ...within, 'ACCEPT'), ensure(why, '-A', 'FORWARD', ...within, 'DROP')];
}

function outgoing({ bridge, because }: NetworkSide): readonly Step[] {
  const why = reason('let containers out', because);
  return [ensure(why, '-I', 'FORWARD', '-i', bridge, '!', '-o', bridge, '-j', 'ACCEPT')];
}

function incoming({ bridge, because }: NetworkSide): readonly Step[] {
  const published = reason("let published ports' packets in", because);
  const answers = reason('let answers in', because);
  return [
    ensure(published, '-I', 'FORWARD', '-o', bridge, '-j', 'DOCKER'),
    ensure(answers, '-I', 'FORWARD', '-o', bridge, ...answersOnly, '-j', 'ACCEPT'),
  ];
}

function endpointSteps(
  script: Script,
  layout: LayoutUntil27,
  endpoint: BridgeEndpoint,
): readonly FamilyStep[] {
  const families = layout.families(script);
  const ports = publishedPorts(script, endpoint).filter(
    (port) => isTranslated(port) && families.includes(port.side.family),
  );
  return [
    ...ports.flatMap((port) =>
      inFamily(port.side.family, [
        ...(isMapped(port) ? [translate(script, port)] : []),
        openPort(script, port),
        ...(isMapped(port) ? [masqueradeSelf(script, port)] : []),
        ...fillChecksum(script, port),
      ]),
    ),
    ...(families.includes('ipv4') ? inFamily('ipv4', linkSteps(endpoint)) : []),
  ];
}
