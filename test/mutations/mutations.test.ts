/** A few damaged bundles at each run; `npm run fuzz:bundles` asks for as many as wanted. */
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readBundle } from '../../src/bundle/read.ts';
import { type Bundles, type Case, caseOf, runCase, smaller } from './case.ts';
import { damaged } from './mutate.ts';
import { faultOf } from './pipeline.ts';

const corpus = fileURLToPath(new URL('../corpus', import.meta.url));
const paths = ['28.5.2/default', '29.7.2-nft/default', '17.06.2/user-bridges-two'].flatMap((name) =>
  globSync(`${corpus}/${name}.tar.gz`),
);
const bundles: Bundles = new Map(
  await Promise.all(paths.map(async (path) => [path, (await readBundle(path)).files] as const)),
);

describe('damaged bundles', () => {
  test('are read without a crash, and nothing of them reaches the terminal as it is', async () => {
    const faults: string[] = [];
    for (let number = 1; number <= 40; number++) {
      const given = caseOf(bundles, number);
      const fault = await runCase(bundles, given);
      if (fault !== undefined) faults.push(`${fault}\n${JSON.stringify(given)}`);
    }
    expect(faults).toEqual([]);
  }, 60_000);

  test('are the same for the same number, and damaged', () => {
    const cases = Array.from({ length: 60 }, (_, number) => caseOf(bundles, number));
    expect(cases).toEqual(Array.from({ length: 60 }, (_, number) => caseOf(bundles, number)));
    const kinds = new Set(cases.flatMap(({ mutations }) => mutations.map(({ kind }) => kind)));
    expect(kinds.size).toBeGreaterThan(10);
    const changed = cases.filter(({ bundle, mutations }) => {
      const files = bundles.get(bundle) ?? new Map();
      const after = damaged(files, mutations);
      return [...files].some(([name, bytes]) => after.get(name) !== bytes);
    });
    expect(changed.length).toBeGreaterThan(50);
  });

  test('what fails is made small', async () => {
    const given = caseOf(bundles, 12);
    const [first, ...others] = [...given.mutations, ...caseOf(bundles, 13).mutations];
    const many: Case = { ...given, mutations: [...others, ...(first === undefined ? [] : [first])] };
    expect(many.mutations.length).toBeGreaterThan(1);
    const small = await smaller(many, async ({ mutations }) => mutations.some((m) => m === first));
    expect(small.mutations).toEqual([first]);
  });

  test('what is whole has no fault', () => {
    for (const files of bundles.values()) expect(faultOf(files, 'some')).toBeUndefined();
  });
});
