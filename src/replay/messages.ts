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
  { slug: 'option-in-flag-and-file', weight: 'problem', words: /specified both as a flag and in the configuration file/ },
  { slug: 'config-key-unknown', weight: 'problem', words: /directives don't match any configuration option/ },
  { slug: 'options-exclude-each-other', weight: 'problem', words: /mutually exclusive options|can't specify both|You specified --iptables=false with --icc=false/ },
  { slug: 'config-invalid', weight: 'problem', words: /unable to configure the Docker daemon with file/ },

  // Addresses.
  { slug: 'bridge-address-is-network-address', weight: 'problem', words: /failed to allocate gateway \([^)]*\): Address already in use/i },
  { slug: 'no-free-subnet', weight: 'problem', words: /non-overlapping IPv[46] address pool|predefined address pools have been fully subnetted|no available network$/ },
  { slug: 'subnet-overlaps', weight: 'problem', words: /Pool overlaps with other one on this address space|conflicts with network [^:]*: networks have (?:same|overlapping)/ },
  { slug: 'no-free-address', weight: 'problem', words: /no available IPv[46]? ?addresses on this network/ },
  { slug: 'bridge-address-differs', weight: 'problem', words: /bridge IPv4 does not match requested|[Cc]annot change .*bridge.* address|requested IPv[46] bridge address|Bridge IPv[46] address .* does not match/ },

  // Ports.
  { slug: 'port-address-missing', weight: 'problem', words: /cannot assign requested address/ },
  { slug: 'port-taken', weight: 'problem', words: /port is already allocated|\b(?:listen|bind)\b.*address already in use|all ports are allocated/ },
  { slug: 'port-protocol-unsupported', weight: 'problem', words: /(?:proxy|socket|port).*(?:protocol not supported|invalid transport protocol)/ },
  { slug: 'proxy-not-found', weight: 'problem', words: /userland.proxy.*(?:no such file|not found|invalid)|exec: "(?:\S*\/)?docker-proxy"/ },
  { slug: 'port-failed', weight: 'problem', words: /Failed to allocate (?:and map )?port|driver failed programming external connectivity/ },
  { slug: 'no-ipv6-port-without-proxy', weight: 'notice', words: /Cannot map from IPv6 to an IPv4-only container/ },
  { slug: 'host-port-ignored', weight: 'notice', words: /Host port ignored, because NAT is disabled/ },
  { slug: 'proxy-stopped', weight: 'notice', words: /[Uu]serland proxy exited early|failed to stop userland proxy/ },

  // The firewall.
  { slug: 'iptables-lock', weight: 'problem', words: /holding the xtables lock/ },
  { slug: 'iptables-chain-missing', weight: 'problem', words: /iptables.*No chain\/target\/match by that name|tables.*Chain '[^']*' does not exist/ },
  { slug: 'iptables-table-missing', weight: 'problem', words: /can't initialize ip6?tables table|Table does not exist \(do you need to insmod/ },
  { slug: 'iptables-missing', weight: 'problem', words: /ip6?tables not found|failed to find ip6?tables|exec: "ip6?tables": executable file not found/i },
  { slug: 'firewalld-zone-conflict', weight: 'problem', words: /ZONE_CONFLICT/ },
  { slug: 'iptables-failed', weight: 'problem', words: /ip6?tables failed: |COMMAND_FAILED/ },
  { slug: 'firewalld-reloaded', weight: 'notice', words: /Recreating iptables chains on firewall reload|[Ff]irewalld.{0,20}reload/ },
  { slug: 'nftables-nothing-to-delete', weight: 'notice', words: /^Deleting nftables IPv[46] rules/ },
  { slug: 'nftables-failed', weight: 'problem', words: /libnftables: failed to apply|nft .*failed/ },

  // The kernel.
  { slug: 'forwarding-disabled', weight: 'problem', words: /IPv[46] forwarding is disabled/ },
  { slug: 'bridge-netfilter-missing', weight: 'problem', words: /br_netfilter|bridge-nf-call-ip6?tables is disabled|restrict inter-container communication/ },
  { slug: 'kernel-lacks-link-type', weight: 'problem', words: /(?:ipvlan|macvlan|vlan|bridge|veth|vxlan|dummy).*operation not supported|networks\/create.*operation not supported/i },
  { slug: 'ipv6-route-failed', weight: 'problem', words: /Could not add route to IPv6 network/ },
  { slug: 'ipv6-disabled-in-kernel', weight: 'problem', words: /IPv6 is disabled|Cannot (?:read|write) IPv6 (?:setup|sysctl)|disable_ipv6.*(?:no such file|permission)/ },
  { slug: 'module-not-loaded', weight: 'notice', words: /Running modprobe \S+ failed|modprobe: .*not found/ },
  { slug: 'bridge-port-unreadable', weight: 'notice', words: /^Failed to (?:read stp_state|open port state) file/ },
  { slug: 'announcement-failed', weight: 'notice', words: /Failed to send unsolicited (?:ARP|NA)/ },
  { slug: 'mac-changed', weight: 'notice', words: /^MAC address changed/ },

  // What is kept from an earlier run.
  { slug: 'live-restore-keeps-settings', weight: 'notice', words: /running containers, (?:the|updated) network config(?:uration)? will not take affect/ },
  { slug: 'stale-sandbox', weight: 'notice', words: /^Removing stale sandbox/ },
  { slug: 'stale-endpoint', weight: 'notice', words: /^Removing stale endpoint|[Ss]tale endpoint/ },
  { slug: 'endpoint-count-fixed', weight: 'notice', words: /^Fixing inconsistent endpoint_cnt for network/ },
  { slug: 'stored-endpoint-missing', weight: 'notice', words: /getEndpointFromStore for eid \S+ failed/ },
  { slug: 'stored-network-missing', weight: 'notice', words: /getNetworkFromStore for nid \S+ failed/ },
  { slug: 'endpoint-exists', weight: 'problem', words: /endpoint with name \S+ already exists in network/ },
  { slug: 'network-in-use', weight: 'problem', words: /has active endpoints/ },
  { slug: 'live-restore-state-old', weight: 'notice', words: /could not upgrade state files during live restore/ },

  // Names.
  { slug: 'no-nameserver-left', weight: 'notice', words: /No non-localhost DNS nameservers are left/ },
  { slug: 'nameserver-unreachable', weight: 'problem', words: /\[resolver\] failed to query|\[resolver\].*(?:i\/o timeout|connection refused)/ },

  // That it failed, where nothing above said why.
  { slug: 'gateway-mode-refused', weight: 'problem', words: /gateway mode '\w+' can only be used/ },
  { slug: 'default-network-failed', weight: 'problem', words: /rror creating default \\?"bridge\\?" network/ },
  { slug: 'network-controller-failed', weight: 'problem', words: /Error initializing network controller/ },
] as const satisfies readonly Known[];

export type MessageSlug = (typeof known)[number]['slug'];

export interface KnownMessage {
  readonly slug: MessageSlug;
  readonly weight: Weight;
}

/** What a message is; undefined when it says nothing about networks that is known. */
export function knownMessage(text: string): KnownMessage | undefined {
  return known.find(({ words }) => words.test(text));
}

export const messageSlugs: readonly MessageSlug[] = known.map(({ slug }) => slug);
