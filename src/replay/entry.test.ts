import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldOf, readEntry } from './entry.ts';

const line =
  'time="2026-11-23T04:17:03.26Z" level=warning msg="no \\"modprobe\\"\\nhere" error="exec: \\"x\\"" id=42';

describe('readEntry', () => {
  it('reads what logrus writes', () => {
    const entry = readEntry(line);
    expect(entry).toMatchObject({
      time: '2026-11-23T04:17:03.26Z',
      level: 'warning',
      message: 'no "modprobe"\nhere',
    });
    expect(entry && fieldOf(entry, 'error')).toBe('exec: "x"');
    expect(entry && fieldOf(entry, 'id')).toBe('42');
    expect(entry && fieldOf(entry, 'nothing')).toBeUndefined();
    expect(readEntry('time="t" level=info msg=serving... address=/run/x')).toMatchObject({
      message: 'serving...',
    });
  });

  it.each([
    ['journalctl', `Nov 18 10:36:25 localhost dockerd[12450]: ${line}`],
    ['journalctl -o short-iso', `2026-11-23T10:00:00+0800 host dockerd[1]: ${line}`],
    ['docker logs as a file', JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: 'other' })],
    ['journalctl -o json', JSON.stringify({ MESSAGE: line, _PID: '1' })],
  ])('finds the entry in the output of %s', (_, text) => {
    expect(readEntry(text)).toEqual(readEntry(line));
  });

  it('reads JSON logs', () => {
    const text = '{"level":"error","msg":"no","time":"t","error":"say \\"x\\"","count":3}';
    const entry = readEntry(text);
    expect(entry).toMatchObject({ level: 'error', message: 'no', time: 't' });
    expect(entry && fieldOf(entry, 'error')).toBe('say "x"');
    expect(entry && fieldOf(entry, 'count')).toBe('3');
  });

  it('keeps what was written without a logger, and nothing of empty lines', () => {
    expect(readEntry('Nov 18 10:36:25 h dockerd[1]: failed to start daemon: x')).toEqual({
      message: 'failed to start daemon: x',
      fields: '',
    });
    expect(readEntry('   ')).toBeUndefined();
    expect(readEntry('{"level":')).toBeUndefined();
    expect(readEntry('{"a":1}')).toBeUndefined();
  });

  it('gives back every message that Go quotes', () => {
    const quotable = fc.string().filter((text) => !/[^\t\n\r -~]/.test(text));
    fc.assert(
      fc.property(quotable, quotable, (message, error) => {
        const entry = readEntry(
          `time="t" level=info msg=${JSON.stringify(message)} error=${JSON.stringify(error)}`,
        );
        expect(entry?.message).toBe(message);
        expect(entry && fieldOf(entry, 'error')).toBe(error);
      }),
    );
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void readEntry(text)));
    fc.assert(fc.property(fc.json(), (text) => void readEntry(text)));
  });
});
