/**
 * Actors as seen from outside: each holds one namespace and does there what it is asked. In: a namespace to enter, or that a new one is
 * wanted. Out: its path, and answers. An actor ends with this process, and its namespace with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inNamespace, type NamespacePath } from '../kernel/namespace.ts';
import { KernelError, missingTool, systemPath } from '../kernel/process.ts';
import type { ActorAnswer, ActorAnswers, ActorRequest, Numbered } from './actor.ts';

export interface Actor {
  /** Path of its network namespace. */
  readonly path: string;
  /** Throws KernelError when the actor could not do it, or is gone. */
  do<K extends ActorRequest['kind']>(
    request: Extract<ActorRequest, { readonly kind: K }>,
  ): Promise<ActorAnswers[K]>;
  /** Ends it and waits for that. */
  release(): Promise<void>;
}

/** Starts an actor in a new namespace, or in the one at a path; returns when it answers. */
export async function startActor(namespace: 'new' | { readonly path: NamespacePath }): Promise<Actor> {
  const program = fileURLToPath(new URL(`./actor${extname(import.meta.url)}`, import.meta.url));
  const argv = [process.execPath, program];
  // unshare(1) and nsenter(1) become the program, in the same process, and hand the channel on.
  const [tool = '', ...args] =
    namespace === 'new' ? ['unshare', '--net', '--', ...argv] : inNamespace(namespace.path, argv);
  const child = spawn(tool, args, {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, LC_ALL: 'C', PATH: systemPath() },
  });
  const waiting = new Map<number, (answer: ActorAnswer) => void>();
  const all = (answer: ActorAnswer): void => {
    for (const [number, hear] of waiting) {
      waiting.delete(number);
      hear(answer);
    }
  };
  child.on('message', ({ number, content }: Numbered<ActorAnswer>) => {
    waiting.get(number)?.(content);
    waiting.delete(number);
  });
  child.on('exit', () => all({ error: 'the process that held a namespace ended' }));
  child.on('error', (error: NodeJS.ErrnoException) =>
    all({ error: error.code === 'ENOENT' ? missingTool(tool).message : error.message }),
  );
  const next = <T>(number: number): Promise<T> =>
    new Promise((resolve, reject) => {
      waiting.set(number, (answer) =>
        'error' in answer ? reject(new KernelError('refused', tool, answer.error)) : resolve(answer.ok as T),
      );
    });
  let count = 0;
  await next(0);
  return {
    path: `/proc/${child.pid ?? 0}/ns/net`,
    do: (request) => {
      count += 1;
      const answer = next<ActorAnswers[(typeof request)['kind']]>(count);
      child.send({ number: count, content: request } satisfies Numbered<ActorRequest>);
      return answer;
    },
    release: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
