/**
 * Intent from `docker network inspect` and `docker inspect`, and from a file of networks whose Containers carry PortBindings.
 * In: parsed JSON of any engine from 17.06, and what else is known about order. Out: an Intent and what could not be used.
 * Everything that `inspect` does not say in order (networks, endpoints, ports) is ordered here as the engine did it.
 */
import type { FactProblem, Parsed } from '../host/facts.ts';
import { elements } from '../host/json.ts';
import type { PortProxy } from '../host/state.ts';
import { compareAddr, formatAddr, parseAddr } from '../net/addr.ts';
import { containsAddr, maskPrefix, type Prefix, parsePrefix, parsePrefixOrAddr } from '../net/prefix.ts';
import {
  containerSchema,
  type InspectedContainer,
  type InspectedNetwork,
  networkSchema,
} from './inspect-schema.ts';
import type { Endpoint, Intent, IpamConfig, Network, Sandbox } from './intent.ts';
import type { PortOrder } from './port-order.ts';
import { sandboxFromAttachments, sandboxFromContainer } from './sandbox.ts';
import { compareInstants, parseInstant } from './time.ts';

export interface InspectInput {
  /** What `docker network inspect $(docker network ls -q)` printed, or a file of the same shape. */
  readonly networks: { readonly json: unknown; readonly file: string };
  /** What `docker inspect $(docker ps -aq)` printed. */
  readonly containers?: { readonly json: unknown; readonly file: string };
  readonly portOrder: PortOrder;
  readonly evidence?: Evidence;
}

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

/** Reads an Intent; wrong entries are reported and left out. */
export function intentFromInspect(input: InspectInput): Parsed<Intent> {
  const networks = elements(input.networks.json, networkSchema, input.networks.file);
  const containers =
    input.containers === undefined
      ? { value: [], problems: [] }
      : elements(input.containers.json, containerSchema, input.containers.file);
  const gateways = reportedGateways(containers.value);
  const converted = networks.value.map((inspected) =>
    toNetwork(inspected, gateways.get(inspected.Id) ?? [], input.networks.file),
  );
  const sandboxes = toSandboxes(networks.value, containers.value, input);
  return {
    value: {
      networks: orderNetworks(
        converted.map((entry) => entry.value),
        input.evidence,
      ),
      sandboxes: markRestored(orderSandboxes(sandboxes.value, input.evidence?.linkIndexes), input.evidence),
    },
    problems: [
      ...networks.problems,
      ...containers.problems,
      ...converted.flatMap((entry) => entry.problems),
      ...sandboxes.problems,
    ],
  };
}

function toNetwork(inspected: InspectedNetwork, gateways: readonly string[], file: string): Parsed<Network> {
  const problems: FactProblem[] = [];
  const ipam: IpamConfig[] = [];
  for (const config of inspected.IPAM?.Config ?? []) {
    const subnet = parsePrefix(config.Subnet ?? '');
    if (subnet === undefined) {
      problems.push({
        file,
        message: `network ${inspected.Name}: subnet ${config.Subnet ?? ''} is malformed`,
      });
      continue;
    }
    // An address that only the allocator chose is not in IPAM.Config; then its containers know it, unless
    // default-gateway gave them another one.
    const hasOwnGateway = config.AuxiliaryAddresses.DefaultGatewayIPv4 !== undefined;
    const told = config.Gateway || (hasOwnGateway ? undefined : gateways.find((text) => isIn(subnet, text)));
    const gateway = parsePrefixOrAddr(told ?? '')?.addr;
    const ipRange = parsePrefix(config.IPRange ?? '');
    ipam.push({
      subnet: maskPrefix(subnet),
      ...(gateway === undefined ? {} : { gateway }),
      ...(ipRange === undefined ? {} : { ipRange }),
    });
  }
  return {
    value: {
      id: inspected.Id,
      name: inspected.Name,
      driver: inspected.Driver,
      internal: inspected.Internal === true,
      ipv4: inspected.EnableIPv4 !== false,
      ipv6: inspected.EnableIPv6 === true,
      options: inspected.Options,
      ipam,
      ...(inspected.Created ? { created: inspected.Created } : {}),
    },
    problems,
  };
}

function isIn(subnet: Prefix, text: string): boolean {
  const addr = parseAddr(text);
  return addr !== undefined && containsAddr(subnet, addr);
}

function reportedGateways(containers: readonly InspectedContainer[]): ReadonlyMap<string, readonly string[]> {
  const gateways = new Map<string, readonly string[]>();
  for (const [, endpoint] of containers.flatMap((container) => container.NetworkSettings.Networks)) {
    if (!endpoint?.NetworkID) continue;
    const told = [endpoint.Gateway, endpoint.IPv6Gateway].filter((text) => typeof text === 'string');
    gateways.set(endpoint.NetworkID, [...(gateways.get(endpoint.NetworkID) ?? []), ...told]);
  }
  return gateways;
}

function toSandboxes(
  networks: readonly InspectedNetwork[],
  containers: readonly InspectedContainer[],
  input: InspectInput,
): Parsed<readonly Sandbox[]> {
  const context = {
    networks,
    containers,
    portOrder: input.portOrder,
    proxies: input.evidence?.proxies ?? [],
    file: input.containers?.file ?? input.networks.file,
  };
  const known = new Set(containers.map((container) => container.Id));
  const attached = new Set(networks.flatMap((network) => [...network.Containers.keys()]));
  const results = [
    ...containers.map((container) => sandboxFromContainer(container, context)),
    ...[...attached].filter((id) => !known.has(id)).map((id) => sandboxFromAttachments(id, context)),
  ];
  return {
    value: results.map((result) => result.value),
    problems: results.flatMap((result) => result.problems),
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

/** The engine's default network: the one behind docker0 or `--bridge`. */
export function isDefaultBridge(network: Network): boolean {
  return (
    network.driver === 'bridge' &&
    (network.options['com.docker.network.bridge.default_bridge'] === 'true' || network.name === 'bridge')
  );
}

/** Sandboxes by start time, then by lowest address; endpoints by their links' indexes where all of them are known. */
function orderSandboxes(
  sandboxes: readonly Sandbox[],
  linkIndexes: ReadonlyMap<string, number> = new Map(),
): readonly Sandbox[] {
  const ordered = [...sandboxes].sort(
    (a, b) => compareInstants(a.started, b.started) || compareFirstAddress(a, b),
  );
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

function compareFirstAddress(a: Sandbox, b: Sandbox): number {
  const left = a.endpoints[0]?.addresses[0]?.addr;
  const right = b.endpoints[0]?.addresses[0]?.addr;
  if (left === undefined || right === undefined)
    return Number(left === undefined) - Number(right === undefined);
  return compareAddr(left, right);
}
