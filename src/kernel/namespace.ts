/**
 * Network namespaces without names: each is held by a process that lives in it, and vanishes with that process,
 * so nothing can be left behind. In: a command to hold with. Out: its pid; /proc/PID/ns/net is the namespace's path.
 * Named namespaces (/run/netns) are never made: they outlive a crash and need root's /run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { KernelError, missingTool, systemPath } from './process.ts';

/** Path of a network namespace, e.g. /proc/123/ns/net; undefined is the caller's own. */
export type NamespacePath = string | undefined;

/** A process that holds a namespace. */
export interface Holder {
  readonly pid: number;
  readonly path: string;
  /** What the holder printed and still prints; null unless asked for. */
  readonly output: NodeJS.ReadableStream | null;
  /** Ends the holder and waits for it. The namespace and its links go with it. */
  release(): Promise<void>;
}

export interface HoldOptions {
  /** The namespace to live in: a new one, or an existing one by its path (host networking). */
  readonly namespace: 'new' | { readonly path: NamespacePath };
  /** What runs in it; `sleep infinity` unless told. */
  readonly argv?: readonly string[];
  /** Give `output`, the holder's standard output. */
  readonly output?: boolean;
}

const holdTimeout = 5000;

/** The command line that runs `argv` in a network namespace. */
export function inNamespace(path: NamespacePath, argv: readonly string[]): readonly string[] {
  return path === undefined ? argv : ['nsenter', `--net=${path}`, '--', ...argv];
}

/** The kernel's name of a namespace, `net:[4026532695]`; undefined when the path is gone. */
export function namespaceInode(path: NamespacePath): string | undefined {
  try {
    return readlinkSync(path ?? '/proc/self/ns/net');
  } catch {
    return undefined;
  }
}

/** Starts a process in a namespace and returns once it is there. Throws KernelError when the kernel refuses. */
export async function hold(options: HoldOptions): Promise<Holder> {
  const argv = options.argv ?? ['sleep', 'infinity'];
  const before = namespaceInode(undefined);
  const isNew = options.namespace === 'new';
  const command =
    options.namespace === 'new'
      ? ['unshare', '--net', '--', ...argv]
      : inNamespace(options.namespace.path, argv);
  const target = options.namespace === 'new' ? undefined : namespaceInode(options.namespace.path);
  const [tool, ...args] = command;
  if (tool === undefined) throw new Error('a holder needs a program');
  const child = spawn(tool, args, {
    stdio: ['ignore', options.output === true ? 'pipe' : 'ignore', 'pipe'],
    env: { ...process.env, PATH: systemPath() },
  });
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => {
    if (said.length < 16) said.push(chunk);
  });
  const pid = await started(child, tool);
  const path = `/proc/${pid}/ns/net`;
  const there = () => {
    const now = namespaceInode(path);
    return now !== undefined && (isNew ? now !== before : now === target);
  };
  // unshare(1) and nsenter(1) enter first and then become the program, in the same process.
  const deadline = Date.now() + holdTimeout;
  while (!there()) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      const text = Buffer.concat(said).toString('utf8').trim().split('\n')[0] ?? '';
      throw new KernelError('refused', tool, `cannot make a network namespace: ${text || `${tool} ended`}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return { pid, path, output: child.stdout, release: () => end(child) };
}

function started(child: ChildProcess, tool: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? missingTool(tool) : new KernelError('refused', tool, error.message)),
    );
    child.once('spawn', () => {
      if (child.pid !== undefined) resolve(child.pid);
    });
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
