import fc from 'fast-check';
import { expect, test } from 'vitest';
import { displayWidth, padTo, plain, printable, solid, wrap } from './layout.ts';

test('Chinese and full-width characters take two columns', () => {
  expect(displayWidth('abc')).toBe(3);
  expect(displayWidth('诊断，ok')).toBe(8);
  expect(displayWidth('✗ ->')).toBe(4);
  expect(padTo('断在', 6)).toBe('断在  ');
  expect(padTo('longer', 3)).toBe('longer');
});

test('lines are broken at blanks, and never inside what is solid', () => {
  expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
  const rule = '-A POSTROUTING -j MASQUERADE';
  expect(wrap(`adds ${solid(rule)} there`, 10)).toEqual(['adds', rule, 'there']);
});

test('Chinese is broken between characters, but never before a full stop or after a bracket', () => {
  expect(wrap('没有（a b）路由', 6)).toEqual(['没有', '（a b）', '路由']);
  expect(wrap('没有路由。没有', 8)).toEqual(['没有路由。', '没有']);
});

test('wrapping loses nothing but blanks at line ends, and keeps the width where words allow it', () => {
  const word = fc.stringMatching(/^[a-z诊断网桥]{1,6}$/);
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 14, max: 40 }),
      (words, width) => {
        const text = words.join(' ');
        const lines = wrap(text, width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      },
    ),
  );
});

test('what is printed cannot steer a terminal', () => {
  expect(printable('a\x1b[31mb\r\u202ec')).toBe('a\\u{1b}[31mb\\u{d}\\u{202e}c');
  expect(plain(printable(solid('a b 断')))).toBe('a b 断');
});
