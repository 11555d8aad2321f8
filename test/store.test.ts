/**
 * Every local-kv.db of the captures, whole and damaged: read completely and found in order, or else what is missing or wrong is said.
 * STORE_MUTATIONS says how many damaged files are tried; STORE_CORPUS names another folder of captures.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { checkRecords } from '../src/bolt/docker-check.ts';
import { decodeValue } from '../src/bolt/docker-decode.ts';
import { type StoreRecord, storeRecords } from '../src/bolt/docker-records.ts';
import { readBolt } from '../src/bolt/read.ts';
import { readBundle } from '../src/bundle/read.ts';
import { findingText, problemText, severityOf, summaryOf } from '../src/cli/store-text.ts';

const corpus = process.env.STORE_CORPUS ?? fileURLToPath(new URL('corpus', import.meta.url));
const mutations = Number(process.env.STORE_MUTATIONS ?? 400);
const names = ['local-kv.db', 'oracle/local-kv.after-stop.db'];

interface Store {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const stores: Store[] = [];

beforeAll(async () => {
  const captures = readdirSync(corpus, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.tar.gz'),
  );
  for (const capture of captures) {
    const { files } = await readBundle(join(corpus, capture), { oracle: true });
    for (const name of names) {
      const bytes = files.get(name);
      if (bytes !== undefined) stores.push({ name: `${capture} ${name}`, bytes });
    }
  }
}, 600_000);

interface Read {
  readonly records: readonly StoreRecord[];
  /** Where its last page in use ends. */
  readonly end: number;
  readonly transaction: bigint;
  readonly lost: boolean;
  readonly said: readonly string[];
  /** Whether what was said makes `store check` fail. */
  readonly wrong: boolean;
}

/** All that `store` does with the bytes of a file; undefined where it refuses them. */
function read(bytes: Uint8Array): Read | undefined {
  const reading = readBolt(bytes);
  if (reading.kind !== 'bolt') return undefined;
  const { file } = reading;
  const store = storeRecords(file.root);
  const findings = checkRecords(store, { complete: !file.lost });
  for (const record of store.records)
    JSON.stringify([summaryOf(record), decodeValue(record.kind, record.json)]);
  return {
    records: store.records,
    end: file.pages * file.pageSize,
    transaction: file.transaction,
    lost: file.lost,
    said: [...file.problems.map(problemText), ...findings.map(findingText)],
    wrong: [...file.problems, ...findings].some((problem) => severityOf(problem) === 'error'),
  };
}

function textOf(records: readonly StoreRecord[]): readonly string[] {
  return records.map(({ key, index, bytes }) => `${key} ${index} ${Buffer.from(bytes).toString('base64')}`);
}

test('those of real daemons are read completely, and agree', () => {
  expect(stores.length).toBeGreaterThan(50);
  for (const { name, bytes } of stores) {
    const all = read(bytes);
    expect(all, name).toMatchObject({ lost: false, wrong: false });
    expect(all?.records.length, name).toBeGreaterThan(3);
    expect(all?.records.filter(({ fault }) => fault !== undefined)).toEqual([]);
  }
});

/** Told by its number, so that a failure is reported in one line. */
const anyStore = fc.nat(1_000_000);
const bytesOf = (store: number) => stores[store % stores.length]?.bytes ?? new Uint8Array(0);

test('a file cut short is refused, or it is said, and nothing is made up', () => {
  fc.assert(
    fc.property(anyStore, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (store, part) => {
      const bytes = bytesOf(store);
      const whole = read(bytes);
      const length = Math.floor(bytes.length * part);
      const cut = read(bytes.subarray(0, length));
      if (whole === undefined || cut === undefined) return;
      // A store grows by more than it needs; what is cut off there is nothing.
      expect(cut.wrong).toBe(length < whole.end);
      // Where the last transaction cannot be read and the one before can, that one is shown.
      if (cut.transaction !== whole.transaction) return;
      const kept = textOf(cut.records);
      if (kept.length < whole.records.length) expect(cut.lost).toBe(true);
      else expect(kept).toEqual(textOf(whole.records));
    }),
    { numRuns: mutations },
  );
}, 600_000);

test('of a flipped bit no more than the value that it stands in is believed', () => {
  fc.assert(
    fc.property(anyStore, fc.nat(1_000_000), fc.nat(7), (store, at, bit) => {
      const bytes = bytesOf(store);
      const file = bytes.slice();
      const byte = at % file.length;
      file[byte] = (file[byte] ?? 0) ^ (1 << bit);
      const after = read(file);
      if (after === undefined || after.said.length > 0) return;
      const [before, now] = [textOf(read(bytes)?.records ?? []), textOf(after.records)];
      const lost = before.filter((text) => !now.includes(text));
      const made = now.filter((text) => !before.includes(text));
      // bolt has no checksum over its data: another digit in a value is a value too.
      expect(lost.length).toBeLessThanOrEqual(1);
      expect(made.map((text) => text.split(' ')[0])).toEqual(lost.map((text) => text.split(' ')[0]));
    }),
    { numRuns: mutations },
  );
}, 600_000);

test('whatever else is done to a file, it is read or refused', () => {
  const change = fc.record({
    how: fc.constantFrom('flip', 'zero', 'copy', 'random'),
    at: fc.nat(),
    to: fc.nat(),
  });
  fc.assert(
    fc.property(anyStore, fc.array(change, { minLength: 1, maxLength: 8 }), (store, changes) => {
      const file = bytesOf(store).slice();
      const page = 4096;
      const pages = file.length / page;
      for (const { how, at, to } of changes) {
        const from = (at % pages) * page;
        const byte = from + (to % 200);
        if (how === 'flip') file[byte] = (file[byte] ?? 0) ^ (1 << (at % 8));
        else if (how === 'random') file[byte] = to & 0xff;
        else if (how === 'zero') file.fill(0, from, from + page);
        else file.copyWithin(from, (to % pages) * page, (to % pages) * page + page);
      }
      const after = read(file);
      const size = after?.records.reduce((sum, { bytes: value }) => sum + value.length, 0) ?? 0;
      expect(size).toBeLessThanOrEqual(file.length);
    }),
    { numRuns: mutations },
  );
}, 600_000);

test('an empty file, and one that is none', () => {
  expect(read(new Uint8Array(0))).toBeUndefined();
  expect(read(new Uint8Array(8192))).toBeUndefined();
});
