/**
 * The default network as an engine would make it at its start: for plans that no running engine reported.
 * In: Options and what the host has. Out: a Network for an Intent, or why the engine could not make it. What options alone
 * rule out is refused by options/ before.
 * Sources: daemon/daemon_unix.go (initBridgeDriver) of 17.06; getDefaultBridgeIPAMConf and selectBIP of 28.5.
 */
import type { IpamConfig, Network } from '../../intent/intent.ts';
import { candidatePools, chooseSubnet, gatewayOf } from '../../intent/ipam.ts';
import { containsAddr, containsPrefix, maskPrefix, type Prefix, parsePrefix } from '../../net/prefix.ts';
import type { Options } from '../../options/options.ts';
import { isSince } from '../generation.ts';
import type { Generation } from '../plan.ts';

export interface DefaultNetworkHost {
  /** What an automatic subnet must not overlap: the host's routes (since 20.10 those without a gateway), its name servers. */
  readonly taken: readonly Prefix[];
  /** IPv4 addresses that the bridge already has. */
  readonly bridgeAddresses: readonly Prefix[];
}

export type DefaultNetwork =
  | { readonly kind: 'none' }
  | { readonly kind: 'network'; readonly network: Network }
  | { readonly kind: 'impossible'; readonly why: string };

/** A host that has nothing yet. */
export const emptyHost: DefaultNetworkHost = { taken: [], bridgeAddresses: [] };

/**
 * Chooses subnet, gateway and range; the other settings stay in the Options, where the plan finds them. An IPv6 subnet that
 * no option names (27 and later make one up from the host's id) stays out.
 */
export function defaultNetwork(
  options: Options,
  generation: Generation,
  host: DefaultNetworkHost = emptyHost,
): DefaultNetwork {
  const { bridge, bip } = options.settings;
  if (bridge.value === 'none') return { kind: 'none' };
  const asked = parsePrefix(bip.value);
  const ipam = isSince(generation, 'G6')
    ? electSince28(options, asked, host)
    : electUntil27(options, asked, host);
  if (ipam === undefined) {
    return {
      kind: 'impossible',
      why: 'every address pool overlaps a route of this host; the option bip chooses one',
    };
  }
  const gateway = gatewayOf(ipam);
  return {
    kind: 'network',
    network: {
      id: 'bridge',
      name: 'bridge',
      driver: 'bridge',
      internal: false,
      ipv4: true,
      ipv6: options.settings.ipv6.value,
      options: { 'com.docker.network.bridge.default_bridge': 'true' },
      ipam: [{ ...ipam, ...(gateway === undefined ? {} : { gateway }) }, ...ipv6Config(options)],
    },
  };
}

function ipv6Config({ settings }: Options): readonly IpamConfig[] {
  if (!settings.ipv6.value) return [];
  const range = parsePrefix(settings['fixed-cidr-v6'].value);
  const own = parsePrefix(settings.bip6.value);
  const subnet = own ?? range;
  return subnet === undefined ? [] : [configOf(subnet, own, own === undefined ? undefined : range)];
}

function automatic(options: Options, host: DefaultNetworkHost): Prefix | undefined {
  return chooseSubnet(candidatePools(options.settings['default-address-pools'].value), host.taken);
}

function configOf(subnet: Prefix, gateway: Prefix | undefined, ipRange: Prefix | undefined): IpamConfig {
  return {
    subnet: maskPrefix(subnet),
    ...(gateway === undefined ? {} : { gateway: gateway.addr }),
    ...(ipRange === undefined ? {} : { ipRange: maskPrefix(ipRange) }),
  };
}

/** A range outside the subnet is taken as it is. */
function electUntil27(
  options: Options,
  asked: Prefix | undefined,
  host: DefaultNetworkHost,
): IpamConfig | undefined {
  const range = parsePrefix(options.settings['fixed-cidr'].value);
  const [first] = host.bridgeAddresses;
  const inRange = range && host.bridgeAddresses.find(({ addr }) => containsAddr(range, addr));
  const own = asked ?? inRange ?? first;
  const subnet = own ?? automatic(options, host);
  return subnet === undefined ? undefined : configOf(subnet, own, range);
}

/**
 * Without an address to start from, the range is the subnet. An address of docker0 that does not contain the range is
 * given up and one with a smaller subnet widened; a bridge of the administrator's keeps its address and loses the range.
 */
function electSince28(
  options: Options,
  asked: Prefix | undefined,
  host: DefaultNetworkHost,
): IpamConfig | undefined {
  const range = parsePrefix(options.settings['fixed-cidr'].value);
  const managedByUser = options.settings.bridge.value !== '';
  const own = asked ?? existingAddress(host.bridgeAddresses, range);
  if (own === undefined) {
    const subnet = range ?? automatic(options, host);
    return subnet === undefined ? undefined : configOf(subnet, undefined, range);
  }
  if (range === undefined) return configOf(own, own, undefined);
  if (managedByUser) return configOf(own, own, containsPrefix(own, range) ? range : undefined);
  if (asked !== undefined) return configOf(asked, asked, range);
  if (!containsAddr(own, range.addr)) return configOf(range, undefined, range);
  return configOf(own.bits > range.bits ? { ...own, bits: range.bits } : own, own, range);
}

function existingAddress(addresses: readonly Prefix[], range: Prefix | undefined): Prefix | undefined {
  const containing = range && addresses.find((address) => containsAddr(address, range.addr));
  const contained = range && addresses.find(({ addr }) => containsAddr(range, addr));
  return containing ?? contained ?? addresses[0];
}
