/**
 * What the bridge driver makes in the kernel besides rules: links, addresses, connected routes, sysctls; and its proxies.
 * In: a Script and the generation. Out: planned values with reasons. IPv4 only; veth names are random and not planned.
 * Sources: libnetwork drivers/bridge (setup_device, setup_ipv4, setup_ip_forwarding, setup_bridgenetfiltering) of both generations.
 */
import type { Route, Sysctl } from '../../host/state.ts';
import { formatAddr } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import type { Generation, PlannedLink, PlannedProxy } from '../plan.ts';
import type { BridgeNetwork } from './network.ts';
import { because, isHairpin, publishedPorts, type Script, usesIptables } from './script.ts';
import { reason } from './steps.ts';

/** The bridges. The default one may be the administrator's; its address is part of the plan all the same. */
export function plannedLinks(script: Script, generation: Generation): readonly PlannedLink[] {
  return script.networks.map((network) => ({
    name: network.bridge,
    kind: 'bridge',
    up: true,
    mtu: mtuOf(script, network, generation),
    addresses:
      network.address === undefined || !network.addressed.value
        ? []
        : [
            {
              prefix: network.address,
              scope: 'global',
              reason: reason('give the bridge its address', subnetBecause(network)),
            },
          ],
    reason: reason('make the bridge of a network', network.because, network.mtu.because),
  }));
}

/** G1 sets the MTU on veths alone; a bridge takes the least of its ports' and has the kernel's default without any. */
function mtuOf(script: Script, network: BridgeNetwork, generation: Generation): number {
  const hasPort = script.endpoints.some((endpoint) => endpoint.network === network);
  return generation === 'G1' && !hasPort ? 1500 : network.mtu.value;
}

function subnetBecause(network: BridgeNetwork): Because {
  return network.subnet?.because ?? network.because;
}

/** The route that the kernel adds with each bridge address. */
export function plannedRoutes(script: Script): readonly Route[] {
  return script.networks.flatMap((network): readonly Route[] => {
    if (network.subnet === undefined || network.address === undefined || !network.addressed.value) return [];
    return [
      {
        family: 'ipv4',
        type: 'unicast',
        dst: network.subnet.value,
        table: 'main',
        dev: network.bridge,
        preferredSource: network.address.addr,
        metric: 0,
        scope: 'link',
        flags: [],
        reason: reason("reach the network through the bridge's address", subnetBecause(network)),
      },
    ];
  });
}

/** Sysctls that the engine writes. */
export function plannedSysctls(script: Script, generation: Generation): ReadonlyMap<string, Sysctl> {
  const proxy = because(script, 'userland-proxy');
  const hairpin = isHairpin(script);
  const wanted: [string, Sysctl][] = [];
  if (script.options.settings['ip-forward'].value) {
    const why = reason('forward packets between containers and elsewhere', because(script, 'ip-forward'));
    wanted.push(['net.ipv4.ip_forward', { value: '1', reason: why }]);
  }
  for (const { bridge } of hairpin ? script.networks : []) {
    const why = reason('route loopback addresses to published ports', proxy);
    wanted.push([`net.ipv4.conf.${bridge}.route_localnet`, { value: '1', reason: why }]);
  }
  const filtered = script.networks.find(({ icc }) => !icc.value);
  if (
    usesIptables(script) &&
    (filtered !== undefined || (hairpin && generation === 'G9' && script.networks.length > 0))
  ) {
    const why = reason(
      'let iptables see packets between ports of a bridge',
      ...(filtered === undefined ? [proxy] : [filtered.icc.because]),
      because(script, 'iptables'),
    );
    wanted.push(['net.bridge.bridge-nf-call-iptables', { value: '1', reason: why }]);
  }
  return new Map(wanted);
}

/** The proxies of IPv4 host addresses. */
export function plannedProxies(script: Script): readonly PlannedProxy[] {
  if (isHairpin(script)) return [];
  return script.endpoints.flatMap((endpoint) =>
    publishedPorts(endpoint)
      .filter(({ binding }) => endpoint.network.gatewayMode.value !== 'routed' && binding.hostPort !== 0)
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
