/**
 * The list of free pages of a bolt file. In: the bytes and a meta page. Out: the numbers, and what is wrong with the list.
 * Whether a free page is in use all the same, is the reader's subject.
 */
import { type Meta, pageHeaderSize } from './meta.ts';
import type { PageFault, Problems } from './problem.ts';
import { type Claim, claimPage, type Usage } from './tree.ts';

const freelistFlag = 0x10;
/** A count that does not fit into the header stands in the first 8 bytes behind it (bbolt internal/freelist/shared.go). */
const countElsewhere = 0xffff;
const idSize = 8;

/** Undefined where the file has none, or none that can be read. */
export function readFreelist(
  bytes: Uint8Array,
  meta: Meta,
  usage: Usage,
  problems: Problems,
): ReadonlySet<number> | undefined {
  if (meta.freelist === undefined) return undefined;
  const page = meta.freelist;
  const offset = page * meta.pageSize;
  const found = openFreelist(bytes, meta, page, usage);
  if (typeof found === 'string') {
    problems.add({ kind: 'page', fault: found, page, offset, from: meta.page });
    return undefined;
  }
  const view = new DataView(found.bytes.buffer, found.bytes.byteOffset, found.bytes.byteLength);
  const idAt = (at: number) => Number(view.getBigUint64(at, true));
  const elsewhere = found.header.count === countElsewhere;
  const start = pageHeaderSize + (elsewhere ? idSize : 0);
  const count = elsewhere ? idAt(pageHeaderSize) : found.header.count;
  // No list is longer than its page, nor than the file has pages.
  const room = Math.min(
    Math.floor((found.bytes.length - start) / idSize),
    Math.ceil(bytes.length / meta.pageSize),
  );
  const place = { page, offset };
  if (count > room) problems.add({ kind: 'freelist', fault: 'count', id: count, ...place });
  const free = new Set<number>();
  for (let index = 0; index < Math.min(count, room); index += 1) {
    const id = idAt(start + index * idSize);
    if (id < 2 || id >= meta.pages) problems.add({ kind: 'freelist', fault: 'outside', id, ...place });
    else if (free.has(id)) problems.add({ kind: 'freelist', fault: 'listed-twice', id, ...place });
    else free.add(id);
  }
  return free;
}

function openFreelist(bytes: Uint8Array, meta: Meta, page: number, usage: Usage): Claim | PageFault {
  const found = claimPage(bytes, meta, page, usage);
  if (typeof found === 'string') return found;
  if (found.header.flags !== freelistFlag) return 'type';
  return found.isShort ? 'cut-short' : found;
}
