/**
 * Isolation: what keeps networks apart, and internal networks to themselves.
 * In: networks or their sides. Out: steps of the filter table, one form each; generations choose.
 * Source: libnetwork drivers/bridge/setup_ip_tables.go of 17.06, 18.03.1 and 24.0.6, internal/iptabler/network.go of 28.5.
 */
import { formatPrefix } from '../../net/prefix.ts';
import type { BridgeNetwork, NetworkSide } from './network.ts';
import { engineIsAtLeast, type Script } from './script.ts';
import { ensure, reason, remove, type Step } from './steps.ts';

export const stage1 = 'DOCKER-ISOLATION-STAGE-1';
export const stage2 = 'DOCKER-ISOLATION-STAGE-2';

export const answersOnly = ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'] as const;

/**
 * Two drops per pair of networks. The engine walks the other networks in the random order of a Go map; here they
 * come in the order of the networks. The rules never overlap, so their order changes no packet's fate.
 */
export function apartByPairs(network: BridgeNetwork, others: readonly BridgeNetwork[]): readonly Step[] {
  return others
    .filter(
      (other) => !other.internal.value && other.bridge !== network.bridge && other.sides.ipv4 !== undefined,
    )
    .flatMap((other) => {
      const why = reason('keep networks apart', network.because, other.because);
      const apart = (from: BridgeNetwork, to: BridgeNetwork) =>
        ensure(why, '-I', 'DOCKER-ISOLATION', '-i', from.bridge, '-o', to.bridge, '-j', 'DROP');
      return [apart(network, other), apart(other, network)];
    });
}

/** Two rules per network; those of stage 1 go to the top of their chain up to 27, to its end since 28. */
export function apartByStages(
  { bridge, because }: Pick<BridgeNetwork, 'bridge' | 'because'>,
  place: '-I' | '-A',
): readonly Step[] {
  const why = reason('keep networks apart', because);
  return [
    ensure(why, '-t', 'filter', place, stage1, '-i', bridge, '!', '-o', bridge, '-j', stage2),
    ensure(why, '-t', 'filter', '-I', stage2, '-o', bridge, '-j', 'DROP'),
  ];
}

/** Other networks reach a routed one, whose ports alone are open. */
export function openRouted({
  bridge,
  gatewayMode,
}: Pick<NetworkSide, 'bridge' | 'gatewayMode'>): readonly Step[] {
  if (gatewayMode.value !== 'routed') return [];
  const why = reason('let other networks reach a routed network', gatewayMode.because);
  return [
    ensure(why, '-t', 'filter', '-I', stage1, '-o', bridge, '-j', 'RETURN'),
    ensure(why, '-t', 'filter', '-I', stage1, '-i', bridge, ...answersOnly, '-j', 'ACCEPT'),
  ];
}

/** 28.0.0 keeps apart in both families, whatever the network has; later ones take that back. */
export function withoutStages({ bridge, because }: BridgeNetwork): readonly Step[] {
  const why = reason('remove what 28.0.0 made', because);
  return [
    remove(why, '-D', stage1, '-i', bridge, '!', '-o', bridge, '-j', stage2),
    remove(why, '-D', stage2, '-o', bridge, '-j', 'DROP'),
  ];
}

/** Only the network's own addresses go in and out. IPv6 has link-local ones too: since 24.0.6 they may, within the bridge. */
export function closeInternal(script: Script, side: NetworkSide, chain: string): readonly Step[] {
  const { bridge, internal, because, subnet, family } = side;
  const why = reason('keep an internal network to itself', internal.because, because);
  const prefix = formatPrefix(subnet.value);
  const within = family === 'ipv6' && engineIsAtLeast(script, '24.0.6');
  const [notOut, notIn] = within
    ? [
        ['!', '-o', bridge],
        ['!', '-i', bridge],
      ]
    : [[], []];
  return [
    ensure(why, '-t', 'filter', '-I', chain, '-i', bridge, ...notOut, '!', '-d', prefix, '-j', 'DROP'),
    ensure(why, '-t', 'filter', '-I', chain, ...notIn, '-o', bridge, '!', '-s', prefix, '-j', 'DROP'),
  ];
}
