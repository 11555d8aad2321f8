/**
 * A bolt file, read whole: Docker's local-kv.db, or any other that bbolt writes. In: its bytes. Out: the buckets as of the newest
 * transaction that can be read, and everything that is wrong with the file. It knows no keys; docker-records.ts does.
 */
import { readFreelist } from './freelist.ts';
import { isSound, looksLikeMeta, type Meta, type MetaPage, readMetas } from './meta.ts';
import { type BoltProblem, collectProblems } from './problem.ts';
import { type Bucket, readTree, type Usage } from './tree.ts';

export interface BoltFile {
  readonly pageSize: number;
  /** Pages in use or free, by the meta page used. */
  readonly pages: number;
  readonly freePages: number;
  readonly transaction: bigint;
  readonly root: Bucket;
  readonly problems: readonly BoltProblem[];
  /** How many problems there are; not all of very many are listed. */
  readonly problemsInAll: number;
  /** Whether entries may be missing. */
  readonly lost: boolean;
}

export type BoltReading =
  | { readonly kind: 'bolt'; readonly file: BoltFile }
  /** No byte at all: dockerd makes a new store in such a file. */
  | { readonly kind: 'empty' }
  /** Nothing here says that it ever was one. */
  | { readonly kind: 'not-bolt' };

/** Reads a bolt file. Time and memory are bounded by its length, whatever is in it. */
export function readBolt(bytes: Uint8Array): BoltReading {
  if (bytes.length === 0) return { kind: 'empty' };
  const metaPages = readMetas(bytes);
  if (!metaPages.some(looksLikeMeta)) return { kind: 'not-bolt' };
  const candidates = byTransaction(metaPages.filter(isSound));
  const newest = candidates[0] ?? guess(metaPages);
  const metaProblems = metaPages.flatMap(metaProblem);
  if (newest === undefined) return { kind: 'bolt', file: unreadable(metaProblems) };
  const read = readFrom(bytes, newest);
  const older = read.lost ? candidates[1] : undefined;
  const spare = older === undefined ? undefined : readFrom(bytes, older);
  // A transaction never writes over the pages of the one before it, so that one may be whole.
  const fallback = spare !== undefined && !spare.lost ? spare : undefined;
  const first: readonly BoltProblem[] = [
    ...metaProblems,
    ...(candidates.length === 0 ? [{ kind: 'unsound-meta', page: newest.page } as const] : []),
    ...(fallback === undefined
      ? []
      : [{ kind: 'older-shown', newer: newest.transaction, shown: fallback.transaction } as const]),
  ];
  const shown = fallback ?? read;
  return {
    kind: 'bolt',
    file: {
      ...shown,
      problems: [...first, ...read.problems],
      problemsInAll: first.length + read.problemsInAll,
      lost: shown.lost || candidates.length === 0,
    },
  };
}

function byTransaction(pages: readonly MetaPage[]): readonly Meta[] {
  return pages
    .flatMap(({ meta }) => (meta === undefined ? [] : [meta]))
    .sort((a, b) => (a.transaction < b.transaction ? 1 : -1));
}

/** No meta is sound: one whose checksum alone is wrong may still say the truth. */
function guess(pages: readonly MetaPage[]): Meta | undefined {
  const serious = new Set(['magic', 'version', 'page-size', 'root-outside']);
  return byTransaction(pages.filter(({ faults }) => !faults.some((fault) => serious.has(fault))))[0];
}

function metaProblem({ page, offset, faults }: MetaPage): readonly BoltProblem[] {
  // A page that is no meta page has every fault; the first says it.
  return faults.slice(0, 1).map((fault) => ({ kind: 'meta', fault, page, offset }));
}

function unreadable(problems: readonly BoltProblem[]): BoltFile {
  return {
    pageSize: 0,
    pages: 0,
    freePages: 0,
    transaction: 0n,
    root: { name: new Uint8Array(0), entries: [], buckets: [] },
    problems,
    problemsInAll: problems.length,
    lost: true,
  };
}

/** What makes entries go missing; the others are faults that cost nothing yet. */
function losesEntries(problem: BoltProblem): boolean {
  switch (problem.kind) {
    case 'page':
    case 'element':
    case 'too-many-entries':
      return true;
    case 'meta':
    case 'unsound-meta':
    case 'older-shown':
    case 'file-short':
    case 'freelist':
    case 'free-in-use':
    case 'leaked':
      return false;
  }
}

function readFrom(bytes: Uint8Array, meta: Meta): BoltFile {
  const problems = collectProblems();
  const needed = meta.pages * meta.pageSize;
  if (bytes.length < needed) problems.add({ kind: 'file-short', bytes: bytes.length, needed });
  const usage: Usage = new Map();
  const root = readTree(bytes, meta, usage, problems);
  const lost = problems.list.some(losesEntries);
  const free = readFreelist(bytes, meta, usage, problems);
  // Without the whole tree every page below a lost one would count as leaked.
  if (!lost && free !== undefined) reportPages(bytes, meta, usage, free, problems.add);
  return {
    pageSize: meta.pageSize,
    pages: meta.pages,
    freePages: free?.size ?? 0,
    transaction: meta.transaction,
    root,
    problems: problems.list,
    problemsInAll: problems.total(),
    lost,
  };
}

/** Every page is a meta page, in use, or free; none is two of these (bbolt tx_check.go). */
function reportPages(
  bytes: Uint8Array,
  meta: Meta,
  usage: Usage,
  free: ReadonlySet<number>,
  add: (problem: BoltProblem) => void,
): void {
  for (const page of usage.keys()) if (free.has(page)) add({ kind: 'free-in-use', page });
  const end = Math.min(meta.pages, Math.ceil(bytes.length / meta.pageSize));
  let leaked = 0;
  let first = 0;
  for (let page = 2; page < end; page += 1) {
    if (usage.has(page) || free.has(page)) continue;
    if (leaked === 0) first = page;
    leaked += 1;
  }
  if (leaked > 0) add({ kind: 'leaked', pages: leaked, first });
}
