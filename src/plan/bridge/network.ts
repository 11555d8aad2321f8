/**
 * Bridge networks as the driver sees them: every setting resolved, every one with its Because.
 * In: Options and Intent. Out: the bridge networks in the engine's order, their endpoints, and notes.
 * The default network follows the Options, the others their own options; it makes no rule and no link.
 */
import {
  type Endpoint,
  type Intent,
  isDefaultBridge,
  type Network,
  type Sandbox,
} from '../../intent/intent.ts';
import { gatewayOf } from '../../intent/ipam.ts';
import { type Addr, type Family, type Ipv4Addr, type Ipv6Addr, ipv4, parseAddr } from '../../net/addr.ts';
import { maskPrefix, type Prefix } from '../../net/prefix.ts';
import type { Because } from '../../net/reason.ts';
import type { Options } from '../../options/options.ts';
import { isAtLeast } from '../../options/version.ts';
import {
  becauseNetwork,
  becauseOption,
  type Choice,
  familyLabels,
  type GatewayMode,
  gatewayModesOf,
  isInterfaceName,
  labels,
  type NetworkOptions,
  networkOptions,
} from './choices.ts';

/** What both families of a network share. */
interface NetworkCommon {
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
  /** Host address of ports that name none; 0.0.0.0 stands for all of both families. */
  readonly hostBinding: Choice<Addr>;
  readonly trustedInterfaces: Choice<readonly string[]>;
}

/** One family of a network: what the rules of iptables, or those of ip6tables, are made of. */
export interface NetworkSide extends NetworkCommon {
  readonly family: Family;
  readonly subnet: Choice<Prefix>;
  /** The bridge's own address with the subnet's length. */
  readonly address?: Prefix;
  /** False: the bridge does not get that address. */
  readonly addressed: Choice<boolean>;
  readonly gatewayMode: Choice<GatewayMode>;
  /** SNAT to this address in place of MASQUERADE. */
  readonly hostAddress?: Choice<Addr>;
}

export interface BridgeNetwork extends NetworkCommon {
  /** A family that is absent is not enabled on the network. */
  readonly sides: { readonly ipv4?: NetworkSide; readonly ipv6?: NetworkSide };
}

export interface BridgeEndpoint {
  readonly network: BridgeNetwork;
  readonly sandbox: Sandbox;
  readonly endpoint: Endpoint;
  readonly addresses: { readonly ipv4?: Ipv4Addr; readonly ipv6?: Ipv6Addr };
}

export interface BridgeNetworks {
  readonly networks: readonly BridgeNetwork[];
  /** In the order in which the engine made them. */
  readonly endpoints: readonly BridgeEndpoint[];
  /** What was left out, one line each. */
  readonly notes: readonly string[];
}

/** Resolves all bridge networks and the endpoints of running containers on them. */
export function bridgeNetworks(options: Options, intent: Intent): BridgeNetworks {
  const notes: string[] = [];
  const note = (line: string) => notes.push(line);
  const defaultAt = intent.networks.findIndex(isDefaultBridge);
  const networks = intent.networks.flatMap((network, index) => {
    if (network.driver !== 'bridge') return [];
    const isDefault = index === defaultAt;
    if (isDefault && options.settings.bridge.value === 'none') return [];
    const resolved = isDefault
      ? defaultNetwork(network, options)
      : userNetwork(network, options.engine, note);
    if (!isInterfaceName(resolved.bridge)) {
      note(`network ${network.name}: ${JSON.stringify(resolved.bridge)} is no interface name`);
      return [];
    }
    if (network.ipv6 && resolved.sides.ipv6 === undefined)
      note(`network ${network.name}: its IPv6 subnet is not known, nor what follows from it`);
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
  const common: NetworkCommon = {
    network,
    bridge: settings.bridge.value || 'docker0',
    isDefault: true,
    restored: network.restored === true,
    because: { ...becauseOption(options, 'bridge'), value: settings.bridge.value || 'docker0' },
    internal: fixed('internal', false),
    icc: choice('icc'),
    masquerade: choice('ip-masq'),
    mtu: { value: settings.mtu.value || 1500, because: becauseOption(options, 'mtu') },
    hostBinding: { value: parseAddr(settings.ip.value) ?? ipv4(0), because: becauseOption(options, 'ip') },
    trustedInterfaces: { value: [], because: fixed(labels.trusted, '').because },
  };
  return withSides(common, (family) => ({
    because: defaultSubnetBecause(options, network, family),
    gatewayMode: fixed(familyLabels[family].gatewayMode, 'nat'),
    addressed: fixed(labels.inhibitIpv4, true),
  }));
}

function userNetwork(network: Network, engine: string, note: (line: string) => void): BridgeNetwork {
  const own = networkOptions(network, note);
  const trusted = isAtLeast(engine, '28.2') ? own.text(labels.trusted) : undefined;
  const mtu = own.number(labels.mtu, 0);
  const binding = own.text(labels.hostBinding);
  const common: NetworkCommon = {
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
      value: own.address(labels.hostBinding)?.value ?? ipv4(0),
      because: binding?.because ?? fixed(labels.hostBinding, '0.0.0.0').because,
    },
    trustedInterfaces: {
      value: (trusted?.value ?? '').split(':').filter(isInterfaceName),
      because: trusted?.because ?? fixed(labels.trusted, '').because,
    },
  };
  return withSides(common, (family) => ownSide(network, own, engine, family));
}

/** What only one family of a network has; labels that the engine does not know yet it ignores. */
type SideChoices = Pick<NetworkSide, 'addressed' | 'gatewayMode' | 'hostAddress'> & {
  /** Why the subnet is what it is. */
  readonly because: Because;
};

function ownSide(network: Network, own: NetworkOptions, engine: string, family: Family): SideChoices {
  const names = familyLabels[family];
  const modes = gatewayModesOf(engine);
  const gatewayMode =
    modes === undefined ? fixed(names.gatewayMode, 'nat') : own.word(names.gatewayMode, modes, 'nat');
  const hostAddress = isAtLeast(engine, names.hostAddressSince)
    ? own.address(names.hostAddress, family)
    : undefined;
  const inhibited =
    family === 'ipv4' && isAtLeast(engine, '20.10')
      ? own.flag(labels.inhibitIpv4, false)
      : fixed(labels.inhibitIpv4, false);
  return {
    because: becauseNetwork(network),
    gatewayMode,
    ...(hostAddress === undefined ? {} : { hostAddress }),
    addressed: {
      value: !inhibited.value && gatewayMode.value !== 'isolated',
      because: inhibited.value ? inhibited.because : gatewayMode.because,
    },
  };
}

function withSides(common: NetworkCommon, choicesOf: (family: Family) => SideChoices): BridgeNetwork {
  const side = (family: Family): NetworkSide | undefined => {
    const config = common.network.ipam.find(({ subnet }) => subnet.addr.family === family);
    if (!common.network[family] || config === undefined) return undefined;
    const { because, ...choices } = choicesOf(family);
    const gateway = gatewayOf(config);
    return {
      ...common,
      family,
      subnet: { value: maskPrefix(config.subnet), because },
      ...(gateway === undefined ? {} : { address: { addr: gateway, bits: config.subnet.bits } }),
      ...choices,
    };
  };
  const [ipv4, ipv6] = [side('ipv4'), side('ipv6')];
  return {
    ...common,
    sides: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) },
  };
}

function fixed<T extends Because['value']>(setting: string, value: T): Choice<T> {
  return { value, because: { setting, value, origin: { kind: 'default' } } };
}

/** The options that may have chosen the default network's subnet, the deciding one first. */
const subnetOptions = {
  ipv4: ['bip', 'fixed-cidr', 'default-address-pools'],
  ipv6: ['bip6', 'fixed-cidr-v6', 'default-address-pools'],
} as const;

function defaultSubnetBecause(options: Options, network: Network, family: Family): Because {
  const chosen = subnetOptions[family].find((name) => options.settings[name].value.length > 0);
  return chosen === undefined ? becauseNetwork(network) : becauseOption(options, chosen);
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
        return network === undefined
          ? []
          : [{ network, sandbox, endpoint, addresses: addressesOf(endpoint) }];
      }),
    );
  if (endpoints.some(({ endpoint }) => endpoint.sequence === undefined)) return endpoints;
  return endpoints.sort((a, b) => (a.endpoint.sequence ?? 0) - (b.endpoint.sequence ?? 0));
}

function addressesOf({ addresses }: Endpoint): BridgeEndpoint['addresses'] {
  const addrs = addresses.map(({ addr }) => addr);
  const ipv4 = addrs.find((addr) => addr.family === 'ipv4');
  const ipv6 = addrs.find((addr) => addr.family === 'ipv6');
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) };
}
