import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readElements } from './node.ts';

/** A leaf page with these positions (from the page's start) and sizes, whatever they lead to. */
function leaf(elements: readonly (readonly [start: number, key: number, value: number])[], length: number) {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (const [index, [start, key, value]] of elements.entries()) {
    const at = 16 + index * 16;
    view.setUint32(at + 4, start - at, true);
    view.setUint32(at + 8, key, true);
    view.setUint32(at + 12, value, true);
  }
  return bytes;
}

const taken = (elements: readonly (readonly [number, number, number])[], length: number) =>
  readElements(leaf(elements, length), 'leaf', elements.length).elements.map(({ index }) => index);

test('an element that ends beyond its page is left out', () => {
  expect(
    taken(
      [
        [48, 1, 9],
        [58, 1, 9],
      ],
      68,
    ),
  ).toEqual([0, 1]);
  expect(
    taken(
      [
        [48, 1, 9],
        [58, 1, 10],
      ],
      68,
    ),
  ).toEqual([0]);
});

test('what was taken is not taken again', () => {
  // The third goes back to where the first begins, and the fourth agrees with it.
  const again = taken(
    [
      [80, 1, 9],
      [90, 1, 9],
      [80, 1, 9],
      [90, 1, 9],
    ],
    400,
  );
  expect(again).toContain(0);
  expect(again).not.toContain(2);
});

test('elements never hold more than their page, whatever it says', () => {
  const field = fc.nat(200);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(field, field, field), { maxLength: 12 }),
      fc.nat(400),
      (elements, extra) => {
        const length = 16 + elements.length * 16 + extra;
        const { elements: found } = readElements(leaf(elements, length), 'leaf', elements.length);
        const held = found.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
        expect(held).toBeLessThanOrEqual(length);
      },
    ),
  );
});
