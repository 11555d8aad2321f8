/**
 * The facts of a place, as `capture` would have them, by fewer processes: nothing is asked that the case cannot have made.
 * In: a place. Out: a HostState. That a whole capture gives the same one, `observe.test.ts` checks.
 */
import { readFileSync } from 'node:fs';
import type { HostState, Namespace as NamespaceFacts } from '../../src/host/state.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { sysctlPath } from '../../src/kernel/sysctl-path.ts';
import { type HostCase, isDual } from './case.ts';
import type { Namespace } from './native.ts';
import { type Lists, outsideOf, type Place, rulesInside } from './place.ts';

/** Milliseconds within which the kernel enables ports and carriers (net/core/link_watch.c). */
const patience = 5000;

/** The place as the simulator sees it. Throws when what the tools print cannot be read. */
export async function observe(place: Place, hostCase: HostCase): Promise<HostState> {
  const [host, firewall, ...boxes] = await Promise.all([
    hostListings(place, hostCase),
    firewallFiles(place, hostCase),
    ...hostCase.containers.map(async ({ name }) => [name, await container(place, name, hostCase)] as const),
  ]);
  const files: Readonly<Record<string, string>> = {
    ...host,
    ...firewall,
    // There is one: what it says is read by name.
    'sysctl.txt': '',
    'ss.txt': place.sockets('host'),
    'docker-proxy.txt': place.proxies,
    'outside.json': JSON.stringify(outsideOf(hostCase)),
    'sandboxes.json': JSON.stringify(Object.fromEntries(boxes)),
  };
  const { state, problems } = hostStateFromFacts({
    files: new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)])),
    origin: 'live',
  });
  const [problem] = problems;
  if (problem !== undefined) throw new Error(`the capture cannot be read: ${problem.message}`);
  const namespaces = state.namespaces.map(
    (facts): NamespaceFacts => ({
      ...facts,
      sysctls: new Settings(place.namespace(facts.name)),
    }),
  );
  return { ...state, namespaces };
}

/** The settings of a namespace, each read when it is asked for: a walk needs a few of a thousand. Flows change none. */
class Settings extends Map<string, { readonly value: string }> {
  private readonly namespace: Namespace;

  constructor(namespace: Namespace) {
    super();
    this.namespace = namespace;
  }

  override get(name: string): { readonly value: string } | undefined {
    const known = super.get(name);
    if (known !== undefined || super.has(name)) return known;
    const read = this.namespace.within(() => readSetting(name));
    if (read !== undefined) this.set(name, read);
    return read;
  }
}

function readSetting(name: string): { readonly value: string } | undefined {
  try {
    return { value: readFileSync(sysctlPath(name), 'utf8').trim() };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function hostListings(place: Place, hostCase: HostCase): Promise<Readonly<Record<string, string>>> {
  const [lists, bridge] = await Promise.all([
    settledLists(place, hostCase),
    place.run('host', ['bridge', '-d', '-j', '-batch', '-'], 'link show\nfdb show\n'),
  ]);
  const [bridgeLink = '', fdb = ''] = bridge.split('\n').filter((line) => line !== '');
  return {
    'ip-link.json': lists.link,
    'ip-addr.json': lists.addr,
    'ip-route.json': lists.route,
    'ip-rule.json': lists.rule,
    'ip-neigh.json': lists.neigh,
    'ip6-route.json': lists.route6,
    'ip6-rule.json': lists.rule6,
    'bridge-link.json': bridgeLink,
    'bridge-fdb.json': fdb,
  };
}

/** The host's own lists, taken when links and ports carry what they should; where the case has shut some, when nothing changes any more. */
async function settledLists(place: Place, hostCase: HostCase): Promise<Lists> {
  let lists = place.lists('host');
  for (const deadline = Date.now() + patience; Date.now() < deadline && !carryAll(lists); ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = lists.link;
    lists = await place.list('host');
    if (hostCase.links.length > 0 && lists.link === before) break;
  }
  return lists;
}

function carryAll({ link }: Lists): boolean {
  const links = JSON.parse(link) as {
    readonly flags: readonly string[];
    readonly link_type: string;
    readonly operstate: string;
    readonly linkinfo?: { readonly info_slave_data?: { readonly state: string } };
  }[];
  return links.every(
    ({ flags, link_type, operstate, linkinfo }) =>
      link_type === 'loopback' ||
      !flags.includes('UP') ||
      (operstate === 'UP' && ['forwarding', undefined].includes(linkinfo?.info_slave_data?.state)),
  );
}

async function firewallFiles(place: Place, hostCase: HostCase): Promise<Readonly<Record<string, string>>> {
  const some = (lines: readonly string[], tool: string) =>
    lines.length === 0 ? Promise.resolve('') : place.run('host', [tool]);
  const { iptables, ip6tables, legacy, legacy6, nft } = hostCase;
  const framed = nft.filter((table) => table.startsWith('table netdev'));
  const [json, text, save, save6, legacySave, legacySave6] = await Promise.all([
    [iptables, ip6tables, nft].every((lines) => lines.length === 0)
      ? Promise.resolve('{"nftables":[]}')
      : place.run('host', ['nft', '-j', 'list', 'ruleset']),
    framed.length === 0 ? Promise.resolve('') : place.run('host', ['nft', 'list', 'ruleset']),
    some(iptables, 'iptables-nft-save'),
    some(ip6tables, 'ip6tables-nft-save'),
    some(legacy, 'iptables-legacy-save'),
    some(legacy6, 'ip6tables-legacy-save'),
  ]);
  return {
    'nft-ruleset.json': json,
    ...(text === '' ? {} : { 'nft-ruleset.txt': text }),
    'iptables-save.txt': save,
    'ip6tables-save.txt': save6,
    ...(legacySave === '' ? {} : { 'iptables-legacy-save.txt': legacySave }),
    ...(legacySave6 === '' ? {} : { 'ip6tables-legacy-save.txt': legacySave6 }),
  };
}

async function container(place: Place, name: string, hostCase: HostCase): Promise<object> {
  const { iptables, ip6tables, nft } = rulesInside(hostCase, name);
  const some = (lines: readonly string[], argv: readonly string[]) =>
    lines.length === 0 ? Promise.resolve('') : place.run(name, argv);
  const [listing, save, save6] = await Promise.all([
    some([...iptables, ...ip6tables, ...nft], ['nft', 'list', 'ruleset']),
    some(iptables, ['iptables-nft-save']),
    some(ip6tables, ['ip6tables-nft-save']),
  ]);
  // A link gets its own IPv6 address a moment after it is up.
  const { addr, route, rule, neigh, route6, rule6 } = isDual(hostCase)
    ? await place.list(name)
    : place.lists(name);
  return {
    ip_addr: JSON.parse(addr),
    ip_route: JSON.parse(route),
    ip6_route: JSON.parse(route6),
    ip_rule: JSON.parse(rule),
    ip6_rule: JSON.parse(rule6),
    ip_neigh: JSON.parse(neigh),
    ss: place.sockets(name),
    sysctl: '',
    nft: listing,
    iptables_save: save,
    ip6tables_save: save6,
  };
}
