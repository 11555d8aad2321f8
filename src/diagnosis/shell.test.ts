import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellLine, shellWords } from './shell.ts';

test('reads back every line that it writes', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (args) => {
      expect(shellWords(shellLine(args))).toEqual(args);
    }),
  );
});

test.each(['a $b', 'a "b"', 'a `b`', 'a; b', "a 'b", 'a \\', 'a | b', 'a > b', 'a & b', 'a * b', 'a ~ b'])(
  'refuses what would need a shell: %s',
  (line) => expect(shellWords(line)).toBeUndefined(),
);
