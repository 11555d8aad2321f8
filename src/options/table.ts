/**
 * The table of dockerd's networking options: names, flags, types, defaults, versions, scope and effect.
 * Data only; read by every stage of `resolve.ts`, by `config` and by `explain`. Options that do not concern
 * networking are in `passed-flags.ts`: they are known, so that parsing is not confused, and otherwise ignored.
 *
 * Sources: moby cmd/dockerd/config*.go (daemon/command since 29) and daemon/config/config*.go at each release tag.
 */
import type { OptionName, OptionValues } from './options.ts';
import type { Span, Versioned } from './version.ts';

/** How a value is written: as a flag's argument (pflag's types and dockerd's own) or in JSON (Go's types). */
export type ValueType =
  | 'bool'
  | 'int'
  | 'text'
  /** One IP address. */
  | 'ip'
  /** Several; a repeated flag appends. */
  | 'texts'
  /** Search domains; a repeated flag appends. */
  | 'domains'
  /** Addresses as text, checked; a repeated flag appends. */
  | 'ip-texts'
  /** Go's net.IP; a flag takes several with commas, and its first use replaces the default. */
  | 'net-ips'
  /** Go's netip.Addr; a repeated flag appends. */
  | 'netip-addrs'
  | 'pools'
  /** `key=value`. */
  | 'map'
  /** `root=key=value`. */
  | 'map-of-maps'
  /** `key` or `key=bool`. */
  | 'bool-map'
  /** Not looked into. */
  | 'any';

/** What the option governs. */
export type Scope = 'default-bridge' | 'all-networks' | 'containers' | 'overlay' | 'daemon';

export interface OptionFlag extends Span {
  /** Without dashes. */
  readonly name: string;
  readonly shorthand?: string;
  /**
   * dockerd knows this flag under its configuration key (its "named options": `dns-opt` is `dns-opts`); a flag
   * that is not named has its own name as key in the check for unknown keys and for conflicts.
   */
  readonly named: boolean;
  /** How its argument is read; absent: as the option's type. */
  readonly type?: ValueType;
}

export interface OldKey extends Span {
  readonly key: string;
  readonly type: ValueType;
}

export interface OptionSpec<K extends OptionName = OptionName> extends Span {
  readonly flags: readonly OptionFlag[];
  /** JSON keys of other versions for the same value. */
  readonly oldKeys?: readonly OldKey[];
  readonly type: Versioned<ValueType>;
  readonly default: Versioned<OptionValues[K]>;
  readonly scope: Scope;
  /** What it does, in one line. */
  readonly effect: string;
  /** Whether SIGHUP applies a change; everything else waits for a restart (daemon/reload.go). */
  readonly reloadable: boolean;
}

export type OptionTable = { readonly [K in OptionName]: OptionSpec<K> };

const off: Versioned<boolean> = [{ value: false }];
const on: Versioned<boolean> = [{ value: true }];
const unset: Versioned<string> = [{ value: '' }];

function flag(name: string, more: Partial<OptionFlag> = {}): OptionFlag {
  return { name, named: false, ...more };
}

function namedFlag(name: string, more: Partial<OptionFlag> = {}): OptionFlag {
  return { name, named: true, ...more };
}

type Rest<K extends OptionName> = Partial<OptionSpec<K>> &
  Pick<OptionSpec<K>, 'default' | 'scope' | 'effect'>;

/** A row whose flag, unless told otherwise, is the key itself. */
function row<K extends OptionName>(key: K, type: ValueType, rest: Rest<K>): OptionSpec<K> {
  return { flags: [flag(key)], type: [{ value: type }], reloadable: false, ...rest };
}

export const optionTable: OptionTable = {
  bridge: row('bridge', 'text', {
    flags: [flag('bridge', { shorthand: 'b' })],
    default: unset,
    scope: 'default-bridge',
    effect:
      'Bridge of the default network: empty is docker0, `none` no default network, any other must exist.',
  }),
  bip: row('bip', 'text', {
    default: unset,
    scope: 'default-bridge',
    effect:
      "docker0's IPv4 address with its prefix length; its network becomes the default network's subnet.",
  }),
  bip6: row('bip6', 'text', {
    since: '28.0',
    default: unset,
    scope: 'default-bridge',
    effect: "docker0's IPv6 address with its prefix length.",
  }),
  'fixed-cidr': row('fixed-cidr', 'text', {
    default: unset,
    scope: 'default-bridge',
    effect: 'IPv4 range inside the subnet from which containers get their addresses.',
  }),
  'fixed-cidr-v6': row('fixed-cidr-v6', 'text', {
    default: unset,
    scope: 'default-bridge',
    effect: 'IPv6 subnet of the default network.',
  }),
  'default-gateway': row('default-gateway', 'ip', {
    default: unset,
    scope: 'default-bridge',
    effect: "Containers' IPv4 default gateway in place of docker0's address.",
  }),
  'default-gateway-v6': row('default-gateway-v6', 'ip', {
    default: unset,
    scope: 'default-bridge',
    effect: "Containers' IPv6 default gateway.",
  }),
  icc: row('icc', 'bool', {
    default: on,
    scope: 'default-bridge',
    effect: 'Whether containers of the default network may talk to each other; false drops their traffic.',
  }),
  ip: row('ip', 'ip', {
    default: [{ value: '0.0.0.0' }],
    scope: 'default-bridge',
    effect: 'Host address of ports that are published without one.',
  }),
  iptables: row('iptables', 'bool', {
    default: on,
    scope: 'all-networks',
    effect:
      'Whether the daemon makes IPv4 firewall rules; false also turns ip-masq off, and leaves old rules.',
  }),
  ip6tables: row('ip6tables', 'bool', {
    since: '20.10',
    default: [{ value: false }, { since: '27.0', value: true }],
    scope: 'all-networks',
    effect: 'Whether the daemon makes IPv6 firewall rules; 20.10 to 26 want experimental for it.',
  }),
  'ip-forward': row('ip-forward', 'bool', {
    default: on,
    scope: 'all-networks',
    effect:
      'Whether the daemon turns net.ipv4.ip_forward on; when it does, it sets the FORWARD policy to DROP.',
  }),
  'ip-forward-no-drop': row('ip-forward-no-drop', 'bool', {
    since: '28.0',
    default: off,
    scope: 'all-networks',
    effect: 'Leaves the FORWARD policy alone when forwarding is turned on.',
  }),
  'ip-masq': row('ip-masq', 'bool', {
    default: on,
    scope: 'default-bridge',
    effect: "Whether traffic that leaves the default network gets the host's address (MASQUERADE).",
  }),
  ipv6: row('ipv6', 'bool', {
    default: off,
    scope: 'default-bridge',
    effect: 'IPv6 on the default network.',
  }),
  mtu: row('mtu', 'int', {
    default: [{ value: 1500 }],
    scope: 'default-bridge',
    effect: 'MTU of the default network, in bytes; user-defined networks do not take it over.',
  }),
  'userland-proxy': row('userland-proxy', 'bool', {
    default: on,
    scope: 'all-networks',
    effect:
      'Whether docker-proxy serves published ports on the host itself; false uses hairpin NAT and route_localnet.',
  }),
  'userland-proxy-path': row('userland-proxy-path', 'text', {
    default: unset,
    scope: 'all-networks',
    effect: 'The docker-proxy binary; unset it is looked for in the libexec folders and in PATH.',
  }),
  'default-address-pools': row('default-address-pools', 'pools', {
    since: '18.06',
    flags: [namedFlag('default-address-pool')],
    default: [{ value: [] }],
    scope: 'all-networks',
    effect: 'Pools from which networks without a subnet take one; empty means the 31 built-in ones.',
  }),
  'default-network-opts': row('default-network-opts', 'map-of-maps', {
    since: '24.0',
    flags: [namedFlag('default-network-opt')],
    default: [{ value: {} }],
    scope: 'all-networks',
    effect: 'Options per driver that every new network gets unless it sets them itself.',
  }),
  'live-restore': row('live-restore', 'bool', {
    default: off,
    scope: 'daemon',
    effect:
      'Keeps containers running while the daemon is away; stored network settings then outlive a restart.',
    reloadable: true,
  }),
  'firewall-backend': row('firewall-backend', 'text', {
    since: '29.0',
    default: unset,
    scope: 'all-networks',
    effect: 'iptables (the default) or nftables; 28.x has only DOCKER_FIREWALL_BACKEND in its environment.',
  }),
  'allow-direct-routing': row('allow-direct-routing', 'bool', {
    since: '28.2',
    default: off,
    scope: 'all-networks',
    effect:
      "Lets other hosts reach published ports at the containers' own addresses (no raw/PREROUTING drops).",
  }),
  'bridge-accept-fwmark': row('bridge-accept-fwmark', 'text', {
    since: '29.0',
    default: unset,
    scope: 'all-networks',
    effect: 'Packets with this firewall mark (`mark[/mask]`) are accepted before any drop.',
  }),
  dns: row('dns', 'ip-texts', {
    type: [
      { value: 'ip-texts' },
      { since: '25.0', value: 'net-ips' },
      { since: '29.0', value: 'netip-addrs' },
    ],
    flags: [flag('dns', { until: '29.0' }), namedFlag('dns', { since: '29.0' })],
    default: [{ value: [] }],
    scope: 'containers',
    effect: "Containers' DNS servers.",
  }),
  'dns-opts': row('dns-opts', 'texts', {
    flags: [namedFlag('dns-opt')],
    default: [{ value: [] }],
    scope: 'containers',
    effect: "Options of containers' resolv.conf.",
  }),
  'dns-search': row('dns-search', 'domains', {
    default: [{ value: [] }],
    scope: 'containers',
    effect: "Search domains of containers' resolv.conf.",
  }),
  'host-gateway-ips': row('host-gateway-ips', 'netip-addrs', {
    since: '28.0',
    flags: [
      flag('host-gateway-ip', { since: '20.10', until: '28.0', type: 'ip' }),
      namedFlag('host-gateway-ip', { since: '28.0' }),
    ],
    oldKeys: [{ key: 'host-gateway-ip', type: 'ip', since: '20.10' }],
    default: [{ value: [] }],
    scope: 'containers',
    effect: "What `host-gateway` in --add-host means; unset it is the default bridge's address.",
  }),
  'network-control-plane-mtu': row('network-control-plane-mtu', 'int', {
    since: '17.09',
    default: [{ value: 1500 }],
    scope: 'overlay',
    effect: 'MTU of the gossip between swarm nodes, in bytes.',
  }),
  'network-diagnostic-port': row('network-diagnostic-port', 'int', {
    since: '18.01',
    default: [{ value: 0 }],
    scope: 'daemon',
    effect: 'TCP port of the network diagnostic server; 0 is none.',
    reloadable: true,
  }),
  'cluster-store': row('cluster-store', 'text', {
    until: '24.0',
    default: unset,
    scope: 'overlay',
    effect: 'External key-value store of overlay networks without swarm.',
  }),
  'cluster-advertise': row('cluster-advertise', 'text', {
    until: '24.0',
    default: unset,
    scope: 'overlay',
    effect: 'Address under which this host is known in the cluster store.',
  }),
  'cluster-store-opts': row('cluster-store-opts', 'map', {
    until: '24.0',
    flags: [namedFlag('cluster-store-opt')],
    default: [{ value: {} }],
    scope: 'overlay',
    effect: 'Options of the cluster store.',
  }),
  'swarm-default-advertise-addr': row('swarm-default-advertise-addr', 'text', {
    default: unset,
    scope: 'overlay',
    effect: 'Address that the host advertises to a swarm when none is given.',
  }),
  rootless: row('rootless', 'bool', {
    since: '19.03',
    default: off,
    scope: 'daemon',
    effect: 'Rootless mode.',
  }),
  'exec-root': row('exec-root', 'text', {
    default: [{ value: '/var/run/docker' }],
    scope: 'daemon',
    effect: 'Folder of run-time files, such as the links to network namespaces.',
  }),
  'data-root': row('data-root', 'text', {
    flags: [flag('data-root'), flag('graph', { shorthand: 'g', until: '24.0' })],
    oldKeys: [{ key: 'graph', type: 'text', until: '24.0' }],
    default: [{ value: '/var/lib/docker' }],
    scope: 'daemon',
    effect: 'Folder of persistent state; the networks are in network/files/local-kv.db below it.',
  }),
  experimental: row('experimental', 'bool', {
    default: off,
    scope: 'daemon',
    effect: 'Experimental features: ipvlan in 17.06, ip6tables from 20.10 to 26.',
  }),
  features: row('features', 'bool-map', {
    since: '18.09',
    flags: [namedFlag('feature', { since: '27.3' })],
    default: [{ value: {} }],
    scope: 'daemon',
    effect: 'Feature switches.',
  }),
};

/** All option names, in the table's order. */
export const optionNames = Object.keys(optionTable) as readonly OptionName[];

/** A variable of dockerd's environment that shapes what it does to the network. */
export interface EnvSpec extends Span {
  readonly effect: string;
}

/** Environment variables, by name; dockerd compares each with one exact value. */
export const envTable: Readonly<Record<string, EnvSpec>> = {
  DOCKER_INSECURE_NO_IPTABLES_RAW: {
    since: '28.0.2',
    effect: '1: no rules in the raw table.',
  },
  DOCKER_IGNORE_BR_NETFILTER_ERROR: {
    since: '27.5',
    effect: '1: go on when br_netfilter cannot be loaded.',
  },
  DOCKER_IPTABLES_SCTP_CHECKSUM: {
    since: '28.0',
    until: '29.0',
    effect: '1: CHECKSUM rules in the mangle table for published SCTP ports.',
  },
  DOCKER_FIREWALL_BACKEND: {
    since: '28.2',
    until: '29.0',
    effect: 'nftables: the experimental nftables backend.',
  },
};
