/**
 * A process that runs cases of damaged bundles, one after the other. In: messages with cases. Out: for each a message that it began,
 * and one with what was wrong. If it is killed, or ends for want of memory, the last case that it began is to blame.
 */
import { readBundle } from '../../src/bundle/read.ts';
import { type Bundles, type Case, runCase } from './case.ts';

process.once('message', async (paths: readonly string[]) => {
  const bundles: Bundles = new Map(
    await Promise.all(paths.map(async (path) => [path, (await readBundle(path)).files] as const)),
  );
  process.on('message', async (job: Case) => {
    const start = performance.now();
    const cpu = process.cpuUsage();
    const fault = await runCase(bundles, job);
    const { user, system } = process.cpuUsage(cpu);
    const { heapUsed } = process.memoryUsage();
    process.send?.({ fault, ms: performance.now() - start, cpu: (user + system) / 1000, heap: heapUsed });
  });
  process.send?.('ready');
});
