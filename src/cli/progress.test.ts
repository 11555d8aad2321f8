import { describe, expect, test } from 'vitest';
import { shownOn } from './progress.ts';

/** A terminal and a clock that a test moves. */
function watched(
  terminal: { readonly isTTY?: boolean; readonly columns?: number } = { isTTY: true },
  term = 'xterm',
) {
  const written: string[] = [];
  let time = 0;
  const write = (text: string) => written.push(text);
  const shown = shownOn({ ...terminal, write }, { TERM: term, NO_COLOR: '1' }, 'en', () => time);
  return {
    ...shown,
    written,
    at: (milliseconds: number) => {
      time = milliseconds;
    },
  };
}

describe('on a terminal', () => {
  test('short work shows nothing', () => {
    const { progress, end, written, at } = watched();
    at(500);
    progress('flows', 1, 10);
    end();
    expect(written).toEqual([]);
  });

  test('long work shows one line, not at every step, and takes it away', () => {
    const { progress, end, written, at } = watched();
    at(1000);
    progress('flows', 5, 3402);
    at(1001);
    progress('flows', 6, 3402);
    at(1200);
    progress('log', 77);
    end();
    expect(written).toEqual(['\r\x1b[Kwalking flows: 5 of 3402', '\r\x1b[Kreading the log: 77', '\r\x1b[K']);
  });

  test('a narrow terminal gets no line that wraps', () => {
    const { progress, written, at } = watched({ isTTY: true, columns: 20 });
    at(1000);
    progress('namespaces', 5, 200);
    expect(written).toEqual(['\r\x1b[Kreading na']);
  });
});

test.each([
  [{}, 'xterm'],
  [{ isTTY: true }, 'dumb'],
] as const)('nowhere else: %j, TERM=%s', (terminal, term) => {
  const { progress, end, written, at } = watched(terminal, term);
  at(5000);
  progress('flows', 5, 10);
  end();
  expect(written).toEqual([]);
});
