/**
 * World: a HostState joined with an outside, indexed for walking. In: `makeWorld(state, outside)`.
 * Out: namespaces with their links wired to each other. It holds no packet and no connection; those are a walk's.
 */

import type { Table, TableName } from '../firewall/ruleset.ts';
import { routesOfAddress } from '../host/change.ts';
import type {
  HostState,
  Link,
  LinkAddress,
  MissingFact,
  Namespace,
  PolicyRule,
  Route,
} from '../host/state.ts';
import { type Addr, type Family, parseAddr } from '../net/addr.ts';
import { containsAddr, type Prefix } from '../net/prefix.ts';
import type { Packet } from './packet.ts';

export interface World {
  readonly state: HostState;
  readonly namespaces: ReadonlyMap<string, Node>;
  readonly nodes: readonly Node[];
  /** Namespaces of which the facts do not say everything. */
  readonly incomplete: readonly Node[];
  /** Names that are asked for but live in another namespace: containers with host networking. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** A namespace with its indices. */
export interface Node {
  readonly facts: Namespace;
  readonly name: string;
  readonly links: readonly Wire[];
  readonly byName: ReadonlyMap<string, Wire>;
  readonly loopback: Wire | undefined;
  readonly rules: { readonly ipv4: readonly PolicyRule[]; readonly ipv6: readonly PolicyRule[] };
  /** Whether no policy rule of the family asks anything of a packet. */
  readonly plainRules: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** IPv4 destinations that some route takes for this namespace's own. */
  readonly localPrefixes: readonly Prefix[];
  /** Routes by table, longest prefix first, then lowest metric, then as listed. */
  readonly tables: {
    readonly ipv4: ReadonlyMap<string, readonly Route[]>;
    readonly ipv6: ReadonlyMap<string, readonly Route[]>;
  };
  /** Tables of each family by name, of all backends in the order of the facts. */
  readonly firewall: {
    readonly ipv4: ReadonlyMap<TableName, readonly Table[]>;
    readonly ipv6: ReadonlyMap<TableName, readonly Table[]>;
  };
  /** The file whose absence leaves the rules of a family unknown. */
  readonly unknownRules: { readonly ipv4: string | undefined; readonly ipv6: string | undefined };
  /** Device settings that were asked for, by key and device: walks ask the same few again and again. */
  readonly settings: Map<string, Map<string, number>>;
  /** The first link that has an address, by the address's bits: of IPv4 a number, of IPv6 a bigint. */
  readonly owners: ReadonlyMap<number | bigint, Wire>;
  /** True of the default outside: every address that is nobody else's is its own, and every port listens. */
  readonly answersAnything: boolean;
}

/** A link in its namespace and what it is connected to. */
export interface Wire {
  readonly node: Node;
  readonly link: Link;
  /** The other end of a veth or of the uplink's wire; undefined when there is none or it is not known. */
  peer: Wire | undefined;
  /** Ports of a bridge. */
  ports: Wire[];
  /** The bridge that this link is a port of. */
  master: Wire | undefined;
  /** macvlan links on top of this one, in whatever namespace they live. */
  children: Wire[];
}

/** What follows from a namespace alone: worlds that differ elsewhere share it. */
type Indices = Pick<
  Node,
  'rules' | 'plainRules' | 'tables' | 'localPrefixes' | 'firewall' | 'unknownRules' | 'settings'
>;

const indices = new WeakMap<Namespace, Indices>();

export interface OutsideNode {
  readonly facts: Namespace;
  readonly answersAnything: boolean;
  /** Outside link name to the host's link name. */
  readonly wires: ReadonlyMap<string, string>;
}

const defaultRules = (family: Family): PolicyRule[] =>
  [
    { priority: 0, table: 'local' },
    { priority: 32766, table: 'main' },
    { priority: 32767, table: 'default' },
  ].map((r) => ({ family, not: false, action: 'lookup' as const, unknownSelectors: [], ...r }));

/** Joins a host and an outside. Namespaces keep their names; `outside` is added under its own. */
export function makeWorld(state: HostState, outside: OutsideNode | undefined): World {
  const namespaces = new Map<string, Node>();
  const aliases = new Map<string, string>();
  for (const facts of state.namespaces) {
    namespaces.set(facts.name, makeNode(facts, false));
    for (const name of facts.sharedBy) aliases.set(name, facts.name);
  }
  if (outside !== undefined)
    namespaces.set(outside.facts.name, makeNode(outside.facts, outside.answersAnything));
  const numbered = new Map<Node, ReadonlyMap<number, Wire>>();
  for (const node of namespaces.values()) {
    for (const wire of node.links) connect(wire, namespaces, numbered);
  }
  if (outside !== undefined) wireOutside(namespaces, outside);
  for (const node of namespaces.values()) {
    for (const wire of node.links) if (wire.link.kind === 'macvlan') wire.peer?.children.push(wire);
  }
  const nodes = [...namespaces.values()];
  const incomplete = nodes.filter(({ facts }) => facts.missing !== undefined);
  return { state, namespaces, nodes, incomplete, aliases };
}

/** The namespace that a flow's `from` means; undefined when there is none of that name. */
export function nodeOf(world: World, name: string): Node | undefined {
  return world.namespaces.get(name) ?? world.namespaces.get(world.aliases.get(name) ?? '');
}

function makeNode(facts: Namespace, answersAnything: boolean): Node {
  const links: Wire[] = [];
  const byName = new Map<string, Wire>();
  const owners = new Map<number | bigint, Wire>();
  const node: Node = {
    facts,
    name: facts.name,
    links,
    byName,
    owners,
    get loopback() {
      return links.find((w) => w.link.kind === 'loopback');
    },
    ...indicesOf(facts),
    answersAnything,
  };
  for (const link of facts.links) {
    const wire: Wire = { node, link, peer: undefined, ports: [], master: undefined, children: [] };
    links.push(wire);
    byName.set(link.name, wire);
    for (const { prefix } of link.addresses) {
      if (!owners.has(prefix.addr.value)) owners.set(prefix.addr.value, wire);
    }
  }
  return node;
}

function indicesOf(facts: Namespace): Indices {
  const known = indices.get(facts);
  if (known !== undefined) return known;
  const rules = { ipv4: sortRules(facts, 'ipv4'), ipv6: sortRules(facts, 'ipv6') };
  const tables = { ipv4: sortRoutes(facts, 'ipv4'), ipv6: sortRoutes(facts, 'ipv6') };
  const made: Indices = {
    rules,
    plainRules: { ipv4: rules.ipv4.every(asksNothing), ipv6: rules.ipv6.every(asksNothing) },
    tables,
    localPrefixes: [...tables.ipv4.values()]
      .flat()
      .filter(({ type }) => type === 'local' || type === 'broadcast')
      .map(({ dst }) => dst),
    firewall: { ipv4: tablesByName(facts, 'ipv4'), ipv6: tablesByName(facts, 'ipv6') },
    unknownRules: {
      ipv4: fileMissing(facts, 'firewall', 'ipv4'),
      ipv6: fileMissing(facts, 'firewall', 'ipv6'),
    },
    settings: new Map(),
  };
  indices.set(facts, made);
  return made;
}

function tablesByName(facts: Namespace, family: Family): ReadonlyMap<TableName, readonly Table[]> {
  const byName = new Map<TableName, Table[]>();
  for (const table of facts.firewall.tables) {
    if (table.family !== family) continue;
    const same = byName.get(table.name);
    if (same === undefined) byName.set(table.name, [table]);
    else same.push(table);
  }
  return byName;
}

function connect(
  wire: Wire,
  namespaces: ReadonlyMap<string, Node>,
  numbered: Map<Node, ReadonlyMap<number, Wire>>,
): void {
  const { link, node } = wire;
  if (link.master !== undefined) {
    const master = node.byName.get(link.master);
    if (master?.link.kind === 'bridge') {
      wire.master = master;
      master.ports.push(wire);
    }
  }
  const peer = link.peer;
  if (peer?.namespace === undefined) return;
  const there = namespaces.get(peer.namespace);
  wire.peer = there === undefined ? undefined : wiresByIndex(there, numbered).get(peer.index);
}

/** Of links with one number, which no kernel has, the first. */
function wiresByIndex(node: Node, numbered: Map<Node, ReadonlyMap<number, Wire>>): ReadonlyMap<number, Wire> {
  const known = numbered.get(node);
  if (known !== undefined) return known;
  const made = new Map(node.links.toReversed().map((wire) => [wire.link.index, wire]));
  numbered.set(node, made);
  return made;
}

function wireOutside(namespaces: ReadonlyMap<string, Node>, outside: OutsideNode): void {
  const host = [...namespaces.values()].find((n) => n.facts.kind === 'host');
  const far = namespaces.get(outside.facts.name);
  for (const [outsideName, hostName] of outside.wires) {
    const here = host?.byName.get(hostName);
    const there = far?.byName.get(outsideName);
    if (here === undefined || there === undefined) continue;
    here.peer = there;
    there.peer = here;
  }
}

function sortRules(facts: Namespace, family: Family): readonly PolicyRule[] {
  const own = facts.policyRules.filter((r) => r.family === family);
  return own.length === 0 ? defaultRules(family) : [...own].sort((a, b) => a.priority - b.priority);
}

function asksNothing(rule: PolicyRule): boolean {
  return (
    rule.action === 'lookup' &&
    !rule.not &&
    rule.from === undefined &&
    rule.to === undefined &&
    rule.mark === undefined &&
    rule.inInterface === undefined &&
    rule.outInterface === undefined &&
    rule.unknownSelectors.length === 0
  );
}

function sortRoutes(facts: Namespace, family: Family): ReadonlyMap<string, readonly Route[]> {
  const tables = new Map<string, Route[]>();
  const given = facts.routes.filter((r) => r.family === family);
  const hasLocal = given.some((r) => r.table === 'local');
  for (const route of hasLocal ? given : [...given, ...localRoutes(facts, family)]) {
    const table = tables.get(route.table);
    if (table === undefined) tables.set(route.table, [route]);
    else table.push(route);
  }
  for (const routes of tables.values()) {
    routes.sort((a, b) => b.dst.bits - a.dst.bits || a.metric - b.metric);
  }
  return tables;
}

/** Facts without the local table: the kernel derives it from the addresses. */
function localRoutes(facts: Namespace, family: Family): Route[] {
  return facts.links
    .filter((link) => link.up)
    .flatMap((link) => link.addresses.flatMap((a) => routesOfAddress(link, a.prefix)))
    .filter((r) => r.family === family && r.table === 'local');
}

/** Reads a sysctl of the namespace; undefined when it is not in the facts. */
export function sysctl(node: Node, name: string): string | undefined {
  return node.facts.sysctls.get(name)?.value;
}

/** Reads a numeric sysctl, with the kernel's default for when it is not in the facts. */
export function sysctlNumber(node: Node, name: string, fallback: number): number {
  const text = sysctl(node, name);
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isNaN(value) ? fallback : value;
}

const reflecting = { ipv4: 'net.ipv4.fwmark_reflect', ipv6: 'net.ipv6.fwmark_reflect' } as const;

/** The mark of what the kernel answers by itself: of the packet that it is about, if fwmark_reflect says so (IP4_REPLY_MARK). */
export function reflectedMark(node: Node, about: Packet): number {
  return sysctlNumber(node, reflecting[about.dst.family], 0) === 0 ? 0 : about.mark;
}

/** How `all` and the device's own value make one: OR for switches, the higher for levels (include/linux/inetdevice.h). */
const joined = {
  route_localnet: 'or',
  src_valid_mark: 'or',
  accept_local: 'or',
  proxy_arp: 'or',
  rp_filter: 'max',
  arp_ignore: 'max',
} as const;

/** `net.ipv4.conf.{all,DEV}.KEY` as it is in force on the device. */
export function deviceSetting(node: Node, dev: string, key: keyof typeof joined): number {
  const known = node.settings.get(key)?.get(dev);
  if (known !== undefined) return known;
  const own = sysctlNumber(node, `net.ipv4.conf.${dev}.${key}`, 0);
  const all = sysctlNumber(node, `net.ipv4.conf.all.${key}`, 0);
  const value = joined[key] === 'or' ? Number(own !== 0 || all !== 0) : Math.max(own, all);
  remember(node, key, dev, value);
  return value;
}

function remember(node: Node, key: string, dev: string, value: number): void {
  const byDevice = node.settings.get(key);
  if (byDevice === undefined) node.settings.set(key, new Map([[dev, value]]));
  else byDevice.set(dev, value);
}

/** Whether packets that came in on this device may be forwarded; undefined where the facts do not say. */
export function forwardingEnabled(node: Node, dev: string, family: Family): boolean | undefined {
  if (family === 'ipv6') {
    // ip6_forward asks `all` alone (net/ipv6/ip6_output.c).
    const all = sysctl(node, 'net.ipv6.conf.all.forwarding');
    return all === undefined ? undefined : all !== '0';
  }
  // ip_forward is conf.all.forwarding; writing it sets every device's own (net/ipv4/devinet.c, inet_forward_change).
  const known = node.settings.get('forwarding')?.get(dev);
  if (known !== undefined) return known !== 0;
  const own = sysctl(node, `net.ipv4.conf.${dev}.forwarding`) ?? sysctl(node, 'net.ipv4.ip_forward');
  if (own === undefined) return undefined;
  remember(node, 'forwarding', dev, own === '0' ? 0 : 1);
  return own !== '0';
}

/** The file that would say a part of the namespace, when the facts lack it. */
export function missingFile(node: Node, part: MissingFact['part'], family: Family): string | undefined {
  return fileMissing(node.facts, part, family);
}

function fileMissing(facts: Namespace, part: MissingFact['part'], family: Family): string | undefined {
  return facts.missing?.find((m) => m.part === part && (m.family === undefined || m.family === family))?.file;
}

/** All addresses of a family on a link that can be used. */
export function usableAddresses(link: Link, family: Family): readonly LinkAddress[] {
  return link.addresses.filter((a) => a.prefix.addr.family === family && a.tentative !== true);
}

/** The wire of this node that owns the address, if any. */
export function ownerOf(node: Node, addr: Addr): Wire | undefined {
  return node.owners.get(addr.value);
}

/** Whether the address is on one of the link's own subnets. */
export function onLink(link: Link, addr: Addr): boolean {
  return link.addresses.some((a) => containsAddr(a.prefix, addr));
}

export const limitedBroadcast = parseAddr('255.255.255.255');
