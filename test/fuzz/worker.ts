/**
 * Runs cases, several at once, in a process of its own. In: jobs over the channel to its parent. Out: for each what was found; a
 * disagreement is asked again and made small first. It prints nothing and ends with the channel.
 */
import { KernelError } from '../../src/kernel/process.ts';
import { flowText, type HostCase, parseCase } from './case.ts';
import { type Asking, compare, longPatience, shortPatience, type Verdict } from './compare.ts';
import { caseOf } from './generate.ts';
import { Watch } from './native.ts';
import { isSame } from './path.ts';
import { shrink } from './shrink.ts';

export interface Job {
  /** What repeats it. */
  readonly name: string;
  /** A case as text, else the one of this number. */
  readonly of: string | number;
  readonly oneByOne: boolean;
  /** Look for the smallest case that shows a disagreement. */
  readonly shrink: boolean;
}

/** A disagreement, with the smallest case that shows it. */
export interface Told {
  readonly verdict: Verdict;
  readonly small: HostCase;
}

export interface Done {
  readonly name: string;
  readonly refusal?: string;
  readonly verdicts: readonly Verdict[];
  readonly told: readonly Told[];
}

const watch = new Watch();

process.on('message', (job: Job) => {
  work(job).then(
    (done) => process.send?.(done),
    (error: unknown) => {
      // A tool that is missing, or a fault of ours: nothing that another case would do better.
      process.stderr.write(
        `${error instanceof KernelError ? error.message : error instanceof Error ? error.stack : error}\n`,
      );
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));

async function work(job: Job): Promise<Done> {
  const hostCase = typeof job.of === 'string' ? parseCase(job.of) : caseOf(job.of);
  const asking = { patience: shortPatience, oneByOne: job.oneByOne };
  const verdicts = await tryCompare(hostCase, asking);
  if (typeof verdicts === 'string') return { name: job.name, refusal: verdicts, verdicts: [], told: [] };
  const settled: Verdict[] = [];
  const told = new Map<string, Told>();
  for (const verdict of verdicts) {
    const now = verdict.verdict === 'wrong' ? await again(hostCase, verdict) : verdict;
    settled.push(now);
    const what = `${now.kernel.outcome} ${now.walked.outcome}`;
    if (now.verdict !== 'wrong' || told.has(what)) continue;
    told.set(what, { verdict: now, small: job.shrink ? await smallest(hostCase, now) : hostCase });
  }
  return { name: job.name, verdicts: settled, told: [...told.values()] };
}

const alone: Asking = { patience: longPatience, oneByOne: true };

/** What a busy machine delays is asked once more, alone, with more patience, on a host that was made anew. */
async function again(hostCase: HostCase, verdict: Verdict): Promise<Verdict> {
  const verdicts = await tryCompare({ ...hostCase, flows: [verdict.flow] }, alone);
  return typeof verdicts === 'string' ? verdict : (verdicts[0] ?? verdict);
}

async function tryCompare(hostCase: HostCase, asking: Asking): Promise<readonly Verdict[] | string> {
  try {
    return await compare(hostCase, watch, asking);
  } catch (error) {
    if (error instanceof KernelError && error.kind === 'missing-tool') throw error;
    if (!(error instanceof Error)) throw error;
    return `${error.message} (${flowText(hostCase.flows[0] ?? { from: '', kind: 'ping', dst: '' })})`;
  }
}

/** What is small shows the same: the path differs, or it does not. */
function smallest(hostCase: HostCase, { flow, kernel, trails }: Verdict): Promise<HostCase> {
  const samePath = trails.every(isSame);
  return shrink({ ...hostCase, flows: [flow] }, async (smaller) => {
    const verdicts = await tryCompare(smaller, alone);
    const [found] = typeof verdicts === 'string' ? [] : verdicts;
    if (found?.verdict !== 'wrong' || found.trails.every(isSame) !== samePath) return false;
    return JSON.stringify(found.kernel) === JSON.stringify(kernel);
  });
}
