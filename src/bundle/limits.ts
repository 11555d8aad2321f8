/**
 * The bounds of a bundle, and what its entries may be called. Everything in a bundle is hostile input: sizes are
 * checked against what an entry claims before a byte of it is read, and no name may lead out of the bundle.
 */
import { BundleError, printable } from './error.ts';

const mebibyte = 1024 * 1024;

export const limits = {
  /** Bytes of one file. */
  file: 64 * mebibyte,
  /** Bytes of all files. */
  total: 512 * mebibyte,
  /** Entries of all kinds. */
  entries: 10_000,
} as const;

/** Bytes of an archive that keeps the bounds: its files, and for each entry headers and padding. */
export const archiveLimit = limits.total + limits.entries * 2048;

/** Counts what a bundle claims to hold; throws BundleError at the first entry that is too much. */
export class Budget {
  readonly #origin: string;
  #entries = 0;
  #bytes = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  entry(): void {
    this.#entries += 1;
    if (this.#entries > limits.entries) {
      throw new BundleError(`${this.#origin}: more than ${limits.entries} entries; a bundle has some dozens`);
    }
  }

  /** `size` in bytes, as claimed. */
  file(name: string, size: number): void {
    if (size > limits.file) {
      const claimed = `${Math.ceil(size / mebibyte)} MiB`;
      throw new BundleError(
        `${this.#origin}: entry ${printable(name)} has ${claimed}; the limit is ${limits.file / mebibyte} MiB`,
      );
    }
    this.#bytes += size;
    if (this.#bytes > limits.total) {
      throw new BundleError(`${this.#origin}: more than ${limits.total / mebibyte} MiB of files`);
    }
  }
}

/** The entry's name without `./`, its parts checked; throws BundleError when it leads out of the bundle. */
export function entryPath(name: string, origin: string): string {
  const refuse = (why: string): BundleError =>
    new BundleError(`${origin}: entry ${printable(name)} ${why}; nothing of the bundle was used`);
  if (name.startsWith('/')) throw refuse('has an absolute path');
  if (name.includes('\0') || name.includes('\\')) throw refuse('has a character that no bundle uses');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refuse('leads out of the bundle');
  return parts.join('/');
}

/** Folders that are part of a bundle, so that one of them alone at the top is no wrapping folder. */
const ownFolders = new Set(['oracle', 'networkd', 'firewalld']);

/** Names without the one folder that all of them lie in, as `tar -C .. -cz capture-of-web01` makes it. */
export function withoutTopFolder(files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const tops = new Set(
    [...files.keys()].map((name) => (name.includes('/') ? name.slice(0, name.indexOf('/')) : '')),
  );
  const [top] = tops;
  if (tops.size !== 1 || top === undefined || top === '' || ownFolders.has(top)) return files;
  return new Map([...files].map(([name, bytes]) => [name.slice(top.length + 1), bytes]));
}

/** Whether the file is part of a corpus capture's truth, at the top or below one wrapping folder. */
export function isOracle(path: string): boolean {
  const [first, second, third] = path.split('/');
  return (first === 'oracle' && second !== undefined) || (second === 'oracle' && third !== undefined);
}
