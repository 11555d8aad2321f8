/**
 * Decisions: how a walk goes on where the facts do not decide. A walk asks `decide(fact)`; the driver walks
 * again for each combination of answers that was met, so that both branches of every unknown are walked.
 * It holds only the answers of one run, and what the run has used up; comparing the runs' outcomes is `walk.ts`'s subject.
 */
import type { Unknown } from './trace.ts';

/** Runs are bounded: 2**n grows fast and six independent unknowns already mean that nothing is known. */
const maxRuns = 64;

export class Decisions {
  private readonly answers: boolean[];
  private readonly byFact = new Map<string, boolean>();
  private readonly buckets = new Map<string | object, number>();
  readonly met: Unknown[] = [];
  /** How often it was asked; what came about without a question holds in every run. */
  asked = 0;

  /** What each fact that was met was taken for. */
  get taken(): ReadonlyMap<string, boolean> {
    return this.byFact;
  }

  constructor(answers: readonly boolean[]) {
    this.answers = [...answers];
  }

  /** Answers a question that the facts leave open; the same fact gets the same answer throughout a run. */
  decide(fact: string, command?: string): boolean {
    this.asked += 1;
    const known = this.byFact.get(fact);
    if (known !== undefined) return known;
    const answer = this.answers[this.met.length] ?? false;
    this.byFact.set(fact, answer);
    this.met.push({ fact, ...(command === undefined ? {} : { command }) });
    return answer;
  }

  /** Takes a token of a bucket that was full, with `size` of them, when the run began; false when it is empty. */
  takeToken(bucket: string | object, size: number): boolean {
    const left = this.buckets.get(bucket) ?? size;
    if (left < 1) return false;
    this.buckets.set(bucket, left - 1);
    return true;
  }

  /** The next combination to run, counting up from the last answer; undefined after the last one. */
  next(): readonly boolean[] | undefined {
    const given = this.met.map((_, i) => this.answers[i] ?? false);
    while (given.length > 0) {
      if (given[given.length - 1] === false) {
        given[given.length - 1] = true;
        return given;
      }
      given.pop();
    }
    return undefined;
  }
}

/** One run: its result, the open facts that it met, and what each was taken for. */
export interface Run<T> {
  readonly result: T;
  readonly met: readonly Unknown[];
  readonly taken: ReadonlyMap<string, boolean>;
}

/** Runs `body` once for every combination of answers; `complete` is false when the bound was met first. */
export function forEachBranch<T>(body: (decisions: Decisions) => T): {
  readonly runs: readonly Run<T>[];
  readonly complete: boolean;
} {
  const runs: Run<T>[] = [];
  let answers: readonly boolean[] | undefined = [];
  while (answers !== undefined && runs.length < maxRuns) {
    const decisions = new Decisions(answers);
    const result = body(decisions);
    runs.push({ result, met: decisions.met, taken: decisions.taken });
    answers = decisions.next();
  }
  return { runs, complete: answers === undefined };
}
