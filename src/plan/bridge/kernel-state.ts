/**
 * What the bridge driver makes in the kernel besides rules: links, addresses, connected routes, sysctls; and its proxies.
 * In: a Script and the generation. Out: planned values with reasons. Veth names are random and not planned.
 * Sources: libnetwork drivers/bridge (setup_device, setup_ipv4, setup_ipv6, setup_ip_forwarding, setup_bridgenetfiltering) of
 * 17.06 to 29.7.
 */
import type { LinkAddress, Route, Sysctl } from '../../host/state.ts';
import { formatAddr, ipv6 } from '../../net/addr.ts';
import type { Reason } from '../../net/reason.ts';
import { isSince } from '../generation.ts';
import type { Generation, PlannedLink, PlannedProxy } from '../plan.ts';
import type { BridgeNetwork, NetworkSide } from './network.ts';
import { isMapped, publishedPorts } from './ports.ts';
import {
  because,
  becauseTables,
  engineIsAtLeast,
  isHairpin,
  type Script,
  usedFamilies,
  usesTables,
} from './script.ts';
import { reason } from './steps.ts';

/** The bridges. The default one may be the administrator's; its address is part of the plan all the same. */
export function plannedLinks(script: Script, generation: Generation): readonly PlannedLink[] {
  return script.networks.map((network) => ({
    name: network.bridge,
    kind: 'bridge',
    up: true,
    mtu: mtuOf(script, network),
    addresses: sidesOf(network).flatMap((side) => addressesOf(side, generation)),
    reason: reason('make the bridge of a network', network.because, network.mtu.because),
  }));
}

function sidesOf({ sides }: BridgeNetwork): readonly NetworkSide[] {
  return [sides.ipv4, sides.ipv6].filter((side) => side !== undefined);
}

/** Until 27 every bridge with IPv6 has fe80::1 too, beside the address that the kernel makes of its MAC. */
function addressesOf(side: NetworkSide, generation: Generation): readonly LinkAddress[] {
  if (side.address === undefined || !side.addressed.value) return [];
  const own: LinkAddress = {
    prefix: side.address,
    scope: 'global',
    reason: reason('give the bridge its address', side.subnet.because),
  };
  if (side.family === 'ipv4' || isSince(generation, 'G5')) return [own];
  const linkLocal = { addr: ipv6((0xfe80n << 112n) | 1n), bits: 64 };
  const why = reason('give the bridge a link-local address that is always the same', side.because);
  return [own, { prefix: linkLocal, scope: 'link', reason: why }];
}

/** Until 24 the MTU is set on veths alone; a bridge takes the least of its ports' and has the kernel's default without any. */
function mtuOf(script: Script, network: BridgeNetwork): number {
  const hasPort = script.endpoints.some((endpoint) => endpoint.network === network);
  return engineIsAtLeast(script, '25.0') || hasPort ? network.mtu.value : 1500;
}

/** The routes that the kernel adds with the bridges' addresses; an IPv6 one names no source. */
export function plannedRoutes(script: Script): readonly Route[] {
  return script.networks.flatMap(sidesOf).flatMap((side): readonly Route[] => {
    const { family, subnet, address } = side;
    if (address === undefined || !side.addressed.value) return [];
    return [
      {
        family,
        type: 'unicast',
        dst: subnet.value,
        table: 'main',
        dev: side.bridge,
        ...(family === 'ipv4' ? { preferredSource: address.addr } : {}),
        metric: family === 'ipv4' ? 0 : 256,
        scope: family === 'ipv4' ? 'link' : 'global',
        flags: [],
        reason: reason("reach the network through the bridge's address", subnet.because),
      },
    ];
  });
}

/** Sysctls that the engine writes. */
export function plannedSysctls(script: Script, generation: Generation): ReadonlyMap<string, Sysctl> {
  const entry = (name: string, value: string, why: Reason): [string, Sysctl] => [
    name,
    { value, reason: why },
  ];
  const route = reason('route loopback addresses to published ports', because(script, 'userland-proxy'));
  return new Map([
    ...forwarding(script, generation).map(([name, why]) => entry(name, '1', why)),
    ...script.networks.flatMap((network) => [
      ...(isHairpin(script) ? [entry(`net.ipv4.conf.${network.bridge}.route_localnet`, '1', route)] : []),
      ...ownIpv6(network).map(([name, value, why]) => entry(name, value, why)),
    ]),
    ...bridgeFiltering(script, generation).map(([name, why]) => entry(name, '1', why)),
  ]);
}

/** IPv4 with the first network, IPv6 with the first that has it. With nftables the engine only looks, and makes no network where it is off. */
function forwarding(script: Script, generation: Generation): readonly (readonly [string, Reason])[] {
  if (!script.options.settings['ip-forward'].value || generation === 'N1') return [];
  const option = because(script, 'ip-forward');
  const six = script.networks.find(({ sides }) => sides.ipv6 !== undefined);
  const forward = reason('forward packets between containers and elsewhere', option);
  if (six === undefined) return [['net.ipv4.ip_forward', forward]];
  const forward6 = reason('forward IPv6 packets between containers and elsewhere', option, six.because);
  return [
    ['net.ipv4.ip_forward', forward],
    ['net.ipv6.conf.default.forwarding', forward6],
    ['net.ipv6.conf.all.forwarding', forward6],
  ];
}

/** A bridge does not listen to routers in its network, and has IPv6 where the network has, unless it is isolated. */
function ownIpv6({ bridge, sides }: BridgeNetwork): readonly (readonly [string, string, Reason])[] {
  const side = sides.ipv6;
  if (side === undefined) return [];
  const isolated = side.gatewayMode.value === 'isolated';
  return [
    [`net.ipv6.conf.${bridge}.accept_ra`, '0', reason('hear no routers on the bridge', side.because)],
    [
      `net.ipv6.conf.${bridge}.disable_ipv6`,
      isolated ? '1' : '0',
      isolated
        ? reason('keep the host out of an isolated network', side.gatewayMode.because)
        : reason('give the bridge IPv6', side.because),
    ],
  ];
}

/** Until 26 for the families of a network with icc off; since 27 for all that have rules, and without the userland proxy too. */
function bridgeFiltering(script: Script, generation: Generation): readonly (readonly [string, Reason])[] {
  const filtered = script.networks.find(({ icc }) => !icc.value);
  const since27 = isSince(generation, 'G5');
  const hairpin = since27 && isHairpin(script) && script.networks.length > 0;
  if (filtered === undefined && !hairpin) return [];
  const families = since27
    ? usedFamilies(script)
    : (['ipv4', 'ipv6'] as const).filter(
        (family) =>
          usesTables(script, 'ipv4') &&
          script.networks.some(({ icc, sides }) => !icc.value && sides[family] !== undefined),
      );
  return families.map((family) => [
    `net.bridge.bridge-nf-call-${family === 'ipv4' ? 'iptables' : 'ip6tables'}`,
    reason(
      'let iptables see packets between ports of a bridge',
      filtered?.icc.because ?? because(script, 'userland-proxy'),
      becauseTables(script, since27 ? family : 'ipv4'),
    ),
  ]);
}

/**
 * One proxy for every binding of a host address; a routed port has none. For a request that names no address there is one on ::
 * too, which alone serves IPv6 where the container has IPv4 only.
 */
export function plannedProxies(script: Script): readonly PlannedProxy[] {
  if (isHairpin(script)) return [];
  return script.endpoints.flatMap((endpoint) =>
    publishedPorts(script, endpoint)
      .filter(isMapped)
      .map((port) => ({
        protocol: port.binding.protocol,
        hostAddress: formatAddr(port.hostAddress),
        hostPort: port.binding.hostPort,
        containerAddress: formatAddr(port.containerAddress),
        containerPort: port.binding.containerPort,
        reason: reason(
          'serve a published port on the host',
          because(script, 'userland-proxy'),
          port.because,
          port.addressBecause,
        ),
      })),
  );
}
