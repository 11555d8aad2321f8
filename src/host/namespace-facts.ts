/**
 * One namespace from the listings of its parts, the same for the host (files) and for a container (fields of
 * sandboxes.json). In: each listing with the name of where it stands, or undefined where there is none.
 * Out: a Namespace without peers, its raw links for `peers.ts`, and what was missing.
 */
import type { Backend } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import type { FactProblem, Parsed } from './facts.ts';
import { type NftListing, parseFirewall, type SaveListing } from './firewall.ts';
import { parseIpSets } from './ipsets.ts';
import { parseLinks, type RawLink } from './links.ts';
import { parseFdb, parseNeighbours } from './neighbours.ts';
import { parsePolicyRules } from './policy-rules.ts';
import { parseRoutes } from './routes.ts';
import { parseSockets } from './sockets.ts';
import type { MissingFact, Namespace, PolicyRule, Route } from './state.ts';
import { parseSysctls } from './sysctls.ts';

/** A listing and where it stands: `ip-route.json`, or `sandboxes.json#web/ip_route`. `value` undefined: not there. */
export interface Listing<T> {
  readonly file: string;
  readonly value: T | undefined;
}

/** Parsed JSON where the value is unknown, text where it is a string. */
export interface NamespaceListings {
  readonly links: Listing<unknown>;
  readonly addresses: Listing<unknown>;
  readonly bridgePorts: Listing<unknown>;
  readonly fdb: Listing<unknown>;
  /** Of both families, or of IPv4 alone. */
  readonly routes: Listing<unknown>;
  readonly routes6: Listing<unknown>;
  readonly rules: Listing<unknown>;
  readonly rules6: Listing<unknown>;
  readonly neighbours: Listing<unknown>;
  readonly sysctls: Listing<string>;
  readonly sockets: Listing<string>;
  readonly saves: readonly SaveListing[];
  readonly nft: NftListing | undefined;
  readonly resolvConf: string | undefined;
  readonly ipsets: Listing<string>;
}

export interface NamespaceIdentity {
  readonly name: string;
  readonly kind: 'host' | 'container';
  readonly inode?: string;
  readonly sharedBy: readonly string[];
}

/** A namespace whose `links` still lack their peers. */
export interface RawNamespace {
  readonly namespace: Omit<Namespace, 'links'>;
  readonly links: readonly RawLink[];
}

export function parseNamespace(
  identity: NamespaceIdentity,
  listings: NamespaceListings,
  toolBackend: Backend | undefined,
): Parsed<RawNamespace> {
  const problems: FactProblem[] = [];
  const take = <T>(parsed: Parsed<T>): T => {
    problems.push(...parsed.problems);
    return parsed.value;
  };
  const links = take(linksOf(listings));
  const routes = take(routesOf(listings));
  const policyRules = take(policyRulesOf(listings));
  const neighbours = take(optional(listings.neighbours, parseNeighbours));
  const sysctls = take(optional(listings.sysctls, parseSysctls));
  const sockets = take(optional(listings.sockets, parseSockets));
  const fdb = take(optional(listings.fdb, parseFdb));
  const ipsets = take(optional(listings.ipsets, parseIpSets));
  const firewall = take(parseFirewall(listings.saves, listings.nft, toolBackend));
  const missing = missingFacts(listings, routes);
  const namespace = {
    ...identity,
    routes,
    policyRules,
    neighbours: neighbours ?? [],
    sysctls: sysctls ?? new Map(),
    ...(sockets === undefined ? {} : { sockets }),
    ...firewall,
    ...(listings.resolvConf === undefined ? {} : { resolvConf: listings.resolvConf }),
    ...(fdb === undefined ? {} : { fdb }),
    ...(ipsets === undefined ? {} : { ipsets }),
    ...(missing.length === 0 ? {} : { missing }),
  };
  return { value: { namespace, links }, problems };
}

function optional<I, T>(
  listing: Listing<I>,
  parse: (value: I, file: string) => Parsed<T>,
): Parsed<T | undefined> {
  return listing.value === undefined
    ? { value: undefined, problems: [] }
    : parse(listing.value, listing.file);
}

/** `ip addr` lists the links too: enough where `ip link` is not there. */
function linksOf(listings: NamespaceListings): Parsed<readonly RawLink[]> {
  const { links, addresses, bridgePorts } = listings;
  const list = links.value === undefined ? addresses : links;
  if (list.value === undefined) return { value: [], problems: [] };
  return parseLinks({
    links: list.value,
    linksFile: list.file,
    addresses: addresses.value,
    addressesFile: addresses.file,
    bridgePorts: bridgePorts.value,
    bridgePortsFile: bridgePorts.file,
  });
}

/** The first listing may hold both families; where the second is there, IPv6 is read from it alone. */
function routesOf(listings: NamespaceListings): Parsed<readonly Route[]> {
  const first = optional(listings.routes, parseRoutes);
  const second = optional(listings.routes6, parseRoutes);
  const problems = [...first.problems, ...second.problems];
  if (second.value === undefined) return { value: first.value ?? [], problems };
  return { value: [...ofFamily(first.value ?? [], 'ipv4'), ...ofFamily(second.value, 'ipv6')], problems };
}

function ofFamily<T extends { readonly family: Family }>(
  entries: readonly T[],
  family: Family,
): readonly T[] {
  return entries.filter((entry) => entry.family === family);
}

function policyRulesOf(listings: NamespaceListings): Parsed<readonly PolicyRule[]> {
  const first = optional(listings.rules, (value, file) => parsePolicyRules(value, 'ipv4', file));
  const second = optional(listings.rules6, (value, file) => parsePolicyRules(value, 'ipv6', file));
  return {
    value: [...(first.value ?? []), ...(second.value ?? [])],
    problems: [...first.problems, ...second.problems],
  };
}

function missingFacts(listings: NamespaceListings, routes: readonly Route[]): readonly MissingFact[] {
  const missing: MissingFact[] = [];
  const check = (part: MissingFact['part'], listing: Listing<unknown>, family?: Family): void => {
    if (listing.value === undefined)
      missing.push({ part, file: listing.file, ...(family === undefined ? {} : { family }) });
  };
  if (listings.addresses.value === undefined) check('links', listings.links);
  check('addresses', listings.addresses);
  check('routes', listings.routes, 'ipv4');
  // A listing of both families says IPv6 too; every namespace with IPv6 has at least a route to ::1.
  if (!routes.some((route) => route.family === 'ipv6')) check('routes', listings.routes6, 'ipv6');
  check('policyRules', listings.rules, 'ipv4');
  check('policyRules', listings.rules6, 'ipv6');
  check('neighbours', listings.neighbours);
  check('sysctls', listings.sysctls);
  check('sockets', listings.sockets);
  return [...missing, ...missingFirewall(listings)];
}

/** An nft listing shows the tables of iptables-nft too: with it, no iptables-save means no tables of that kind. */
function missingFirewall(listings: NamespaceListings): readonly MissingFact[] {
  if (listings.nft !== undefined) return [];
  const families: readonly Family[] = ['ipv4', 'ipv6'];
  return families
    .filter((family) => !listings.saves.some((save) => save.family === family))
    .map((family) => ({
      part: 'firewall',
      family,
      file: family === 'ipv4' ? 'iptables-save.txt' : 'ip6tables-save.txt',
    }));
}
