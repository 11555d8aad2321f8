/**
 * The two meta pages of a bolt file: where the root, the list of free pages and the end are, as of one transaction each.
 * In: the bytes of a file. Out: the page size and both metas with their faults. It follows no page number.
 */
import type { MetaFault } from './problem.ts';

/** Sizes and values of bbolt v2 files (etcd-io/bbolt internal/common: page.go, meta.go, types.go); integers are little-endian. */
export const pageHeaderSize = 16;
const metaSize = 64;
const checkedSize = 56;
const magic = 0xed0cdaed;
const version = 2;
const metaFlag = 0x04;
const noFreelist = 0xffff_ffff_ffff_ffffn;

/** bbolt looks for its second meta page at these sizes too (db.go); the default is the machine's page size: 4, 16 or 64 KiB. */
const minPageSize = 1024;
const maxPageSize = 1024 << 14;
const usualPageSize = 4096;

export interface Meta {
  /** 0 or 1. */
  readonly page: number;
  readonly offset: number;
  readonly pageSize: number;
  /** The page where the root bucket begins. */
  readonly root: number;
  /** Undefined where the writer stores none (bbolt's NoFreelistSync) and finds free pages by looking. */
  readonly freelist: number | undefined;
  /** Pages in use or free: numbers below this. */
  readonly pages: number;
  readonly transaction: bigint;
}

/** A meta page and what is wrong with it; `meta` is there where its fields can be read at all. */
export interface MetaPage {
  readonly page: number;
  readonly offset: number;
  readonly meta: Meta | undefined;
  readonly faults: readonly MetaFault[];
}

/** Faults that do not touch what the meta says. */
const harmless: ReadonlySet<MetaFault> = new Set<MetaFault>(['header']);

/** Whether bbolt would open the file with it. */
export function isSound(page: MetaPage): boolean {
  return page.meta !== undefined && page.faults.every((fault) => harmless.has(fault));
}

/** Whether there is something of a bolt file in it. */
export function looksLikeMeta(page: MetaPage): boolean {
  return page.meta !== undefined && !page.faults.includes('magic');
}

/** Both meta pages; the page size that places the second is taken from the first, or found by looking. */
export function readMetas(bytes: Uint8Array): readonly [MetaPage, MetaPage] {
  const first = readMeta(bytes, 0, 0, undefined);
  if (isSound(first)) return [first, secondAt(bytes, first.meta?.pageSize ?? usualPageSize)];
  const seconds: MetaPage[] = [];
  for (let size = minPageSize; size <= maxPageSize && size < bytes.length; size *= 2)
    seconds.push(secondAt(bytes, size));
  const guess =
    looksLikeMeta(first) && !first.faults.includes('page-size') ? first.meta?.pageSize : undefined;
  const second =
    seconds.find(isSound) ?? seconds.find(looksLikeMeta) ?? secondAt(bytes, guess ?? usualPageSize);
  // What the second says of the page size tells whether the first is right about it.
  const size = isSound(second) ? second.meta?.pageSize : guess;
  return [size === undefined ? first : readMeta(bytes, 0, 0, size), second];
}

function secondAt(bytes: Uint8Array, pageSize: number): MetaPage {
  return readMeta(bytes, 1, pageSize, pageSize);
}

function readMeta(bytes: Uint8Array, page: number, offset: number, wantedSize: number | undefined): MetaPage {
  if (bytes.length < offset + pageHeaderSize + metaSize)
    return { page, offset, meta: undefined, faults: ['cut-short'] };
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, pageHeaderSize + metaSize);
  const u32 = (at: number) => view.getUint32(pageHeaderSize + at, true);
  const u64 = (at: number) => view.getBigUint64(pageHeaderSize + at, true);
  const pageSize = u32(8);
  const freelist = u64(32);
  const meta: Meta = {
    page,
    offset,
    pageSize,
    root: Number(u64(16)),
    freelist: freelist === noFreelist ? undefined : Number(freelist),
    pages: Number(u64(40)),
    transaction: u64(48),
  };
  const start = offset + pageHeaderSize;
  const faults: MetaFault[] = [];
  if (u32(0) !== magic) faults.push('magic');
  if (u32(4) !== version) faults.push('version');
  if (u64(checkedSize) !== fnv1a64(bytes.subarray(start, start + checkedSize))) faults.push('checksum');
  if (!isPageSize(pageSize) || (wantedSize !== undefined && pageSize !== wantedSize))
    faults.push('page-size');
  if (meta.root < 2 || meta.root >= meta.pages) faults.push('root-outside');
  if (Number(view.getBigUint64(0, true)) !== page || view.getUint16(8, true) !== metaFlag)
    faults.push('header');
  return { page, offset, meta, faults };
}

function isPageSize(size: number): boolean {
  return size >= minPageSize && size <= maxPageSize && Number.isInteger(Math.log2(size));
}

/** FNV-1a, 64 bits (the Internet draft draft-eastlake-fnv). */
export function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n);
  return hash;
}
