/**
 * How fast flows are walked, and how long the doctor takes over a small bundle. In: captures of test/corpus, with Docker's default
 * rules. Out: medians. Walks are counted by the processor time of this process, so that other work on the machine disturbs less.
 */
import { fileURLToPath } from 'node:url';
import { readBundle } from '../src/bundle/read.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import { makeScene, walk } from '../src/packet/walk.ts';
import { flowOf, probesOf } from '../test/judge/capture.ts';
import { median } from './median.ts';
import { program, wholeProcess } from './process.ts';

const engines = ['17.06.2', '28.5.2', '29.7.2-nft'] as const;
const rounds = 9;

function capturePath(engine: string): string {
  return fileURLToPath(new URL(`../test/corpus/${engine}/default.tar.gz`, import.meta.url));
}

/** Walks of these flows in a second of processor time. */
function walksPerSecond(walkAll: () => number, seconds: number): number {
  const start = process.cpuUsage();
  const spent = () => process.cpuUsage(start).user / 1_000_000;
  let walked = 0;
  while (spent() < seconds) walked += walkAll();
  return walked / spent();
}

console.log('engine        walks a second   walks a second, outcome alone');
for (const engine of engines) {
  const facts = await readBundle(capturePath(engine), { oracle: true });
  const scene = makeScene(hostStateFromFacts(facts).state);
  const flows = probesOf(facts).map(flowOf);
  const columns = (['all', 'deaths'] as const).map((keeps) => {
    const walkAll = () => {
      for (const flow of flows) walk(scene, flow, keeps);
      return flows.length;
    };
    walksPerSecond(walkAll, 1);
    return median(Array.from({ length: rounds }, () => walksPerSecond(walkAll, 0.5)));
  });
  const [traced, alone] = columns.map((column) => column.toFixed(0));
  console.log(`${engine.padEnd(12)}${traced?.padStart(16)}${alone?.padStart(32)}`);
}

console.log('\nwhole process, small bundle      waited, ms   processor, ms');
const runtime = wholeProcess(process.execPath, ['-e', ''], rounds);
const doctor = wholeProcess(program, ['doctor', '--bundle', capturePath('28.5.2')], rounds);
for (const [what, { waited, processor }] of [
  ['doctor', doctor],
  ['the runtime alone', runtime],
] as const) {
  console.log(`${what.padEnd(28)}${waited.toFixed(0).padStart(16)}${processor.toFixed(0).padStart(16)}`);
}
console.log('');
