/**
 * What the engine's resolvers at 127.0.0.11 answer: the names that each container can ask for, and where other questions go.
 * In: Options, Intent, the host's state. Out: one Resolver for each container that has one; `nameAnswer` asks it. No packet is sent here.
 * Sources: libnetwork resolver.go and sandbox_dns_unix.go, 17.06 to 29.
 */
import { parseResolvConf, type ResolvConf, type Upstream } from '../host/resolv-conf.ts';
import type { HostState } from '../host/state.ts';
import type { Endpoint, Intent, Network, Sandbox } from '../intent/intent.ts';
import { type Addr, ipv4, isLoopback, parseAddr } from '../net/addr.ts';
import type { Options } from '../options/options.ts';
import { isAtLeast } from '../options/version.ts';
import type { CannotExpect, Expected } from './expected.ts';
import { hasNames } from './sandbox.ts';

/** By container. */
export type NameService = ReadonlyMap<string, Resolver>;

export interface Resolver {
  /** In the order in which they are searched. */
  readonly networks: readonly NamedNetwork[];
  /** Servers that are asked for other names, in this order; undefined where nothing tells them. */
  readonly upstreams: readonly Upstream[] | undefined;
  /** Names without a dot are not forwarded: the client is to try its search domains. */
  readonly keepsShortNames: boolean;
  /** Where no server answers: SERVFAIL since 24.0, silence before. */
  readonly tellsFailure: boolean;
}

export interface NamedNetwork {
  readonly name: string;
  /** By name in lower case. */
  readonly addresses: ReadonlyMap<string, readonly Addr[]>;
}

/** The resolvers of all running containers on networks that somebody made; undefined where the networks are not known. */
export function nameServiceOf(
  expected: Pick<Expected, 'options' | 'intent'> | CannotExpect,
  state: HostState,
): NameService | undefined {
  if ('cannot' in expected) return undefined;
  const { options, intent } = expected;
  const hostConf = confOf(state, ({ kind }) => kind === 'host');
  const named = new Map(
    intent.networks
      .filter(hasNames)
      .map((network) => [network.id, { network, known: namesOn(network, intent) }]),
  );
  return new Map(
    intent.sandboxes.flatMap((sandbox) => {
      const joined = sandbox.endpoints.flatMap(({ network }) => named.get(network) ?? []);
      if (!sandbox.running || sandbox.mode.kind !== 'own' || joined.length === 0) return [];
      const conf = confOf(state, ({ kind, name }) => kind === 'container' && name === sandbox.name);
      const upstreams = conf?.upstreams ?? upstreamsOf(options, sandbox, hostConf);
      const outside = joined.some(({ network }) => !network.internal);
      return [
        [
          sandbox.name,
          {
            networks: joined.map(({ known }) => known),
            upstreams: upstreams?.filter(({ fromHost }) => outside || !fromHost || !keepsInside(options)),
            keepsShortNames: conf?.ndotsSet ?? false,
            tellsFailure: isAtLeast(options.engine, '24.0'),
          },
        ] as const,
      ];
    }),
  );
}

/**
 * The addresses of a name, none where it is known without an IPv4 address; undefined where the resolver does not know it. Asked is
 * `web`, or `web.net1` for the container on that network; names may have dots themselves.
 */
export function nameAnswer({ networks }: Resolver, asked: string): readonly Addr[] | undefined {
  const name = asked.replace(/\.$/, '').toLowerCase();
  const found = networks.flatMap(({ name: network, addresses }) => {
    const suffix = `.${network.toLowerCase()}`;
    const short = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
    return [addresses.get(name) ?? addresses.get(short)].filter((known) => known !== undefined);
  });
  const inFour = found.map((known) => known.filter(({ family }) => family === 'ipv4'));
  return inFour.find((known) => known.length > 0) ?? inFour[0];
}

function namesOn(network: Network, { sandboxes }: Intent): NamedNetwork {
  const addresses = new Map<string, readonly Addr[]>();
  const joined = sandboxes.filter(({ running }) => running).flatMap(({ endpoints }) => endpoints);
  for (const endpoint of joined.filter((e) => e.network === network.id)) addNames(addresses, endpoint);
  return { name: network.name, addresses };
}

/** Containers may share a name: the answer holds the addresses of all. */
function addNames(addresses: Map<string, readonly Addr[]>, { names = [], ...endpoint }: Endpoint): void {
  const own = endpoint.addresses.map(({ addr }) => addr);
  for (const name of new Set(names.map((text) => text.toLowerCase())))
    addresses.set(name, [...(addresses.get(name) ?? []), ...own]);
}

function confOf(
  { namespaces }: HostState,
  wanted: (namespace: HostState['namespaces'][number]) => boolean,
): ResolvConf | undefined {
  const text = namespaces.find(wanted)?.resolvConf;
  return text === undefined ? undefined : parseResolvConf(text);
}

/** Google's, which dockerd takes where the host has none that a container can ask. */
export const fallbackServers: readonly Addr[] = [ipv4(0x08080808), ipv4(0x08080404)];

/** What the container or the engine was told, else the host's servers; as dockerd works it out where it does not write it down. */
function upstreamsOf(
  { engine, settings }: Options,
  { dns = [] }: Sandbox,
  hostConf: ResolvConf | undefined,
): readonly Upstream[] | undefined {
  const told = dns.length > 0 ? dns : settings.dns.value.flatMap((text) => parseAddr(text) ?? []);
  if (told.length > 0) return told.map((address) => ({ address, fromHost: false }));
  if (hostConf === undefined) return undefined;
  // Loopback servers are the host's alone: asked there since 18.01, left out before; all are asked there since 27.0.
  const [loopbackFromHost, allFromHost] = [isAtLeast(engine, '18.01'), isAtLeast(engine, '27.0')];
  const usable = loopbackFromHost
    ? hostConf.nameservers
    : hostConf.nameservers.filter((address) => !isLoopback(address));
  return (usable.length > 0 ? usable : fallbackServers).map((address) => ({
    address,
    fromHost: allFromHost || isLoopback(address),
  }));
}

/** Since 25.0 (25.0.5) a container on internal networks alone cannot ask through the host. */
function keepsInside({ engine }: Options): boolean {
  return isAtLeast(engine, '25.0');
}
