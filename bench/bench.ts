/**
 * Runs a benchmark. In: its name. Out: its table. Figures of one run belong together: ratios hold elsewhere, seconds do not.
 * Usage: npm run bench -- [walks|networks]
 */
const benchmarks = { walks: () => import('./walks.ts'), networks: () => import('./networks.ts') };

const [name = 'walks'] = process.argv.slice(2);
if (name !== 'walks' && name !== 'networks') {
  console.error(`usage: npm run bench -- ${Object.keys(benchmarks).join('|')}`);
  process.exit(2);
}
await benchmarks[name]();
