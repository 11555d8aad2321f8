/**
 * How fast flows are walked, and how long the doctor takes over a bundle. In: a capture of test/corpus.
 * Out: medians, and the doctor's time as a multiple of starting the runtime alone, measured in turns in the same run.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readBundle } from '../src/bundle/read.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import { makeScene, walk } from '../src/packet/walk.ts';
import { flowOf, probesOf } from '../test/judge/capture.ts';
import { median } from './median.ts';

const capture = fileURLToPath(new URL('../test/corpus/17.06.2/default.tar.gz', import.meta.url));
const program = fileURLToPath(new URL('../bin/bridgekeeper', import.meta.url));
const rounds = 9;

const facts = await readBundle(capture, { oracle: true });
const scene = makeScene(hostStateFromFacts(facts).state);
const flows = probesOf(facts).map(flowOf);

function walksPerSecond(seconds: number): number {
  const end = performance.now() + seconds * 1000;
  const start = performance.now();
  let walked = 0;
  while (performance.now() < end) {
    for (const flow of flows) walk(scene, flow);
    walked += flows.length;
  }
  return walked / ((performance.now() - start) / 1000);
}

function milliseconds(command: string, args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(command, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
  return performance.now() - start;
}

walksPerSecond(1);
const speeds = Array.from({ length: rounds }, () => walksPerSecond(0.5));
const runtime: number[] = [];
const doctor: number[] = [];
for (let round = 0; round < rounds; round++) {
  runtime.push(milliseconds(process.execPath, ['-e', '']));
  doctor.push(milliseconds(program, ['doctor', '--bundle', capture]));
}
console.log(`walks a second, one core      ${median(speeds).toFixed(0)}`);
console.log(`doctor over a bundle          ${median(doctor).toFixed(0)} ms`);
console.log(`the runtime alone             ${median(runtime).toFixed(0)} ms`);
console.log(`doctor / runtime              ${(median(doctor) / median(runtime)).toFixed(1)}`);
