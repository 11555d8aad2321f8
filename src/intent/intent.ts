/**
 * Intent: the networks, sandboxes, endpoints and port bindings that should exist, from whatever source.
 * Input of every plan. Addresses are assigned already; who assigns them is `ipam.ts`'s subject.
 */
import type { Addr } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';

export interface Intent {
  /** In the order in which the engine made them; the default bridge where it was made. */
  readonly networks: readonly Network[];
  /** In the order in which they were started. */
  readonly sandboxes: readonly Sandbox[];
}

export interface Network {
  readonly id: string;
  readonly name: string;
  /** bridge, host, null, macvlan, ipvlan, overlay, or a plugin's name. */
  readonly driver: string;
  readonly internal: boolean;
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** As given (`docker network create -o`), e.g. com.docker.network.bridge.name. */
  readonly options: Readonly<Record<string, string>>;
  readonly ipam: readonly IpamConfig[];
  /** RFC 3339; orders networks. */
  readonly created?: string;
  /** It came back from the engine's store when the engine last started. Absent: it was made since. */
  readonly restored?: boolean;
}

export interface IpamConfig {
  readonly subnet: Prefix;
  /** The bridge's own address; the first of the subnet when not asked for. */
  readonly gateway?: Addr;
  readonly ipRange?: Prefix;
}

export interface Sandbox {
  readonly id: string;
  readonly name: string;
  readonly mode: SandboxMode;
  readonly running: boolean;
  /** RFC 3339; orders endpoints. */
  readonly started?: string;
  readonly pid?: number;
  /** It ran on while the engine restarted (live restore), so its endpoints came back from the store. */
  readonly restored?: boolean;
  /** Its restart policy brings it back when the engine starts; absent: not known. */
  readonly restarts?: boolean;
  /** Name servers that were asked for this container (`--dns`). */
  readonly dns?: readonly Addr[];
  /** Why the engine could not start it when it last tried, in the engine's words. */
  readonly failure?: string;
  /** Container ports that were asked to be published (`80/tcp`), also where none is. */
  readonly publishes?: readonly string[];
  /** Names that were given to it with `--add-host`. */
  readonly addedHosts?: readonly string[];
  /** As it was named when the container was made. */
  readonly image?: string;
  readonly endpoints: readonly Endpoint[];
}

export type SandboxMode =
  | { readonly kind: 'own' }
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  | { readonly kind: 'container'; readonly container: string };

export interface Endpoint {
  /** Network id. */
  readonly network: string;
  readonly id: string;
  readonly addresses: readonly Prefix[];
  readonly mac?: string;
  readonly gateway?: Addr;
  /** What the engine's resolver answers with these addresses: the container's name, aliases and short id. */
  readonly names?: readonly string[];
  /**
   * Place in the order in which the engine made the endpoints, lowest first, over all sandboxes (a container can join a
   * network long after it started). Without it endpoints follow their sandboxes.
   */
  readonly sequence?: number;
  /** Place in the order in which the engine restored endpoints, lowest first; where places are equal their ids decide. */
  readonly restoredAt?: number;
  /** The bindings that are in force on this endpoint, in the order in which the engine maps them. */
  readonly ports: readonly PortBinding[];
  /** Legacy links (default bridge, icc off): children this sandbox was linked to. */
  readonly links?: readonly {
    readonly address: Addr;
    readonly ports: readonly { readonly protocol: string; readonly port: number }[];
  }[];
}

export interface PortBinding {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
  /** Undefined: the network's default binding address. */
  readonly hostAddress?: Addr;
  /** 0: not mapped (routed mode). */
  readonly hostPort: number;
}

/** The engine's default network: the one behind docker0 or `--bridge`. */
export function isDefaultBridge(network: Network): boolean {
  return (
    network.driver === 'bridge' &&
    (network.options['com.docker.network.bridge.default_bridge'] === 'true' || network.name === 'bridge')
  );
}
