/**
 * Causes: the slugs that findings carry, and which setting each of them stands for.
 * The catalogue is closed, so that every report knows every cause. It holds no text.
 */
export const causes = [
  'masquerade-disabled',
  'network-masquerade-disabled',
  'iptables-disabled',
  'ip6tables-disabled',
  'ip-forward-off',
  'icc-disabled',
  'internal-network',
  'gateway-mode',
  'published-on-loopback',
  'published-on-one-address',
  'userland-proxy-missing',
  'hairpin-off',
  'rules-flushed',
  'masquerade-rule-missing',
  'filter-rule-missing',
  'dnat-rule-missing',
  'nat-jump-missing',
  'foreign-rule-drops',
  'foreign-nat-captures',
  'masquerade-shadowed',
  'forward-rule-before-docker',
  'input-blocks-container-to-host',
  'input-reject',
  'output-blocks-host',
  'legacy-and-nft-mixed',
  'extra-base-chain-drops',
  'firewalld-rejects-forward',
  'container-firewall-drops',
  'connection-untracked',
  'rate-limited',
  'bridge-down',
  'bridge-renamed',
  'bridge-address-missing',
  'bridge-port-blocks',
  'bridge-nf-with-forward-drop',
  'veth-detached',
  'container-link-down',
  'container-route-wrong',
  'container-address-wrong',
  'container-address-is-local',
  'container-not-running',
  'none-or-host-network',
  'macvlan-host-isolation',
  'uplink-down',
  'uplink-mtu-smaller',
  'no-default-route',
  'route-refuses',
  'route-via-dead-link',
  'subnet-overlap',
  'stale-neighbour',
  'interface-forwarding-off',
  'reverse-path-filter',
  'route-localnet-off',
  'mark-routes-elsewhere',
  'reply-captured-by-other-table',
  'option-in-flag-and-file',
  'config-not-in-force',
  'store-and-kernel-differ',
  'declaration-differs',
  'config-key-unknown',
  'address-options-invalid',
  'nftables-backend-needs-forwarding',
  'engine-did-not-start',
  'service-not-listening',
  'networks-isolated',
  'gateway-on-other-network',
  'direct-access-dropped',
  'bridge-nf-off',
  'policy-routing-misses-containers',
  'duplicate-mac',
  'arp-suppressed',
  'path-mtu-black-hole',
  'host-firewall-blocks-proxied-port',
  'dnat-before-netfilter',
  'ipv6-router-advertisements-ignored',
  'ipv6-neighbour-proxy-missing',
  'proxy-hides-ipv6-client',
  'ipv4-disabled-on-network',
  'host-gateway-name-missing',
  'uplink-in-vrf',
  'wsl2-loopback',
  'upstream-drops',
  'stale-conntrack',
  'conntrack-full',
  'invalid-state-dropped',
  'checksum-offload',
  'host-port-taken',
  'publish-address-not-local',
  'addresses-exhausted',
  'user-bridge-unready',
  'driver-not-in-kernel',
  'kernel-modules-gone',
  'xtables-extension-missing',
  'iptables-cannot-read-nft',
  'xtables-lock-contention',
  'resolver-overloaded',
  'libseccomp-too-old',
  'store-inconsistent',
] as const;

export type Cause = (typeof causes)[number];

export function isCause(text: string): text is Cause {
  return (causes as readonly string[]).includes(text);
}

/** What it means that a daemon option or a network's option is not at its default, and whether it asks for a restriction. */
export interface SettingMeaning {
  readonly cause: Cause;
  /** The setting exists to keep something from working: its effect is information, not a fault. */
  readonly restriction: boolean;
}

const settingMeanings: Readonly<Record<string, SettingMeaning>> = {
  'ip-masq': { cause: 'masquerade-disabled', restriction: false },
  iptables: { cause: 'iptables-disabled', restriction: false },
  ip6tables: { cause: 'ip6tables-disabled', restriction: false },
  'ip-forward': { cause: 'ip-forward-off', restriction: false },
  icc: { cause: 'icc-disabled', restriction: true },
  ip: { cause: 'published-on-loopback', restriction: true },
  'userland-proxy': { cause: 'userland-proxy-missing', restriction: false },
  internal: { cause: 'internal-network', restriction: true },
  'com.docker.network.bridge.enable_ip_masquerade': {
    cause: 'network-masquerade-disabled',
    restriction: false,
  },
  'com.docker.network.bridge.enable_icc': { cause: 'icc-disabled', restriction: true },
  'com.docker.network.bridge.host_binding_ipv4': { cause: 'published-on-loopback', restriction: true },
  'com.docker.network.bridge.gateway_mode_ipv4': { cause: 'gateway-mode', restriction: true },
  'com.docker.network.bridge.gateway_mode_ipv6': { cause: 'gateway-mode', restriction: true },
  'com.docker.network.bridge.inhibit_ipv4': { cause: 'bridge-address-missing', restriction: true },
};

/** Undefined for settings whose flip is not known to be a cause by itself. */
export function meaningOf(setting: string): SettingMeaning | undefined {
  return settingMeanings[setting];
}
