/**
 * Damages bundles at random and runs all that the program makes of them. In: how many cases and from which number. Out: every case in
 * which something is thrown, hangs or wants too much memory, made small, and figures; status 1 if there was one.
 * Usage: npm run fuzz:bundles -- [--cases N] [--seed S] [--at-once N] [--corpus FOLDER]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readBundle } from '../../src/bundle/read.ts';
import { type Bundles, type Case, caseOf, runCase, smaller } from './case.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '2' },
    corpus: { type: 'string', default: fileURLToPath(new URL('../corpus', import.meta.url)) },
  },
});

/** Longer is a hang: the slowest undamaged capture takes a second of a quiet processor. */
const patience = 60_000;
/** Megabytes of the heap of a worker; one that wants more ends. */
const heapLimit = 1024;

interface Answer {
  readonly fault?: string;
  readonly ms: number;
  /** Milliseconds of a processor. */
  readonly cpu: number;
  readonly heap: number;
}

interface Failure {
  readonly given: Case;
  readonly fault: string;
}

const paths = globSync(`${values.corpus}/**/*.tar.gz`).toSorted();
const bundles: Bundles = new Map(
  await Promise.all(paths.map(async (path) => [path, (await readBundle(path)).files] as const)),
);
const first = Number(values.seed);
const end = first + Number(values.cases);
const failures: Failure[] = [];
const slowest: { readonly ms: number; readonly number: number }[] = [];
let next = first;
let done = 0;
let heap = 0;
let cpu = 0;
const started = performance.now();
await Promise.all(Array.from({ length: Number(values['at-once']) }, work));
await report();
process.exit(failures.length > 0 ? 1 : 0);

/** Keeps a worker busy; a new one takes over when it had to be ended. */
async function work(): Promise<void> {
  let worker = await startWorker();
  while (next < end) {
    const given = caseOf(bundles, next++);
    const answer = await ask(worker, given);
    done++;
    if (typeof answer === 'string') {
      failures.push({ given, fault: answer });
      worker.kill('SIGKILL');
      worker = await startWorker();
      continue;
    }
    heap = Math.max(heap, answer.heap);
    cpu += answer.cpu;
    slowest.push({ ms: answer.ms, number: given.number });
    slowest.sort((a, b) => b.ms - a.ms).splice(5);
    if (answer.fault !== undefined) failures.push({ given, fault: answer.fault });
    if (done % 1000 === 0) console.error(`${done} cases, ${failures.length} faults, ${seconds()} s`);
  }
  worker.disconnect();
}

async function startWorker(): Promise<ChildProcess> {
  const worker = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), {
    execArgv: [`--max-old-space-size=${heapLimit}`],
    serialization: 'advanced',
    // What node writes as it ends for want of memory is no news here.
    stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
  });
  worker.send(paths);
  await once(worker, 'message');
  return worker;
}

/** The worker's answer, or why there is none. */
async function ask(worker: ChildProcess, given: Case): Promise<Answer | string> {
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), patience);
  try {
    worker.send(given);
    const answer = await Promise.race([
      once(worker, 'message', { signal: waiting.signal }).then(([message]) => message as Answer),
      once(worker, 'exit', { signal: waiting.signal }).then(
        ([code, signal]) => `the process ended: ${code ?? signal}`,
      ),
    ]);
    return answer;
  } catch {
    return `no answer within ${patience / 1000} s`;
  } finally {
    clearTimeout(timer);
    waiting.abort();
  }
}

function seconds(): string {
  return ((performance.now() - started) / 1000).toFixed(1);
}

async function report(): Promise<void> {
  const kinds = new Map<string, Failure>();
  for (const failure of failures) {
    const place = failure.fault.split('\n').slice(0, 2).join(' ').replaceAll(/\d+/g, 'N');
    if (!kinds.has(place)) kinds.set(place, failure);
  }
  for (const { given, fault } of kinds.values()) {
    // What ended a process would end this one.
    const small = /^(?:the process|no answer)/.test(fault)
      ? given
      : await smaller(given, async (fewer) => (await runCase(bundles, fewer)) !== undefined);
    console.log(
      `case ${given.number}: ${fault.split('\n').slice(0, 6).join('\n')}\n  ${JSON.stringify(small)}\n`,
    );
  }
  const times = slowest.map(({ ms, number }) => `${(ms / 1000).toFixed(1)} s (case ${number})`).join(', ');
  const each = (cpu / Math.max(1, done)).toFixed(0);
  console.log(
    `${done} cases from ${first} on in ${seconds()} s, each ${each} ms of a processor; slowest: ${times}`,
  );
  console.log(
    `largest heap ${(heap / 2 ** 20).toFixed(0)} MiB; ${failures.length} faults of ${kinds.size} kinds`,
  );
}
