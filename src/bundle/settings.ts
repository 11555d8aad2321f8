/**
 * Kernel settings and the list of legacy tables, read from /proc inside a namespace by one grep. In: grep's output.
 * Out: the lines of sysctl.txt, and whether legacy tables exist.
 */
import type { Family } from '../net/addr.ts';

/** Settings that bear on a packet's way. Not all of net.*: some hold keys, some are written only. */
const sysctlFiles = [
  'ipv4/conf',
  'ipv6/conf',
  'bridge',
  'ipv4/ip_default_ttl',
  'ipv4/ip_forward',
  'ipv4/ip_forward_update_priority',
  'ipv4/ip_forward_use_pmtu',
  'ipv4/ip_local_port_range',
  'ipv4/ip_nonlocal_bind',
  'ipv4/ip_no_pmtu_disc',
  'ipv4/ip_unprivileged_port_start',
  'ipv4/ping_group_range',
  'ipv4/icmp_echo_ignore_all',
  'ipv4/icmp_echo_ignore_broadcasts',
  'ipv4/fib_multipath_hash_policy',
  'ipv4/fwmark_reflect',
  'ipv6/bindv6only',
  'ipv6/fwmark_reflect',
  'ipv6/icmp/echo_ignore_all',
  'ipv6/ip_nonlocal_bind',
  'netfilter/nf_conntrack_buckets',
  'netfilter/nf_conntrack_count',
  'netfilter/nf_conntrack_max',
  'netfilter/nf_conntrack_tcp_be_liberal',
  'netfilter/nf_conntrack_acct',
];

const tableLists: Readonly<Record<Family, string>> = {
  ipv4: '/proc/net/ip_tables_names',
  ipv6: '/proc/net/ip6_tables_names',
};

export const settingsPaths: readonly string[] = [
  ...sysctlFiles.map((file) => `/proc/sys/net/${file}`),
  tableLists.ipv4,
  tableLists.ipv6,
];

/** `/proc/sys/net/ipv4/conf/eth0.100/rp_filter:1` as sysctl(8) writes it, dots inside a name as slashes; sorted. */
export function sysctlLines(grepped: string): string {
  const lines = grepped.split('\n').flatMap((line) => {
    const match = /^\/proc\/sys\/([^:]+):(.*)$/.exec(line);
    if (match?.[1] === undefined) return [];
    const name = match[1]
      .split('/')
      .map((part) => part.replaceAll('.', '/'))
      .join('.');
    return [`${name} = ${match[2] ?? ''}`];
  });
  return `${lines.sort().join('\n')}\n`;
}

export type LegacyTables = 'none' | 'some' | 'unreadable';

/** The list is there once the legacy core is loaded, and only root may read it. */
export function legacyTables(family: Family, grepped: string, complaints: string): LegacyTables {
  const path = tableLists[family];
  if (grepped.split('\n').some((line) => line.startsWith(`${path}:`))) return 'some';
  const refused = complaints
    .split('\n')
    .some((line) => line.includes(path) && !line.includes('No such file'));
  return refused ? 'unreadable' : 'none';
}
