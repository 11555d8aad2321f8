/**
 * Commands that only read: an argument array in, what it printed out. No shell, and never an exception: a tool
 * that is missing, hangs or refuses is an answer. Nothing here knows what the commands mean.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { limits } from './limits.ts';

/** `failed` says why in one short line. */
export type Answer =
  | { readonly ok: true; readonly stdout: Buffer; readonly stderr: string }
  | { readonly ok: false; readonly stdout: Buffer; readonly failed: string };

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads; nothing unless told. */
  readonly stdin?: string;
  /** Exit codes besides 0 that are no failure. */
  readonly accept?: readonly number[];
}

/** Milliseconds for one command; reading tools answer in a few. */
const commandTimeout = 4000;

/** The directories of system tools, which an ordinary user's PATH often lacks. */
const searchPath = [
  ...new Set([...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin']),
].filter((folder) => folder.startsWith('/'));

/** Whether a program of this name can be run. */
export function installed(tool: string): boolean {
  return searchPath.some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs one command to its end. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Answer> {
  const [tool = '', ...args] = argv;
  return new Promise((resolve) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    let cut: string | undefined;
    const env = { ...process.env, PATH: searchPath.join(':'), LC_ALL: 'C', ...options.env };
    const child = spawn(tool, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
    // A command that ended early does not read it; its exit code tells.
    child.stdin.on('error', () => undefined).end(options.stdin ?? '');
    const stop = (why: string): void => {
      cut ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop(`gave no answer in ${commandTimeout / 1000} s`), commandTimeout);
    const finish = (failed: string | undefined): void => {
      clearTimeout(timer);
      const out = Buffer.concat(stdout);
      const said = Buffer.concat(stderr).toString('utf8');
      resolve(
        failed === undefined ? { ok: true, stdout: out, stderr: said } : { ok: false, stdout: out, failed },
      );
    };
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limits.file) stop(`printed more than ${limits.file / 1024 / 1024} MiB`);
      else stdout.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 64) stderr.push(chunk);
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ENOENT' ? `${tool} is not installed` : error.message),
    );
    child.once('close', (code) => {
      if (cut !== undefined) finish(`${tool} ${cut}`);
      else if (code === 0 || (code !== null && options.accept?.includes(code) === true)) finish(undefined);
      else
        finish(
          firstLine(Buffer.concat(stderr).toString('utf8')) ?? `${tool} ended with ${code ?? 'a signal'}`,
        );
    });
  });
}

function firstLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '');
}

/** Lets at most `width` of the tasks given to it run at once. */
export function limiter(width: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
