import { describe, expect, test } from 'vitest';
import { knownMessage, type MessageSlug, messageSlugs } from './messages.ts';

/** In dockerd's own words: logs of 17.06 to 29, and where none shows one, moby's source. */
const said: readonly (readonly [MessageSlug, string])[] = [
  [
    'option-in-flag-and-file',
    'unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives are specified both as a flag and in the configuration file: ip-masq: (from flag: false, from file: false)',
  ],
  [
    'config-key-unknown',
    "unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives don't match any configuration option: foo",
  ],
  [
    'options-exclude-each-other',
    'You specified -b & --bip, mutually exclusive options. Please specify only one',
  ],
  [
    'config-invalid',
    'unable to configure the Docker daemon with file /etc/docker/daemon.json: invalid character',
  ],
  [
    'bridge-address-is-network-address',
    'Error starting daemon: Error initializing network controller: Error creating default "bridge" network: failed to allocate gateway (10.200.0.0): Address already in use',
  ],
  [
    'no-free-subnet',
    'Handler for POST /networks/create returned error: all predefined address pools have been fully subnetted',
  ],
  [
    'no-free-subnet',
    'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
  ],
  [
    'subnet-overlaps',
    'Handler for POST /v1.30/networks/create returned error: Pool overlaps with other one on this address space',
  ],
  ['no-free-address', "no available IPv4 addresses on this network's address pools: bridge (be4dd1fee8cf)"],
  [
    'bridge-address-differs',
    'bridge IPv4 (172.18.0.1/16) does not match requested configuration 10.0.0.1/16',
  ],
  ['bridge-name-taken', 'existing interface docker0 is not a bridge'],
  [
    'port-address-missing',
    'Failed to allocate and map port 8080-8080: Error starting userland proxy: listen tcp 10.9.9.9:8080: bind: cannot assign requested address',
  ],
  [
    'port-taken',
    'driver failed programming external connectivity on endpoint web (0f): Bind for 0.0.0.0:8080 failed: port is already allocated',
  ],
  ['port-taken', 'failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use'],
  [
    'port-protocol-unsupported',
    'Failed to allocate port: failed to create socket for 0.0.0.0:7000/sctp: protocol not supported',
  ],
  ['proxy-not-found', 'invalid userland-proxy-path: must be an absolute path: x'],
  ['port-failed', 'driver failed programming external connectivity on endpoint web (0f): something'],
  [
    'no-port-without-proxy',
    'Cannot map from IPv6 to an IPv4-only container because the userland proxy is disabled',
  ],
  ['host-port-ignored', 'Host port ignored, because NAT is disabled'],
  ['proxy-stopped', 'Userland proxy exited early (this is expected during daemon shutdown)'],
  [
    'iptables-lock',
    'iptables failed: iptables --wait -t nat -N DOCKER: Another app is currently holding the xtables lock. Stopped waiting after 5s',
  ],
  [
    'iptables-chain-missing',
    'iptables failed: iptables --wait -t nat -A DOCKER -p tcp -j DNAT: iptables: No chain/target/match by that name. (exit status 1)',
  ],
  [
    'iptables-table-missing',
    "iptables failed: iptables -t nat -N DOCKER: iptables v1.8.7 (legacy): can't initialize iptables table `nat': Table does not exist (do you need to insmod?)",
  ],
  ['iptables-missing', 'failed to register "bridge" driver: iptables not found'],
  ['firewalld-zone-conflict', "ZONE_CONFLICT: 'docker0' already bound to 'public'"],
  ['firewalld-reload-failed', 'Failed to re-create packet filter on firewalld reload'],
  ['firewalld-reloaded', 'Recreating iptables chains on firewall reload'],
  ['iptables-failed', 'iptables failed: iptables --wait -t filter -A X: out of luck (exit status 4)'],
  [
    'nftables-nothing-to-delete',
    'Deleting nftables IPv4 rules: libnftables: failed to apply commands (code -1)',
  ],
  ['nftables-missing', 'Failed to find nft tool'],
  ['nftables-failed', 'adding rules: libnftables: failed to apply commands (code -1), stderr: x'],
  [
    'forward-policy-drops-ports',
    'Network traffic for published ports may be dropped, iptables chain FORWARD has policy DROP.',
  ],
  ['forwarding-disabled', 'IPv4 forwarding is disabled. Networking will not work.'],
  [
    'bridge-netfilter-missing',
    'cannot restrict inter-container communication: ensure that the br_netfilter kernel module is loaded',
  ],
  [
    'kernel-lacks-link-type',
    'Handler for POST /v1.41/containers/x/start returned error: failed to create the ipvlan port: operation not supported',
  ],
  ['driver-missing', 'Unable to locate plugin: ipvlan, retrying in 1s'],
  [
    'ipv6-route-failed',
    'Could not add route to IPv6 network 2001:db8:1::1/64 via device docker0: network is down',
  ],
  [
    'ipv6-disabled-in-kernel',
    "Cannot enable IPv6 on container interface. Has IPv6 been disabled in this node's kernel?",
  ],
  ['local-routing-failed', 'Unable to enable local routing for hairpin mode: x'],
  [
    'module-not-loaded',
    'Running modprobe nf_nat failed with message: ``, error: exec: "modprobe": executable file not found in $PATH',
  ],
  ['conntrack-unavailable', 'Failed to delete conntrack state for IPv4 port'],
  ['bridge-port-unreadable', 'Failed to read stp_state file "/sys/class/net/docker0/bridge/stp_state"'],
  ['announcement-failed', 'Failed to send unsolicited ARP: network is down'],
  ['mac-changed', 'MAC address changed'],
  [
    'live-restore-keeps-settings',
    'There are old running containers, the network config will not take affect',
  ],
  [
    'live-restore-keeps-settings',
    'there are running containers, updated network configuration will not take affect',
  ],
  ['stale-sandbox', 'Removing stale sandbox c2652096 (a206fe6a)'],
  ['stale-endpoint', 'Removing stale endpoint gateway_5 (aa)'],
  ['stale-network', 'Removing stale network x (aa)'],
  ['endpoint-count-fixed', 'Fixing inconsistent endpoint_cnt for network none. Expected=0, Actual=4'],
  [
    'stored-endpoint-missing',
    'getEndpointFromStore for eid efdaba4b failed while trying to build sandbox for cleanup: could not find endpoint',
  ],
  ['stored-network-missing', 'Failed to restore endpoint, getNetworkFromStore failed'],
  ['restore-failed', 'Failed to restore per-endpoint firewall rules'],
  ['endpoint-exists', 'endpoint with name web already exists in network bridge'],
  [
    'network-in-use',
    'could not delete the default bridge network: network bridge id aa has active endpoints',
  ],
  [
    'live-restore-state-old',
    'libcontainerd: could not upgrade state files during live restore for container b4: json',
  ],
  [
    'no-nameserver-left',
    'No non-localhost DNS nameservers are left in resolv.conf. Using default external servers',
  ],
  ['resolver-busy', '[resolver] more than 1024 concurrent queries'],
  ['nameserver-unreachable', '[resolver] failed to query external DNS server'],
  ['gateway-mode-refused', "gateway mode 'isolated' can only be used for an internal network"],
  [
    'default-network-failed',
    'failed to start daemon: Error initializing network controller: error creating default "bridge" network: x',
  ],
  ['network-controller-failed', 'failed to start daemon: Error initializing network controller: x'],
];

describe('knownMessage', () => {
  test.each(said)('%s: %s', (slug, text) => {
    expect(knownMessage(text)?.slug).toBe(slug);
  });

  test('every slug is shown by a message', () => {
    expect([...new Set(said.map(([slug]) => slug))].toSorted()).toEqual([...messageSlugs].sort());
  });

  test.each(['API listen on /run/docker.sock', 'Your kernel does not support cgroup blkio weight', ''])(
    'says nothing about %j',
    (text) => {
      expect(knownMessage(text)).toBeUndefined();
    },
  );
});
