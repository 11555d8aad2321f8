/**
 * Whole processes: how long a person waits for them, and how much of the processors they take, which other work on the machine
 * disturbs less. In: a command. Out: medians.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median } from './median.ts';

/** The built program. */
export const program = fileURLToPath(new URL('../bin/bridgekeeper', import.meta.url));

/** Milliseconds. */
export interface Spent {
  readonly waited: number;
  readonly processor: number;
}

/** The time of the children so far: fields 16 and 17 of proc_pid_stat(5), in ticks of 10 ms. */
function processorTime(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** That the program finds faults is no failure; that it cannot run is. */
export function wholeProcess(command: string, args: readonly string[], rounds: number): Spent {
  const spent = Array.from({ length: rounds }, (): Spent => {
    const [start, before] = [performance.now(), processorTime()];
    const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (status !== 0 && status !== 1)
      throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
    return { waited: performance.now() - start, processor: processorTime() - before };
  });
  return {
    waited: median(spent.map(({ waited }) => waited)),
    processor: median(spent.map(({ processor }) => processor)),
  };
}
