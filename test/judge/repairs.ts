/**
 * Whether repairs are real. In: a folder of captures, `<version>/<scenario>.tar.gz`. For each fault, the host is rebuilt from the capture on
 * this kernel, the flows that broke are asked, the doctor's printed commands are run there, and the flows are asked again. Out: a line for
 * each capture, and figures; status 1 where a repair did not hold.
 * Usage: npm run repairs -- FOLDER [--only VERSION[/SCENARIO]] [--at-once N]
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { healthyFlows } from './capture.ts';
import { judgeRepair, type RepairVerdict } from './repair.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, 'at-once': { type: 'string', default: '2' } },
});
const root = positionals[0];
if (root === undefined) {
  console.error('usage: npm run repairs -- FOLDER [--only VERSION[/SCENARIO]] [--at-once N]');
  process.exit(2);
}
const [onlyVersion, onlyScenario] = (values.only ?? '').split('/');
const started = performance.now();
const jobs = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && (!onlyVersion || entry.name === onlyVersion))
  .flatMap(({ name: version }) =>
    readdirSync(join(root, version))
      .toSorted()
      .map((file) => ({ version, scenario: file.replace(/\.tar\.gz$/, '') }))
      .filter(({ scenario }) => !onlyScenario || scenario === onlyScenario),
  );
const healthy = new Map<string, Promise<ReadonlySet<string>>>();
const counts = new Map<RepairVerdict['kind'], Set<string>>();

const worker = async (): Promise<void> => {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    const { version, scenario } = job;
    const works = healthy.get(version) ?? healthyFlows(join(root, version, 'default.tar.gz'));
    healthy.set(version, works);
    const verdict = await judgeRepair(join(root, version, `${scenario}.tar.gz`), await works);
    if (verdict === undefined) continue;
    const name = `${version}/${scenario}`;
    counts.set(verdict.kind, (counts.get(verdict.kind) ?? new Set()).add(name));
    console.log([`${name}: ${verdict.kind}`, ...verdict.lines].join('\n    '));
  }
};
await Promise.all(Array.from({ length: Number(values['at-once']) }, worker));
for (const [kind, names] of counts) console.log(`${kind}: ${names.size}`);
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
process.exit((counts.get('not healed')?.size ?? 0) + (counts.get('failed')?.size ?? 0) > 0 ? 1 : 0);
