import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { forEachBranch } from './decisions.ts';

describe('forEachBranch', () => {
  test('without an unknown there is one run', () => {
    expect(forEachBranch(() => 'done')).toMatchObject({
      runs: [{ result: 'done', met: [] }],
      complete: true,
    });
  });

  test('each combination of answers once, no before yes', () => {
    const { runs, complete } = forEachBranch((d) => [d.decide('a'), d.decide('b')].map(Number).join(''));
    expect(runs.map((r) => r.result)).toEqual(['00', '01', '10', '11']);
    expect(complete).toBe(true);
  });

  test('what an answer hides is not asked', () => {
    const { runs } = forEachBranch((d) => (d.decide('a') ? `a${Number(d.decide('b'))}` : 'no'));
    expect(runs.map((r) => r.result)).toEqual(['no', 'a0', 'a1']);
  });

  test('one fact has one answer in a run', () => {
    const { runs } = forEachBranch((d) =>
      [d.decide('a'), d.decide('a'), d.decide('b'), d.decide('a')].map(Number).join(''),
    );
    expect(runs.map((r) => r.result)).toEqual(['0000', '0010', '1101', '1111']);
    expect(runs.map((r) => r.met.length)).toEqual([2, 2, 2, 2]);
  });

  test('it says what was met, with the command that would decide it', () => {
    const { runs } = forEachBranch((d) => d.decide('a', 'look') || d.decide('b'));
    expect(runs.map((r) => r.met)).toEqual([
      [{ fact: 'a', command: 'look' }, { fact: 'b' }],
      [{ fact: 'a', command: 'look' }, { fact: 'b' }],
      [{ fact: 'a', command: 'look' }],
    ]);
  });

  test('runs are bounded, and it says so', () => {
    const ask = (count: number) =>
      forEachBranch((d) => Array.from({ length: count }, (_, i) => d.decide(`${i}`)));
    expect(ask(6)).toMatchObject({ complete: true });
    expect(ask(6).runs).toHaveLength(64);
    expect(ask(7)).toMatchObject({ complete: false });
    expect(ask(7).runs).toHaveLength(64);
  });

  test('any decision tree is walked leaf by leaf', () => {
    type Tree = number | { readonly no: Tree; readonly yes: Tree };
    const { tree } = fc.letrec<{ tree: Tree; leaf: number; fork: { no: Tree; yes: Tree } }>((tie) => ({
      leaf: fc.nat(9),
      fork: fc.record({ no: tie('tree'), yes: tie('tree') }),
      tree: fc.oneof({ maxDepth: 4, depthSize: 'small' }, tie('leaf'), tie('fork')),
    }));
    const leaves = (t: Tree): number[] => (typeof t === 'number' ? [t] : [...leaves(t.no), ...leaves(t.yes)]);
    fc.assert(
      fc.property(tree, (whole) => {
        const { runs } = forEachBranch((d) => {
          let at: Tree = whole;
          for (let depth = 0; typeof at !== 'number'; depth++)
            at = d.decide(`depth ${depth}`) ? at.yes : at.no;
          return at;
        });
        expect(runs.map((r) => r.result)).toEqual(leaves(whole));
      }),
    );
  });
});
