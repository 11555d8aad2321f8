/**
 * Runs benchmarks. In: the name of one; none: those that need nothing but this repository. Out: their tables. Figures of one run
 * belong together: ratios hold elsewhere, seconds do not.
 * Usage: npm run bench -- [walks|hosts|planning|networks]
 */
const benchmarks = new Map([
  ['walks', () => import('./walks.ts')],
  ['hosts', () => import('./hosts.ts')],
  ['planning', () => import('./planning.ts')],
  ['networks', () => import('./networks.ts')],
]);

const asked = process.argv[2];
const runs = (asked === undefined ? ['walks', 'hosts'] : [asked]).map((name) => benchmarks.get(name));
for (const run of runs) {
  if (run === undefined) {
    console.error(`usage: npm run bench -- ${[...benchmarks.keys()].join('|')}`);
    process.exit(2);
  }
  await run();
}
