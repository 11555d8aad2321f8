/**
 * A program of its own: a stage's first process, for a lab that stays. In: a LabRequest as JSON and a folder, as arguments. Out: the
 * facts in the folder, then one JSON line on standard output (the lab's places, or why there is none); then it
 * lives until it is killed, and the lab with it. Without a folder it says what it would do, and ends.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../engine/bring-up.ts';
import { KernelError } from '../kernel/process.ts';
import { buildLab, describeLab, type LabRequest } from './build.ts';
import { outsideName } from './place.ts';
import { factsFolder, keepWord } from './registry.ts';

/** The one line that a keeper prints. Pids are those inside the lab. */
export type KeeperReport =
  | { readonly ok: true; readonly places: readonly { readonly name: string; readonly pid: number }[] }
  /** Without a folder: what would be done. */
  | { readonly ok: true; readonly preview: string }
  | { readonly ok: false; readonly kind: 'config' | 'system'; readonly message: string };

async function report(request: LabRequest, folder: string | undefined): Promise<KeeperReport> {
  try {
    if (folder === undefined) return { ok: true, preview: await describeLab(request) };
    const lab = await buildLab(request);
    const facts = join(folder, factsFolder);
    mkdirSync(facts);
    for (const [name, bytes] of lab.facts) writeFileSync(join(facts, name), bytes);
    const containers = [...lab.engine.containers].map(([name, { pid }]) => ({ name, pid }));
    const places = [{ name: 'host', pid: 1 }, { name: outsideName, pid: lab.outside.pid }, ...containers];
    return { ok: true, places };
  } catch (error) {
    if (error instanceof EngineError) return { ok: false, kind: 'config', message: error.message };
    if (error instanceof KernelError) return { ok: false, kind: 'system', message: error.message };
    throw error;
  }
}

/** Whoever raises the lab ends before it is published: then nobody would know of it, and it ends too. */
function endUnlessKept(folder: string): void {
  let heard = '';
  process.stdin.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  process.stdin.once('end', () => {
    if (heard.trim() === keepWord) return;
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
}

const [request = '{}', folder] = process.argv.slice(2);
// A reader that is gone after the report is no reason to end.
process.stdout.on('error', () => {});
if (folder !== undefined) endUnlessKept(folder);
const result = await report(JSON.parse(request) as LabRequest, folder);
process.stdout.write(`${JSON.stringify(result)}\n`, () => {
  if (!('places' in result)) process.exit(result.ok ? 0 : 1);
});
// The first process of a pid namespace ignores signals that it has no handler for; it is ended by SIGKILL from outside.
setInterval(() => {}, 2 ** 30);
