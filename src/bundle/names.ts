/**
 * What the files of a bundle are called. In: a name inside it. Out: whether a bundle has such a file. What is in them is not known here.
 */

const names = new Set([
  'daemon.json',
  'dockerd.argv',
  'docker-info.json',
  'docker-version.json',
  'docker-network-inspect.json',
  'docker-container-inspect.json',
  'networks.json',
  'local-kv.db',
  'dockerd.log',
  'docker-proxy.txt',
  'iptables-save.txt',
  'ip6tables-save.txt',
  'iptables-legacy-save.txt',
  'ip6tables-legacy-save.txt',
  'nft-ruleset.json',
  'nft-ruleset.txt',
  'ip-link.json',
  'ip-addr.json',
  'ip-route.json',
  'ip6-route.json',
  'ip-rule.json',
  'ip6-rule.json',
  'ip-neigh.json',
  'bridge-link.json',
  'bridge-fdb.json',
  'bridge-vlan.json',
  'tc.json',
  'sysctl.txt',
  'ss.txt',
  'conntrack.txt',
  'ipset-save.txt',
  'sandboxes.json',
  'outside.json',
  'os-release',
  'resolv.conf',
  'kernel.log',
  'modules.txt',
  'NetworkManager.conf',
  'tools.txt',
  'capture-notes.txt',
]);

/** Whether a bundle has files of this name. */
export function isBundleFile(name: string): boolean {
  return names.has(name) || /^(?:networkd|firewalld|oracle)\//.test(name);
}
