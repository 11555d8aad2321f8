/**
 * Asks the kernel whether the simulator is right. In: how many random cases and from which number, or files with cases. Out: every
 * disagreement, made small and printed with what repeats it, and figures; status 1 if there was one. Everything happens on a stage.
 * Usage: npm run fuzz:kernel -- [--cases N] [--seed S] [--at-once N] [--keep FOLDER] [FILE ...]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KernelError } from '../../src/kernel/process.ts';
import { onStage, stageCommand, stageKind } from '../../src/kernel/stage.ts';
import type { Seen } from './agent.ts';
import { flowText, type HostCase, parseCase } from './case.ts';
import { compare, longPatience, shortPatience, type Verdict } from './compare.ts';
import { caseOf } from './generate.ts';
import { shrink } from './shrink.ts';

const { values, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    'at-once': { type: 'string', default: '6' },
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
const unknowns = new Map<string, number>();
const refusals: string[] = [];
const jobs = [...jobsOf()];
const total = jobs.length;
const started = performance.now();
const worker = async (): Promise<void> => {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await run(job.name, job.hostCase);
};
await Promise.all(Array.from({ length: Number(values['at-once']) }, worker));
summarise();
process.exit(counts.wrong > 0 || (files.length > 0 && refusals.length > 0) ? 1 : 0);

function* jobsOf(): Iterable<{ readonly name: string; readonly hostCase: HostCase }> {
  for (const file of files) yield { name: file, hostCase: parseCase(readFileSync(file, 'utf8')) };
  if (files.length > 0) return;
  const first = Number(values.seed);
  for (let number = first; number < first + Number(values.cases); number++)
    yield { name: `--seed ${number} --cases 1`, hostCase: caseOf(number) };
}

async function run(name: string, hostCase: HostCase): Promise<void> {
  const verdicts = await tryCompare(hostCase, shortPatience);
  if (typeof verdicts === 'string') {
    refusals.push(`${name}: ${verdicts}`);
    return;
  }
  const told = new Set<string>();
  for (const verdict of verdicts) {
    const settled = verdict.verdict === 'wrong' ? await again(hostCase, verdict) : verdict;
    counts[settled.verdict] += 1;
    countOne(outcomes, settled.kernel.outcome);
    for (const fact of settled.unknowns) countOne(unknowns, fact);
    const what = `${settled.kernel.outcome} ${settled.walked.outcome}`;
    if (settled.verdict !== 'wrong' || told.has(what)) continue;
    told.add(what);
    await tell(name, hostCase, settled);
  }
}

function countOne(counted: Map<string, number>, what: string): void {
  counted.set(what, (counted.get(what) ?? 0) + 1);
}

/** What a busy machine delays is asked once more, alone, with more patience, on a host that was made anew. */
async function again(hostCase: HostCase, verdict: Verdict): Promise<Verdict> {
  const verdicts = await tryCompare({ ...hostCase, flows: [verdict.flow] }, longPatience);
  return typeof verdicts === 'string' ? verdict : (verdicts[0] ?? verdict);
}

async function tryCompare(hostCase: HostCase, patience: number): Promise<readonly Verdict[] | string> {
  try {
    return await compare(hostCase, patience);
  } catch (error) {
    if (error instanceof KernelError && error.kind === 'missing-tool') throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

async function tell(name: string, hostCase: HostCase, { flow, kernel, walked }: Verdict): Promise<void> {
  const small =
    files.length > 0
      ? hostCase
      : await shrink({ ...hostCase, flows: [flow] }, async (smaller) => {
          const verdicts = await tryCompare(smaller, longPatience);
          const [found] = typeof verdicts === 'string' ? [] : verdicts;
          return found?.verdict === 'wrong' && sameSeen(found.kernel, kernel);
        });
  console.log(
    `\n${name}\n${flowText(flow)}\n  kernel:    ${seenText(kernel)}\n  simulator: ${seenText(walked)}`,
  );
  for (const part of ['sysctls', 'routes', 'policyRules', 'iptables', 'nft'] as const)
    for (const line of small[part]) console.log(`    ${part}: ${line}`);
  if (values.keep === undefined) return;
  mkdirSync(values.keep, { recursive: true });
  const called = `${name} ${flowText(flow)}`.replace(/[^\w.]+/g, '-').replace(/^-/, '');
  const file = join(values.keep, `${called}.json`);
  writeFileSync(file, `${JSON.stringify(small, null, 1)}\n`);
  console.log(`    kept: ${file}`);
}

function sameSeen(a: Seen, b: Seen): boolean {
  return a.outcome === b.outcome && a.server === b.server && a.at === b.at && a.from === b.from;
}

function seenText({ outcome, server, at, from }: Seen): string {
  return server === undefined ? outcome : `${outcome}, answered by ${server} at ${at}, seen as ${from}`;
}

function summarise(): void {
  const flows = counts.exact + counts['same class'] + counts.unknown + counts.wrong;
  for (const refusal of refusals) console.log(`refused: ${refusal}`);
  for (const [fact, times] of unknowns) console.log(`unknown, ${times} times: ${fact}`);
  const kinds = [...outcomes].toSorted(([, a], [, b]) => b - a).map(([what, count]) => `${what} ${count}`);
  console.log(`what the kernel did: ${kinds.join(', ')}`);
  const figures = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `${total} cases, ${refusals.length} refused; ${flows} flows: ${figures.join(', ')}; ${seconds} s`,
  );
}
