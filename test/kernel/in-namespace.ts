/**
 * Commands in a network namespace of their own, which ends with them. In: argument arrays. Out: how each went.
 * As root a network namespace is enough; else a user namespace makes us its root. Nothing outside is touched.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CommandOutcome {
  /** Null if the program could not be started. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const runner = fileURLToPath(new URL('run-commands.ts', import.meta.url));
const unshare = process.getuid?.() === 0 ? ['-n'] : ['-rn'];

/** Why namespaces cannot be made here; undefined if they can. */
export function namespacesUnavailable(): string | undefined {
  const tried = spawnSync('unshare', [...unshare, 'true'], { encoding: 'utf8' });
  if (tried.status === 0) return undefined;
  return `network namespaces cannot be made here: ${tried.error?.message ?? tried.stderr.trim()}`;
}

/** Runs the commands, in order, in one new network namespace. */
export function inNamespace(commands: readonly (readonly string[])[]): CommandOutcome[] {
  const directory = mkdtempSync(join(tmpdir(), 'bridgekeeper-test-'));
  try {
    const ran = spawnSync('unshare', [...unshare, process.execPath, runner], {
      input: JSON.stringify(commands),
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      // The usual lock file belongs to the real root.
      env: { ...process.env, XTABLES_LOCKFILE: join(directory, 'xtables.lock') },
    });
    if (ran.status !== 0) throw new Error(`unshare failed: ${ran.error?.message ?? ran.stderr}`);
    return JSON.parse(ran.stdout) as CommandOutcome[];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
