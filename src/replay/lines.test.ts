import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineCutter } from './lines.ts';

function cut(...chunks: readonly string[]): readonly (readonly [number, string])[] {
  const cutter = new LineCutter();
  const lines = [...chunks.flatMap((chunk) => cutter.push(chunk)), ...cutter.end()];
  return lines.map(({ number, text }) => [number, text]);
}

describe('LineCutter', () => {
  it('numbers lines, wherever chunks end', () => {
    expect(cut('a\nb\n')).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
    fc.assert(
      fc.property(fc.array(fc.string()), (chunks) => {
        expect(cut(...chunks)).toEqual(cut(chunks.join('')));
      }),
    );
  });

  it('parts the entries of a page without line breaks', () => {
    const first = 'time="2019-11-18T10:36:25.645+08:00" level=debug msg="a"';
    const second = 'time="2019-11-18T10:36:25.646+08:00" level=info msg="b"';
    expect(cut(`Nov 18 dockerd[1]: ${first} Nov 18 dockerd[1]: ${second}`)).toEqual([
      [1, 'Nov 18 dockerd[1]: '],
      [1, `${first} Nov 18 dockerd[1]: `],
      [1, second],
    ]);
  });

  it('does not part an entry that quotes another', () => {
    const line =
      'time="2026-11-23T00:00:00Z" level=warning msg="cleanup time=\\"2026-11-23T00:00:00Z\\" level=info"';
    expect(cut(line)).toEqual([[1, line]]);
  });

  it('gives back what a typesetter took: quotes and the dashes of options', () => {
    expect(
      cut('time=“t” level=debug msg=“/usr/sbin/iptables, [–wait -t nat ! –dst 127.0.0.0/8 —to x]”'),
    ).toEqual([
      [1, 'time="t" level=debug msg="/usr/sbin/iptables, [--wait -t nat ! --dst 127.0.0.0/8 --to x]"'],
    ]);
    const plain = 'time="t" level=info msg="a – b, “quoted”"';
    expect(cut(plain)).toEqual([[1, plain]]);
  });

  it('cuts endless lines', () => {
    const [[, text] = [0, '']] = cut('x'.repeat(10_000_000), '\n');
    expect(text.length).toBe(64 * 1024);
  });
});
