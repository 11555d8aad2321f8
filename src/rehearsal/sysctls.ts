/**
 * Sysctls that a rebuilt host may get: those of a network namespace that decide what becomes of a packet, and no others. In: what the
 * facts say. Out: settings in the order in which they are written, and those that are left out. Pure.
 */
import type { Namespace } from '../host/state.ts';
import type { Setting } from './actor.ts';
import { isLinkName } from './blueprint.ts';

/** Of `net.ipv4.conf.DEV`. */
const perDevice4 = [
  'accept_local',
  'arp_accept',
  'arp_announce',
  'arp_filter',
  'arp_ignore',
  'forwarding',
  'ignore_routes_with_linkdown',
  'promote_secondaries',
  'proxy_arp',
  'proxy_arp_pvlan',
  'route_localnet',
  'rp_filter',
  'src_valid_mark',
];
/** Of `net.ipv6.conf.DEV`. */
const perDevice6 = ['disable_ipv6', 'forwarding', 'ignore_routes_with_linkdown', 'proxy_ndp'];
/** Of a namespace as a whole. */
const whole = [
  'net.bridge.bridge-nf-call-arptables',
  'net.bridge.bridge-nf-call-ip6tables',
  'net.bridge.bridge-nf-call-iptables',
  'net.bridge.bridge-nf-filter-vlan-tagged',
  'net.bridge.bridge-nf-pass-vlan-input-dev',
  'net.ipv4.fwmark_reflect',
  'net.ipv4.icmp_echo_ignore_all',
  'net.ipv4.icmp_echo_ignore_broadcasts',
  'net.ipv4.ip_default_ttl',
  'net.ipv4.ip_forward',
  'net.ipv4.ip_forward_use_pmtu',
  'net.ipv4.ip_no_pmtu_disc',
  'net.ipv4.ip_nonlocal_bind',
  'net.ipv4.tcp_fwmark_accept',
  'net.ipv6.bindv6only',
  'net.ipv6.fwmark_reflect',
  'net.ipv6.icmp.echo_ignore_all',
  'net.ipv6.ip_nonlocal_bind',
  'net.netfilter.nf_conntrack_tcp_be_liberal',
  'net.netfilter.nf_conntrack_tcp_loose',
];

const allowed = new Set(whole);
const perDevice = { 4: new Set(perDevice4), 6: new Set(perDevice6) };
const deviceSetting = /^net\.ipv([46])\.conf\.(.+)\.([a-z0-9_]+)$/;

/** Whether a rebuilt host may get it. */
export function isAllowedSysctl(name: string): boolean {
  const [, version, dev, key] = deviceSetting.exec(name) ?? [];
  if (key === undefined || dev === undefined) return allowed.has(name);
  // sysctl(8) writes a dot of a link's name as a slash.
  if (!isLinkName(dev.replaceAll('/', '.'))) return false;
  return perDevice[version === '4' ? 4 : 6].has(key);
}

/**
 * What a new namespace gets before anything is in it: the kernel's defaults, which it may not have (net.core.devconf_inherit_init_net),
 * addresses that are usable at once, and neither redirects nor limits of ICMP errors, by which one flow would change the next.
 */
export const groundSysctls: readonly Setting[] = [
  { name: 'net.ipv4.ip_forward', value: '0' },
  { name: 'net.ipv4.icmp_ratelimit', value: '0' },
  { name: 'net.ipv6.icmp.ratelimit', value: '0' },
  ...['all', 'default'].flatMap((dev) => [
    ...perDevice4.map((key) => ({ name: `net.ipv4.conf.${dev}.${key}`, value: '0' })),
    { name: `net.ipv4.conf.${dev}.send_redirects`, value: '0' },
    { name: `net.ipv4.conf.${dev}.accept_redirects`, value: '0' },
    { name: `net.ipv6.conf.${dev}.accept_dad`, value: '0' },
    { name: `net.ipv6.conf.${dev}.accept_ra`, value: '0' },
    { name: `net.ipv6.conf.${dev}.accept_redirects`, value: '0' },
    { name: `net.ipv6.conf.${dev}.forwarding`, value: '0' },
    { name: `net.ipv6.conf.${dev}.disable_ipv6`, value: '0' },
  ]),
];

export interface SysctlPlan {
  readonly settings: readonly Setting[];
  /** Set in the facts, of the network, and not among those that are allowed. */
  readonly left: readonly string[];
}

/** The allowed settings of a namespace; those for all devices come first, since they set each device's own. */
export function sysctlPlan({ sysctls, links }: Pick<Namespace, 'sysctls' | 'links'>): SysctlPlan {
  const settings: Setting[] = [];
  const left: string[] = [];
  const devices = new Set(['all', 'default', ...links.map(({ name }) => name)]);
  for (const [name, { value }] of sysctls) {
    const [, , dev] = deviceSetting.exec(name) ?? [];
    if (dev !== undefined && !devices.has(dev)) continue;
    const written = dev === undefined ? name : name.replace(`.${dev}.`, `.${dev.replaceAll('.', '/')}.`);
    if (isAllowedSysctl(written) && /^\d{1,10}$/.test(value)) settings.push({ name: written, value });
    else if (isAllowedSysctl(name)) left.push(`${name} = ${value}`);
  }
  const without6 = sysctls.size > 0 && ![...sysctls.keys()].some((name) => name.startsWith('net.ipv6.'));
  // A kernel without IPv6 has none of its settings.
  if (without6)
    for (const dev of ['all', 'default'])
      settings.push({ name: `net.ipv6.conf.${dev}.disable_ipv6`, value: '1' });
  return { settings: settings.toSorted((a, b) => rank(a) - rank(b)), left };
}

function rank({ name }: Setting): number {
  const [, , dev] = deviceSetting.exec(name) ?? [];
  if (dev === undefined) return 0;
  return dev === 'all' ? 1 : dev === 'default' ? 2 : 3;
}
