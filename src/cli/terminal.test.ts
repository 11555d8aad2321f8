import { describe, expect, test } from 'vitest';
import { displayWidth, languageOf, padTo, painter } from './terminal.ts';

describe('languageOf', () => {
  test('the option wins over the locale, LC_ALL over LC_MESSAGES over LANG', () => {
    const chinese = { LANG: 'zh_CN.UTF-8' };
    expect(languageOf('en', chinese)).toBe('en');
    expect(languageOf(undefined, chinese)).toBe('zh');
    expect(languageOf(undefined, { ...chinese, LC_MESSAGES: 'de_DE' })).toBe('en');
    expect(languageOf(undefined, { LC_ALL: 'zh_TW', LC_MESSAGES: 'C' })).toBe('zh');
    expect(languageOf(undefined, { LC_ALL: '', LANG: '' })).toBe('en');
  });

  test('a language that there is not is no language', () => {
    expect(languageOf('fr', {})).toBeUndefined();
  });
});

describe('painter', () => {
  test('paints on terminals only, and never under NO_COLOR', () => {
    expect(painter({ isTTY: true }, {})('good', 'x')).toBe('\x1b[32mx\x1b[0m');
    expect(painter({ isTTY: true }, { NO_COLOR: '1' })('good', 'x')).toBe('x');
    expect(painter({ isTTY: true }, { TERM: 'dumb' })('good', 'x')).toBe('x');
    expect(painter({}, {})('good', 'x')).toBe('x');
  });
});

test('Chinese characters take two columns', () => {
  expect(displayWidth('web (网桥)')).toBe(10);
  expect(displayWidth('\uff0c')).toBe(2);
  expect(padTo('网桥', 6)).toBe('网桥  ');
  expect(padTo('longer', 3)).toBe('longer');
});
