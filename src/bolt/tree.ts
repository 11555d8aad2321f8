/**
 * The buckets of a bolt file: its tree of pages, walked once. In: the bytes and a meta page. Out: buckets with their entries, which
 * pages they use, and what could not be read. Every page is visited once at most and depths are bounded, whatever the file says.
 */
import { type Meta, pageHeaderSize } from './meta.ts';
import { branchFlag, type Element, leafFlag, type PageHeader, readElements, readHeader } from './node.ts';
import type { PageFault, Problems } from './problem.ts';

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Where it stands: the page's number and the key's offset in the file. */
  readonly page: number;
  readonly offset: number;
}

export interface Bucket {
  /** Empty for the root. */
  readonly name: Uint8Array;
  /** In the order of the file, which is that of the keys. */
  readonly entries: readonly Entry[];
  readonly buckets: readonly Bucket[];
}

/** Which pages are spoken for, by number: the value is the page that it belongs to. */
export type Usage = Map<number, number>;

/** A tree of branch pages with two keys each over a million pages has 20 levels; buckets are nested by hand. */
const maxTreeDepth = 40;
const maxBucketDepth = 40;
/** 64 bytes of key and value or less for each: Docker has about three for a container, so this is far above any store. */
export const maxEntries = 250_000;
const bucketHeaderSize = 16;

/** Where a page, or one stored inside a value, stands. */
interface Node {
  readonly page: number;
  /** Offset in the file of `bytes`. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Keys between which those of a page have to be: the first included, the second not. */
interface Range {
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array | undefined;
}

interface Content {
  readonly entries: Entry[];
  readonly buckets: Bucket[];
}

/** Reads all that can be reached from the meta's root. */
export function readTree(bytes: Uint8Array, meta: Meta, usage: Usage, problems: Problems): Bucket {
  let taken = 0;

  function bucketAt(name: Uint8Array, root: number, from: number, depth: number): Bucket {
    const content: Content = { entries: [], buckets: [] };
    descend(root, from, { from: undefined, to: undefined }, content, 0, depth);
    return { name, ...content };
  }

  function descend(
    page: number,
    from: number,
    range: Range,
    into: Content,
    level: number,
    depth: number,
  ): void {
    const found = openNode(page, level);
    if (typeof found === 'string' || found.isShort) {
      const fault = typeof found === 'string' ? found : 'cut-short';
      problems.add({ kind: 'page', fault, page, offset: page * meta.pageSize, from });
    }
    if (typeof found === 'string') return;
    const { header } = found;
    if (header.flags === leafFlag) {
      takeLeaf(found, header.count, range, into, depth);
      return;
    }
    const { elements, faults } = readElements(found.bytes, 'branch', header.count);
    reportElements(found, faults);
    checkOrder(found, elements, range);
    for (const [position, element] of elements.entries()) {
      const below = { from: element.key, to: elements[position + 1]?.key ?? range.to };
      descend(element.child, page, below, into, level + 1, depth);
    }
    // A key that is lost is not needed to go down.
    for (const { child } of faults)
      if (child !== undefined && elements.every((element) => element.child !== child))
        descend(child, page, range, into, level + 1, depth);
  }

  function openNode(page: number, level: number): Claim | PageFault {
    if (level > maxTreeDepth) return 'too-deep';
    const found = claimPage(bytes, meta, page, usage);
    if (typeof found === 'string') return found;
    const { flags, count } = found.header;
    if (flags !== branchFlag && flags !== leafFlag) return 'type';
    // Only a bucket without entries has a page without elements: its root.
    if (count === 0 && (flags === branchFlag || level > 0)) return 'no-elements';
    return found;
  }

  function takeLeaf(node: Node, count: number, range: Range, into: Content, depth: number): void {
    const { elements, faults } = readElements(node.bytes, 'leaf', count);
    reportElements(node, faults);
    checkOrder(node, elements, range);
    for (const element of elements) {
      taken += 1;
      if (taken === maxEntries + 1) problems.add({ kind: 'too-many-entries', limit: maxEntries });
      if (taken > maxEntries) return;
      if (element.isBucket) takeBucket(node, element, into, depth);
      else
        into.entries.push({
          key: element.key,
          value: element.value,
          page: node.page,
          offset: node.at + element.start,
        });
    }
  }

  /** A bucket's value has its root page's number, or 0 and then that page itself (bbolt bucket.go, inline buckets). */
  function takeBucket(node: Node, element: Element, into: Content, depth: number): void {
    const { key, value, index } = element;
    const place = { page: node.page, offset: node.at + element.start };
    const root =
      value.length < bucketHeaderSize
        ? undefined
        : Number(new DataView(value.buffer, value.byteOffset, bucketHeaderSize).getBigUint64(0, true));
    const inline = root === 0 ? readHeader(value.subarray(bucketHeaderSize)) : undefined;
    if (depth >= maxBucketDepth) problems.add({ kind: 'page', fault: 'too-deep', from: node.page, ...place });
    else if (root !== undefined && root !== 0) into.buckets.push(bucketAt(key, root, node.page, depth + 1));
    else if (inline?.flags === leafFlag) {
      const at = place.offset + key.length + bucketHeaderSize;
      const inside = { page: node.page, at, bytes: value.subarray(bucketHeaderSize) };
      const content: Content = { entries: [], buckets: [] };
      takeLeaf(inside, inline.count, { from: undefined, to: undefined }, content, depth + 1);
      into.buckets.push({ name: key, ...content });
    } else problems.add({ kind: 'element', fault: 'bucket-header', element: index, ...place });
  }

  function reportElements(node: Node, faults: ReturnType<typeof readElements>['faults']): void {
    // The first says where; the rest of a damaged page would only repeat it.
    const first = faults[0];
    if (first === undefined) return;
    const offset = node.at + pageHeaderSize + first.index * 16;
    problems.add({ kind: 'element', fault: first.fault, element: first.index, page: node.page, offset });
  }

  function checkOrder(node: Node, elements: readonly Element[], range: Range): void {
    const wrong = elements.find((element, position) => {
      const before = elements[position - 1];
      if (before !== undefined && compareBytes(before.key, element.key) >= 0) return true;
      if (before === undefined && range.from !== undefined && compareBytes(range.from, element.key) > 0)
        return true;
      return range.to !== undefined && compareBytes(element.key, range.to) >= 0;
    });
    if (wrong === undefined) return;
    const offset = node.at + wrong.start;
    problems.add({ kind: 'element', fault: 'order', element: wrong.index, page: node.page, offset });
  }

  return bucketAt(new Uint8Array(0), meta.root, meta.page, 0);
}

/** A page with those that it goes on to. */
export interface Claim extends Node {
  readonly header: PageHeader;
  /** The file ends before it does. */
  readonly isShort: boolean;
}

/** Marks a page as used and gives what there is of it; or says why it is none. */
export function claimPage(bytes: Uint8Array, meta: Meta, page: number, usage: Usage): Claim | PageFault {
  if (!Number.isSafeInteger(page) || page < 2 || page >= meta.pages) return 'outside';
  const at = page * meta.pageSize;
  const header = readHeader(bytes.subarray(at, at + pageHeaderSize));
  if (header === undefined) return 'cut-short';
  if (header.id !== page) return 'other-page';
  const last = page + header.overflow;
  if (last >= meta.pages) return 'overflow';
  const end = (last + 1) * meta.pageSize;
  // Marking is bounded by the file's length, whatever the header says.
  const lastHere = Math.min(last, Math.floor((bytes.length - 1) / meta.pageSize));
  for (let used = page; used <= lastHere; used += 1) if (usage.has(used)) return 'used-twice';
  for (let used = page; used <= lastHere; used += 1) usage.set(used, page);
  return { page, at, bytes: bytes.subarray(at, end), header, isShort: end > bytes.length };
}

/** Order of keys: byte by byte, a prefix first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
