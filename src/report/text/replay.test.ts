import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { differenceOfLog, rulesOfLog } from '../../plan/log-difference.ts';
import { readingOf } from '../../plan/log-reading.ts';
import { readEvents } from '../../replay/events.ts';
import { messageSlugs } from '../../replay/messages.ts';
import { displayWidth } from './layout.ts';
import { replayText } from './replay.ts';
import { english } from './replay-en.ts';
import { chinese } from './replay-zh.ts';

const page = (name: string) =>
  readingOf(readEvents(readFileSync(new URL(`../../../test/logs/${name}.txt`, import.meta.url), 'utf8')));
const off = page('ip-masq-false');
const on = page('ip-masq-true');
const difference = differenceOfLog(rulesOfLog(on), off);
const options = { paint: (_: unknown, text: string) => text, width: 100 };

test.each(messageSlugs)('%s is explained in both languages', (slug) => {
  const [en, zh] = [english.messages[slug], chinese.messages[slug]];
  expect(en.means).toMatch(/^\S.{20,}\.$/);
  expect(zh.means).toMatch(/[\u4e00-\u9fff].*。$/);
  expect(zh.remedy === undefined).toBe(en.remedy === undefined);
  const commands = (text = '') => text.match(/`[^`]+`/g) ?? [];
  expect(commands(zh.remedy)).toEqual(commands(en.remedy));
});

describe('replayText', () => {
  const text = replayText(
    'bad.log',
    off,
    { expected: 'good.log', difference },
    { ...options, words: english },
  );

  test('tells the start, the setting, the complaint and the difference', () => {
    expect(text).toContain('bad.log: 1 start in 59 entries, engine 17.06.2-ce\n');
    expect(text).toContain('came up, live restore');
    expect(text).toMatch(/firewall, networks +\d+ +10:37:24\.872 +0\.809 s +31\n/);
    expect(text).toContain('Settings that the rules show: ip-masq=false;');
    expect(text).toContain('i live-restore-keeps-settings, line');
    expect(text).toContain('Against good.log:\n  ip-masq=true would make 2 of the missing rules\n');
    expect(text).toContain(
      '-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE  # ip-masq=true',
    );
  });

  test('has no blanks at line ends, and columns of one width in Chinese', () => {
    const zh = replayText('bad.log', off, undefined, { ...options, words: chinese });
    for (const line of [...text.split('\n'), ...zh.split('\n')]) expect(line).toBe(line.trimEnd());
    const rows = zh.split('\n').filter((line) => / s$/.test(line));
    expect(new Set(rows.map(displayWidth)).size).toBe(1);
    expect(zh).toContain('live-restore-keeps-settings');
  });

  test('says so where nothing differs', () => {
    const same = differenceOfLog(rulesOfLog(off), off);
    const said = replayText('a.log', off, { difference: same }, { ...options, words: english });
    expect(said.trimEnd().split('\n').at(-1)).toBe('The rules are those of the plan.');
  });

  test('says why there are no rules, and makes control characters visible', () => {
    const up =
      'time="t" level=info msg="API listen on x"\ntime="t" level=error msg="odd \\u001b[31m\x1b[31m"';
    const said = replayText('x\x1b.log', readingOf(readEvents(up)), undefined, {
      ...options,
      words: english,
    });
    expect(said).toContain('dockerd logs them only with "debug": true');
    expect(said).not.toContain('\x1b');
    const debug = `${up}\ntime="t" level=debug msg="x"`;
    expect(
      replayText('x', readingOf(readEvents(debug)), undefined, { ...options, words: english }),
    ).toContain('The daemon made no rules');
  });
});
