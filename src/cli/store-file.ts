/**
 * The bytes of a store, which dockerd may be writing at the same time. In: a path. Out: the file as it was at one moment, or that it
 * was not to be had. Nothing is locked and nothing is written: dockerd waits for nobody, and an older one would fail to open its store.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { badInput } from './failure.ts';
import { isSystemError, said } from './read-input.ts';

/** Far above any real store: 64 KiB hold some dozens of containers. */
const maxBytes = 1024 ** 3;
const tries = 5;
/** Longer than dockerd takes for one transaction. */
const pauseMs = 50;

export interface StoreBytes {
  readonly bytes: Uint8Array;
  /** The file was written to in each of the tries: parts of two transactions may be mixed. */
  readonly torn: boolean;
  /** When it was written to last, in milliseconds since 1970. */
  readonly written: number;
}

export async function readStoreFile(path: string): Promise<StoreBytes> {
  try {
    for (let attempt = 1; ; attempt += 1) {
      const reading = await readOnce(path);
      if (!reading.torn || attempt === tries) return reading;
      await sleep(pauseMs);
    }
  } catch (error) {
    throw isSystemError(error) ? badInput(`${path}: ${said(error)}`) : error;
  }
}

async function readOnce(path: string): Promise<StoreBytes> {
  // A named pipe would make a plain open wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) throw badInput(`${path}: not a regular file`);
    if (before.size > maxBytes) throw badInput(`${path}: larger than 1 GiB`);
    const bytes = await readUpTo(file, Number(before.size));
    const after = await file.stat({ bigint: true });
    const torn = before.mtimeNs !== after.mtimeNs || before.size !== after.size;
    return { bytes, torn, written: Number(after.mtimeMs) };
  } finally {
    await file.close();
  }
}

/** Fewer bytes where the file has shrunk meanwhile. */
async function readUpTo(file: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
