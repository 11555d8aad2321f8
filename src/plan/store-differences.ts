/**
 * Where Docker's store and the running engine do not agree: after its next start the engine goes by the store.
 * In: both as Intents. Out: one entry for each network, endpoint or publication that only one of them has, or has otherwise.
 * Only what this host keeps is compared: networks of swarm and of plugins are kept elsewhere, stopped containers nowhere.
 */
import type { Endpoint, Intent, Network } from '../intent/intent.ts';
import { formatPrefix } from '../net/prefix.ts';

export interface StoreDifference {
  readonly kind: 'network' | 'endpoint';
  /** Of the network or the container. */
  readonly name: string;
  readonly id: string;
  readonly where: 'only-in-store' | 'only-in-engine' | 'otherwise';
  /** What either says, where both know it: subnets, or addresses and ports. */
  readonly store?: string;
  readonly engine?: string;
}

/** Differences of networks first, then those of endpoints. */
export function storeDifferences(engine: Intent, store: Intent): readonly StoreDifference[] {
  return [
    ...differences('network', networksOf(engine), networksOf(store)),
    ...differences('endpoint', endpointsOf(engine), endpointsOf(store)),
  ];
}

/** A network or an endpoint by its id, and what is compared of it. */
type Known = ReadonlyMap<string, { readonly name: string; readonly says: string }>;

function differences(kind: StoreDifference['kind'], engine: Known, store: Known): readonly StoreDifference[] {
  const ids = [...new Set([...store.keys(), ...engine.keys()])];
  return ids.flatMap((id): readonly StoreDifference[] => {
    const [inStore, inEngine] = [store.get(id), engine.get(id)];
    if (inStore === undefined) return [{ kind, id, name: inEngine?.name ?? '', where: 'only-in-engine' }];
    if (inEngine === undefined) return [{ kind, id, name: inStore.name, where: 'only-in-store' }];
    if (inStore.says === inEngine.says) return [];
    return [
      { kind, id, name: inEngine.name, where: 'otherwise', store: inStore.says, engine: inEngine.says },
    ];
  });
}

const keptHere: readonly string[] = ['bridge', 'macvlan', 'ipvlan'];

function isKeptHere({ driver }: Network): boolean {
  return keptHere.includes(driver);
}

function networksOf({ networks }: Intent): Known {
  return new Map(
    networks.filter(isKeptHere).map(({ id, name, driver, ipam }) => [
      id,
      {
        name,
        says: [name, driver, ...ipam.map(({ subnet }) => formatPrefix(subnet)).toSorted()].join(' '),
      },
    ]),
  );
}

function endpointsOf({ networks, sandboxes }: Intent): Known {
  const here = new Set(networks.filter(isKeptHere).map(({ id }) => id));
  return new Map(
    sandboxes
      .filter(({ running }) => running)
      .flatMap(({ name, endpoints }) =>
        endpoints
          .filter(({ id, network }) => id !== '' && here.has(network))
          .map((endpoint) => [endpoint.id, { name, says: describe(endpoint) }] as const),
      ),
  );
}

function describe({ addresses, ports }: Endpoint): string {
  const published = ports.map(
    ({ protocol, hostPort, containerPort }) => `${hostPort}:${containerPort}/${protocol}`,
  );
  return [...addresses.map(formatPrefix).toSorted(), ...published.toSorted()].join(' ');
}

/** One line: `network web (6dc4ab3ab8dc): only in the store`. */
export function describeStoreDifference({ kind, name, id, where, store, engine }: StoreDifference): string {
  const what = `${kind} ${kind === 'endpoint' ? 'of ' : ''}${name} (${id.slice(0, 12)})`;
  switch (where) {
    case 'only-in-store':
      return `${what}: only in the store`;
    case 'only-in-engine':
      return `${what}: only in the running engine`;
    case 'otherwise':
      return `${what}: the store says ${store}, the running engine ${engine}`;
  }
}
