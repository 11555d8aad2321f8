/**
 * Which labs there are. In: a directory of this user's that is gone after a restart. Out: one folder per lab with `lab.json`
 * and the engine's files. A lab lives as long as its first process does: what the folder says is believed only while
 * that process (pid and start time) exists. It starts and ends nothing.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { isRunning } from '../kernel/stage.ts';

const labRecord = z.object({
  name: z.string(),
  /** The unshare(1) that holds the stage; ending it ends the lab. */
  keeper: z.object({ pid: z.int().positive(), startTime: z.string() }),
  /** The stage's first process, seen from outside; nsenter(1) enters by it. */
  first: z.int().positive(),
  userNamespace: z.boolean(),
  /** Pids as seen inside the lab. */
  places: z.array(z.object({ name: z.string(), pid: z.int().positive() })),
});

/** In a lab's folder: bundle files of what no kernel can tell, the engine's and the outside's. */
export const factsFolder = 'facts';

/** What a keeper reads when its lab is published; until then the end of its input is its own end. */
export const keepWord = 'keep';

export type LabRecord = z.infer<typeof labRecord>;

export type LabEntry =
  | { readonly kind: 'up'; readonly folder: string; readonly lab: LabRecord }
  /** Its processes are gone (a restart, a kill): only the folder is left. */
  | { readonly kind: 'stale'; readonly folder: string; readonly name: string };

/** Names are parts of a path and of messages. */
export function isLabName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,30}$/.test(name);
}

/**
 * The folder of this user's labs, made if need be: /run/bridgekeeper/lab for root, below $XDG_RUNTIME_DIR for others, else a
 * folder in the temporary directory that nobody else can have prepared (own, mode 0700). Throws when it cannot be so.
 */
export function labsFolder(): string {
  const uid = process.geteuid?.() ?? 0;
  const runtime = process.env.XDG_RUNTIME_DIR;
  const base =
    uid === 0
      ? '/run/bridgekeeper'
      : runtime?.startsWith('/')
        ? join(runtime, 'bridgekeeper')
        : join(tmpdir(), `bridgekeeper-${uid}`);
  mkdirSync(base, { recursive: true, mode: 0o700 });
  const found = lstatSync(base);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0)
    throw new Error(`${base} is not a directory that only this user can write`);
  const labs = join(base, 'lab');
  mkdirSync(labs, { recursive: true, mode: 0o700 });
  return labs;
}

/** The lab of this name; undefined if there is none. */
export function findLab(labs: string, name: string): LabEntry | undefined {
  const folder = join(labs, name);
  let text: string;
  try {
    text = readFileSync(join(folder, 'lab.json'), 'utf8');
  } catch {
    return undefined;
  }
  const lab = parse(text);
  return lab !== undefined && isRunning(lab.keeper.pid, lab.keeper.startTime)
    ? { kind: 'up', folder, lab }
    : { kind: 'stale', folder, name };
}

/** All labs by name. Folders that are just being made begin with a dot and are not labs yet. */
export function listLabs(labs: string): readonly LabEntry[] {
  return readdirSync(labs)
    .filter(isLabName)
    .sort()
    .map((name) => findLab(labs, name))
    .filter((entry) => entry !== undefined);
}

/** Makes a finished folder the lab of this name; false if a live lab has it. What a dead lab left is removed. */
export function publishLab(labs: string, made: string, name: string): boolean {
  const folder = join(labs, name);
  for (let tries = 0; tries < 3; tries++) {
    try {
      // Only an empty directory can be replaced (rename(2)): of two who try at once, one wins.
      renameSync(made, folder);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
    if (findLab(labs, name)?.kind === 'up') return false;
    removeFolder(labs, folder);
  }
  return false;
}

/** Removes a lab's folder; first out of the way, so that nobody sees half of it. */
export function removeFolder(labs: string, folder: string): void {
  const aside = join(labs, `.gone-${process.pid}-${Date.now()}`);
  try {
    renameSync(folder, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}

function parse(text: string): LabRecord | undefined {
  try {
    return labRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
