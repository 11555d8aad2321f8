/**
 * Whose a rule, chain or native table is, if not Docker's: the programs that are met on container hosts, known by the names they give.
 * In: names and rules. Out: the owner and the name that shows it; none where nothing shows it. What is Docker's is told by `plan/`.
 * Rules of netfilter-persistent, ferm and people bear no name, and k3s and nerdctl go by those of kube-router, flannel and CNI.
 */
import type { Rule, RuleOption } from './ruleset.ts';

/** Programs, as their users call them. */
export type Owner =
  | 'antrea'
  | 'balena'
  | 'calico'
  | 'cilium'
  | 'cni'
  | 'crowdsec'
  | 'csf'
  | 'fail2ban'
  | 'firewalld'
  | 'flannel'
  | 'incus'
  | 'istio'
  | 'kube-proxy'
  | 'kube-router'
  | 'libvirt'
  | 'lxc'
  | 'lxd'
  | 'miniupnpd'
  | 'mullvad'
  | 'netbird'
  | 'networkmanager'
  | 'nordvpn'
  | 'openwrt'
  | 'podman'
  | 'shorewall'
  | 'sshguard'
  | 'systemd-networkd'
  | 'tailscale'
  | 'ufw'
  | 'weave'
  | 'wireguard'
  | 'zerotier';

export interface Ownership<Name extends string = Owner> {
  readonly owner: Name;
  readonly because: OwnerClue;
}

/** What shows it. An interface's name says whom a rule is about, which a person may have written too. */
export interface OwnerClue {
  readonly kind: 'table' | 'chain' | 'jump' | 'comment' | 'set' | 'mark' | 'interface';
  /** As it stands there. */
  readonly name: string;
}

type Names = readonly (readonly [Owner, RegExp])[];

/** Chains of iptables' tables. */
const chainNames: Names = [
  ['ufw', /^ufw6?-/],
  ['firewalld', /^(?:PREROUTING|POSTROUTING|INPUT|FORWARD|OUTPUT)_(?:direct|(?:IN_|OUT_)?ZONES|POLICIES)/],
  ['firewalld', /^(?:IN|OUT|FWD[IO]?|PRE|POST)_[A-Za-z0-9-]+(?:_(?:log|pre|deny|allow|post))?$/],
  ['kube-router', /^KUBE-(?:ROUTER|POD-FW|NWPLCY)-/],
  ['kube-proxy', /^KUBE-/],
  ['calico', /^cali-/],
  ['cilium', /^(?:OLD_)?CILIUM_/],
  ['flannel', /^FLANNEL-/],
  ['weave', /^WEAVE/],
  ['antrea', /^ANTREA-/],
  ['istio', /^ISTIO_/],
  ['cni', /^CNI-/],
  ['podman', /^NETAVARK/],
  ['tailscale', /^ts-(?:input|forward|postrouting)$/],
  ['netbird', /^NETBIRD-/i],
  ['networkmanager', /^(?:nm-)?sh-(?:in|fw)-/],
  ['libvirt', /^LIBVIRT_/],
  ['fail2ban', /^(?:f2b|fail2ban)-/],
  ['crowdsec', /^CROWDSEC/i],
  ['sshguard', /^sshguard$/],
  ['balena', /^BALENA(?:$|-)/],
  ['miniupnpd', /^MINIUPNPD/],
  // ConfigServer Firewall and its daemon lfd.
  [
    'csf',
    /^(?:LOCAL(?:IN|OUT)PUT|LOGDROP(?:IN|OUT)|G?(?:DENY|ALLOW)(?:IN|OUT)|INVDROP|CC_(?:DENY|ALLOW)\w*)$/,
  ],
  // Its zones go by names of the administrator's choice; these are those of its examples.
  [
    'shorewall',
    /^(?:~?shorewall\d*|(?:net|loc|dmz|fw|dock)[-2](?:net|loc|dmz|fw|dock)|(?:net|loc|dmz|dock)_frwd|smurfs|smurflog)$/,
  ],
];

/** Tables of native nftables. */
const nftTableNames: Names = [
  ['firewalld', /^firewalld$/],
  ['podman', /^netavark$/],
  ['cni', /^cni_(?:hostport|plugins_masquerade)$/],
  ['kube-proxy', /^kube-proxy$/],
  ['kube-router', /^kube-router/],
  ['calico', /^calico$/],
  ['flannel', /^flannel-ipv[46]$/],
  ['antrea', /^antrea$/],
  ['istio', /^istio-/],
  ['libvirt', /^libvirt_network$/],
  ['lxd', /^lxd$/],
  ['incus', /^incus$/],
  ['lxc', /^lxc$/],
  ['fail2ban', /^f2b-table$/],
  ['crowdsec', /^crowdsec6?/],
  ['sshguard', /^sshguard$/],
  ['wireguard', /^wg-quick-/],
  ['netbird', /^netbird/],
  ['networkmanager', /^nm-/],
  ['systemd-networkd', /^io\.systemd\.nat$/],
  ['mullvad', /^mullvad/],
  ['nordvpn', /^nordvpn/],
  ['miniupnpd', /^miniupnpd$/],
  ['openwrt', /^fw4$/],
];

const comments: Names = [
  ['kube-router', /kube-router/],
  ['kube-proxy', /^kubernetes /],
  ['calico', /^cali:/],
  ['cilium', /^cilium/],
  ['flannel', /^flanneld? /],
  ['cni', /^(?:CNI |(?:dnat )?name: ".*" id: )/],
  ['podman', /^netavark/],
  ['lxd', /generated for LXD /],
  ['incus', /generated for Incus /],
  ['wireguard', /^wg-quick\(8\)/],
  ['netbird', /^netbird/i],
  ['networkmanager', /^nm-shared-/],
  ['nordvpn', /^nordvpn/],
  ['crowdsec', /^crowdsec/i],
];

/** Of ipset. */
const setNames: Names = [
  ['kube-router', /^(?:inet6:)?(?:kube-router|KUBE-(?:SRC|DST)-)/],
  ['kube-proxy', /^KUBE-/],
  ['calico', /^cali[46]/],
  ['weave', /^weave-/],
  ['antrea', /^ANTREA-/],
  ['fail2ban', /^f2b-/],
  ['crowdsec', /^crowdsec/],
];

/** As iptables-save prints them; only those that nobody chooses by chance. */
const marks: Names = [
  ['tailscale', /^0x[48]0000\/0xff0000$/],
  ['kube-proxy', /^0x4000\/0x4000$/],
  ['cni', /^0x2000\/0x2000$/],
  ['wireguard', /^0xca6c(?:\/|$)/],
];

const interfaceNames: Names = [
  ['libvirt', /^virbr/],
  ['lxd', /^lxdbr/],
  ['incus', /^incusbr/],
  ['lxc', /^lxcbr/],
  ['podman', /^(?:podman|cni-podman)\d/],
  ['cni', /^(?:cni\d|nerdctl)/],
  ['flannel', /^flannel\./],
  ['calico', /^(?:cali[0-9a-f+]|vxlan\.calico)/],
  ['cilium', /^(?:cilium_|lxc[0-9a-f]{8})/],
  ['weave', /^(?:weave$|vethwe)/],
  ['antrea', /^antrea-/],
  ['kube-router', /^kube-bridge$/],
  ['kube-proxy', /^kube-ipvs0$/],
  ['tailscale', /^tailscale/],
  ['zerotier', /^zt/],
  ['netbird', /^wt\d/],
  ['wireguard', /^wg/],
];

/** Who makes chains of this name. */
export function ownerOfChain(chain: string): Ownership | undefined {
  return named('chain', chainNames, [chain]);
}

/** Who makes native tables of this name. */
export function ownerOfNftTable(table: string): Ownership | undefined {
  return named('table', nftTableNames, [table]);
}

/** Who made a rule: by its chain, by what it jumps to, or by what it says. */
export function ownerOfRule(chain: string, rule: Rule): Ownership | undefined {
  const options = [...rule.matches.flatMap((match) => match.options), ...(rule.target?.options ?? [])];
  const interfaces = [rule.inInterface, rule.outInterface].flatMap((name) => name?.value ?? []);
  return (
    ownerOfChain(chain) ??
    named('jump', chainNames, rule.target === undefined ? [] : [rule.target.name]) ??
    named('comment', comments, valuesOf(options, '--comment')) ??
    named('set', setNames, valuesOf(options, '--match-set')) ??
    named('mark', marks, [...valuesOf(options, '--mark'), ...valuesOf(options, '--set-xmark')]) ??
    named('interface', interfaceNames, interfaces)
  );
}

/** The first value of each option of this name. */
function valuesOf(options: readonly RuleOption[], name: string): readonly string[] {
  return options.flatMap((option) => (option.name === name ? option.values.slice(0, 1) : []));
}

function named(kind: OwnerClue['kind'], names: Names, texts: readonly string[]): Ownership | undefined {
  for (const text of texts) {
    const found = names.find(([, pattern]) => pattern.test(text));
    if (found !== undefined) return { owner: found[0], because: { kind, name: text } };
  }
  return undefined;
}
