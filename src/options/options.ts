/**
 * Options: the daemon's effective networking configuration, every value with its origin.
 * Made by `resolve.ts` from daemon.json and dockerd's arguments; read by plan/ and by `bridgekeeper config`.
 */
import type { Origin } from '../net/reason.ts';

export interface Setting<T> {
  readonly value: T;
  readonly origin: Origin;
}

export interface AddressPool {
  /** CIDR. */
  readonly base: string;
  /** Prefix length of the networks cut from it. */
  readonly size: number;
}

/** Networking options by their JSON key; text values are as written ("" is unset), checked by `verify.ts`. */
export interface OptionValues {
  readonly bridge: string;
  readonly bip: string;
  readonly bip6: string;
  readonly 'fixed-cidr': string;
  readonly 'fixed-cidr-v6': string;
  readonly 'default-gateway': string;
  readonly 'default-gateway-v6': string;
  readonly icc: boolean;
  readonly ip: string;
  readonly iptables: boolean;
  readonly ip6tables: boolean;
  readonly 'ip-forward': boolean;
  readonly 'ip-forward-no-drop': boolean;
  readonly 'ip-masq': boolean;
  readonly ipv6: boolean;
  readonly mtu: number;
  readonly 'userland-proxy': boolean;
  readonly 'userland-proxy-path': string;
  readonly 'default-address-pools': readonly AddressPool[];
  readonly 'default-network-opts': Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly 'live-restore': boolean;
  readonly 'firewall-backend': string;
  readonly 'allow-direct-routing': boolean;
  readonly 'bridge-accept-fwmark': string;
  readonly dns: readonly string[];
  readonly 'dns-opts': readonly string[];
  readonly 'dns-search': readonly string[];
  readonly 'host-gateway-ips': readonly string[];
  readonly 'network-control-plane-mtu': number;
  readonly 'network-diagnostic-port': number;
  readonly 'cluster-store': string;
  readonly 'cluster-advertise': string;
  readonly 'cluster-store-opts': Readonly<Record<string, string>>;
  readonly 'swarm-default-advertise-addr': string;
  readonly rootless: boolean;
  readonly 'exec-root': string;
  readonly 'data-root': string;
  readonly experimental: boolean;
  readonly features: Readonly<Record<string, boolean>>;
}

export type OptionName = keyof OptionValues;

export type Settings = { readonly [K in OptionName]: Setting<OptionValues[K]> };

export interface Options {
  /** Engine version the options were resolved for, `17.06.2` or `28.5.2`. */
  readonly engine: string;
  readonly settings: Settings;
  /** What was configured where an implied value stands in `settings`: needed to undo the implication. */
  readonly overruled: Partial<Settings>;
  /** Environment variables of dockerd that shape the rules (DOCKER_INSECURE_NO_IPTABLES_RAW ...). */
  readonly env: Readonly<Record<string, string>>;
}
