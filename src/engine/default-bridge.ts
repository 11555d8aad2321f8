/**
 * The default network on this host. In: options, generation and the host as it is. Out: its bridge's name, addresses and driver options,
 * or why it cannot be made. Pure. Which subnet an engine elects is plan/'s subject; which rules follow, too.
 */
import type { Namespace } from '../host/state.ts';
import { type Addr, parseAddr } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Options } from '../options/options.ts';
import { defaultNetwork } from '../plan/bridge/default-network.ts';
import type { Generation } from '../plan/plan.ts';
import { takenByRoutes } from '../plan/taken-subnets.ts';

export interface BridgeChoice {
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
}

export interface Impossible {
  readonly kind: 'impossible';
  readonly why: string;
}

/** The MTU of a bridge when the option is 0, unset (config.DefaultNetworkMtu in moby). */
const defaultMtu = 1500;

export function defaultBridge(
  options: Options,
  generation: Generation,
  host: Namespace,
): BridgeChoice | Impossible | { readonly kind: 'none' } {
  const { settings } = options;
  const name = settings.bridge.value === '' ? 'docker0' : settings.bridge.value;
  const existing = host.links.find((link) => link.name === name);
  const elected = defaultNetwork(options, generation, {
    taken: takenByRoutes(host, generation),
    bridgeAddresses: (existing?.addresses ?? [])
      .map(({ prefix }) => prefix)
      .filter(({ addr }) => addr.family === 'ipv4'),
  });
  if (elected.kind !== 'network') return elected;
  if (settings.bridge.value !== '' && existing === undefined)
    return { kind: 'impossible', why: `the bridge ${name} (option bridge) does not exist on this host` };
  const [ipam] = elected.network.ipam;
  if (ipam?.gateway === undefined)
    return { kind: 'impossible', why: 'the default network has no address for its bridge' };

  const router = parseAddr(settings['default-gateway'].value);
  const hostBinding = settings.ip.value === '' ? '0.0.0.0' : settings.ip.value;
  const mtu = settings.mtu.value === 0 ? defaultMtu : settings.mtu.value;
  return {
    kind: 'bridge',
    name,
    subnet: ipam.subnet,
    gateway: ipam.gateway,
    ...(ipam.ipRange === undefined ? {} : { range: ipam.ipRange }),
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
