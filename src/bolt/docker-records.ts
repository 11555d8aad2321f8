/**
 * What Docker's network controller keeps in its store (local-kv.db): keys and values read as libnetwork writes them.
 * In: a bolt file that was read. Out: one record for each key, its JSON as it stands, and why a value could not be read.
 * It interprets no field; docker-decode.ts and docker-check.ts do.
 */
import type { Bucket, Entry } from './tree.ts';

/** libnetwork/datastore: the bucket, and what every key begins with. */
export const dockerBucket = 'libnetwork';
const rootSegments = ['docker', 'network', 'v1.0'];

/**
 * What records are about, by the first segments of their keys: libnetwork's datastore, endpoint_cnt, sandbox_store, ipam/store and
 * the store file of each driver. A kind of one segment need not stand here.
 */
const longKinds: ReadonlySet<string> = new Set([
  'macvlan/network',
  'macvlan/endpoint',
  'ipvlan/network',
  'ipvlan/endpoint',
  'overlay/network',
  'overlay/endpoint',
  'ipam/default/config',
  'ipam/default/data',
]);

/** Docker's records are a few thousand bytes; more is damage, and is not parsed. */
const maxJsonBytes = 16 * 1024 * 1024;
/** As deep as Docker nests is 6. */
const maxJsonDepth = 64;
const indexSize = 8;

export type RecordFault =
  /** Fewer than the 8 bytes of its index. */
  | 'no-index'
  | 'not-utf8'
  | 'not-json'
  | 'too-large'
  | 'too-deep'
  /** Not one of Docker's keys. */
  | 'foreign-key';

export interface StoreRecord {
  readonly key: string;
  /** `network`, `bridge-endpoint`, `macvlan/network` ...; empty for a foreign key. */
  readonly kind: string;
  /** What follows the kind: of an endpoint its network's id and its own. Empty for a parent key of libkv. */
  readonly ids: readonly string[];
  /** A counter of the process that wrote it, from 1 at each start; only good for its own compare-and-swap. */
  readonly index: bigint | undefined;
  /** The JSON's bytes as they stand; none where the value is its index only, as of a parent key. */
  readonly bytes: Uint8Array;
  /** The parsed JSON; undefined where there is none or `fault` says why not. */
  readonly json: unknown;
  readonly fault: RecordFault | undefined;
  /** Where it stands in the file. */
  readonly page: number;
  readonly offset: number;
}

export interface StoreRecords {
  /** In the order of the keys. */
  readonly records: readonly StoreRecord[];
  /** Buckets that Docker does not make, by their path, with how many entries they have. */
  readonly foreignBuckets: readonly { readonly path: string; readonly entries: number }[];
  /** Whether the bucket is there: dockerd makes it with the first record. */
  readonly hasBucket: boolean;
}

export function storeRecords(root: Bucket): StoreRecords {
  const records: StoreRecord[] = [];
  const foreignBuckets: { path: string; entries: number }[] = [];
  const visit = (bucket: Bucket, path: string): void => {
    if (path === dockerBucket) for (const entry of bucket.entries) records.push(readRecord(entry));
    else if (path !== '') foreignBuckets.push({ path, entries: bucket.entries.length });
    for (const below of bucket.buckets)
      visit(below, path === '' ? text(below.name) : `${path}/${text(below.name)}`);
  };
  visit(root, '');
  const hasBucket = root.buckets.some(({ name }) => text(name) === dockerBucket);
  return { records, foreignBuckets, hasBucket };
}

function readRecord({ key: keyBytes, value, page, offset }: Entry): StoreRecord {
  const key = text(keyBytes);
  const named = kindOf(key);
  const place = { key, kind: named?.kind ?? '', ids: named?.ids ?? [], page, offset };
  if (value.length < indexSize)
    return { ...place, index: undefined, bytes: value, json: undefined, fault: 'no-index' };
  const index = new DataView(value.buffer, value.byteOffset, indexSize).getBigUint64(0, true);
  const bytes = value.subarray(indexSize);
  const parsed = bytes.length === 0 ? { json: undefined, fault: undefined } : parse(bytes);
  const fault = named === undefined ? 'foreign-key' : parsed.fault;
  return { ...place, index, bytes, json: parsed.json, fault };
}

/** libnetwork/datastore ParseKey; every key ends in a slash. */
function kindOf(key: string): { readonly kind: string; readonly ids: readonly string[] } | undefined {
  const segments = key.replace(/\/$/, '').split('/');
  if (rootSegments.some((segment, at) => segments[at] !== segment)) return undefined;
  const rest = segments.slice(rootSegments.length);
  const long = [3, 2].find((length) => longKinds.has(rest.slice(0, length).join('/'))) ?? 1;
  const kind = rest.slice(0, long).join('/');
  return kind === '' ? undefined : { kind, ids: rest.slice(long) };
}

function parse(bytes: Uint8Array): { readonly json: unknown; readonly fault: RecordFault | undefined } {
  const failed = (fault: RecordFault) => ({ json: undefined, fault });
  if (bytes.length > maxJsonBytes) return failed('too-large');
  if (depthOf(bytes) > maxJsonDepth) return failed('too-deep');
  const content = decoded(bytes);
  if (content === undefined) return failed('not-utf8');
  try {
    return { json: JSON.parse(content), fault: undefined };
  } catch {
    return failed('not-json');
  }
}

/** How deep brackets are nested, strings aside: what walks the value later walks it by recursion. */
function depthOf(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return deepest;
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A key or name for people: what is not UTF-8 is replaced. */
function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
