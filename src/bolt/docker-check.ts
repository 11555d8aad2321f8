/**
 * Whether the records of Docker's store agree with each other. In: the records. Out: findings as data, each with the keys or ids that
 * it is about. It looks at one store only: whether bridges, containers and ports are there on the host is not its subject.
 */
import { compareAddr } from '../net/addr.ts';
import { containsPrefix, formatPrefix, maskPrefix, parsePrefix } from '../net/prefix.ts';
import { isObject } from './docker-decode.ts';
import type { RecordFault, StoreRecord, StoreRecords } from './docker-records.ts';

export type StoreFinding =
  /** A bucket that Docker does not make; `alone` where its own is not there: the name is damaged, or it is somebody else's file. */
  | {
      readonly kind: 'foreign-bucket';
      readonly path: string;
      readonly entries: number;
      readonly alone: boolean;
    }
  | { readonly kind: 'unreadable-record'; readonly key: string; readonly fault: RecordFault }
  /** The value belongs to another key. */
  | { readonly kind: 'wrong-id'; readonly key: string; readonly id: string }
  /** An endpoint whose network is gone. */
  | {
      readonly kind: 'orphan-endpoint';
      readonly endpoint: string;
      readonly name: string;
      readonly network: string;
    }
  /** A driver's part of an endpoint that libnetwork no longer has, or of a network that the driver no longer has. */
  | {
      readonly kind: 'orphan-driver-endpoint';
      readonly driver: string;
      readonly endpoint: string;
      readonly missing: 'endpoint' | 'network';
    }
  | { readonly kind: 'orphan-count'; readonly network: string }
  | {
      readonly kind: 'endpoint-count';
      readonly network: string;
      readonly name: string;
      readonly stored: number;
      readonly found: number;
    }
  | {
      readonly kind: 'endpoint-without-sandbox';
      readonly endpoint: string;
      readonly name: string;
      readonly sandbox: string;
    }
  | {
      readonly kind: 'sandbox-refers-to-nothing';
      readonly sandbox: string;
      readonly missing: 'endpoint' | 'network';
      readonly id: string;
    }
  /** Known to the driver but not to libnetwork, so that nobody can remove it; or the other way round. */
  | {
      readonly kind: 'phantom-network';
      readonly network: string;
      readonly name: string;
      readonly driver: string;
      readonly missing: 'network' | 'driver';
    }
  /** Its removal was begun and not finished; dockerd goes on with it at its next start. */
  | { readonly kind: 'half-removed-network'; readonly network: string; readonly name: string }
  /** dockerd refuses the second: "networks have same bridge name". */
  | { readonly kind: 'duplicate-bridge'; readonly bridge: string; readonly networks: readonly string[] }
  /** dockerd refuses one of them: "networks have overlapping IPv4". */
  | {
      readonly kind: 'overlapping-subnets';
      readonly networks: readonly [string, string];
      readonly subnets: readonly [string, string];
    }
  /** The driver takes the port again at each start, though no container is behind it. */
  | {
      readonly kind: 'port-held-by-nobody';
      readonly protocol: string;
      readonly address: string;
      readonly port: number;
      readonly endpoint: string;
    };

type Fields = Readonly<Record<string, unknown>>;

/** Drivers that keep networks and endpoints of their own in this store, and the kinds of their records. */
const drivers = [
  { driver: 'bridge', network: 'bridge', endpoint: 'bridge-endpoint' },
  { driver: 'macvlan', network: 'macvlan/network', endpoint: 'macvlan/endpoint' },
  { driver: 'ipvlan', network: 'ipvlan/network', endpoint: 'ipvlan/endpoint' },
] as const;

/** IANA protocol numbers that ports can be published for. */
const protocols: ReadonlyMap<unknown, string> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

/** One kind's records that have an id of their own, by that id: the last of the key. */
type ById = ReadonlyMap<string, StoreRecord>;

/**
 * What does not fit together. `complete` is false where records may be missing because the file is damaged: then nothing is
 * concluded from a record's absence.
 */
export function checkRecords(
  { records, foreignBuckets, hasBucket }: StoreRecords,
  { complete }: { readonly complete: boolean },
): readonly StoreFinding[] {
  const of = (kind: string): ById =>
    new Map(
      records.flatMap((record) => {
        const id = record.ids.at(-1);
        return record.kind === kind && id !== undefined ? [[id, record]] : [];
      }),
    );
  return [
    ...foreignBuckets.map((bucket) => ({ kind: 'foreign-bucket', ...bucket, alone: !hasBucket }) as const),
    ...records.flatMap(ownFindings),
    ...duplicateBridges(of('bridge')),
    ...overlappingSubnets(of('bridge')),
    ...[...of('network')].flatMap(([id, record]) =>
      fieldsOf(record).inDelete === true
        ? [{ kind: 'half-removed-network', network: id, name: nameOf(record) } as const]
        : [],
    ),
    ...(complete ? [...networkFindings(of), ...endpointFindings(of), ...sandboxFindings(of)] : []),
  ];
}

function ownFindings(record: StoreRecord): readonly StoreFinding[] {
  const { key, fault, ids, kind } = record;
  if (fault !== undefined) return [{ kind: 'unreadable-record', key, fault }];
  const fields = fieldsOf(record);
  const id = text(fields.id) || text(fields.ID);
  // A count has no id; ipam's records have several or none.
  const own = ids.at(-1);
  if (id === '' || own === undefined || kind.startsWith('ipam/') || id === own) return [];
  return [{ kind: 'wrong-id', key, id }];
}

function duplicateBridges(bridges: ById): readonly StoreFinding[] {
  const byName = new Map<string, string[]>();
  for (const [id, record] of bridges) {
    const name = text(fieldsOf(record).BridgeName);
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [id]);
    else same.push(id);
  }
  return [...byName].flatMap(([bridge, networks]) =>
    bridge !== '' && networks.length > 1 ? [{ kind: 'duplicate-bridge', bridge, networks } as const] : [],
  );
}

/** Each subnet that lies in another; of several that it lies in, the widest is named. */
function overlappingSubnets(bridges: ById): readonly StoreFinding[] {
  const subnets = [...bridges].flatMap(([id, record]) => {
    const { AddressIPv4, AddressIPv6 } = fieldsOf(record);
    return [AddressIPv4, AddressIPv6].flatMap((address) => {
      const prefix = parsePrefix(text(address));
      return prefix === undefined ? [] : [{ id, prefix: maskPrefix(prefix) }];
    });
  });
  // Subnets that overlap lie in one another: in this order each follows the one that it lies in.
  subnets.sort(({ prefix: a }, { prefix: b }) => compareAddr(a.addr, b.addr) || a.bits - b.bits);
  let outer = subnets[0];
  return subnets.slice(1).flatMap((inner) => {
    if (outer === undefined || !containsPrefix(outer.prefix, inner.prefix)) {
      outer = inner;
      return [];
    }
    const networks = [outer.id, inner.id] as const;
    const both = [formatPrefix(outer.prefix), formatPrefix(inner.prefix)] as const;
    return [{ kind: 'overlapping-subnets', networks, subnets: both } as const];
  });
}

function networkFindings(of: (kind: string) => ById): readonly StoreFinding[] {
  const networks = of('network');
  const findings: StoreFinding[] = [];
  for (const { driver, network: kind } of drivers) {
    const owned = of(kind);
    for (const [id, record] of owned)
      if (!networks.has(id))
        findings.push({
          kind: 'phantom-network',
          network: id,
          name: text(fieldsOf(record).BridgeName),
          driver,
          missing: 'network',
        });
    for (const [id, record] of networks) {
      const fields = fieldsOf(record);
      // A configuration-only network is a template, no driver is asked to make it.
      if (fields.networkType !== driver || fields.configOnly === true || owned.has(id)) continue;
      findings.push({
        kind: 'phantom-network',
        network: id,
        name: nameOf(record),
        driver,
        missing: 'driver',
      });
    }
  }
  const counted = countsAreKept(networks);
  const endpoints = new Map<string, number>();
  for (const { ids } of of('endpoint').values()) {
    const network = ids[0] ?? '';
    endpoints.set(network, (endpoints.get(network) ?? 0) + 1);
  }
  for (const [id, record] of of('endpoint_count')) {
    const network = networks.get(id);
    const stored = fieldsOf(record).Count;
    const found = endpoints.get(id) ?? 0;
    if (network === undefined) findings.push({ kind: 'orphan-count', network: id });
    else if (counted && typeof stored === 'number' && stored !== found)
      findings.push({ kind: 'endpoint-count', network: id, name: nameOf(network), stored, found });
  }
  return findings;
}

/**
 * Docker 28.1 and later write a count of 0 and never look at it (libnetwork/endpoint_cnt.go): only for a downgrade. Networks say
 * `enableIPv4` since 28.0, which still kept counts but cannot be told from 28.1.
 */
function countsAreKept(networks: ById): boolean {
  return [...networks.values()].every((record) => !('enableIPv4' in fieldsOf(record)));
}

function endpointFindings(of: (kind: string) => ById): readonly StoreFinding[] {
  const networks = of('network');
  const endpoints = of('endpoint');
  const sandboxes = of('sandbox');
  const findings: StoreFinding[] = [];
  for (const [id, record] of endpoints) {
    const network = record.ids[0] ?? '';
    const sandbox = text(fieldsOf(record).sandbox);
    const name = nameOf(record);
    if (!networks.has(network)) findings.push({ kind: 'orphan-endpoint', endpoint: id, name, network });
    if (sandbox !== '' && !sandboxes.has(sandbox))
      findings.push({ kind: 'endpoint-without-sandbox', endpoint: id, name, sandbox });
  }
  for (const { driver, network: networkKind, endpoint: kind } of drivers) {
    const owned = of(networkKind);
    for (const [id, record] of of(kind)) {
      const fields = fieldsOf(record);
      const orphan = (missing: 'endpoint' | 'network') =>
        findings.push({ kind: 'orphan-driver-endpoint', driver, endpoint: id, missing });
      const endpoint = endpoints.get(id);
      if (endpoint === undefined) orphan('endpoint');
      if (record.fault === undefined && !owned.has(text(fields.nid))) orphan('network');
      const behind = endpoint === undefined ? '' : text(fieldsOf(endpoint).sandbox);
      if (!sandboxes.has(behind)) findings.push(...ports(id, fields));
    }
  }
  return findings;
}

/** What an endpoint has published, one for each port of a range. */
function ports(endpoint: string, fields: Fields): readonly StoreFinding[] {
  return list(fields.PortMapping).map(({ Proto, HostIP, HostPort }) => ({
    kind: 'port-held-by-nobody',
    protocol: protocols.get(Proto) ?? `protocol ${String(Proto)}`,
    address: text(HostIP),
    port: typeof HostPort === 'number' ? HostPort : 0,
    endpoint,
  }));
}

function sandboxFindings(of: (kind: string) => ById): readonly StoreFinding[] {
  const networks = of('network');
  const endpoints = of('endpoint');
  const findings: StoreFinding[] = [];
  for (const [sandbox, record] of of('sandbox'))
    for (const reference of list(fieldsOf(record).Eps)) {
      const [endpoint, network] = [text(reference.Eid), text(reference.Nid)];
      const lacks = (missing: 'endpoint' | 'network', id: string) =>
        findings.push({ kind: 'sandbox-refers-to-nothing', sandbox, missing, id });
      if (!networks.has(network)) lacks('network', network);
      else if (!endpoints.has(endpoint)) lacks('endpoint', endpoint);
    }
  return findings;
}

function fieldsOf(record: StoreRecord): Fields {
  return isObject(record.json) ? record.json : {};
}

function nameOf(record: StoreRecord): string {
  return text(fieldsOf(record).name);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
