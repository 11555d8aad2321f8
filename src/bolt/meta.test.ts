import { expect, test } from 'vitest';
import { fnv1a64 } from './meta.ts';

// The test vectors of the FNV draft.
test.each<[string, bigint]>([
  ['', 0xcbf29ce484222325n],
  ['a', 0xaf63dc4c8601ec8cn],
  ['foobar', 0x85944171f73967e8n],
])('FNV-1a of %j', (text, hash) => {
  expect(fnv1a64(new TextEncoder().encode(text))).toBe(hash);
});
