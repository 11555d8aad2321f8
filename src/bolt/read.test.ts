import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BucketSpec, boltFile, type Layout, resum } from '../../test/fixtures/bolt.ts';
import { type BoltFile, readBolt } from './read.ts';
import { type Bucket, maxEntries } from './tree.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function read(bytes: Uint8Array): BoltFile {
  const reading = readBolt(bytes);
  if (reading.kind !== 'bolt') throw new Error(reading.kind);
  return reading.file;
}

/** Keys and values by their path, for a look at all of it. */
function contents(bucket: Bucket, path = ''): Readonly<Record<string, string>> {
  return Object.assign(
    Object.fromEntries(bucket.entries.map(({ key, value }) => [`${path}${text(key)}`, text(value)])),
    ...bucket.buckets.map((below) => contents(below, `${path}${text(below.name)}/`)),
  );
}

const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const bucket: BucketSpec = { entries: letters.map((letter) => [letter, letter.repeat(9)]) };
const root: BucketSpec = { buckets: { box: bucket } };
const whole = Object.fromEntries(letters.map((letter) => [`box/${letter}`, letter.repeat(9)]));
/** Pages of `tall`: the leaves of the bucket, the branch above them, the root. */
const tall: Layout = { perPage: 3, free: 1 };
const leaf = 2;
const branch = 5;

/** A file with some bytes written over. */
function damaged(layout: Layout, change: (view: DataView, file: Uint8Array) => void): Uint8Array {
  const file = boltFile(root, layout);
  change(new DataView(file.buffer), file);
  return file;
}

describe('a sound file', () => {
  test.each<[string, Layout]>([
    ['one leaf', {}],
    ['branch pages', { perPage: 2 }],
    ['pages of 1 KiB', { pageSize: 1024 }],
    ['pages of 64 KiB', { pageSize: 65536, perPage: 3 }],
    ['no free pages', { free: 0 }],
    ['a list of free pages with its count in front', { freelist: 'counted', free: 5 }],
  ])('%s', (_, layout) => {
    const file = read(boltFile(root, layout));
    expect(contents(file.root)).toEqual(whole);
    expect(file).toMatchObject({ problems: [], lost: false, transaction: 6n, freePages: layout.free ?? 2 });
    expect(file.pageSize).toBe(layout.pageSize ?? 4096);
  });

  test('without a list of free pages says nothing of pages that are not used', () => {
    expect(read(boltFile(root, { freelist: 'none', free: 3 }))).toMatchObject({ problems: [], freePages: 0 });
  });

  test('buckets in buckets, inside a value too, and empty ones', () => {
    const deep: BucketSpec = {
      buckets: {
        out: { entries: [['x', '1']], buckets: { in: { entries: [['y', '2']], inline: true }, none: {} } },
      },
    };
    const file = read(boltFile(deep));
    expect(contents(file.root)).toEqual({ 'out/x': '1', 'out/in/y': '2' });
    expect(file.root.buckets[0]?.buckets.map(({ name }) => text(name))).toEqual(['in', 'none']);
    expect(file.problems).toEqual([]);
  });

  test('values longer than a page', () => {
    const long = 'x'.repeat(20_000);
    const file = read(
      boltFile({
        buckets: {
          box: {
            entries: [
              ['k', long],
              ['l', 'short'],
            ],
          },
        },
      }),
    );
    expect(contents(file.root)).toEqual({ 'box/k': long, 'box/l': 'short' });
  });

  test('an entry knows where it stands', () => {
    const file = boltFile(root, tall);
    const entry = read(file).root.buckets[0]?.entries[4];
    expect(entry).toMatchObject({ page: 3 });
    expect(text(file.subarray(entry?.offset ?? 0, (entry?.offset ?? 0) + 10))).toBe('eeeeeeeeee');
  });

  test('whatever it holds', () => {
    const name = fc.string({ minLength: 1, maxLength: 12 });
    const some = fc.dictionary(name, fc.string({ maxLength: 700 }), { noNullPrototype: true });
    const layout = fc.record({
      pageSize: fc.constantFrom(1024, 4096, 16384),
      perPage: fc.integer({ min: 1, max: 9 }),
      free: fc.nat(4),
      freelist: fc.constantFrom('list' as const, 'counted' as const, 'none' as const),
    });
    fc.assert(
      fc.property(some, layout, fc.boolean(), (entries, how, inline) => {
        const file = read(boltFile({ buckets: { box: { entries: Object.entries(entries), inline } } }, how));
        const wanted = Object.entries(entries).map(([key, value]) => [`box/${key}`, value]);
        expect(contents(file.root)).toEqual(Object.fromEntries(wanted));
        expect(file.problems).toEqual([]);
        const keys = file.root.buckets[0]?.entries.map(({ key }) => key) ?? [];
        expect(keys).toEqual(keys.toSorted(Buffer.compare));
      }),
    );
  });
});

describe('no bolt file', () => {
  test('empty', () => {
    expect(readBolt(new Uint8Array(0))).toEqual({ kind: 'empty' });
  });

  test.each([
    ['text', new TextEncoder().encode('{"a": 1}'.repeat(2000))],
    ['zeros', new Uint8Array(65536)],
    ['a few bytes', Uint8Array.of(1, 2, 3)],
  ])('%s', (_, bytes) => {
    expect(readBolt(bytes)).toEqual({ kind: 'not-bolt' });
  });
});

describe('meta pages', () => {
  const before: BucketSpec = { buckets: { box: { entries: [['old', '1']] } } };
  const flip = (at: number) =>
    damaged({ before }, (view) => {
      view.setUint8(at, view.getUint8(at) ^ 1);
    });

  test('the newer one counts', () => {
    expect(contents(read(boltFile(root, { before })).root)).toEqual(whole);
  });

  test.each([
    ['checksum', 16 + 56],
    ['magic', 16],
    ['version', 16 + 4],
  ])('the older one where the newer has a wrong %s', (fault, at) => {
    const file = read(flip(at));
    expect(contents(file.root)).toEqual({ 'box/old': '1' });
    expect(file).toMatchObject({ transaction: 5n, lost: false });
    expect(file.problems).toEqual([{ kind: 'meta', fault, page: 0, offset: 0 }]);
  });

  test('a header that names another page costs nothing', () => {
    expect(read(flip(0))).toMatchObject({ transaction: 6n, problems: [{ fault: 'header' }], lost: false });
  });

  test.each([1024, 4096, 16384])(
    'the second tells the page size of %i where the first is gone',
    (pageSize) => {
      const file = damaged({ pageSize }, (_, bytes) => bytes.fill(0, 0, pageSize));
      expect(contents(read(file).root)).toEqual(whole);
      expect(read(file)).toMatchObject({
        pageSize,
        transaction: 5n,
        problems: [{ kind: 'meta', fault: 'magic', page: 0 }],
      });
    },
  );

  test('with both checksums wrong it is read all the same, and said to be unsure', () => {
    const file = damaged({}, (view) => {
      view.setUint8(16 + 60, 1);
      view.setUint8(4096 + 16 + 60, 1);
    });
    expect(contents(read(file).root)).toEqual(whole);
    expect(read(file)).toMatchObject({
      lost: true,
      problems: [{ kind: 'meta' }, { kind: 'meta' }, { kind: 'unsound-meta', page: 0 }],
    });
  });

  test('a root outside the file is not followed', () => {
    const file = damaged({}, (view, bytes) => {
      for (const at of [0, 4096]) {
        view.setBigUint64(at + 16 + 16, 2n ** 60n, true);
        resum(bytes, at);
      }
    });
    expect(read(file)).toMatchObject({
      lost: true,
      root: { entries: [], buckets: [] },
      problems: [{ fault: 'root-outside' }, { fault: 'root-outside' }],
    });
  });

  test('the transaction before is shown where only that one is whole', () => {
    const clean = read(boltFile(root, { before }));
    const page = clean.root.buckets[0]?.entries[0]?.page ?? 0;
    const file = read(damaged({ before }, (_, bytes) => bytes.fill(0, page * 4096, (page + 1) * 4096)));
    expect(contents(file.root)).toEqual({ 'box/old': '1' });
    expect(file).toMatchObject({ transaction: 5n, lost: false });
    expect(file.problems).toContainEqual({ kind: 'older-shown', newer: 6n, shown: 5n });
    expect(file.problems).toContainEqual({
      kind: 'page',
      fault: 'other-page',
      page,
      offset: page * 4096,
      from: page + 1,
    });
  });
});

describe('damaged pages: the others are read, and it says which', () => {
  const at = (page: number) => page * 4096;
  const without = (...gone: readonly string[]) =>
    Object.fromEntries(Object.entries(whole).filter(([key]) => !gone.includes(key.slice(4))));

  test.each<[string, (view: DataView, file: Uint8Array) => void]>([
    ['other-page', (view) => view.setBigUint64(at(leaf), 3n, true)],
    ['type', (view) => view.setUint16(at(leaf) + 8, 0x10, true)],
    ['overflow', (view) => view.setUint32(at(leaf) + 12, 4_000_000_000, true)],
    ['no-elements', (view) => view.setUint16(at(leaf) + 10, 0, true)],
    ['outside', (view) => view.setBigUint64(at(branch) + 16 + 8, 99n, true)],
    ['used-twice', (view) => view.setBigUint64(at(branch) + 16 + 8, BigInt(branch), true)],
  ])('%s', (fault, change) => {
    const file = read(damaged(tall, change));
    expect(contents(file.root)).toEqual(without('a', 'b', 'c'));
    expect(file).toMatchObject({ lost: true, problems: [{ kind: 'page', fault, from: branch }] });
  });

  test('a page that goes on into another', () => {
    const file = read(damaged(tall, (view) => view.setUint32(at(leaf) + 12, 1, true)));
    expect(file.problems).toContainEqual({
      kind: 'page',
      fault: 'used-twice',
      page: 3,
      offset: at(3),
      from: branch,
    });
  });

  test('a file cut short within a page gives what stands before the cut', () => {
    const entries = letters.map((letter): readonly [string, string] => [letter, letter.repeat(3000)]);
    const file = read(boltFile({ entries }, { free: 0, freelist: 'none' }).subarray(0, at(2) + 10_000));
    expect(file.root.entries.map(({ key }) => text(key))).toEqual(['a', 'b', 'c']);
    expect(file.lost).toBe(true);
    expect(file.problems).toEqual([
      { kind: 'file-short', bytes: at(2) + 10_000, needed: at(8) },
      { kind: 'page', fault: 'cut-short', page: 2, offset: at(2), from: 0 },
      { kind: 'element', fault: 'layout', element: 3, page: 2, offset: at(2) + 16 + 3 * 16 },
    ]);
  });

  /** The second element of the first leaf: its four fields are flags, position, size of the key, size of the value. */
  const second = at(leaf) + 16 + 16;

  test.each<[string, number, readonly string[]]>([
    ['position: read where its neighbours say', 4, []],
    ['size of the key: left out', 8, ['b']],
    ['size of the value: left out', 12, ['b']],
  ])("a damaged element's %s", (_, field, gone) => {
    for (const bit of [0, 1, 5, 30]) {
      const file = read(
        damaged(tall, (view) =>
          view.setUint32(second + field, view.getUint32(second + field, true) ^ (1 << bit), true),
        ),
      );
      expect(contents(file.root)).toEqual(without(...gone));
      expect(file.problems[0]).toMatchObject({ kind: 'element', fault: 'layout', page: leaf });
    }
  });

  test('a wrong number of elements: the real ones stay', () => {
    const file = read(damaged(tall, (view) => view.setUint16(at(leaf) + 10, 4, true)));
    expect(contents(file.root)).toMatchObject(without('c'));
    expect(file.problems[0]).toMatchObject({ kind: 'element', fault: 'layout' });
  });

  test('a lost key of a branch page does not hide what is below', () => {
    const file = read(damaged(tall, (view) => view.setUint32(at(branch) + 16 + 4, 77, true)));
    expect(contents(file.root)).toEqual(whole);
    expect(file.problems).toEqual([
      { kind: 'element', fault: 'layout', element: 0, page: branch, offset: at(branch) + 16 },
    ]);
  });

  /** Where the keys of the first leaf begin. */
  const keys = at(leaf) + 16 + 3 * 16;

  test.each([
    ['its predecessor in the page', keys + 10, 'a'],
    ['the one that the page above promises', keys, 'A'],
    ['the first of the next page', keys + 20, 'd'],
  ])('a key out of order with %s', (_, place, letter) => {
    const file = read(damaged(tall, (view) => view.setUint8(place, letter.charCodeAt(0))));
    expect(file.problems).toContainEqual(
      expect.objectContaining({ kind: 'element', fault: 'order', page: leaf, offset: place }),
    );
  });

  test('an empty key, and a bucket that is none', () => {
    const empty = read(
      boltFile({
        buckets: {
          box: {
            entries: [
              ['', 'x'],
              ['b', 'y'],
            ],
          },
        },
      }),
    );
    expect(contents(empty.root)).toEqual({ 'box/b': 'y' });
    expect(empty.problems).toMatchObject([{ kind: 'element', fault: 'empty-key', element: 0 }]);
    const flagged = read(damaged({}, (view) => view.setUint32(at(leaf) + 16, 1, true)));
    expect(contents(flagged.root)).toEqual(without('a'));
    expect(flagged.problems).toMatchObject([{ kind: 'element', fault: 'bucket-header', element: 0 }]);
  });
});

describe('pages that nothing uses', () => {
  /** Pages of `plain`: the bucket, the root, two free ones, their list. */
  const list = 6;
  const listed = list * 4096 + 16;

  test('two free ones are where the tests say', () => {
    expect(read(boltFile(root))).toMatchObject({ pages: 7, freePages: 2, problems: [] });
  });

  test.each<[string, bigint, object]>([
    ['in use', 2n, { kind: 'free-in-use', page: 2 }],
    ['the list itself', 6n, { kind: 'free-in-use', page: 6 }],
    ['twice', 5n, { kind: 'freelist', fault: 'listed-twice', id: 5 }],
    ['a meta page', 1n, { kind: 'freelist', fault: 'outside', id: 1 }],
    ['beyond the end', 7n, { kind: 'freelist', fault: 'outside', id: 7 }],
  ])('a free page that is %s', (_, id, problem) => {
    const file = read(damaged({}, (view) => view.setBigUint64(listed, id, true)));
    expect(contents(file.root)).toEqual(whole);
    expect(file.lost).toBe(false);
    expect(file.problems[0]).toMatchObject(problem);
    expect(file.problems.at(-1)).toEqual({ kind: 'leaked', pages: 1, first: 4 });
  });

  test('a list that does not fit', () => {
    const file = damaged({ freelist: 'counted' }, (view) => view.setBigUint64(listed, 2n ** 62n, true));
    expect(read(file).problems).toContainEqual({
      kind: 'freelist',
      fault: 'count',
      id: 2 ** 62,
      page: list,
      offset: list * 4096,
    });
  });

  test.each<[string, (view: DataView) => void]>([
    ['type', (view) => view.setUint16(list * 4096 + 8, 2, true)],
    ['other-page', (view) => view.setBigUint64(list * 4096, 2n, true)],
  ])('no list, by its %s: the entries are all there', (fault, change) => {
    const file = read(damaged({}, change));
    expect(contents(file.root)).toEqual(whole);
    expect(file).toMatchObject({ lost: false, problems: [{ kind: 'page', fault, page: list, from: 0 }] });
  });
});

describe('whatever the bytes are', () => {
  test('buckets nested without end stop somewhere', () => {
    let inner: BucketSpec = { entries: [['k', 'v']] };
    for (let depth = 0; depth < 60; depth += 1) inner = { buckets: { b: inner }, inline: depth % 2 === 0 };
    const file = read(boltFile(inner, { pageSize: 1024 }));
    expect(file).toMatchObject({ lost: true, problems: [{ kind: 'page', fault: 'too-deep' }] });
  });

  test('a tree of one child each stops somewhere', () => {
    const file = boltFile(root, { perPage: 3, free: 60 });
    const view = new DataView(file.buffer);
    // Every free page becomes a branch page with the next as its only child.
    const first = 7;
    for (let page = first; page < first + 60; page += 1) {
      view.setUint16(page * 4096 + 8, 1, true);
      view.setUint16(page * 4096 + 10, 1, true);
      view.setUint32(page * 4096 + 16, 16, true);
      view.setBigUint64(page * 4096 + 16 + 8, BigInt(page + 1), true);
    }
    view.setBigUint64(branch * 4096 + 16 + 8, BigInt(first), true);
    expect(read(file).problems).toContainEqual(expect.objectContaining({ kind: 'page', fault: 'too-deep' }));
  });

  test('more entries than any store has are not all kept', () => {
    const many = {
      entries: Array.from({ length: maxEntries + 5 }, (_, at): [string, string] => [`${at + 1e6}`, '']),
    };
    const file = read(boltFile({ buckets: { box: many } }));
    expect(file.root.buckets[0]?.entries).toHaveLength(maxEntries - 1);
    expect(file.problems).toContainEqual({ kind: 'too-many-entries', limit: maxEntries });
  });

  test('a mutated file is read or refused, and nothing it gives is outside of it', () => {
    const layout = fc.constantFrom<Layout>({}, tall, { pageSize: 1024, perPage: 2 }, { before: bucket });
    const change = fc.record({
      how: fc.constantFrom('flip', 'zero', 'swap', 'number'),
      at: fc.nat(1_000_000),
      to: fc.nat(1_000_000),
    });
    fc.assert(
      fc.property(
        layout,
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat(60_000)),
        (how, changes, cut) => {
          const file = boltFile(root, how);
          const page = how.pageSize ?? 4096;
          const pages = file.length / page;
          for (const { how: what, at, to } of changes) {
            const from = (at % pages) * page;
            // Most of a page is empty; what matters stands at its beginning.
            const spot = from + (to % 160);
            if (what === 'flip') file[spot] = (file[spot] ?? 0) ^ (1 << (at % 8));
            else if (what === 'zero') file.fill(0, from, from + page);
            else if (what === 'number') file[spot] = to % 12;
            else {
              const other = (to % pages) * page;
              const kept = file.slice(from, from + page);
              file.copyWithin(from, other, other + page);
              file.set(kept, other);
            }
          }
          const reading = readBolt(cut === null ? file : file.subarray(0, cut));
          if (reading.kind !== 'bolt') return;
          const size = (below: Bucket): number =>
            below.entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0) +
            below.buckets.reduce((sum, inner) => sum + size(inner), 0);
          expect(size(reading.file.root)).toBeLessThanOrEqual(file.length);
          // What is missing is missed.
          if (Object.keys(contents(reading.file.root)).length < letters.length)
            expect(reading.file.problems.length + reading.file.root.buckets.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
