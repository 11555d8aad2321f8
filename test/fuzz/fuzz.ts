/**
 * Asks the kernel whether the simulator is right. In: how many random cases and from which number, or files with cases. Out: every
 * disagreement, made small and printed with what repeats it, and figures; status 1 if there was one. Everything happens on a stage.
 * Usage: npm run fuzz:kernel -- [--cases N] [--seed S] [--workers N] [--at-once N] [--minutes N] [--one-by-one] [--keep FOLDER] [FILE ...]
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { onStage, stageCommand, stageKind } from '../../src/kernel/stage.ts';
import { caseText, flowText, listNames } from './case.ts';
import type { Seen } from './ends.ts';
import { isSame, type Trail } from './path.ts';
import type { Done, Job, Told } from './worker.ts';

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    'at-once': { type: 'string', default: '8' },
    'one-by-one': { type: 'boolean', default: false },
    /** No case begins later. */
    minutes: { type: 'string', default: 'Infinity' },
    keep: { type: 'string' },
  },
});

if (!onStage()) {
  const argv = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const [tool = '', ...args] = stageCommand(await stageKind(), argv, 'bound');
  const [code] = await once(spawn(tool, args, { stdio: 'inherit' }), 'exit');
  process.exit(code ?? 1);
}

const counts = { exact: 0, 'same class': 0, unknown: 0, wrong: 0 };
const outcomes = new Map<string, number>();
const unknowns = new Map<string, string[]>();
const refusals: string[] = [];
let paths = 0;
let stations = 0;
const started = performance.now();
const waiting = jobs();
let finished = 0;
await Promise.all(Array.from({ length: Number(values.workers) }, employ));
summarise();
process.exit(counts.wrong > 0 || (files.length > 0 && refusals.length > 0) ? 1 : 0);

function* jobs(): Generator<Job, undefined> {
  const oneByOne = values['one-by-one'];
  for (const file of files) yield { name: file, of: readFileSync(file, 'utf8'), oneByOne, shrink: false };
  if (files.length > 0) return;
  const first = Number(values.seed);
  for (let number = first; number < first + Number(values.cases); number++)
    yield { name: `--seed ${number} --cases 1`, of: number, oneByOne, shrink: true };
}

/** One worker, with so many jobs at once, until there are none. */
function employ(): Promise<void> {
  const worker = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let busy = 0;
  const give = (): void => {
    const late = performance.now() - started > Number(values.minutes) * 60_000;
    const job = late ? undefined : waiting.next().value;
    if (job !== undefined) {
      busy += 1;
      worker.send(job);
    } else if (busy === 0) worker.disconnect();
  };
  worker.on('message', (done: Done) => {
    busy -= 1;
    take(done);
    give();
  });
  for (let i = 0; i < Number(values['at-once']) && worker.connected; i++) give();
  return new Promise((resolve) => {
    worker.on('exit', (code) => {
      if (code !== 0) process.exit(1);
      resolve();
    });
  });
}

function take({ name, refusal, verdicts, told }: Done): void {
  finished += 1;
  if (refusal !== undefined) refusals.push(`${name}: ${refusal}`);
  for (const { verdict, kernel, unknowns: facts, trails } of verdicts) {
    counts[verdict] += 1;
    paths += trails.length;
    stations += trails.reduce((sum, trail) => sum + trail.kernel.length, 0);
    outcomes.set(kernel.outcome, (outcomes.get(kernel.outcome) ?? 0) + 1);
    for (const fact of new Set(facts)) unknowns.set(fact, [...(unknowns.get(fact) ?? []), name]);
  }
  for (const one of told) tell(name, one);
  if (finished % 500 === 0) console.log(`${finished} cases, ${seconds()} s`);
}

function tell(name: string, { verdict: { flow, kernel, walked, trails }, small }: Told): void {
  console.log(
    `\n${name}\n${flowText(flow)}\n  kernel:    ${seenText(kernel)}\n  simulator: ${seenText(walked)}`,
  );
  for (const trail of trails) if (!isSame(trail)) console.log(trailText(trail));
  for (const part of listNames) for (const line of small[part]) console.log(`    ${part}: ${line}`);
  if (values.keep === undefined) return;
  mkdirSync(values.keep, { recursive: true });
  const called = `${name} ${flowText(flow)}`.replace(/[^\w.]+/g, '-').replace(/^-/, '');
  const file = join(values.keep, `${called}.json`);
  writeFileSync(file, caseText(small));
  console.log(`    kept: ${file}`);
}

function seenText({ outcome, server, at, from }: Seen): string {
  return server === undefined ? outcome : `${outcome}, answered by ${server} at ${at}, seen as ${from}`;
}

function trailText({ packet, kernel, walked }: Trail): string {
  const list = (lines: readonly string[]) => lines.map((line) => `\n      ${line}`).join('');
  return `  ${packet}, kernel:${list(kernel)}\n  ${packet}, simulator:${list(walked)}`;
}

function seconds(): string {
  return ((performance.now() - started) / 1000).toFixed(0);
}

function summarise(): void {
  const flows = counts.exact + counts['same class'] + counts.unknown + counts.wrong;
  for (const refusal of refusals) console.log(`refused: ${refusal}`);
  for (const [fact, names] of unknowns) console.log(`unknown, ${names.length} times: ${fact} (${names[0]})`);
  const kinds = [...outcomes].toSorted(([, a], [, b]) => b - a).map(([what, count]) => `${what} ${count}`);
  console.log(`what the kernel did: ${kinds.join(', ')}`);
  console.log(`paths compared: ${paths}, through ${stations} chains with a rule or a policy that was met`);
  const figures = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  const seed = files.length > 0 ? '' : `, from seed ${values.seed}`;
  console.log(
    `${finished} cases${seed}, ${refusals.length} refused; ${flows} flows: ${figures.join(', ')}; ${seconds()} s`,
  );
}
