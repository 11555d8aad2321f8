/**
 * Runs the built program as a person would. In: arguments, and as whom. Out: what it printed and its exit status. Each run carries a
 * mark in its environment, by which processes that it left behind are found.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Finished, run } from '../../src/kernel/process.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const program = join(root, 'bin/bridgekeeper');

/** The argument lists that make root an ordinary user, `nobody` on Debian. */
const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];

export interface User {
  readonly name: string;
  readonly prefix: readonly string[];
}

/** Whoever runs the tests; root also tries as an ordinary user, where that user can read the clone. */
export async function users(): Promise<readonly User[]> {
  if (process.geteuid?.() !== 0) return [{ name: 'an ordinary user', prefix: [] }];
  const root: User = { name: 'root', prefix: [] };
  const readable = await run({ argv: [...asNobody, 'test', '-r', program] });
  return readable.code === 0 ? [root, { name: 'an ordinary user', prefix: asNobody }] : [root];
}

export interface Place {
  /** A home of its own for this run: temporary files and run-time state. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  program(user: User, args: readonly string[]): Promise<Finished>;
  /** Processes that still carry this place's mark. */
  leftProcesses(): readonly string[];
  leftFiles(): readonly string[];
  remove(): void;
}

export function makePlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'bridgekeeper-e2e-'));
  chmodSync(folder, 0o1777);
  const mark = randomUUID();
  const env = {
    TMPDIR: folder,
    XDG_RUNTIME_DIR: '',
    LC_ALL: 'C',
    NO_COLOR: '1',
    BRIDGEKEEPER_TEST_MARK: mark,
  };
  return {
    folder,
    env,
    program: (user, args) => run({ argv: [...user.prefix, program, ...args] }, { env, timeout: 60_000 }),
    leftProcesses: () =>
      readdirSync('/proc').filter((entry) => {
        if (!/^\d+$/.test(entry) || !existsSync(`/proc/${entry}/environ`)) return false;
        try {
          return readFileSync(`/proc/${entry}/environ`, 'utf8').includes(mark);
        } catch {
          return false;
        }
      }),
    leftFiles: () => readdirSync(folder),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What of the machine's own network a test could have changed. */
export async function machine(): Promise<readonly string[]> {
  const looks = [
    ['ip', '-j', 'link'],
    ['ip', 'netns', 'list'],
    ['nft', 'list', 'ruleset'],
    ['cat', '/proc/sys/net/ipv4/ip_forward', '/proc/self/mountinfo'],
  ];
  return Promise.all(looks.map(async (argv) => (await run({ argv })).stdout));
}
