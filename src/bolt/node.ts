/**
 * One branch or leaf page: its elements. In: the bytes of a page with those that it goes on to, or of a page stored inside a value.
 * Out: keys with values or page numbers, and which elements could not be taken. It follows no page number.
 */
import { pageHeaderSize } from './meta.ts';
import type { ElementFault } from './problem.ts';

/** etcd-io/bbolt internal/common: page.go, bucket.go. */
export const branchFlag = 0x01;
export const leafFlag = 0x02;
const elementSize = 16;
const bucketFlag = 0x01;

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  /** How many pages follow that belong to this one. */
  readonly overflow: number;
}

/** Undefined when the bytes end before the header does. */
export function readHeader(bytes: Uint8Array): PageHeader | undefined {
  if (bytes.length < pageHeaderSize) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, pageHeaderSize);
  return {
    id: Number(view.getBigUint64(0, true)),
    flags: view.getUint16(8, true),
    count: view.getUint16(10, true),
    overflow: view.getUint32(12, true),
  };
}

export interface Element {
  /** Its position among the page's elements, from 0. */
  readonly index: number;
  readonly key: Uint8Array;
  /** Where the key stands in the page's bytes; the value follows it. */
  readonly start: number;
  readonly value: Uint8Array;
  readonly isBucket: boolean;
  /** Branch pages: the page below. */
  readonly child: number;
}

export interface Elements {
  readonly elements: readonly Element[];
  readonly faults: readonly {
    readonly index: number;
    readonly fault: ElementFault;
    readonly child?: number;
  }[];
}

interface Raw {
  readonly start: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly flags: number;
  readonly child: number;
}

/**
 * The elements of a page. A writer puts keys and values one after the other, in the order of the elements, right behind their headers:
 * so each element's end is known twice, and one whose end is not its successor's start is damaged and left out.
 */
export function readElements(bytes: Uint8Array, kind: 'branch' | 'leaf', count: number): Elements {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fits = Math.min(count, Math.floor((bytes.length - pageHeaderSize) / elementSize));
  const raws: Raw[] = [];
  for (let index = 0; index < fits; index += 1)
    raws.push(readRaw(view, kind, pageHeaderSize + index * elementSize));
  const elements: Element[] = [];
  const faults: { index: number; fault: ElementFault; child?: number }[] = [];
  // Where the next element should begin, and below what no other may: that must not rest on the number of elements.
  let end = pageHeaderSize + count * elementSize;
  let floor = pageHeaderSize;
  for (const [index, raw] of raws.entries()) {
    const size = raw.keySize + raw.valueSize;
    const start = [raw.start, end].find((at) =>
      isConfirmed(at, size, end, [floor, bytes.length], raws, index),
    );
    const child = kind === 'branch' ? { child: raw.child } : {};
    // One of two is enough to read it, but both should say so.
    if (start === undefined || start !== raw.start || start !== end)
      faults.push({ index, fault: 'layout', ...child });
    if (start === undefined) {
      end = raws[index + 1]?.start ?? end;
      continue;
    }
    end = start + size;
    floor = end;
    const keyEnd = start + raw.keySize;
    if (raw.keySize === 0 && kind === 'leaf') faults.push({ index, fault: 'empty-key' });
    else
      elements.push({
        index,
        start,
        key: bytes.subarray(start, keyEnd),
        value: bytes.subarray(keyEnd, end),
        isBucket: (raw.flags & bucketFlag) !== 0,
        child: raw.child,
      });
  }
  if (fits < count) faults.push({ index: fits, fault: 'layout' });
  return { elements, faults };
}

function readRaw(view: DataView, kind: 'branch' | 'leaf', at: number): Raw {
  if (kind === 'branch')
    return {
      start: at + view.getUint32(at, true),
      keySize: view.getUint32(at + 4, true),
      valueSize: 0,
      flags: 0,
      child: Number(view.getBigUint64(at + 8, true)),
    };
  return {
    start: at + view.getUint32(at + 4, true),
    keySize: view.getUint32(at + 8, true),
    valueSize: view.getUint32(at + 12, true),
    flags: view.getUint32(at, true),
    child: 0,
  };
}

/** Whether an element that begins here ends where the next one begins; the last has only its beginning to be known by. */
function isConfirmed(
  start: number,
  size: number,
  expected: number,
  [floor, limit]: readonly [number, number],
  raws: readonly Raw[],
  index: number,
): boolean {
  const end = start + size;
  // Nothing overlaps: what the elements of a page hold is never more than the page.
  if (start < floor || end > limit) return false;
  const next = raws[index + 1];
  if (next === undefined) return start === expected;
  if (end === next.start) return true;
  // The next one's position may be what is damaged: then its sizes lead to the one after it.
  return start === expected && end + next.keySize + next.valueSize === raws[index + 2]?.start;
}
