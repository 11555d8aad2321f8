/**
 * Messages of dockerd about networks that have a known meaning, by the words that dockerd has used for them from 17.06 to 29.
 * In: a message with the error behind it. Out: a slug. What a slug means and what to do is told in report/text, in each language.
 */

/** `problem`: something does not work. `notice`: works, but may surprise whoever reads the log. */
type Weight = 'problem' | 'notice';

interface Known {
  readonly slug: string;
  readonly weight: Weight;
  readonly words: RegExp;
}

/** The first that fits is taken: what says why stands before what says only that something failed. */
const known = [
  // What the daemon refuses before it starts.
  {
    slug: 'option-in-flag-and-file',
    weight: 'problem',
    words: /specified both as a flag and in the configuration file/,
  },
  { slug: 'config-key-unknown', weight: 'problem', words: /directives don't match any configuration option/ },
  {
    slug: 'options-exclude-each-other',
    weight: 'problem',
    words:
      /mutually exclusive options|You specified --ip6?tables=false with --icc=false|incompatible with swarm mode/,
  },
  { slug: 'config-invalid', weight: 'problem', words: /unable to configure the Docker daemon with file/ },

  // Addresses.
  {
    slug: 'bridge-address-is-network-address',
    weight: 'problem',
    words: /failed to allocate gateway \([^)]*\): Address already in use/i,
  },
  {
    slug: 'no-free-subnet',
    weight: 'problem',
    words: /non-overlapping IPv[46] address pool|predefined address pools have been fully subnetted/,
  },
  {
    slug: 'subnet-overlaps',
    weight: 'problem',
    words:
      /Pool overlaps with other one on this address space|networks have (?:same bridge name|overlapping IPv[46])/,
  },
  { slug: 'no-free-address', weight: 'problem', words: /no available (?:IPv[46] )?addresses on this/ },
  {
    slug: 'bridge-address-differs',
    weight: 'problem',
    words: /bridge IPv[46] (?:\([^)]*\) )?does not match requested|on the user-managed default bridge/,
  },
  { slug: 'bridge-name-taken', weight: 'problem', words: /existing interface \S+ is not a bridge/ },

  // Ports.
  { slug: 'port-address-missing', weight: 'problem', words: /cannot assign requested address/ },
  {
    slug: 'port-taken',
    weight: 'problem',
    words: /port is already allocated|\b(?:listen|bind)\b.*address already in use|all ports are allocated/,
  },
  {
    slug: 'port-protocol-unsupported',
    weight: 'problem',
    words: /(?:proxy|socket|port).*(?:protocol not supported|invalid transport protocol)/,
  },
  {
    slug: 'proxy-not-found',
    weight: 'problem',
    words: /invalid userland-proxy-path|exec: "(?:\S*\/)?docker-proxy"/,
  },
  {
    slug: 'port-failed',
    weight: 'problem',
    words: /Failed to allocate (?:and map )?port|driver failed programming external connectivity/,
  },
  {
    slug: 'no-port-without-proxy',
    weight: 'notice',
    words: /Cannot map from \S+(?: \S+){0,4} to an IPv4-only container/,
  },
  { slug: 'host-port-ignored', weight: 'notice', words: /Host port ignored, because NAT is disabled/ },
  {
    slug: 'proxy-stopped',
    weight: 'notice',
    words: /[Uu]serland proxy exited early|failed to stop userland proxy/,
  },

  // The firewall.
  { slug: 'iptables-lock', weight: 'problem', words: /holding the xtables lock|xtables contention detected/ },
  {
    slug: 'iptables-chain-missing',
    weight: 'problem',
    words: /tables.*(?:No chain\/target\/match by that name|Chain '[^']*' does not exist)/,
  },
  {
    slug: 'iptables-table-missing',
    weight: 'problem',
    words: /can't initialize ip6?tables table|Table does not exist \(do you need to insmod/,
  },
  {
    slug: 'iptables-missing',
    weight: 'problem',
    words: /[Ii]p6?tables (?:not found|is missing)|exec: "ip6?tables": executable file not found/,
  },
  { slug: 'firewalld-zone-conflict', weight: 'problem', words: /ZONE_CONFLICT/ },
  {
    slug: 'firewalld-reload-failed',
    weight: 'problem',
    words: /^Failed .* on firewalld? reload|^Error reloading ip6?tables chains/,
  },
  { slug: 'firewalld-reloaded', weight: 'notice', words: /Recreating iptables chains on firewall reload/ },
  {
    slug: 'iptables-failed',
    weight: 'problem',
    words: /ip6?tables failed: |COMMAND_FAILED|setting default policy to \S+ in \S+ chain failed/,
  },
  { slug: 'nftables-nothing-to-delete', weight: 'notice', words: /^Deleting nftables IPv[46] rules/ },
  { slug: 'nftables-missing', weight: 'problem', words: /Failed to (?:find nft tool|initialize nftables)/ },
  {
    slug: 'nftables-failed',
    weight: 'problem',
    words: /libnftables: failed to apply|[Ff]ailed to roll back nftables/,
  },
  { slug: 'forward-policy-drops-ports', weight: 'problem', words: /iptables chain FORWARD has policy DROP/ },

  // The kernel.
  {
    slug: 'forwarding-disabled',
    weight: 'problem',
    words: /IPv[46] (?:global |default )?forwarding is disabled/,
  },
  {
    slug: 'bridge-netfilter-missing',
    weight: 'problem',
    words: /br_netfilter|bridge-nf-call-ip6?tables is disabled|restrict inter-container communication/,
  },
  {
    slug: 'kernel-lacks-link-type',
    weight: 'problem',
    words:
      /(?:ipvlan|macvlan|vlan|veth|vxlan|bridge|create) (?:port|link)?.*operation not supported|networks\/create.*operation not supported/i,
  },
  { slug: 'driver-missing', weight: 'problem', words: /Unable to locate plugin: / },
  { slug: 'ipv6-route-failed', weight: 'problem', words: /Could not add route to IPv6 network/ },
  {
    slug: 'ipv6-disabled-in-kernel',
    weight: 'problem',
    words:
      /IPv6 (?:is|been) disabled|Cannot (?:read IPv6 setup|(?:en|dis)able IPv6)|Unable to enable IPv6 addresses/,
  },
  {
    slug: 'local-routing-failed',
    weight: 'problem',
    words: /IPv4 local routing setup|local routing for hairpin mode/,
  },
  {
    slug: 'module-not-loaded',
    weight: 'notice',
    words: /Running modprobe \S+ failed|Could not load necessary modules/,
  },
  {
    slug: 'conntrack-unavailable',
    weight: 'notice',
    words: /conntrack is not available|[Ff]ailed to delete conntrack state/,
  },
  {
    slug: 'bridge-port-unreadable',
    weight: 'notice',
    words: /^Failed to (?:read stp_state|open port state) file/,
  },
  { slug: 'announcement-failed', weight: 'notice', words: /Failed to send unsolicited/ },
  { slug: 'mac-changed', weight: 'notice', words: /^MAC address changed/ },

  // What is kept from an earlier run.
  {
    slug: 'live-restore-keeps-settings',
    weight: 'notice',
    words: /running containers, (?:the|updated) network config(?:uration)? will not take affect/,
  },
  { slug: 'stale-sandbox', weight: 'notice', words: /^Removing stale sandbox/ },
  { slug: 'stale-endpoint', weight: 'notice', words: /^Removing stale endpoint/ },
  { slug: 'stale-network', weight: 'notice', words: /^Removing stale network/ },
  { slug: 'endpoint-count-fixed', weight: 'notice', words: /^Fixing inconsistent endpoint_cnt for network/ },
  {
    slug: 'stored-endpoint-missing',
    weight: 'notice',
    words: /getEndpointFromStore (?:for eid \S+ )?failed/,
  },
  { slug: 'stored-network-missing', weight: 'notice', words: /getNetworkFromStore (?:for nid \S+ )?failed/ },
  {
    slug: 'restore-failed',
    weight: 'problem',
    words: /^Failed to (?:restore (?:per-endpoint|port|external)|reserve existing port mapping)/,
  },
  { slug: 'endpoint-exists', weight: 'problem', words: /endpoint with name \S+ already exists in network/ },
  { slug: 'network-in-use', weight: 'problem', words: /has active endpoints/ },
  {
    slug: 'live-restore-state-old',
    weight: 'notice',
    words: /could not upgrade state files during live restore/,
  },

  // Names.
  {
    slug: 'no-nameserver-left',
    weight: 'notice',
    words: /No non-localhost DNS nameservers are left|DNS resolver has no external nameservers/,
  },
  { slug: 'resolver-busy', weight: 'problem', words: /\[resolver\] more than \d+ concurrent queries/ },
  {
    slug: 'nameserver-unreachable',
    weight: 'problem',
    words: /\[resolver\] (?:failed to query|connect failed)/,
  },

  // That it failed, where nothing above said why.
  { slug: 'gateway-mode-refused', weight: 'problem', words: /gateway mode '\w+' can only be used/ },
  { slug: 'default-network-failed', weight: 'problem', words: /rror creating default "bridge" network/ },
  { slug: 'network-controller-failed', weight: 'problem', words: /Error initializing network controller/ },
] as const satisfies readonly Known[];

export type MessageSlug = (typeof known)[number]['slug'];

export interface KnownMessage {
  readonly slug: MessageSlug;
  readonly weight: Weight;
}

/** What a message is; undefined when it says nothing about networks that is known. */
export function knownMessage(text: string): KnownMessage | undefined {
  const found = known.find(({ words }) => words.test(text));
  return found === undefined ? undefined : { slug: found.slug, weight: found.weight };
}

export const messageSlugs: readonly MessageSlug[] = known.map(({ slug }) => slug);
