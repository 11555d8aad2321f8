/**
 * Links with their addresses, bridge ports and bridge settings, from `ip -d -j link`, `ip -j addr` and
 * `bridge -j link`. In: those files' parsed JSON. Out: Link[] of one namespace.
 * The far end of a link is known here by its number only; `peers.ts` finds its namespace.
 */
import { z } from 'zod';
import { parseAddr } from '../net/addr.ts';
import { addressBits } from '../net/prefix.ts';
import type { FactProblem, Parsed } from './facts.ts';
import { elements } from './json.ts';
import type { BridgePort, BridgeSettings, Link, LinkAddress, LinkKind } from './state.ts';

/** A link as listed, with what `peers.ts` needs to find its other end. */
export interface RawLink {
  readonly link: Link;
  /** Interface number of the other end or parent, in its own namespace. */
  readonly peerIndex?: number;
  /** This namespace's number for the other end's namespace, -1 if it has none; absent when that is this namespace. */
  readonly peerNetnsId?: number;
}

const portSchema = z.object({
  state: z.string().optional(),
  hairpin: z.boolean().optional(),
  isolated: z.boolean().optional(),
  learning: z.boolean().optional(),
  flood: z.boolean().optional(),
  bcast_flood: z.boolean().optional(),
});

const linkSchema = z.object({
  ifindex: z.int().positive(),
  ifname: z.string().min(1),
  flags: z.array(z.string()),
  mtu: z.int().nonnegative(),
  link_type: z.string().optional(),
  address: z.string().optional(),
  master: z.string().optional(),
  link: z.string().nullish(),
  link_index: z.int().optional(),
  link_netnsid: z.int().nullish(),
  linkinfo: z
    .object({
      info_kind: z.string().optional(),
      info_data: z
        .object({
          mode: z.string().optional(),
          vlan_filtering: z.int().optional(),
          nf_call_iptables: z.int().optional(),
          nf_call_ip6tables: z.int().optional(),
        })
        .optional(),
      info_slave_kind: z.string().optional(),
      info_slave_data: z.unknown().optional(),
    })
    .optional(),
});
type LinkJson = z.infer<typeof linkSchema>;

const addressSchema = z.object({
  local: z.string(),
  address: z.string().optional(),
  prefixlen: z.int().min(0).max(128),
  scope: z.string().optional(),
  secondary: z.boolean().optional(),
  tentative: z.boolean().optional(),
  dadfailed: z.boolean().optional(),
});
type AddressJson = z.infer<typeof addressSchema>;

const addressesSchema = z.object({ ifindex: z.int(), addr_info: z.array(z.unknown()).optional() });
const bridgePortSchema = portSchema.extend({ ifindex: z.int() });

/** Where the lists come from, for problems and references. */
export interface LinkSources {
  /** `ip -d -j link`, or `ip -d -j addr` where it is all there is. */
  readonly links: unknown;
  readonly linksFile: string;
  /** `ip -j addr`; undefined when unknown. */
  readonly addresses: unknown;
  readonly addressesFile: string;
  /** `bridge -j -d link`; undefined when unknown, then `ip -d` has said it. */
  readonly bridgePorts?: unknown;
  readonly bridgePortsFile?: string;
}

/** The links of one namespace in the order listed. */
export function parseLinks(sources: LinkSources): Parsed<readonly RawLink[]> {
  const { linksFile } = sources;
  const listed = elements(sources.links, linkSchema, linksFile);
  const addresses = parseAddresses(sources.addresses, sources.addressesFile);
  const ports = parseBridgePorts(sources.bridgePorts, sources.bridgePortsFile ?? 'bridge-link.json');
  const indexes = new Map(listed.value.map((l) => [l.ifname, l.ifindex] as const));
  const value = listed.value.map((json) => {
    const found = addresses.value.get(json.ifindex) ?? [];
    const port = ports.value.get(json.ifindex) ?? slavePort(json);
    return rawLink(json, found, port, indexes, linksFile);
  });
  return { value, problems: [...listed.problems, ...addresses.problems, ...ports.problems] };
}

function rawLink(
  json: LinkJson,
  addresses: readonly LinkAddress[],
  port: BridgePort | undefined,
  indexes: ReadonlyMap<string, number>,
  file: string,
): RawLink {
  const kind = kindOf(json);
  // iproute2 names the other end by `link` when it lives in this namespace and by `link_index` when it does not.
  const peerIndex = json.link_index ?? (json.link == null ? undefined : indexes.get(json.link));
  const mac = json.link_type === 'none' ? undefined : json.address;
  const mode = kind === 'macvlan' || kind === 'ipvlan' ? json.linkinfo?.info_data?.mode : undefined;
  return {
    link: {
      index: json.ifindex,
      name: json.ifname,
      kind,
      up: json.flags.includes('UP'),
      carrier: json.flags.includes('LOWER_UP'),
      mtu: json.mtu,
      ...(mac === undefined ? {} : { mac }),
      addresses,
      ...(json.master === undefined ? {} : { master: json.master }),
      ...(port === undefined ? {} : { port }),
      ...(kind === 'bridge' ? { bridge: bridgeSettings(json) } : {}),
      ...(mode === undefined ? {} : { mode }),
      at: { file },
    },
    ...(peerIndex === undefined ? {} : { peerIndex }),
    ...(json.link_netnsid === undefined ? {} : { peerNetnsId: json.link_netnsid ?? -1 }),
  };
}

const kinds: Readonly<Record<string, LinkKind>> = {
  veth: 'veth',
  bridge: 'bridge',
  macvlan: 'macvlan',
  macvtap: 'macvlan',
  ipvlan: 'ipvlan',
  ipvtap: 'ipvlan',
  vlan: 'vlan',
  vxlan: 'vxlan',
  vrf: 'vrf',
  tun: 'tun',
  dummy: 'dummy',
};

function kindOf(json: LinkJson): LinkKind {
  if (json.flags.includes('LOOPBACK')) return 'loopback';
  const named = json.linkinfo?.info_kind;
  if (named !== undefined) return Object.hasOwn(kinds, named) ? (kinds[named] ?? 'other') : 'other';
  return json.link_type === 'ether' ? 'ether' : 'other';
}

function bridgeSettings(json: LinkJson): BridgeSettings {
  const data = json.linkinfo?.info_data;
  return {
    vlanFiltering: data?.vlan_filtering === 1,
    callIptables: data?.nf_call_iptables === 1,
    callIp6tables: data?.nf_call_ip6tables === 1,
  };
}

function slavePort(json: LinkJson): BridgePort | undefined {
  if (json.linkinfo?.info_slave_kind !== 'bridge') return undefined;
  const result = portSchema.safeParse(json.linkinfo.info_slave_data ?? {});
  return result.success ? bridgePort(result.data) : undefined;
}

const portStates = ['disabled', 'listening', 'learning', 'forwarding', 'blocking'] as const;

/** Flags that an older iproute2 does not print have the kernel's default (net/bridge/br_if.c, new_nbp). */
function bridgePort(json: z.infer<typeof portSchema>): BridgePort {
  return {
    state: portStates.find((s) => s === json.state) ?? 'forwarding',
    hairpin: json.hairpin ?? false,
    isolated: json.isolated ?? false,
    learning: json.learning ?? true,
    flood: json.flood ?? true,
    broadcastFlood: json.bcast_flood ?? true,
  };
}

function parseBridgePorts(value: unknown, file: string): Parsed<ReadonlyMap<number, BridgePort>> {
  if (value === undefined) return { value: new Map(), problems: [] };
  const listed = elements(value, bridgePortSchema, file);
  const complete = listed.value.filter((p) => p.hairpin !== undefined && p.isolated !== undefined);
  return { value: new Map(complete.map((p) => [p.ifindex, bridgePort(p)])), problems: listed.problems };
}

function parseAddresses(value: unknown, file: string): Parsed<ReadonlyMap<number, readonly LinkAddress[]>> {
  if (value === undefined) return { value: new Map(), problems: [] };
  const problems: FactProblem[] = [];
  const listed = elements(value, addressesSchema, file);
  const found = new Map<number, readonly LinkAddress[]>();
  for (const entry of listed.value) {
    const infos = elements(entry.addr_info ?? [], addressSchema, file, `addr_info of ${entry.ifindex}`);
    const addresses = infos.value.map((json) => ({ json, address: linkAddress(json) }));
    for (const { json, address } of addresses) {
      if (address === undefined)
        problems.push({ file, message: `not an address: ${json.local}/${json.prefixlen}` });
    }
    problems.push(...infos.problems);
    found.set(
      entry.ifindex,
      addresses.map((a) => a.address).filter((a) => a !== undefined),
    );
  }
  return { value: found, problems: [...listed.problems, ...problems] };
}

function linkAddress(json: AddressJson): LinkAddress | undefined {
  const addr = parseAddr(json.local);
  if (addr === undefined || json.prefixlen > addressBits(addr.family)) return undefined;
  // With a peer (`10.0.0.1 peer 10.0.0.2/24`) the length is the peer's; of our own side only the address is on the link.
  const pointToPoint = json.address !== undefined && json.address !== json.local;
  return {
    prefix: { addr, bits: pointToPoint ? addressBits(addr.family) : json.prefixlen },
    scope: scopes.find((s) => s === json.scope) ?? 'global',
    ...(json.secondary === true ? { secondary: true } : {}),
    ...(json.tentative === true || json.dadfailed === true ? { tentative: true } : {}),
  };
}

const scopes = ['global', 'link', 'host', 'site'] as const;
