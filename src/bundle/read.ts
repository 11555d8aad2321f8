/**
 * Reads a bundle: a directory, a .tar.gz, a .tar, or firewall rules as a plain text; all but a directory also on standard input.
 * Out: Facts, all in memory. Nothing is written or executed; links, devices, names that lead out and sizes beyond `limits.ts` are
 * refused. What the files of a bundle say is not looked at here; a text is told by its content, and so are files that no bundle has.
 */
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, lstat, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import type { Facts } from '../host/facts.ts';
import { pastedText, readPasted } from '../host/pasted.ts';
import { BundleError, printable } from './error.ts';
import { archiveLimit, Budget, entryPath, isOracle, limits, withoutTopFolder } from './limits.ts';
import { isBundleFile } from './names.ts';

export interface ReadOptions {
  /** Also read `oracle/`, the truth about a corpus capture; left out unless told. */
  readonly oracle?: boolean;
}

/** Reads the bundle at a path, or from standard input for `-`. Throws BundleError with a line fit for the user. */
export async function readBundle(path: string, options: ReadOptions = {}): Promise<Facts> {
  if (path === '-') return facts(await readArchive(process.stdin, '-', options), '-');
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new BundleError(
      `${path}: ${error.code === 'ENOENT' ? 'no such file or directory' : reason(error)}`,
    );
  });
  if (info.isDirectory()) return facts(await readDirectory(path, options), path);
  if (!info.isFile()) throw new BundleError(`${path}: neither a file nor a directory`);
  return facts(await readArchive(createReadStream(path), path, options), path);
}

function facts(files: ReadonlyMap<string, Uint8Array>, origin: string): Facts {
  if (files.size === 0) throw new BundleError(`${origin}: holds no files`);
  const named = withoutTopFolder(files);
  return { files: [...named.keys()].some(isBundleFile) ? named : rulesOf(named.values(), origin), origin };
}

/** The firewall listings in texts; where there are several of one kind the first is taken. */
function rulesOf(texts: Iterable<Uint8Array>, origin: string): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  let why: string | undefined;
  for (const bytes of texts) {
    const pasted = readPasted(pastedText(bytes));
    if (pasted.kind === 'other') why ??= pasted.why;
    else
      for (const [file, content] of pasted.files)
        if (!found.has(file)) found.set(file, new TextEncoder().encode(content));
  }
  if (found.size === 0) throw new BundleError(`${origin}: ${why ?? 'holds no files'}`);
  return found;
}

async function readDirectory(root: string, options: ReadOptions): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const budget = new Budget(root);
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      budget.entry();
      if (entry.isDirectory()) await walk(name);
      else if (!entry.isFile())
        throw new BundleError(`${root}: entry ${printable(name)} is not a plain file`);
      else if (options.oracle === true || !isOracle(name))
        files.set(name, await readFile(root, name, budget));
    }
  };
  await walk('').catch((error: unknown) => {
    throw asBundleError(error, root);
  });
  return files;
}

async function readFile(root: string, name: string, budget: Budget): Promise<Uint8Array> {
  const path = join(root, name);
  budget.file(name, (await lstat(path)).size);
  // Between the listing and now the entry may have become a link.
  const handle: FileHandle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

async function readArchive(
  source: AsyncIterable<Uint8Array>,
  origin: string,
  options: ReadOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  try {
    const [start, packed] = await peek(source);
    const what = foreignArchive(start);
    if (what !== undefined)
      throw new BundleError(`${origin}: ${what}; a bundle is a directory, a .tar.gz or a .tar`);
    const isGzip = start[0] === 0x1f && start[1] === 0x8b;
    const [head, whole] = isGzip ? await peek(gunzipped(packed)) : [start, packed];
    return isText(head)
      ? rulesOf([await wholeText(whole, origin)], origin)
      : await untar(whole, origin, options);
  } catch (error) {
    throw asBundleError(error, origin);
  }
}

/** Archives of other kinds, by their first bytes. */
function foreignArchive(head: Buffer): string | undefined {
  const magic = head.subarray(0, 6).toString('latin1');
  if (magic.startsWith('PK')) return 'a zip archive';
  if (magic.startsWith('\xfd7zXZ')) return 'packed with xz: unpack it with xz -d';
  if (magic.startsWith('BZh')) return 'packed with bzip2: unpack it with bzip2 -d';
  if (magic.startsWith('\x28\xb5\x2f\xfd')) return 'packed with zstd: unpack it with zstd -d';
  return undefined;
}

/** A tar archive has zeros in its first header; text has none, but for UTF-16, which says so. */
function isText(head: Buffer): boolean {
  const mark = head.subarray(0, 2).toString('hex');
  return !head.includes(0) || mark === 'fffe' || mark === 'feff';
}

async function wholeText(source: AsyncIterable<Uint8Array>, origin: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > limits.file)
      throw new BundleError(`${origin}: more than ${limits.file / 1024 / 1024} MiB of text`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function* gunzipped(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // Its failure also ends the loop, which reports it.
  const flow = pipeline(Readable.from(packed, { objectMode: false }), gunzip).catch(() => undefined);
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } finally {
    gunzip.destroy();
    await flow;
  }
}

async function untar(
  whole: AsyncIterable<Uint8Array>,
  origin: string,
  options: ReadOptions,
): Promise<Map<string, Uint8Array>> {
  const extract = tar.extract();
  const bounded = (stream: AsyncIterable<Uint8Array>) => guard(stream, origin);
  // Its failure also ends the loop below, which reports it.
  const flowed = pipeline(Readable.from(whole, { objectMode: false }), bounded, extract).then(
    () => undefined,
    (error: unknown) => error,
  );
  const files = new Map<string, Uint8Array>();
  const budget = new Budget(origin);
  for await (const entry of extract) {
    const { name, type, size } = entry.header;
    budget.entry();
    const path = entryPath(name, origin);
    if (/^(?:[^/]+\/)?sos_commands(?:\/|$)/.test(path))
      throw new BundleError(`${origin}: a sosreport, which is no bundle; ${sosInstead}`);
    if (type === 'directory') {
      entry.resume();
      continue;
    }
    if (type !== 'file' && type !== 'contiguous-file' && type !== undefined && type !== null) {
      throw new BundleError(`${origin}: entry ${printable(name)} is not a plain file but a ${type}`);
    }
    if (options.oracle !== true && isOracle(path)) {
      budget.file(name, size ?? 0);
      entry.resume();
      continue;
    }
    if (path === '' || files.has(path))
      throw new BundleError(`${origin}: entry ${printable(name)} is there twice`);
    budget.file(name, size ?? 0);
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk);
    files.set(path, Buffer.concat(chunks));
  }
  const failure = await flowed;
  if (failure !== undefined) throw asBundleError(failure, origin);
  return files;
}

const sosInstead = 'capture writes one on that host, or unpack it and name a file with the rules';

/** The first 512 bytes, and the whole stream from its beginning. */
async function peek(source: AsyncIterable<Uint8Array>): Promise<[Buffer, AsyncIterable<Uint8Array>]> {
  const iterator = source[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < 512) {
    const next = await iterator.next();
    if (next.done === true) break;
    first.push(next.value);
    length += next.value.length;
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield* first;
      for (;;) {
        const next = await iterator.next();
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      // A refused archive is not read on: an open standard input would keep the process waiting.
      await iterator.return?.();
    }
  }
  return [Buffer.concat(first).subarray(0, 512), whole()];
}

/** Passes an archive on, bounded (a gzip file of 1 MB can hold 1 GB), and only whole ones: they end in zeros. */
async function* guard(stream: AsyncIterable<Uint8Array>, origin: string): AsyncGenerator<Uint8Array> {
  let total = 0;
  let zeros = 0;
  for await (const chunk of stream) {
    total += chunk.length;
    if (total > archiveLimit) {
      throw new BundleError(`${origin}: more than ${limits.total / 1024 / 1024} MiB when unpacked`);
    }
    const tail = trailingZeros(chunk);
    zeros = tail === chunk.length ? zeros + tail : tail;
    yield chunk;
  }
  // tar(5): two blocks of zeros mark the end; one is tolerated by every reader.
  if (zeros < 512) throw new BundleError(`${origin}: ${cutOff}`);
}

const cutOff = 'the archive is cut off: its end is missing';

function trailingZeros(chunk: Uint8Array): number {
  let index = chunk.length;
  while (index > 0 && chunk.length - index < 1024 && chunk[index - 1] === 0) index -= 1;
  return chunk.length - index;
}

function asBundleError(error: unknown, origin: string): BundleError {
  if (error instanceof BundleError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  if (
    code === 'Z_BUF_ERROR' ||
    message === 'Unexpected end of data' ||
    code === 'ERR_STREAM_PREMATURE_CLOSE'
  ) {
    return new BundleError(`${origin}: ${cutOff}`);
  }
  if (code.startsWith('Z_')) return new BundleError(`${origin}: the gzip data is damaged (${message})`);
  if (/tar header|header/i.test(message))
    return new BundleError(`${origin}: not a tar archive, or a damaged one`);
  return new BundleError(`${origin}: ${error instanceof Error ? reason(error) : message}`);
}

/** `EACCES: permission denied, open '...'` without the code and the path, which the line already has. */
function reason(error: NodeJS.ErrnoException): string {
  return error.message.replace(/^[A-Z]+: /, '').replace(/, \w+ '.*$/, '');
}
