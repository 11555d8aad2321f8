/**
 * Bridge networks as the driver sees them: every setting resolved, every one with its Because.
 * In: Options, Intent and the generation. Out: the bridge networks in the engine's order, their endpoints, and notes.
 * The default network follows the Options, the others their own options; it makes no rule and no link.
 */
import { isDefaultBridge } from '../../intent/inspect.ts';
import type { Endpoint, Intent, Network, Sandbox } from '../../intent/intent.ts';
import { gatewayOf } from '../../intent/ipam.ts';
import { type Ipv4Addr, ipv4, parseAddr } from '../../net/addr.ts';
import { maskPrefix, type Prefix } from '../../net/prefix.ts';
import type { Because } from '../../net/reason.ts';
import type { Options } from '../../options/options.ts';
import type { Generation } from '../plan.ts';
import {
  becauseNetwork,
  becauseOption,
  type Choice,
  type GatewayMode,
  gatewayModes,
  isInterfaceName,
  labels,
  networkOptions,
} from './choices.ts';

export interface BridgeNetwork {
  readonly network: Network;
  /** Interface name. */
  readonly bridge: string;
  readonly isDefault: boolean;
  /** Restored from the store when the driver was loaded, before any network was made. */
  readonly restored: boolean;
  /** Why the network is there at all. */
  readonly because: Because;
  readonly internal: Choice<boolean>;
  readonly icc: Choice<boolean>;
  readonly masquerade: Choice<boolean>;
  /** Bytes. */
  readonly mtu: Choice<number>;
  /** Host address of ports that name none; undefined when it is an IPv6 address. */
  readonly hostBinding: Choice<Ipv4Addr | undefined>;
  readonly gatewayMode: Choice<GatewayMode>;
  /** SNAT to this address in place of MASQUERADE. */
  readonly hostAddress?: Choice<Ipv4Addr>;
  readonly trustedInterfaces: Choice<readonly string[]>;
  /** False: the bridge gets no IPv4 address. */
  readonly addressed: Choice<boolean>;
  /** Undefined without IPv4. */
  readonly subnet?: Choice<Prefix>;
  /** The bridge's own address with the subnet's length. */
  readonly address?: Prefix;
}

export interface BridgeEndpoint {
  readonly network: BridgeNetwork;
  readonly sandbox: Sandbox;
  readonly endpoint: Endpoint;
  /** Undefined on a network without IPv4. */
  readonly address?: Ipv4Addr;
}

export interface BridgeNetworks {
  readonly networks: readonly BridgeNetwork[];
  /** In the order in which the engine made them. */
  readonly endpoints: readonly BridgeEndpoint[];
  /** What was left out, one line each. */
  readonly notes: readonly string[];
}

/** Resolves all bridge networks and the endpoints of running containers on them. */
export function bridgeNetworks(options: Options, intent: Intent, generation: Generation): BridgeNetworks {
  const notes: string[] = [];
  const note = (line: string) => notes.push(line);
  const defaultAt = intent.networks.findIndex(isDefaultBridge);
  const networks = intent.networks.flatMap((network, index) => {
    if (network.driver !== 'bridge') return [];
    const isDefault = index === defaultAt;
    if (isDefault && options.settings.bridge.value === 'none') return [];
    const resolved = isDefault ? defaultNetwork(network, options) : userNetwork(network, generation, note);
    if (!isInterfaceName(resolved.bridge)) {
      note(`network ${network.name}: ${JSON.stringify(resolved.bridge)} is no interface name`);
      return [];
    }
    if (network.ipv6) note(`network ${network.name}: its IPv6 addresses, routes and ip6tables rules`);
    return [resolved];
  });
  const byId = new Map(networks.map((resolved) => [resolved.network.id, resolved]));
  return { networks, endpoints: orderedEndpoints(intent, byId), notes };
}

function defaultNetwork(network: Network, options: Options): BridgeNetwork {
  const { settings } = options;
  const choice = <K extends 'icc' | 'ip-masq'>(name: K): Choice<boolean> => ({
    value: settings[name].value,
    because: becauseOption(options, name),
  });
  const bound = parseAddr(settings.ip.value === '' ? '0.0.0.0' : settings.ip.value);
  return {
    network,
    bridge: settings.bridge.value || 'docker0',
    isDefault: true,
    restored: network.restored === true,
    because: { ...becauseOption(options, 'bridge'), value: settings.bridge.value || 'docker0' },
    internal: fixed('internal', false),
    icc: choice('icc'),
    masquerade: choice('ip-masq'),
    mtu: { value: settings.mtu.value || 1500, because: becauseOption(options, 'mtu') },
    hostBinding: {
      value: bound?.family === 'ipv4' ? bound : undefined,
      because: becauseOption(options, 'ip'),
    },
    gatewayMode: fixed(labels.gatewayMode, 'nat'),
    trustedInterfaces: { value: [], because: fixed(labels.trusted, '').because },
    addressed: fixed(labels.inhibitIpv4, true),
    ...addressing(network, defaultSubnetBecause(options, network)),
  };
}

function userNetwork(network: Network, generation: Generation, note: (line: string) => void): BridgeNetwork {
  const own = networkOptions(network, note);
  // 17.06 does not know these labels and ignores them.
  const since28 = generation === 'G9';
  const gatewayMode: Choice<GatewayMode> = since28
    ? own.word(labels.gatewayMode, gatewayModes, 'nat')
    : fixed(labels.gatewayMode, 'nat');
  const hostAddress = since28 ? own.address(labels.hostIpv4) : undefined;
  const inhibited = since28 ? own.flag(labels.inhibitIpv4, false) : fixed(labels.inhibitIpv4, false);
  const binding = own.text(labels.hostBinding);
  const trusted = since28 ? own.text(labels.trusted) : undefined;
  const mtu = own.number(labels.mtu, 0);
  return {
    network,
    bridge: own.text(labels.bridgeName)?.value || `br-${network.id.slice(0, 12)}`,
    isDefault: false,
    restored: network.restored === true,
    because: becauseNetwork(network),
    internal: {
      value: network.internal,
      because: {
        setting: 'internal',
        value: network.internal,
        origin: { kind: 'network', network: network.name },
      },
    },
    icc: own.flag(labels.icc, true),
    masquerade: own.flag(labels.masquerade, true),
    mtu: { value: mtu.value || 1500, because: mtu.because },
    hostBinding: {
      value: binding === undefined ? ipv4(0) : own.address(labels.hostBinding)?.value,
      because: binding?.because ?? fixed(labels.hostBinding, '0.0.0.0').because,
    },
    gatewayMode,
    ...(hostAddress === undefined ? {} : { hostAddress }),
    trustedInterfaces: {
      value: (trusted?.value ?? '').split(':').filter(isInterfaceName),
      because: trusted?.because ?? fixed(labels.trusted, '').because,
    },
    addressed: {
      value: !inhibited.value && gatewayMode.value !== 'isolated',
      because: inhibited.value ? inhibited.because : gatewayMode.because,
    },
    ...addressing(network, becauseNetwork(network)),
  };
}

function fixed<T extends Because['value']>(setting: string, value: T): Choice<T> {
  return { value, because: { setting, value, origin: { kind: 'default' } } };
}

function addressing(network: Network, because: Because): Pick<BridgeNetwork, 'subnet' | 'address'> {
  const config = network.ipam.find(({ subnet }) => subnet.addr.family === 'ipv4');
  if (!network.ipv4 || config === undefined) return {};
  const gateway = gatewayOf(config);
  return {
    subnet: { value: maskPrefix(config.subnet), because },
    ...(gateway === undefined ? {} : { address: { addr: gateway, bits: config.subnet.bits } }),
  };
}

function defaultSubnetBecause(options: Options, network: Network): Because {
  for (const name of ['bip', 'fixed-cidr', 'default-address-pools'] as const) {
    if (options.settings[name].value.length > 0) return becauseOption(options, name);
  }
  return becauseNetwork(network);
}

function orderedEndpoints(
  intent: Intent,
  networks: ReadonlyMap<string, BridgeNetwork>,
): readonly BridgeEndpoint[] {
  const endpoints = intent.sandboxes
    .filter((sandbox) => sandbox.running)
    .flatMap((sandbox) =>
      sandbox.endpoints.flatMap((endpoint) => {
        const network = networks.get(endpoint.network);
        if (network === undefined) return [];
        const address = endpoint.addresses.map(({ addr }) => addr).find((addr) => addr.family === 'ipv4');
        return [{ network, sandbox, endpoint, ...(address === undefined ? {} : { address }) }];
      }),
    );
  if (endpoints.some(({ endpoint }) => endpoint.sequence === undefined)) return endpoints;
  return endpoints.sort((a, b) => (a.endpoint.sequence ?? 0) - (b.endpoint.sequence ?? 0));
}
