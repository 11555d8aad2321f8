/**
 * Containers' namespaces, from sandboxes.json: an object of container name to the listings taken inside.
 * In: its parsed JSON. Out: one entry for each namespace, and who shares the host's or another's.
 */
import { z } from 'zod';
import type { FactProblem, Parsed } from './facts.ts';
import { firstIssue } from './json.ts';
import type { NamespaceIdentity, NamespaceListings } from './namespace-facts.ts';

const linesSchema = z.union([z.string(), z.array(z.string()).transform((lines) => lines.join('\n'))]);

const sandboxSchema = z.object({
  netns: z.string().optional(),
  shares_host: z.boolean().optional(),
  ip_addr: z.unknown().optional(),
  ip_route: z.unknown().optional(),
  ip6_route: z.unknown().optional(),
  ip_rule: z.unknown().optional(),
  ip6_rule: z.unknown().optional(),
  ip_neigh: z.unknown().optional(),
  sysctl: linesSchema.optional(),
  ss: linesSchema.optional(),
  iptables_save: z.string().optional(),
  ip6tables_save: z.string().optional(),
  iptables_legacy_save: z.string().optional(),
  ip6tables_legacy_save: z.string().optional(),
  nft: z.string().optional(),
  resolv_conf: z.string().optional(),
});
type SandboxJson = z.infer<typeof sandboxSchema>;

export interface Sandboxes {
  /** Names of containers that use the host's own namespace. */
  readonly onHost: readonly string[];
  readonly namespaces: readonly {
    readonly identity: NamespaceIdentity;
    readonly listings: NamespaceListings;
  }[];
}

/** `joined`: containers that asked for another's namespace (`--network container:web`), where the engine says so. */
export function parseSandboxes(
  value: unknown,
  file: string,
  joined: ReadonlySet<string> = new Set(),
): Parsed<Sandboxes> {
  const outer = z.record(z.string(), z.unknown()).safeParse(value);
  if (!outer.success)
    return { value: { onHost: [], namespaces: [] }, problems: [{ file, message: firstIssue(outer.error) }] };
  const problems: FactProblem[] = [];
  const good: [string, SandboxJson][] = [];
  for (const [name, raw] of Object.entries(outer.data)) {
    const checked = sandboxSchema.safeParse(raw);
    if (checked.success) good.push([name, checked.data]);
    else problems.push({ file: `${file}#${name}`, message: firstIssue(checked.error) });
  }
  const own = good.filter(([, box]) => box.shares_host !== true);
  const owners = own.filter(([name, box]) => ownerOf(own, name, box, joined) === name);
  const namespaces = owners.map(([name, box]) => ({
    identity: {
      name,
      kind: 'container' as const,
      ...(box.netns === undefined ? {} : { inode: box.netns }),
      sharedBy: own
        .filter(([other, b]) => other !== name && ownerOf(own, other, b, joined) === name)
        .map(([other]) => other),
    },
    listings: listingsOf(box, `${file}#${name}`),
  }));
  const onHost = good.filter(([, box]) => box.shares_host === true).map(([name]) => name);
  return { value: { onHost, namespaces }, problems };
}

const joinerSchema = z.array(
  z.object({ Name: z.string(), HostConfig: z.object({ NetworkMode: z.string().nullish() }) }),
);

/** Names of containers that joined another's namespace, from `docker inspect`; none where it does not say. */
export function joinedContainers(inspect: unknown): ReadonlySet<string> {
  const checked = joinerSchema.safeParse(inspect);
  const joiners = (checked.success ? checked.data : []).filter((c) =>
    c.HostConfig.NetworkMode?.startsWith('container:'),
  );
  return new Set(joiners.map((c) => c.Name.replace(/^\//, '')));
}

/** Containers with one namespace inode between them: it goes by the name of the one that did not join, else the first's. */
function ownerOf(
  own: readonly (readonly [string, SandboxJson])[],
  name: string,
  box: SandboxJson,
  joined: ReadonlySet<string>,
): string {
  if (box.netns === undefined) return name;
  const sharing = own.filter(([, other]) => other.netns === box.netns).map(([other]) => other);
  return sharing.find((other) => !joined.has(other)) ?? sharing[0] ?? name;
}

function listingsOf(box: SandboxJson, file: string): NamespaceListings {
  const at = <T>(field: string, value: T | undefined) => ({ file: `${file}/${field}`, value });
  const save = (
    field: 'iptables_save' | 'ip6tables_save' | 'iptables_legacy_save' | 'ip6tables_legacy_save',
  ) => {
    const content = box[field];
    if (content === undefined) return [];
    const family = field.startsWith('ip6') ? ('ipv6' as const) : ('ipv4' as const);
    const legacy = field.includes('legacy') ? { backend: 'iptables-legacy' as const } : {};
    return [{ content, file: `${file}/${field}`, family, ...legacy }];
  };
  return {
    // `ip -d addr` inside a container lists its links with all that `ip link` says.
    links: at('ip_addr', undefined),
    addresses: at('ip_addr', box.ip_addr),
    bridgePorts: at('bridge_link', undefined),
    fdb: at('bridge_fdb', undefined),
    routes: at('ip_route', box.ip_route),
    routes6: at('ip6_route', box.ip6_route),
    rules: at('ip_rule', box.ip_rule),
    rules6: at('ip6_rule', box.ip6_rule),
    neighbours: at('ip_neigh', box.ip_neigh),
    sysctls: at('sysctl', box.sysctl),
    sockets: at('ss', box.ss),
    saves: [
      ...save('iptables_save'),
      ...save('ip6tables_save'),
      ...save('iptables_legacy_save'),
      ...save('ip6tables_legacy_save'),
    ],
    nft: box.nft === undefined ? undefined : { file: `${file}/nft`, content: box.nft },
    resolvConf: box.resolv_conf,
    ipsets: at('ipset', undefined),
  };
}
