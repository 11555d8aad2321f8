/**
 * One case of a damaged bundle: which capture, and what is done to it. In: a number. Out: the case, and what goes wrong with it.
 * In some the archive is damaged instead of the files in it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BundleError } from '../../src/bundle/error.ts';
import { readBundle } from '../../src/bundle/read.ts';
import { damaged, type Files, type Mutation, mutationsOf } from './mutate.ts';
import { type Extent, faultOf } from './pipeline.ts';
import { Random } from './random.ts';

export interface Case {
  readonly number: number;
  /** Path of the capture. */
  readonly bundle: string;
  readonly extent: Extent;
  readonly mutations: readonly Mutation[];
  /** The archive is damaged, with this seed. */
  readonly archive?: number;
}

/** Captures by path, read once. */
export type Bundles = ReadonlyMap<string, Files>;

/** One in so many asks all that the doctor would; the others a few flows. */
const allEvery = 25;
const archiveEvery = 40;

export function caseOf(bundles: Bundles, number: number): Case {
  const random = new Random(number);
  // The first numbers of near seeds are alike.
  for (let i = 0; i < 4; i++) random.next();
  const paths = [...bundles.keys()];
  const bundle = random.pickAny(paths) ?? '';
  const files = bundles.get(bundle) ?? new Map();
  const extent = number % allEvery === 0 ? 'all' : 'some';
  return number % archiveEvery === 1
    ? { number, bundle, extent, mutations: [], archive: random.below(2 ** 31) }
    : { number, bundle, extent, mutations: mutationsOf(files, random) };
}

/** What goes wrong; undefined if nothing does. */
export async function runCase(
  bundles: Bundles,
  { bundle, extent, mutations, archive }: Case,
): Promise<string | undefined> {
  try {
    const files =
      archive === undefined
        ? damaged(bundles.get(bundle) ?? new Map(), mutations)
        : await readDamaged(bundle, new Random(archive));
    return faultOf(files, extent);
  } catch (error) {
    if (error instanceof BundleError) return undefined;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

async function readDamaged(path: string, random: Random): Promise<Files> {
  const folder = mkdtempSync(join(tmpdir(), 'bridgekeeper-mutated-'));
  try {
    const bytes = Uint8Array.from(readFileSync(path));
    const cut = random.chance(0.5) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
    for (let i = 0; i < random.below(6) && cut.length > 0; i++)
      cut[random.below(cut.length)] = random.below(256);
    const file = join(folder, 'bundle.tar.gz');
    writeFileSync(file, cut);
    return (await readBundle(file)).files;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The case with as few mutations as still fail. */
export async function smaller(given: Case, fails: (fewer: Case) => Promise<boolean>): Promise<Case> {
  for (const mutation of given.mutations) {
    const fewer = { ...given, mutations: given.mutations.filter((other) => other !== mutation) };
    if (await fails(fewer)) return smaller(fewer, fails);
  }
  return given;
}
