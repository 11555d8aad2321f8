/**
 * Files that the user names on the command line: read whole, bounded, with one clear line when that fails.
 * In: a path, `-` for standard input. Out: text. What the text means is the caller's subject.
 */
import { createReadStream } from 'node:fs';
import { badInput } from './failure.ts';

/** Far above any real configuration or listing of networks. */
const maxBytes = 64 * 1024 * 1024;

/** Reads a file as UTF-8. `what` says in a failure which of the user's arguments it was. */
export async function readInput(path: string, what: string): Promise<string> {
  return (await readInputBytes(path, what)).toString('utf8');
}

/** Reads a file whose encoding is its reader's subject. */
export async function readInputBytes(path: string, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
      size += chunk.length;
      if (size > maxBytes) throw badInput(`${what} ${path}: larger than 64 MiB`);
      chunks.push(Buffer.from(chunk));
    }
  } catch (error) {
    throw isSystemError(error) ? badInput(`${what} ${path}: ${said(error)}`) : error;
  }
  return Buffer.concat(chunks);
}

/** Whether the system said no, rather than a bug. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}

/** What the system said, in the words of a person. */
export function said(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'no such file';
    case 'EISDIR':
      return 'is a directory';
    case 'EACCES':
      return 'no permission to read it';
    default:
      return error.message;
  }
}
