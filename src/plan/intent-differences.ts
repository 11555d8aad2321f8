/**
 * Where two sources of an intent do not agree: the running engine and its store (after its next start the engine goes by the store), or
 * the engine and a declaration of what should be. In: both as Intents. Out: one entry for each network, endpoint or publication that
 * only one of them has, or has otherwise.
 */
import { type Endpoint, type Intent, isDefaultBridge, type Network } from '../intent/intent.ts';
import { formatPrefix } from '../net/prefix.ts';

/** The file of a bundle that says otherwise than the engine. */
export type OtherSource = 'local-kv.db' | 'networks.json';

export interface IntentDifference {
  readonly source: OtherSource;
  readonly kind: 'network' | 'endpoint';
  /** Of the network or the container. */
  readonly name: string;
  /** In the store the id; a declaration knows names. */
  readonly key: string;
  readonly where: 'only-in-source' | 'only-in-engine' | 'otherwise';
  /** What either says, where both know it: subnets, or addresses and ports. */
  readonly says?: string;
  readonly engine?: string;
}

/**
 * The engine and its store. Only what this host keeps is compared: networks of swarm and of plugins are kept elsewhere, stopped
 * containers nowhere.
 */
export function storeDifferences(engine: Intent, store: Intent): readonly IntentDifference[] {
  const source = 'local-kv.db';
  const networks = (intent: Intent) => known(networksOf(intent), ({ id }) => id);
  const endpoints = (intent: Intent) => known(endpointsOf(intent), ({ id }) => id);
  return [
    ...differences({ source, kind: 'network' }, networks(engine), networks(store)),
    ...differences({ source, kind: 'endpoint' }, endpoints(engine), endpoints(store)),
  ];
}

/** The engine and what was declared; the default network need not be, nor containers where none are. */
export function declaredDifferences(engine: Intent, declared: Intent): readonly IntentDifference[] {
  const source = 'networks.json';
  const wanted = known(networksOf(declared), ({ name }) => name);
  const there = networksOf(engine).filter(({ isDefault, name }) => !isDefault || wanted.has(name));
  const endpoints = (intent: Intent) =>
    known(endpointsOf(intent), ({ name, network }) => `${name} on ${network}`);
  const containers = endpoints(declared);
  return [
    ...differences(
      { source, kind: 'network' },
      known(there, ({ name }) => name),
      wanted,
    ),
    ...(containers.size === 0
      ? []
      : differences({ source, kind: 'endpoint' }, endpoints(engine), containers)),
  ];
}

/** A network or an endpoint by what it is known by, and what is compared of it. */
type Known = ReadonlyMap<string, { readonly name: string; readonly says: string }>;

function known<T extends { readonly name: string; readonly says: string }>(
  things: readonly T[],
  keyOf: (thing: T) => string,
): Known {
  return new Map(things.map((thing) => [keyOf(thing), thing]));
}

function differences(
  what: Pick<IntentDifference, 'source' | 'kind'>,
  engine: Known,
  other: Known,
): readonly IntentDifference[] {
  const keys = [...new Set([...other.keys(), ...engine.keys()])];
  return keys.flatMap((key): readonly IntentDifference[] => {
    const [elsewhere, inEngine] = [other.get(key), engine.get(key)];
    if (elsewhere === undefined)
      return [{ ...what, key, name: inEngine?.name ?? '', where: 'only-in-engine' }];
    if (inEngine === undefined) return [{ ...what, key, name: elsewhere.name, where: 'only-in-source' }];
    if (elsewhere.says === inEngine.says) return [];
    const { name, says } = inEngine;
    return [{ ...what, key, name, where: 'otherwise', says: elsewhere.says, engine: says }];
  });
}

const keptHere: readonly string[] = ['bridge', 'macvlan', 'ipvlan'];

function isKeptHere({ driver }: Network): boolean {
  return keptHere.includes(driver);
}

function networksOf({ networks }: Intent) {
  return networks.filter(isKeptHere).map((network) => ({
    id: network.id,
    name: network.name,
    isDefault: isDefaultBridge(network),
    says: [
      network.name,
      network.driver,
      ...network.ipam.map(({ subnet }) => formatPrefix(subnet)).toSorted(),
    ].join(' '),
  }));
}

function endpointsOf({ networks, sandboxes }: Intent) {
  const here = new Map(networks.filter(isKeptHere).map(({ id, name }) => [id, name]));
  return sandboxes
    .filter(({ running }) => running)
    .flatMap(({ name, endpoints }) =>
      endpoints.flatMap((endpoint) => {
        const network = here.get(endpoint.network);
        if (endpoint.id === '' || network === undefined) return [];
        return [{ id: endpoint.id, name, network, says: describe(endpoint) }];
      }),
    );
}

function describe({ addresses, ports }: Endpoint): string {
  const published = ports.map(
    ({ protocol, hostPort, containerPort }) => `${hostPort}:${containerPort}/${protocol}`,
  );
  return [...addresses.map(formatPrefix).toSorted(), ...published.toSorted()].join(' ');
}

const sources: Readonly<Record<OtherSource, string>> = {
  'local-kv.db': 'the store',
  'networks.json': 'the declaration',
};

/** One line: `network web (6dc4ab3ab8dc): only in the store`. */
export function describeIntentDifference(difference: IntentDifference): string {
  const { kind, name, key, where, says, engine, source } = difference;
  const what = `${kind} ${kind === 'endpoint' ? 'of ' : ''}${name}${source === 'local-kv.db' ? ` (${key.slice(0, 12)})` : ''}`;
  switch (where) {
    case 'only-in-source':
      return `${what}: only in ${sources[source]}`;
    case 'only-in-engine':
      return `${what}: only in the running engine`;
    case 'otherwise':
      return `${what}: ${sources[source]} says ${says}, the running engine ${engine}`;
  }
}
