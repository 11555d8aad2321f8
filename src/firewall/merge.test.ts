import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rulesetOf, table } from '../../test/fixtures/host.ts';
import { mergeRulesets } from './merge.ts';
import { emptyRuleset, type Ruleset } from './ruleset.ts';
import { printSave } from './save.ts';

/** A filter table of these lines; rules are `-A CHAIN -j TARGET` or anything iptables-save prints. */
function filter(...lines: readonly string[]): Ruleset {
  return rulesetOf(table('filter', '-P INPUT ACCEPT', '-P FORWARD ACCEPT', '-P OUTPUT ACCEPT', ...lines));
}

function linesOf(ruleset: Ruleset): string[] {
  return printSave(ruleset, { family: 'ipv4' })
    .split('\n')
    .filter((line) => line.startsWith('-A') || line.startsWith(':'))
    .map((line) => line.replace(' [0:0]', ''));
}

/** Rules of FORWARD, a letter each: the input interface. */
function chain(letters: string): Ruleset {
  return filter(...[...letters].map((letter) => `-A FORWARD -i ${letter} -j ACCEPT`));
}

function lettersOf(ruleset: Ruleset): string {
  return linesOf(ruleset)
    .flatMap((line) => /-i (\S+)/.exec(line)?.[1] ?? [])
    .join('');
}

function merge(observed: string, from: string, to: string): string {
  return lettersOf(mergeRulesets(chain(observed), chain(from), chain(to)));
}

describe('from one plan to another: only their difference is made', () => {
  test.each([
    ['abc', 'abc', 'ac', 'ac', 'what the new plan lacks goes'],
    ['ac', 'ac', 'abc', 'abc', 'what it adds comes'],
    ['xabcy', 'abc', 'adc', 'xadcy', 'foreign rules keep their place'],
    ['ac', 'abc', 'abcd', 'acd', 'what somebody took away stays away'],
    ['', 'ab', 'ab', '', 'also when all of it was taken away'],
    ['aab', 'a', '', 'ab', 'one occurrence for one'],
    ['b', 'a', '', 'b', 'what is not there cannot go'],
  ])('%j, %j to %j: %j, %s', (observed, from, to, result) => {
    expect(merge(observed, from, to)).toBe(result);
  });

  test('a policy changes when the plans differ in it', () => {
    const [accept, drop] = [filter('-P FORWARD ACCEPT'), filter('-P FORWARD DROP')];
    expect(linesOf(mergeRulesets(accept, accept, drop))).toEqual(linesOf(drop));
    expect(linesOf(mergeRulesets(drop, accept, accept))).toEqual(linesOf(drop));
  });
});

describe('chains and tables', () => {
  const mine = filter('-N MINE', '-A FORWARD -j MINE', '-A MINE -j RETURN');
  const plain = filter();

  test('a chain comes with the plan that has it, and goes with the plan that has it no more', () => {
    expect(linesOf(mergeRulesets(plain, plain, mine))).toEqual(linesOf(mine));
    expect(linesOf(mergeRulesets(mine, mine, plain))).toEqual(linesOf(plain));
  });

  test('a chain that no plan knew stays', () => {
    expect(linesOf(mergeRulesets(mine, plain, plain))).toEqual(linesOf(mine));
    expect(linesOf(mergeRulesets(mine, emptyRuleset, plain))).toEqual(linesOf(mine));
  });

  test('a table that is not there comes whole; another backend is another table', () => {
    const nat = rulesetOf(table('nat', '-A POSTROUTING -j MASQUERADE'));
    const both = mergeRulesets(plain, emptyRuleset, nat);
    expect(both.tables.map((t) => t.name)).toEqual(['filter', 'nat']);
    const legacy = rulesetOf(table('filter', '-A FORWARD -i a -j ACCEPT'), 'iptables-legacy');
    const mixed = mergeRulesets(plain, emptyRuleset, legacy);
    expect(mixed.tables.map((t) => [t.backend, t.chains.flatMap((c) => c.rules).length])).toEqual([
      ['iptables-nft', 0],
      ['iptables-legacy', 1],
    ]);
  });

  test('a table of the first plan that the second does not have loses the first plan’s rules alone', () => {
    const observed = filter('-A FORWARD -i x -j DROP', '-A FORWARD -i a -j ACCEPT');
    expect(lettersOf(mergeRulesets(observed, chain('a'), { tables: [] }))).toBe('x');
  });
});

describe('properties', () => {
  /** Subsequences of one order of distinct rules, as plans that differ in a setting are. */
  const plan = fc.subarray([...'abcdefgh']).map((letters) => letters.join(''));
  const foreign = fc.subarray([...'stuvwxyz']).map((letters) => letters.join(''));

  test('made on the plan it comes from, it gives the plan it goes to', () => {
    fc.assert(
      fc.property(plan, plan, (from, to) => {
        expect(merge(from, from, to)).toBe(to);
      }),
    );
  });

  const host = fc
    .tuple(plan, foreign)
    .chain(([own, others]) =>
      fc.shuffledSubarray([...own, ...others], { minLength: own.length + others.length }),
    )
    .map((letters) => letters.join(''));

  test('twice is as once', () => {
    fc.assert(
      fc.property(host, plan, plan, (observed, from, to) => {
        const once = merge(observed, from, to);
        expect(merge(once, from, to)).toBe(once);
      }),
    );
  });

  test('what no plan knows is all there, in its order; of the plans there is what should be', () => {
    fc.assert(
      fc.property(host, plan, plan, (observed, from, to) => {
        const result = merge(observed, from, to);
        const isForeign = (letter: string) => !from.includes(letter) && !to.includes(letter);
        expect([...result].filter(isForeign)).toEqual([...observed].filter(isForeign));
        const wanted = [...to].filter((letter) => observed.includes(letter) || !from.includes(letter));
        expect([...result].filter((letter) => !isForeign(letter)).toSorted()).toEqual(wanted.toSorted());
      }),
    );
  });
});
