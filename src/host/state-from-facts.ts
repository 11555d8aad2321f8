/**
 * From facts to HostState: the whole of one bundle. In: the raw files. Out: the observed HostState, and a problem
 * for each thing that could not be used; the rest goes on. It judges nothing: what is absent stays unknown.
 */
import { type FactProblem, type Facts, text } from './facts.ts';
import { backendOfTool, type NftListing, type SaveListing } from './firewall.ts';
import { parseJson } from './json.ts';
import {
  type Listing,
  type NamespaceListings,
  parseNamespace,
  type RawNamespace,
} from './namespace-facts.ts';
import { parseOutside } from './outside.ts';
import { type NamespaceLinks, resolvePeers } from './peers.ts';
import { parseProxies } from './proxies.ts';
import { joinedContainers, parseSandboxes, type Sandboxes } from './sandboxes.ts';
import type { HostState, OutsideFacts } from './state.ts';

/** Name of the host's own namespace in flows and states. */
const hostName = 'host';

export function hostStateFromFacts(facts: Facts): {
  readonly state: HostState;
  readonly problems: readonly FactProblem[];
} {
  const problems: FactProblem[] = [];
  const note = (found: readonly FactProblem[]): void => {
    problems.push(...found);
  };
  const json = (file: string): Listing<unknown> => {
    const content = text(facts, file);
    if (content === undefined) return { file, value: undefined };
    const parsed = parseJson(content, file);
    note(parsed.problems);
    return { file, value: parsed.value };
  };
  const outside = outsideOf(facts, note);
  const proxies = proxiesOf(facts, note);
  const joined = joinedContainers(json('docker-container-inspect.json').value);
  const sandboxes = sandboxesOf(json('sandboxes.json'), joined, note);
  const toolBackend = backendOfTool(text(facts, 'tools.txt') ?? '');
  const host = parseNamespace(
    { name: hostName, kind: 'host', sharedBy: sandboxes.onHost },
    hostListings(facts, json),
    toolBackend,
  );
  note(host.problems);
  const reserved = new Set([hostName, outside?.name ?? 'inet']);
  const containers = sandboxes.namespaces.map(({ identity, listings }) => {
    const parsed = parseNamespace(
      { ...identity, name: unreserved(identity.name, reserved) },
      listings,
      toolBackend,
    );
    note(parsed.problems);
    return parsed.value;
  });
  return {
    state: {
      namespaces: withPeers([host.value, ...containers], outside),
      ...(outside === undefined ? {} : { outside }),
      ...(proxies === undefined ? {} : { proxies }),
    },
    problems,
  };
}

/** A container may be called `host` or as the outside is; flows then name it `container:NAME`. */
function unreserved(name: string, reserved: ReadonlySet<string>): string {
  return reserved.has(name) ? `container:${name}` : name;
}

function withPeers(raw: readonly RawNamespace[], outside: OutsideFacts | undefined): HostState['namespaces'] {
  const uplinks = new Set(outside?.links.map((link) => link.peer).filter((peer) => peer !== undefined));
  const none = new Set<string>();
  const all: readonly NamespaceLinks[] = raw.map(({ namespace, links }) => ({
    name: namespace.name,
    links,
    outward: namespace.kind === 'host' ? uplinks : none,
  }));
  const links = resolvePeers(all);
  return raw.map(({ namespace }) => ({ ...namespace, links: links.get(namespace.name) ?? [] }));
}

function hostListings(facts: Facts, json: (file: string) => Listing<unknown>): NamespaceListings {
  const lines = (file: string): Listing<string> => ({ file, value: text(facts, file) });
  return {
    links: json('ip-link.json'),
    addresses: json('ip-addr.json'),
    bridgePorts: json('bridge-link.json'),
    fdb: json('bridge-fdb.json'),
    routes: json('ip-route.json'),
    routes6: json('ip6-route.json'),
    rules: json('ip-rule.json'),
    rules6: json('ip6-rule.json'),
    neighbours: json('ip-neigh.json'),
    sysctls: lines('sysctl.txt'),
    sockets: lines('ss.txt'),
    saves: saveFiles.flatMap(({ file, ...kind }) => {
      const content = text(facts, file);
      return content === undefined ? [] : [{ content, file, ...kind }];
    }),
    nft: nftListing(facts, json('nft-ruleset.json')),
    resolvConf: text(facts, 'resolv.conf'),
    ipsets: lines('ipset-save.txt'),
  };
}

const saveFiles: readonly Omit<SaveListing, 'content'>[] = [
  { file: 'iptables-save.txt', family: 'ipv4' },
  { file: 'ip6tables-save.txt', family: 'ipv6' },
  { file: 'iptables-legacy-save.txt', family: 'ipv4', backend: 'iptables-legacy' },
  { file: 'ip6tables-legacy-save.txt', family: 'ipv6', backend: 'iptables-legacy' },
];

function nftListing(facts: Facts, json: Listing<unknown>): NftListing | undefined {
  const content = text(facts, 'nft-ruleset.txt');
  if (json.value !== undefined)
    return { file: json.file, json: json.value, ...(content === undefined ? {} : { text: content }) };
  return content === undefined ? undefined : { file: 'nft-ruleset.txt', content };
}

type Note = (found: readonly FactProblem[]) => void;

function outsideOf(facts: Facts, note: Note): OutsideFacts | undefined {
  const content = text(facts, 'outside.json');
  if (content === undefined) return undefined;
  const parsed = parseOutside(content, 'outside.json');
  note(parsed.problems);
  return parsed.value;
}

function proxiesOf(facts: Facts, note: Note): HostState['proxies'] {
  const content = text(facts, 'docker-proxy.txt');
  if (content === undefined) return undefined;
  const parsed = parseProxies(content, 'docker-proxy.txt');
  note(parsed.problems);
  return parsed.value;
}

function sandboxesOf(listing: Listing<unknown>, joined: ReadonlySet<string>, note: Note): Sandboxes {
  if (listing.value === undefined) return { onHost: [], namespaces: [] };
  const parsed = parseSandboxes(listing.value, listing.file, joined);
  note(parsed.problems);
  return parsed.value;
}
