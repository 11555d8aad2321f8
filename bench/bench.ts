/**
 * Runs a benchmark. In: its name. Out: its table. Figures of one run belong together: ratios hold elsewhere, seconds do not.
 * Usage: npm run bench -- [walks|planning|networks]
 */
const benchmarks = new Map([
  ['walks', () => import('./walks.ts')],
  ['planning', () => import('./planning.ts')],
  ['networks', () => import('./networks.ts')],
]);

const run = benchmarks.get(process.argv[2] ?? 'walks');
if (run === undefined) {
  console.error(`usage: npm run bench -- ${[...benchmarks.keys()].join('|')}`);
  process.exit(2);
}
await run();
