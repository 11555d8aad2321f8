/**
 * Writes a bundle: a directory when the path ends in `/`, else a .tar.gz. In: Facts. Out: files that only their
 * owner can read (mode 0600), since a bundle tells much about a host. Nothing that exists is replaced unless told.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import tar from 'tar-stream';
import type { Facts } from '../host/facts.ts';
import { BundleError, CaptureError } from './error.ts';
import { entryPath } from './limits.ts';

export interface WriteOptions {
  /** Replace an archive that exists. A directory that holds something is never written into. */
  readonly force?: boolean;
}

/** Throws BundleError when the path exists already, CaptureError when it cannot be written; both fit for the user. */
export async function writeBundle(facts: Facts, path: string, options: WriteOptions = {}): Promise<void> {
  await checkTarget(path, options);
  try {
    if (path.endsWith('/')) await writeDirectory(facts, path);
    else await writeArchive(await packBundle(facts), path, options);
  } catch (error) {
    const message = error instanceof Error ? error.message.replace(/^[A-Z]+: /, '') : String(error);
    throw new CaptureError(`cannot write ${path}: ${message}`);
  }
}

/** Whether `writeBundle` would refuse because of what is there; throws its BundleError. For asking before the work. */
export async function checkTarget(path: string, options: WriteOptions = {}): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  if (path.endsWith('/') && found.isDirectory()) {
    if ((await readdir(path)).length === 0) return;
    throw new BundleError(`${path} is not empty; a bundle wants a folder of its own`);
  }
  if (found.isDirectory())
    throw new BundleError(`${path} is a directory; ${path}/ writes the bundle into it`);
  if (options.force !== true) throw new BundleError(`${path} exists; --force replaces it`);
}

/** The bundle as the bytes of a .tar.gz. */
export async function packBundle(facts: Facts): Promise<Buffer> {
  const pack = tar.pack();
  const mtime = new Date();
  for (const [name, bytes] of facts.files) pack.entry({ name, mode: 0o600, mtime }, Buffer.from(bytes));
  pack.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of pack as AsyncIterable<Buffer>) chunks.push(chunk);
  return promisify(gzip)(Buffer.concat(chunks));
}

async function writeArchive(bytes: Buffer, path: string, options: WriteOptions): Promise<void> {
  if (options.force !== true) {
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
    return;
  }
  // Written beside and renamed: the old archive stays whole until the new one is.
  const beside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(beside, bytes, { mode: 0o600, flag: 'wx' });
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

async function writeDirectory(facts: Facts, path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  for (const [name, bytes] of facts.files) {
    const target = join(path, entryPath(name, facts.origin));
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await writeFile(target, bytes, { mode: 0o600, flag: 'wx' });
  }
}
