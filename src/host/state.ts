/**
 * HostState: one picture of one host as plain immutable data. The same type whether it was observed (read
 * from a kernel or a bundle) or planned. A field that is `undefined` was not in the facts: unknown, not empty.
 */

import type { IpSet } from '../firewall/ipset.ts';
import type { NftRuleset } from '../firewall/nft/model.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import type { Addr, Family } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Reason } from '../net/reason.ts';
import type { SourceRef } from '../net/source.ts';

export interface HostState {
  /** The host's own namespace, then the containers'. Names are unique. */
  readonly namespaces: readonly Namespace[];
  /** What the world beyond the uplink is known to be (a bundle's outside.json); else the default contract holds. */
  readonly outside?: OutsideFacts;
  /** Running docker-proxy processes; undefined when unknown. */
  readonly proxies?: readonly PortProxy[];
}

export interface Namespace {
  /** `host`, or the container's name. */
  readonly name: string;
  /** `outside` is made from OutsideFacts or the default contract, never read from facts. */
  readonly kind: 'host' | 'container' | 'outside';
  /** `net:[4026532695]`, where known. */
  readonly inode?: string;
  /** Names of containers that have no namespace of their own but use this one (host networking, `container:`). */
  readonly sharedBy: readonly string[];
  readonly links: readonly Link[];
  readonly routes: readonly Route[];
  readonly policyRules: readonly PolicyRule[];
  readonly neighbours: readonly Neighbour[];
  /** Dotted names, e.g. `net.ipv4.conf.docker0.route_localnet`, also where an interface has a dot. A missing key is unknown. */
  readonly sysctls: ReadonlyMap<string, Sysctl>;
  /** Listening TCP sockets and bound UDP sockets; undefined when unknown (then every port of a container listens). */
  readonly sockets?: readonly Socket[];
  readonly firewall: Ruleset;
  /** Native nftables, without the tables that are iptables' own; absent where there is no listing that can be evaluated. */
  readonly nft?: NftRuleset;
  /** Native base chains of which only a text is known that is not evaluated: walks through their hooks are unknown. */
  readonly unmodelledHooks: readonly UnmodelledHook[];
  readonly resolvConf?: string;
  readonly fdb?: readonly FdbEntry[];
  /** Sets of ipset; undefined when unknown. */
  readonly ipsets?: readonly IpSet[];
  /** What the facts do not say about this namespace: an empty list above is unknown where it is named here. */
  readonly missing?: readonly MissingFact[];
}

/** A part of a namespace that is not in the facts. */
export interface MissingFact {
  readonly part:
    | 'links'
    | 'addresses'
    | 'routes'
    | 'policyRules'
    | 'neighbours'
    | 'sysctls'
    | 'sockets'
    | 'firewall';
  /** Absent: both. */
  readonly family?: Family;
  /** The bundle file, or the field of sandboxes.json, that would say it. */
  readonly file: string;
}

export interface Sysctl {
  readonly value: string;
  readonly at?: SourceRef;
  readonly reason?: Reason;
}

export type LinkKind =
  | 'loopback'
  | 'ether'
  | 'veth'
  | 'bridge'
  | 'macvlan'
  | 'ipvlan'
  | 'vlan'
  | 'vxlan'
  | 'vrf'
  | 'tun'
  | 'dummy'
  | 'other';

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly kind: LinkKind;
  /** Administratively up (IFF_UP). */
  readonly up: boolean;
  /** Carrier (IFF_LOWER_UP); false on a veth whose peer is down or a bridge without a live port. */
  readonly carrier: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** `02:42:ac:11:00:02`; absent on links without one. */
  readonly mac?: string;
  readonly addresses: readonly LinkAddress[];
  /** Name of the bridge (or VRF) that this link is a port of. */
  readonly master?: string;
  /** The other end of a veth, or the parent of a macvlan, ipvlan or vlan. `namespace` undefined: not in the facts. */
  readonly peer?: { readonly index: number; readonly namespace?: string };
  readonly port?: BridgePort;
  readonly bridge?: BridgeSettings;
  /** macvlan: bridge, private, vepa, passthru; ipvlan: l2, l3, l3s. */
  readonly mode?: string;
  readonly reason?: Reason;
  readonly at?: SourceRef;
}

export interface LinkAddress {
  /** With host part, e.g. 172.17.0.1/16. */
  readonly prefix: Prefix;
  readonly scope: 'global' | 'link' | 'host' | 'site';
  /** IFA_F_SECONDARY: never chosen as a source by itself (net/ipv4/devinet.c, inet_select_addr). */
  readonly secondary?: boolean;
  /** Not usable: duplicate address detection is not over, or it failed. */
  readonly tentative?: boolean;
  readonly reason?: Reason;
}

export interface BridgePort {
  readonly state: 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking';
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly learning: boolean;
  /** Unknown unicast goes out of this port. */
  readonly flood: boolean;
  readonly broadcastFlood: boolean;
}

export interface BridgeSettings {
  readonly vlanFiltering: boolean;
  /** This bridge's own nf_call_iptables, besides the namespace's sysctl. */
  readonly callIptables: boolean;
  readonly callIp6tables: boolean;
}

export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'multicast'
  | 'anycast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';

export interface Route {
  readonly family: Family;
  readonly type: RouteType;
  /** `default` is 0.0.0.0/0 or ::/0. */
  readonly dst: Prefix;
  /** Table name or number as iproute2 prints it: `main`, `local`, `100`. */
  readonly table: string;
  readonly dev?: string;
  readonly gateway?: Addr;
  readonly preferredSource?: Addr;
  /** Lower wins. */
  readonly metric: number;
  readonly scope?: string;
  readonly mtu?: number;
  /**
   * `linkdown`, `dead`, `onlink` ... as iproute2 prints them. Ours: `multipath` on each of several routes that
   * are the next hops of one; `tos` and `from` where the route holds only for packets with that TOS or source; `ra` of a router advertisement.
   */
  readonly flags: readonly string[];
  readonly reason?: Reason;
}

export interface PolicyRule {
  readonly family: Family;
  readonly priority: number;
  readonly not: boolean;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly inInterface?: string;
  readonly outInterface?: string;
  readonly action: 'lookup' | 'blackhole' | 'unreachable' | 'prohibit' | 'goto' | 'nop';
  readonly table?: string;
  readonly goto?: number;
  /** `suppress_prefixlength N`: a route that short is not taken. */
  readonly suppressPrefixLength?: number;
  /** Selectors that the model does not know (tos, uidrange, ipproto, sport ...): the rule matches as unknown. */
  readonly unknownSelectors: readonly string[];
}

export interface Neighbour {
  readonly addr: Addr;
  readonly dev: string;
  readonly mac?: string;
  /** REACHABLE, STALE, PERMANENT, FAILED, INCOMPLETE ... */
  readonly state: readonly string[];
  readonly at?: SourceRef;
}

export interface FdbEntry {
  readonly mac: string;
  readonly dev: string;
  readonly master?: string;
  readonly permanent: boolean;
}

export interface Socket {
  readonly protocol: 'tcp' | 'udp';
  /** Undefined: any address. */
  readonly address?: Addr;
  /** Which families it answers: `[::]` and `*` sockets may be dual-stack. */
  readonly families: readonly Family[];
  readonly port: number;
  /** Bound to a device (`%lo`). */
  readonly dev?: string;
  /** `docker-proxy`, `sshd`; undefined when unknown. */
  readonly process?: string;
}

/** One userland proxy: it listens on the host and opens a second connection to the container. */
export interface PortProxy {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostAddress: Addr;
  readonly hostPort: number;
  readonly containerAddress: Addr;
  readonly containerPort: number;
  /** UDP answers leave from the address that was asked (28.0 and later); before, from the one that the route chooses. */
  readonly answersFromAskedAddress: boolean;
}

/** A base chain whose contents the model cannot evaluate, or a hook where rules may be that no file shows. */
export interface UnmodelledHook {
  readonly family: Family | 'inet' | 'bridge' | 'netdev' | 'arp';
  readonly hook: string;
  readonly name: string;
  /** Why nothing is known of what is there, where that is so. */
  readonly lacking?: string;
  /** What would show it. */
  readonly command?: string;
  readonly at?: SourceRef;
}

/** A described outside world: see a bundle's outside.json. */
export interface OutsideFacts {
  /** Its namespace's name in flows, `inet`. */
  readonly name: string;
  readonly links: readonly {
    readonly name: string;
    /** The host's link at the other end of the wire. */
    readonly peer?: string;
    readonly addresses: readonly Prefix[];
  }[];
  readonly routes: readonly {
    readonly dst: Prefix;
    readonly via?: Addr;
    readonly dev?: string;
    readonly src?: Addr;
  }[];
  readonly listeners: readonly {
    readonly protocol: 'tcp' | 'udp';
    readonly port: number;
    readonly address?: Addr;
  }[];
  readonly forwards: boolean;
  /** What it drops, in words: makes walks through it unknown where the words matter. */
  readonly notes: readonly string[];
}
