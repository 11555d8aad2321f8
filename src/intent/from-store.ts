/**
 * Intent from Docker's store (local-kv.db), for hosts whose engine does not run, and to compare with what a running one reports.
 * In: the store's records, and what else is known about order. Out: an Intent and what could not be used. Every sandbox counts as
 * running: the engine removes the record with the container's end. Stopped containers and swarm's networks are not in the store.
 */
import type { z } from 'zod';
import { decodeValue } from '../bolt/docker-decode.ts';
import type { StoreRecord } from '../bolt/docker-records.ts';
import type { FactProblem, Parsed } from '../host/facts.ts';
import { firstIssue } from '../host/json.ts';
import { parseAddr } from '../net/addr.ts';
import { maskPrefix, parsePrefix, parsePrefixOrAddr } from '../net/prefix.ts';
import type { Endpoint, Intent, IpamConfig, Network, Sandbox, SandboxMode } from './intent.ts';
import { type Evidence, inOrder } from './order.ts';
import {
  type StoredBridgeEndpoint,
  type StoredEndpoint,
  type StoredNetwork,
  type StoredSandbox,
  storedBridgeEndpoint,
  storedEndpoint,
  storedNetwork,
  storedSandbox,
} from './store-schema.ts';
import { portsFromStore, protocolOf } from './stored-ports.ts';

export interface StoreInput {
  readonly records: readonly StoreRecord[];
  /** Named in problems. */
  readonly file: string;
  readonly evidence?: Evidence;
}

interface Stored<T> {
  readonly value: T;
  /** Counts up in the process that wrote it, from 1 at each start. */
  readonly index: bigint;
}

interface Store {
  readonly networks: ReadonlyMap<string, Stored<StoredNetwork>>;
  readonly endpoints: ReadonlyMap<string, Stored<StoredEndpoint>>;
  readonly bridgeEndpoints: ReadonlyMap<string, Stored<StoredBridgeEndpoint>>;
  readonly sandboxes: readonly Stored<StoredSandbox>[];
}

/** Reads an Intent; records that cannot be read are reported and left out. */
export function intentFromStore(input: StoreInput): Parsed<Intent> {
  const problems: FactProblem[] = [];
  const read = <T>(kind: string, schema: z.ZodType<T>): readonly (Stored<T> & { readonly id: string })[] =>
    input.records.flatMap(({ key, kind: own, ids, json, index }) => {
      const id = ids.at(-1);
      if (own !== kind || id === undefined) return [];
      const result = schema.safeParse(decodeValue(kind, json));
      if (result.success) return [{ id, value: result.data, index: index ?? 0n }];
      problems.push({ file: input.file, message: `${key}: ${firstIssue(result.error)}` });
      return [];
    });
  const byId = <T>(kind: string, schema: z.ZodType<T>) =>
    new Map(read(kind, schema).map((record) => [record.id, record]));
  const store: Store = {
    networks: byId('network', storedNetwork),
    endpoints: byId('endpoint', storedEndpoint),
    bridgeEndpoints: byId('bridge-endpoint', storedBridgeEndpoint),
    sandboxes: read('sandbox', storedSandbox),
  };
  const networks = [...store.networks.values()].filter(({ value }) => value.inDelete !== true);
  const value = inOrder(
    {
      networks: networks.map((network) => toNetwork(network.value)),
      sandboxes: store.sandboxes
        .toSorted((a, b) => compareIndexes(firstIndex(store, a), firstIndex(store, b)))
        .map((sandbox) => toSandbox(store, sandbox.value)),
    },
    input.evidence,
  );
  return { value: markRestored(value, input.evidence), problems };
}

function compareIndexes(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** When the sandbox's first endpoint was written: endpoints are made before the sandbox they join, or together with it. */
function firstIndex(store: Store, { value, index }: Stored<StoredSandbox>): bigint {
  const endpoint = store.endpoints.get(value.Eps[0]?.Eid ?? '');
  return endpoint?.index ?? index;
}

function toNetwork(stored: StoredNetwork): Network {
  return {
    id: stored.id,
    name: stored.name,
    driver: stored.networkType,
    internal: stored.internal === true,
    ipv4: stored.enableIPv4 !== false,
    ipv6: stored.enableIPv6 === true,
    options: stored.generic?.['com.docker.network.generic'] ?? {},
    ipam: [
      ...ipamOf(stored.ipamV4Info, stored.ipamV4Config),
      ...ipamOf(stored.ipamV6Info, stored.ipamV6Config),
    ],
    ...(stored.created === '' ? {} : { created: stored.created }),
  };
}

/** The pools that were given, and the ranges that were asked for, in the same order. */
function ipamOf(
  pools: StoredNetwork['ipamV4Info'],
  asked: StoredNetwork['ipamV4Config'],
): readonly IpamConfig[] {
  return pools.flatMap(({ IPAMData }, i) => {
    const subnet = parsePrefix(IPAMData?.Pool ?? '');
    if (subnet === undefined) return [];
    const gateway = parsePrefixOrAddr(IPAMData?.Gateway ?? '')?.addr;
    const ipRange = parsePrefix(asked[i]?.SubPool ?? '');
    return [
      {
        subnet: maskPrefix(subnet),
        ...(gateway === undefined ? {} : { gateway }),
        ...(ipRange === undefined ? {} : { ipRange }),
      },
    ];
  });
}

function toSandbox(store: Store, { Cid, Eps }: StoredSandbox): Sandbox {
  const endpoints = Eps.flatMap(({ Eid, Nid }) => {
    const endpoint = store.endpoints.get(Eid);
    return endpoint === undefined ? [] : [{ stored: endpoint.value, network: Nid }];
  });
  const drivers = endpoints.map(({ network }) => store.networks.get(network)?.value.networkType);
  return {
    id: Cid,
    name: endpoints[0]?.stored.name || Cid.slice(0, 12),
    mode: modeOf(drivers),
    running: true,
    endpoints: endpoints.flatMap(({ stored, network }) => toEndpoint(store, stored, network)),
  };
}

/** Containers in another's namespace have no sandbox of their own. */
function modeOf(drivers: readonly (string | undefined)[]): SandboxMode {
  if (drivers.includes('host')) return { kind: 'host' };
  return drivers.length > 0 && drivers.every((driver) => driver === 'null')
    ? { kind: 'none' }
    : { kind: 'own' };
}

function toEndpoint(store: Store, stored: StoredEndpoint, network: string): readonly Endpoint[] {
  const texts = [stored.ep_iface?.addr ?? '', stored.ep_iface?.addrv6 ?? ''];
  const addresses = texts.map(parsePrefix).filter((prefix) => prefix !== undefined);
  if (addresses.length === 0) return [];
  const bridge = store.bridgeEndpoints.get(stored.id)?.value;
  const gateway = parseAddr(stored.joinInfo?.gw ?? '');
  const mac = stored.ep_iface?.mac ?? '';
  const links = (bridge?.ContainerConfig?.ChildEndpoints ?? []).flatMap((child) => linkTo(store, child));
  return [
    {
      network,
      id: stored.id,
      addresses,
      ...(mac === '' ? {} : { mac }),
      ...(gateway === undefined ? {} : { gateway }),
      names:
        stored.dnsNames.length > 0
          ? stored.dnsNames
          : [...(stored.anonymous === true ? [] : [stored.name]), ...stored.myAliases],
      ports:
        bridge === undefined
          ? []
          : portsFromStore(bridge.PortMapping, bridge.ExternalConnConfig?.PortBindings ?? []),
      ...(links.length === 0 ? {} : { links }),
    },
  ];
}

function linkTo(store: Store, child: string): NonNullable<Endpoint['links']> {
  const stored = store.endpoints.get(child)?.value;
  const address = parsePrefix(stored?.ep_iface?.addr ?? '')?.addr;
  if (stored === undefined || address === undefined) return [];
  const ports = stored.exposed_ports.flatMap(({ Proto, Port }) => {
    const protocol = protocolOf(Proto);
    return protocol === undefined ? [] : [{ protocol, port: Port }];
  });
  return [{ address, ports }];
}

/** The store does not say when a container started; the log names the endpoints that the last start found. */
function markRestored(intent: Intent, evidence: Evidence = {}): Intent {
  const places = evidence.restored ?? [];
  const placeOf = ({ id }: Endpoint) => places.findIndex((beginning) => id.startsWith(beginning));
  return {
    ...intent,
    sandboxes: intent.sandboxes.map((sandbox) =>
      sandbox.endpoints.some((endpoint) => placeOf(endpoint) >= 0)
        ? {
            ...sandbox,
            restored: true,
            endpoints: sandbox.endpoints.map((endpoint) => ({ ...endpoint, restoredAt: placeOf(endpoint) })),
          }
        : sandbox,
    ),
  };
}
