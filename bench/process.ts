/**
 * Whole processes, as a person waits for them. In: a command. Out: the median of its times.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from './median.ts';

/** The built program. */
export const program = fileURLToPath(new URL('../bin/bridgekeeper', import.meta.url));

/** Milliseconds from start to end, the median of several runs; that it finds faults is no failure, that it cannot run is. */
export function wholeProcess(command: string, args: readonly string[], rounds: number): number {
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    if (status !== 0 && status !== 1)
      throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
    return performance.now() - start;
  });
  return median(times);
}
