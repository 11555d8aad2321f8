/**
 * Engines since 28: the rules of one side of a network, in the engine's order.
 * In: a Script, a side and where the generation puts its rules. Out: steps; removals of what older engines left are part of it.
 * Sources: moby 28.0.0 (drivers/bridge/setup_ip_tables_linux.go), 28.5.2 and 29.7.2 (internal/iptabler/network.go).
 */
import type { Family } from '../../net/addr.ts';
import { acceptedMark } from './accepted-mark.ts';
import { answersOnly, apartByStages, closeInternal, openRouted, withoutStages } from './isolation.ts';
import { masqueradeLocal, masqueradeOut, skipTranslation } from './nat.ts';
import type { BridgeNetwork, NetworkSide } from './network.ts';
import { because, engineIsAtLeast, isHairpin, type Script } from './script.ts';
import { ensure, reason, remove, type Step } from './steps.ts';

/** Where a generation puts the rules of networks. */
export interface NetworkLayout {
  /** The chain in which traffic of networks is accepted. */
  readonly forward: 'FORWARD' | 'DOCKER-FORWARD';
  /** The chain with the drops of internal networks. */
  readonly internal: 'DOCKER-ISOLATION-STAGE-1' | 'DOCKER-INTERNAL';
  /** Networks are kept apart by the two stages; else by the drop at the end of DOCKER alone. */
  readonly stages: boolean;
}

/** The rules of one family of a network, which need not be enabled on it. */
export function networkSteps(
  script: Script,
  network: BridgeNetwork,
  family: Family,
  layout: NetworkLayout,
): readonly Step[] {
  const side = network.sides[family];
  if (side === undefined) return absentSide(network, layout);
  if (side.internal.value)
    return [...closeInternal(script, side, layout.internal), ...interContainer(side, layout)];
  return [
    ...acceptMarked(script),
    ...addressTranslation(script, side, layout),
    ...interContainer(side, layout),
    ...outgoing(side, layout),
    ...incoming(side, layout),
    ...(layout.stages ? [...openRouted(side), ...apartByStages(side, '-A')] : []),
  ];
}

/** 28.0.0 does not ask whether the network has the family. */
function absentSide(network: BridgeNetwork, { forward, stages }: NetworkLayout): readonly Step[] {
  if (!stages) return [];
  if (forward === 'DOCKER-FORWARD') return withoutStages(network);
  return network.internal.value ? [] : apartByStages(network, '-A');
}

/** What the administrator marks may go everywhere. */
function acceptMarked(script: Script): readonly Step[] {
  const accepted = acceptedMark(script);
  if (accepted === undefined) return [];
  const { mark, mask } = accepted;
  const why = reason('let packets with a mark go everywhere', because(script, 'bridge-accept-fwmark'));
  const value = mask === undefined ? `${mark}` : `${mark}/${mask}`;
  return [
    ensure(why, ...['-t', 'filter', '-I', 'DOCKER-FORWARD', '-m', 'mark', '--mark', value, '-j', 'ACCEPT']),
  ];
}

function addressTranslation(script: Script, side: NetworkSide, layout: NetworkLayout): readonly Step[] {
  const hairpin = isHairpin(script);
  return [
    ...masqueradeOut(side),
    ...(skips(script, side, layout) ? [skipTranslation(script, side)] : []),
    masqueradeLocal(script, side, hairpin),
  ];
}

/** The proxy serves containers too, unless networks may reach each other's ports. 28.0.0 and 28.0.1 skip it for all routed networks. */
function skips(script: Script, { masquerade, gatewayMode }: NetworkSide, { stages }: NetworkLayout): boolean {
  if (!stages) return false;
  if (gatewayMode.value === 'routed' && !engineIsAtLeast(script, '28.0.2')) return true;
  return masquerade.value && !isHairpin(script);
}

/** Only internal networks need the accept: others have one for all that comes out of the bridge. */
function interContainer({ bridge, icc, internal }: NetworkSide, { forward }: NetworkLayout): readonly Step[] {
  const within = ['-i', bridge, '-o', bridge, '-j'];
  const why = reason(
    icc.value ? 'let containers of the network talk' : 'forbid containers of the network to talk',
    icc.because,
    ...(internal.value ? [internal.because] : []),
  );
  return [
    icc.value && internal.value
      ? ensure(why, '-t', 'filter', '-A', forward, ...within, 'ACCEPT')
      : remove(why, '-t', 'filter', '-D', forward, ...within, 'ACCEPT'),
    icc.value
      ? remove(why, '-t', 'filter', '-D', forward, ...within, 'DROP')
      : ensure(why, '-t', 'filter', '-A', forward, ...within, 'DROP'),
    ...(forward === 'FORWARD'
      ? []
      : ['ACCEPT', 'DROP'].map((target) => remove(why, '-t', 'filter', '-D', 'FORWARD', ...within, target))),
  ];
}

function outgoing(side: NetworkSide, { forward }: NetworkLayout): readonly Step[] {
  const { bridge, icc } = side;
  const out = reason(
    icc.value ? 'let containers out and to each other' : 'let containers out',
    icc.because,
    side.because,
  );
  const anywhere = ['-i', bridge, '-j', 'ACCEPT'];
  const elsewhere = ['-i', bridge, '!', '-o', bridge, '-j', 'ACCEPT'];
  const old = reason('remove what older engines made', side.because);
  const oldRule = (rule: readonly string[]) => remove(old, '-t', 'filter', '-D', 'FORWARD', ...rule);
  const moved = forward === 'DOCKER-FORWARD';
  return [
    ...letPingIn(side),
    ...(moved || icc.value ? [oldRule(elsewhere)] : []),
    ensure(out, '-t', 'filter', '-A', forward, ...(icc.value ? anywhere : elsewhere)),
    ...(moved && icc.value ? [oldRule(anywhere)] : []),
  ];
}

function letPingIn({ bridge, gatewayMode, family }: NetworkSide): readonly Step[] {
  if (gatewayMode.value !== 'routed') return [];
  const protocol = family === 'ipv4' ? 'icmp' : 'icmpv6';
  const why = reason('let ping into a routed network', gatewayMode.because);
  return [ensure(why, '-t', 'filter', '-A', 'DOCKER', '-o', bridge, '-p', protocol, '-j', 'ACCEPT')];
}

/** In 28.0.0 a set of subnets stands for the last two rules, and they are made with the chains. */
function incoming(side: NetworkSide, { forward }: NetworkLayout): readonly Step[] {
  const { bridge, gatewayMode } = side;
  const unprotected = gatewayMode.value === 'nat-unprotected';
  const old = reason('remove what older engines made', side.because);
  const rest = reason(
    unprotected ? 'let everything in' : 'keep out what no published port lets in',
    ...(unprotected ? [gatewayMode.because] : []),
    side.because,
  );
  const answers = ['-o', bridge, ...answersOnly, '-j', 'ACCEPT'];
  const target = unprotected ? 'ACCEPT' : 'DROP';
  return [
    remove(old, '-D', 'FORWARD', '-o', bridge, '-j', 'DOCKER'),
    remove(old, '-D', 'FORWARD', ...answers),
    ensure(rest, '-t', 'filter', '-A', 'DOCKER', '!', '-i', bridge, '-o', bridge, '-j', target),
    ...(forward === 'FORWARD'
      ? []
      : [
          ensure(reason('let answers in', side.because), ...['-t', 'filter', '-A', 'DOCKER-CT', ...answers]),
          ensure(
            reason("let published ports' packets in", side.because),
            ...['-t', 'filter', '-A', 'DOCKER-BRIDGE', '-o', bridge, '-j', 'DOCKER'],
          ),
        ]),
  ];
}
