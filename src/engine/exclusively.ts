/**
 * One at a time: work on a host that two programs of ours must not do at once. In: a name. Out: what the work gives. The lock is an
 * abstract unix socket (unix(7)), which the kernel takes away with the process, however that ends.
 */
import { createServer, type Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Milliseconds between tries, and how often: whoever holds the lock is done in a second or two. */
const retry = 20;
const tries = 1500;

/** Waits for its turn; gives up with an error after half a minute. */
export async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  const lock = await take(name);
  try {
    return await work();
  } finally {
    lock.close();
  }
}

async function take(name: string): Promise<Server> {
  for (let tried = 0; tried < tries; tried++) {
    const lock = await listen(`\0bridgekeeper/${name}`);
    if (lock !== undefined) return lock;
    await pause(retry);
  }
  throw new Error(`another bridgekeeper has been at ${name} for ${(retry * tries) / 1000} s`);
}

/** Undefined where somebody else listens there. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(path, () => resolve(server));
  });
}
