import { expect, it } from 'vitest';
import { engineNote } from './engine-note.ts';

it('engineNote names the engines that the rules may be of, and is silent where a file tells', () => {
  expect(engineNote({ version: '26.1.5', by: 'recognised', generations: ['G2', 'G3', 'G4', 'G5'] })).toBe(
    "no file names the engine's version; the rules are like those of 18.03.1 to 27.5.1, so what should be there is what 26.1.5 makes",
  );
  expect(engineNote({ version: '26.1.5', by: 'log' })).toBeUndefined();
});
