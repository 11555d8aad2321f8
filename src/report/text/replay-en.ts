/**
 * The English words of a log's report. What each message means, for a person who has to repair it at night.
 */
import type { Meaning, ReplayWords } from './replay-words.ts';

const messages: ReplayWords['messages'] = {
  'option-in-flag-and-file': {
    means: 'An option is given both on the command line and in daemon.json. The daemon does not start.',
    remedy: 'Remove it from one of them. The command line is often in a systemd unit or its drop-in.',
  },
  'config-key-unknown': {
    means: 'daemon.json has a key that this engine does not know. The daemon does not start.',
    remedy: 'Remove or correct the key; `bridgekeeper config --config-file FILE` names its line.',
  },
  'options-exclude-each-other': {
    means: 'Two options cannot be used together. The daemon does not start.',
    remedy: 'Drop one of the options that the message names.',
  },
  'config-invalid': {
    means: 'daemon.json cannot be read. The daemon does not start.',
    remedy: '`bridgekeeper config --config-file FILE` says which line and why.',
  },
  'bridge-address-is-network-address': {
    means:
      'The bridge is to have an address that no host can have: that of the network itself, or one that is taken.',
    remedy: 'Give bip a host address: 10.1.0.1/16, not 10.1.0.0/16.',
  },
  'no-free-subnet': {
    means:
      'Every address pool overlaps a route of this host or is used up (a VPN often routes all of 172.16.0.0/12).',
    remedy:
      'Set default-address-pools, name a subnet when making the network, or remove networks that nobody uses.',
  },
  'subnet-overlaps': {
    means: 'The subnet or bridge of a new network is that of another one.',
    remedy: 'Choose another subnet or bridge name; `docker network inspect` shows which are taken.',
  },
  'no-free-address': {
    means: 'All addresses of the network are in use.',
    remedy: 'Remove containers, or make a network with a larger subnet or ip-range.',
  },
  'bridge-address-differs': {
    means: 'The bridge has other addresses than the configuration asks for.',
    remedy: 'Remove the address from the bridge, or let bip and fixed-cidr agree with it.',
  },
  'bridge-name-taken': {
    means: "An interface that is no bridge has the name of the network's bridge.",
    remedy: 'Rename or delete that interface, or choose another bridge name.',
  },
  'port-address-missing': {
    means: 'A port is to be published on an address that this host does not have (yet).',
    remedy: 'Check the address, or start the daemon after the network is up.',
  },
  'port-taken': {
    means:
      'The host port is in use, by another container or by a program of the host. The container does not start.',
    remedy: '`ss -ltnup` shows who listens. Publish another port, or stop that program.',
  },
  'port-protocol-unsupported': {
    means: 'The kernel or the proxy does not know this protocol (SCTP is a module).',
    remedy: 'Load the module, or publish the port by another protocol.',
  },
  'proxy-not-found': {
    means: 'The program docker-proxy is not where the daemon looks for it.',
    remedy: 'Install it, set userland-proxy-path, or set userland-proxy to false.',
  },
  'port-failed': {
    means: 'A port could not be published; the message says why.',
    remedy: 'Look at the reason in the message.',
  },
  'no-port-without-proxy': {
    means:
      'Without the userland proxy an IPv6 address of the host cannot lead to a container that has IPv4 only.',
    remedy: 'Give the network IPv6, set userland-proxy to true, or publish on an IPv4 address.',
  },
  'host-port-ignored': {
    means:
      "The network is routed, not translated: a host port means nothing there, the container's own port is open.",
  },
  'proxy-stopped': {
    means: 'A docker-proxy had ended before the daemon stopped it. At a shutdown that is usual.',
  },
  'iptables-lock': {
    means: 'Another program held the lock of iptables for too long, so a rule was not made.',
    remedy: 'Find what runs iptables all the time; restart the daemon.',
  },
  'iptables-chain-missing': {
    means:
      'A chain or target that the rule needs is not there: somebody flushed the firewall, or a kernel module is missing.',
    remedy:
      'Restart the daemon to make its chains again. Find out who flushes: a firewall service, a script.',
  },
  'iptables-table-missing': {
    means:
      'The kernel has no such table: a module is not loaded, often after a kernel update without a reboot.',
    remedy: 'Load iptable_nat or ip6table_nat (or nf_tables), or reboot into the installed kernel.',
  },
  'iptables-missing': {
    means: 'The program iptables or ip6tables is not there. No rules are made.',
    remedy: "Install iptables, or look at the daemon's PATH.",
  },
  'firewalld-zone-conflict': {
    means: 'The bridge is in another zone of firewalld than docker.',
    remedy:
      'Take it out there: `firewall-cmd --permanent --zone=ZONE --remove-interface=BRIDGE`, then reload.',
  },
  'firewalld-reload-failed': {
    means: "After a reload of firewalld some of Docker's rules could not be made again.",
    remedy: 'Restart the daemon, or put back what is missing.',
  },
  'firewalld-reloaded': {
    means: "firewalld was reloaded, which removes Docker's rules; the daemon made them again.",
  },
  'iptables-failed': {
    means: 'iptables refused a command; what needed the rule does not work.',
    remedy: 'The end of the message is what iptables said.',
  },
  'nftables-nothing-to-delete': {
    means:
      'The daemon looked for tables of the nftables backend, and there were none. This is usual with iptables.',
  },
  'nftables-missing': {
    means: 'nftables cannot be used: the program or the library is missing.',
    remedy: 'Install nftables, or set firewall-backend to iptables.',
  },
  'nftables-failed': {
    means: 'nftables refused a change; what needed it does not work.',
    remedy: 'The end of the message is what nftables said.',
  },
  'forward-policy-drops-ports': {
    means:
      "The policy of FORWARD is DROP, and without rules of Docker's own nothing lets packets for published ports through.",
    remedy: 'Accept them in a rule of your own, or let the daemon make its rules.',
  },
  'forwarding-disabled': {
    means: 'The kernel does not forward packets. Containers reach nothing beyond the host.',
    remedy: 'Set ip-forward to true, or net.ipv4.ip_forward=1 (net.ipv6.conf.all.forwarding=1).',
  },
  'bridge-netfilter-missing': {
    means:
      'The module br_netfilter is missing or switched off, so rules do not see packets between containers of one bridge.',
    remedy: '`modprobe br_netfilter`, and name it in /etc/modules-load.d.',
  },
  'kernel-lacks-link-type': {
    means: 'The kernel cannot make this kind of interface.',
    remedy: 'Load the module (ipvlan, macvlan, 8021q, bridge, veth), or use a kernel that has it.',
  },
  'driver-missing': {
    means: 'No network driver of that name is there: neither built in nor a plugin that answers.',
    remedy: 'Correct the name, start the plugin, or use an engine that has the driver (ipvlan: 19.03).',
  },
  'ipv6-route-failed': {
    means:
      'The bridge was down when the route to its IPv6 subnet was to be made. The kernel makes it once a container is there.',
  },
  'ipv6-disabled-in-kernel': {
    means: 'The kernel has IPv6 switched off.',
    remedy: 'Remove ipv6.disable=1 or disable_ipv6, or set ipv6 and ip6tables to false.',
  },
  'local-routing-failed': {
    means:
      'route_localnet could not be set, which ports on loopback addresses need without the userland proxy.',
    remedy: 'Set userland-proxy to true, or let the daemon write to /proc/sys.',
  },
  'module-not-loaded': {
    means: 'A kernel module could not be loaded. If it is built in or loaded already, nothing is wrong.',
  },
  'conntrack-unavailable': {
    means: 'Known connections could not be forgotten, so UDP may still go to a container that is gone.',
    remedy: 'Load nf_conntrack_netlink.',
  },
  'bridge-port-unreadable': {
    means: 'The daemon cannot see in /sys whether a bridge port forwards, and waits 20 ms instead.',
  },
  'announcement-failed': {
    means: 'A new address could not be announced to neighbours. Those who knew an older owner notice later.',
  },
  'mac-changed': { means: "A container's interface has another MAC address than before." },
  'live-restore-keeps-settings': {
    means:
      'Containers ran on while the daemon was away (live-restore), so the default network stayed as it was: bip, ip-masq, icc and mtu of daemon.json are not in force.',
    remedy: 'To apply them stop all containers of the default network, then restart the daemon.',
  },
  'stale-sandbox': {
    means: "A container's network was left behind by a daemon that did not stop cleanly; it is removed now.",
  },
  'stale-endpoint': { means: 'An endpoint belonged to no container any more; it is removed now.' },
  'stale-network': { means: 'A network was half made when an earlier daemon ended; it is removed now.' },
  'endpoint-count-fixed': {
    means:
      'The stored number of endpoints was wrong, after a daemon that did not stop cleanly; it is corrected now.',
  },
  'stored-endpoint-missing': {
    means:
      "A container's network refers to an endpoint that is not stored any more; the clean-up goes on without it.",
  },
  'stored-network-missing': {
    means:
      "A container's network refers to a network that is not stored any more; the clean-up goes on without it.",
  },
  'restore-failed': {
    means: 'Ports or rules of a container that ran on could not be put back.',
    remedy: 'Restart that container.',
  },
  'endpoint-exists': {
    means: 'An endpoint of that name is still there, from a container that was not removed cleanly.',
    remedy: '`docker network disconnect --force NETWORK NAME`.',
  },
  'network-in-use': {
    means: 'A network cannot be removed, since containers are on it.',
    remedy: 'Disconnect them: `docker network inspect NETWORK` lists them.',
  },
  'live-restore-state-old': {
    means: 'The state of a running container is from an older containerd and was not converted.',
  },
  'no-nameserver-left': {
    means:
      "The host's resolv.conf names only loopback servers, which a container cannot reach; others are used.",
    remedy: 'Set dns in daemon.json if those are not reachable.',
  },
  'resolver-busy': {
    means: "Containers ask the daemon's resolver more at once than it takes, so some questions are dropped.",
    remedy: 'Find the container that asks so much; let it keep answers, or give it a cache of its own.',
  },
  'nameserver-unreachable': {
    means: "A name server does not answer the daemon's resolver, so names do not resolve in containers.",
    remedy: "Check the way to that server, from the container's network and from the host; set dns.",
  },
  'gateway-mode-refused': {
    means: 'The gateway mode does not fit the network.',
    remedy: 'Make the network with --internal, or choose another mode.',
  },
  'default-network-failed': {
    means: 'The default network could not be made. The daemon does not start.',
    remedy: 'Look at the reason in the message.',
  },
  'network-controller-failed': {
    means: 'Networking could not be set up. The daemon does not start.',
    remedy: 'Look at the reason in the message.',
  },
} satisfies Readonly<Record<string, Meaning>>;

const plural = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

export const english: ReplayWords = {
  messages,
  phases: {
    options: 'options, listeners',
    containerd: 'containerd',
    'graph-driver': 'graph driver',
    containers: 'containers read',
    firewall: 'firewall, networks',
    restore: 'endpoints restored',
    'default-bridge': 'default bridge',
    ready: 'containers started',
    running: 'running',
    reload: 'reload',
    shutdown: 'shutdown',
  },
  columns: ['phase', 'line', 'at', 'took', 'commands'],
  head: (starts, entries, engine) =>
    `${plural(starts, 'start')} in ${plural(entries, 'entry', 'entries')}, ${engine}`,
  engine: (version, from) =>
    `engine ${version}${from === 'rules' ? ' or near it (by its chains)' : from === 'asked' ? ' (as asked)' : ''}`,
  unknownEngine: 'engine unknown',
  start: (number, line, state) => `Start ${number}, line ${line}: ${state}`,
  completed: 'came up',
  failed: 'did not come up',
  beginMissing: 'its beginning is not in the log',
  liveRestore: 'live restore',
  commands: (host, container, nft, firewalld) =>
    [
      `${plural(host, 'command')} of iptables on the host`,
      ...(firewalld > 0 ? [`${firewalld} of them through firewalld`] : []),
      ...(container > 0 ? [`${container} in containers' namespaces (DNS)`] : []),
      ...(nft > 0 ? [`${plural(nft, 'change')} of nftables`] : []),
    ].join(', '),
  noCommands: 'The log shows no command of the firewall: dockerd logs them only with "debug": true.',
  noRules: 'The daemon made no rules: iptables=false, or it did not come so far.',
  unreadable: (count) => `${plural(count, 'command')} could not be read.`,
  cut: 'The log is longer than what is read; its end is missing here.',
  settings: (turned, usual) => `Settings that the rules show: ${turned}; as by default: ${usual}`,
  none: 'none',
  found: (count) =>
    `${plural(count, 'rule or chain', 'rules and chains')} must have been there before the log begins.`,
  vanished: (count) =>
    `${plural(count, 'rule or chain', 'rules and chains')} went without a command of the log.`,
  refused: (text, line, why) => `line ${line}: iptables must have refused "${text}": ${why}`,
  means: 'means',
  remedy: 'do',
  line: (line, count) => (count === 1 ? `line ${line}` : `line ${line}, ${count} times`),
  others: (count) =>
    `${plural(count, 'other warning or error', 'other warnings and errors')}, not known to be about networks.`,
  thePlan: 'the plan',
  same: (expected) => `The rules are those of ${expected}.`,
  differs: (expected) => `Against ${expected}:`,
  missing: 'missing',
  extra: 'more',
  policy: (chain, expected, observed) => `policy of ${chain}: ${observed}, not ${expected}`,
  chainMissing: (chain) => `no chain ${chain}`,
  chainExtra: (chain) => `chain ${chain} besides`,
  misordered: (count) => `${plural(count, 'rule')} at another place in the chain`,
  requests: (missing, extra) => `rules of single containers: ${missing} missing, ${extra} more`,
  decides: (setting, missing, extra) =>
    [
      ...(missing > 0 ? [`${setting} would make ${missing} of the missing rules`] : []),
      ...(extra > 0 ? [`${setting} makes ${extra} of the additional rules`] : []),
    ].join('; '),
  lastSeen: (op, line) => `last: ${op}, line ${line}`,
  otherEngines: (log, other) => `The engines differ: ${log} and ${other}.`,
  mayBeThere: 'What an earlier run left in chains that this log does not empty may be there all the same.',
  more: (count) => `... ${count} more`,
};
