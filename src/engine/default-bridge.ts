/**
 * The default network as the daemon makes it at its start. In: options and the host as it is. Out: its bridge's name, subnet and
 * driver options, or why it cannot be made. Pure. Which rules follow from it is plan/'s subject.
 */
import type { Namespace } from '../host/state.ts';
import { candidatePools, chooseSubnet, gatewayOf } from '../intent/ipam.ts';
import { type Addr, parseAddr } from '../net/addr.ts';
import { maskPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import type { Options } from '../options/options.ts';

export type DefaultBridge =
  | { readonly kind: 'none' }
  | { readonly kind: 'impossible'; readonly why: string }
  | {
      readonly kind: 'bridge';
      readonly name: string;
      readonly subnet: Prefix;
      readonly gateway: Addr;
      readonly range?: Prefix;
      /** The containers' default route, when it is not the bridge. */
      readonly router?: Addr;
      /** Where ports without an address are published. */
      readonly hostBinding: string;
      /** Bytes. */
      readonly mtu: number;
      readonly driverOptions: Readonly<Record<string, string>>;
    };

/** The MTU of a bridge when the option is 0, unset (config.DefaultNetworkMtu in moby). */
const defaultMtu = 1500;

/**
 * Chooses the default bridge: the `bip` option's subnet, else that of a bridge which is there already, else the first
 * pool that overlaps no route of the host (moby, daemon/daemon_unix.go, initBridgeDriver).
 */
export function defaultBridge(options: Options, host: Namespace): DefaultBridge {
  const { settings } = options;
  if (settings.bridge.value === 'none') return { kind: 'none' };
  const name = settings.bridge.value === '' ? 'docker0' : settings.bridge.value;
  const existing = host.links.find((link) => link.name === name);
  if (settings.bridge.value !== '' && existing === undefined)
    return { kind: 'impossible', why: `the bridge ${name} (option bridge) does not exist on this host` };

  const own = existing?.addresses.find((address) => address.prefix.addr.family === 'ipv4')?.prefix;
  const asked = parsePrefix(settings.bip.value) ?? own;
  const taken = host.routes
    .filter((route) => route.family === 'ipv4' && route.table === 'main' && route.dst.bits > 0)
    .map((route) => route.dst);
  const subnet = asked ?? chooseSubnet(candidatePools(settings['default-address-pools'].value), taken);
  if (subnet === undefined)
    return {
      kind: 'impossible',
      why: 'every address pool overlaps a route of this host (option bip chooses one)',
    };
  const fixed = parsePrefix(settings['fixed-cidr'].value);
  const range = fixed === undefined ? undefined : maskPrefix(fixed);
  const ipam = { subnet: maskPrefix(subnet), ...(range === undefined ? {} : { ipRange: range }) };
  const gateway = asked?.addr ?? gatewayOf(ipam);
  if (gateway === undefined) return { kind: 'impossible', why: 'the subnet has no address for the bridge' };
  const router = parseAddr(settings['default-gateway'].value);
  const hostBinding = settings.ip.value === '' ? '0.0.0.0' : settings.ip.value;
  const mtu = settings.mtu.value === 0 ? defaultMtu : settings.mtu.value;
  return {
    kind: 'bridge',
    name,
    subnet: ipam.subnet,
    gateway,
    ...(range === undefined ? {} : { range }),
    ...(router === undefined ? {} : { router }),
    hostBinding,
    mtu,
    driverOptions: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': String(settings.icc.value),
      'com.docker.network.bridge.enable_ip_masquerade': String(settings['ip-masq'].value),
      'com.docker.network.bridge.host_binding_ipv4': hostBinding,
      'com.docker.network.bridge.name': name,
      'com.docker.network.driver.mtu': String(mtu),
    },
  };
}
