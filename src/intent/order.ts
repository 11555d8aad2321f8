/**
 * The order in which the engine made its networks and endpoints, and which of them it restored when it last started.
 * In: an Intent whose parts come in any order, and what else is known. Out: the same, ordered and marked.
 * The order of a container's ports is the subject of `port-order.ts`.
 */
import type { PortProxy } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import { type Endpoint, type Intent, isDefaultBridge, type Network, type Sandbox } from './intent.ts';
import { compareInstants, parseInstant } from './time.ts';

/** What tells the order of things, besides `inspect`. */
export interface Evidence {
  /** The docker-proxy processes in the order in which they were started (that of their process ids). */
  readonly proxies?: readonly PortProxy[];
  /** By a container's address as text: the index of the host's end of its veth. The kernel counts these up. */
  readonly linkIndexes?: ReadonlyMap<string, number>;
  /** RFC 3339: when the running engine started. What is older was restored from its store. */
  readonly engineStarted?: string;
  /** Beginnings of the ids of networks and endpoints, in the order in which the engine restored them. */
  readonly restored?: readonly string[];
}

/** Puts networks and sandboxes in the engine's order. */
export function inOrder({ networks, sandboxes }: Intent, evidence: Evidence | undefined): Intent {
  return {
    networks: orderNetworks(networks, evidence),
    sandboxes: markRestored(orderSandboxes(sandboxes, evidence?.linkIndexes), evidence),
  };
}

/**
 * Restored networks come first, in the order in which the log shows them (the engine walks a Go map, so that order is chance),
 * else in that of their ids; the others as they were created. The engine
 * makes the default bridge anew at each start, so without its start time what is older than that bridge was restored.
 */
function orderNetworks(networks: readonly Network[], evidence: Evidence | undefined): readonly Network[] {
  const { engineStarted, restored: order } = evidence ?? {};
  const started = engineStarted ?? networks.find(isDefaultBridge)?.created;
  const isRestored = (network: Network) =>
    started !== undefined && network.created !== undefined && compareInstants(network.created, started) < 0;
  const restored = networks
    .filter(isRestored)
    .sort((a, b) => placeOf(a.id, order) - placeOf(b.id, order) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    .map((network) => ({ ...network, restored: true }));
  const created = networks
    .filter((network) => !isRestored(network))
    .sort((a, b) => compareInstants(a.created, b.created));
  return [...restored, ...created];
}

/** Place of an id among beginnings of ids; those that are not named come last. */
function placeOf(id: string, order: readonly string[] = []): number {
  const place = order.findIndex((beginning) => id.startsWith(beginning));
  return place < 0 ? order.length : place;
}

/** Sandboxes by start time, those of the same time as they come; endpoints by their links' indexes where all of them are known. */
function orderSandboxes(
  sandboxes: readonly Sandbox[],
  linkIndexes: ReadonlyMap<string, number> = new Map(),
): readonly Sandbox[] {
  const ordered = sandboxes.toSorted((a, b) => compareInstants(a.started, b.started));
  const endpoints = ordered.flatMap((sandbox) => sandbox.endpoints);
  const indexOf = (endpoint: Endpoint) =>
    endpoint.addresses
      .map(({ addr }) => linkIndexes.get(formatAddr(addr)))
      .find((index) => index !== undefined);
  const indexed = endpoints.map((endpoint) => ({ endpoint, index: indexOf(endpoint) }));
  if (indexed.every((entry) => entry.index !== undefined)) {
    indexed.sort((a, b) => (a.index ?? 0) - (b.index ?? 0));
  }
  const sequence = new Map(indexed.map(({ endpoint }, position) => [endpoint, position]));
  return ordered.map((sandbox) => ({
    ...sandbox,
    endpoints: sandbox.endpoints.map((endpoint) => ({ ...endpoint, sequence: sequence.get(endpoint) ?? 0 })),
  }));
}

function markRestored(
  sandboxes: readonly Sandbox[],
  { engineStarted, restored: order }: Evidence = {},
): readonly Sandbox[] {
  if (parseInstant(engineStarted) === undefined) return sandboxes;
  return sandboxes.map((sandbox) =>
    sandbox.running && compareInstants(sandbox.started, engineStarted) < 0
      ? {
          ...sandbox,
          restored: true,
          endpoints: sandbox.endpoints.map((endpoint) => ({
            ...endpoint,
            restoredAt: placeOf(endpoint.id, order),
          })),
        }
      : sandbox,
  );
}
