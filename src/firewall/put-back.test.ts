import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rulesetOf, table } from '../../test/fixtures/host.ts';
import { formatRule, ruleKey } from './args.ts';
import { commute } from './commute.ts';
import { diffRulesets } from './diff.ts';
import { type InsertedFirst, insertedFirst, putBack } from './put-back.ts';
import { emptyRuleset, type Rule, type Ruleset } from './ruleset.ts';

/** A filter table with these rules in FORWARD. */
function forward(...rules: readonly string[]): Ruleset {
  return rulesetOf(
    table(
      'filter',
      '-P INPUT ACCEPT',
      '-P FORWARD ACCEPT',
      '-P OUTPUT ACCEPT',
      ...rules.map((rule) => `-A FORWARD ${rule}`),
    ),
  );
}

function rulesOf(ruleset: Ruleset): readonly Rule[] {
  return ruleset.tables.flatMap(({ chains }) => chains.find(({ name }) => name === 'FORWARD')?.rules ?? []);
}

/** Rules of FORWARD, a letter each: the input interface. Capitals drop, others accept. */
function chain(letters: string): Ruleset {
  return forward(
    ...[...letters].map(
      (letter) => `-i ${letter.toLowerCase()} -j ${letter === letter.toUpperCase() ? 'DROP' : 'ACCEPT'}`,
    ),
  );
}

function lettersOf(ruleset: Ruleset): string {
  return rulesOf(ruleset)
    .map((rule) =>
      rule.target?.name === 'DROP' ? rule.inInterface?.value.toUpperCase() : rule.inInterface?.value,
    )
    .join('');
}

const appended: InsertedFirst = () => false;

describe('what is missing is put back', () => {
  test.each([
    ['', 'abc', 'abc', 'into an empty chain in the order of the plan'],
    ['ac', 'abc', 'abc', 'behind the rule that precedes it'],
    ['bc', 'abc', 'abc', 'before the rule that follows, when none precedes'],
    ['xy', 'ab', 'xyab', 'at the end, when no neighbour is there'],
    ['xay', 'ab', 'xaby', 'next to its neighbour among foreign rules'],
    ['xby', 'ab', 'xaby', 'before its neighbour among foreign rules'],
    ['cba', 'abc', 'cba', 'nothing moves that no packet notices'],
    ['abx', 'ab', 'abx', 'nothing is taken away'],
    ['a', 'aa', 'aa', 'as often as the plan has it'],
    ['aa', 'a', 'aa', 'and not less'],
  ])('%j and the plan %j give %j: %s', (observed, planned, result) => {
    expect(lettersOf(putBack(chain(observed), chain(planned), appended))).toBe(result);
  });

  test.each([
    ['xy', 'ab', 'ab', 'abxy', 'inserted ones above what others put there'],
    ['xy', 'ab', 'a', 'axyb', 'appended ones below it'],
    ['xby', 'ab', 'a', 'axby', 'a neighbour from the other end of the chain says nothing'],
    ['xcy', 'abc', 'abc', 'xabcy', 'but one from the same end does'],
  ])('%j, the plan %j with %j inserted: %j: %s', (observed, planned, heads, result) => {
    const isFirst: InsertedFirst = (_table, _chain, rule) => heads.includes(rule.inInterface?.value ?? '-');
    expect(lettersOf(putBack(chain(observed), chain(planned), isFirst))).toBe(result);
  });

  test('a rule that stands where it decides something else moves, others stay', () => {
    const planned = forward('-i a -s 10.0.0.1/32 -j DROP', '-i a -j ACCEPT', '-i b -j ACCEPT');
    const observed = forward(
      '-i a -j ACCEPT',
      '-i x -j DROP',
      '-i a -s 10.0.0.1/32 -j DROP',
      '-i b -j ACCEPT',
    );
    expect(diffRulesets(planned, observed).misordered.map(({ matters }) => matters)).toEqual([true]);
    expect(rulesOf(putBack(observed, planned, appended)).map(formatRule)).toEqual([
      '-i x -j DROP',
      '-s 10.0.0.1/32 -i a -j DROP',
      '-i a -j ACCEPT',
      '-i b -j ACCEPT',
    ]);
  });

  test('of two rules that each may stay, but have passed each other, one moves', () => {
    const [first, last] = ['-i b -s 10.0.0.0/8 -j DROP', '-i b -p tcp --dport 80 -j REJECT'];
    const [c, d, e] = ['-i c -j ACCEPT', '-i d -j ACCEPT', '-i e -j ACCEPT'];
    const planned = forward(first, c, d, e, last);
    const healed = rulesOf(putBack(forward(c, last, d, first, e), planned, appended)).map(ruleKey);
    const [above, below] = [first, last].map((rule) =>
      healed.indexOf(rulesOf(forward(rule)).map(ruleKey)[0] ?? ''),
    );
    expect(above).toBeLessThan(below ?? -1);
  });

  test('policies are left alone, tables that are gone come whole', () => {
    const dropping = rulesetOf(table('filter', '-P INPUT ACCEPT', '-P FORWARD DROP', '-P OUTPUT ACCEPT'));
    expect(putBack(forward(), dropping, appended)).toEqual(forward());
    expect(putBack(emptyRuleset, dropping, appended)).toEqual(dropping);
  });

  test('the last command that places a rule says at which end', () => {
    const [rule] = rulesOf(chain('a'));
    const [filter] = chain('').tables;
    if (rule === undefined || filter === undefined) throw new Error('no rule');
    const operation = (op: 'insert' | 'append') =>
      ({
        backend: 'iptables-nft',
        family: 'ipv4',
        table: 'filter',
        command: op === 'insert' ? { op, chain: 'FORWARD', at: 1, rule } : { op, chain: 'FORWARD', rule },
        when: 'always',
        reason: { step: 'test', because: [] },
      }) as const;
    expect(insertedFirst([operation('append'), operation('insert')])(filter, 'FORWARD', rule)).toBe(true);
    expect(insertedFirst([operation('insert'), operation('append')])(filter, 'FORWARD', rule)).toBe(false);
    expect(insertedFirst([])(filter, 'FORWARD', rule)).toBe(false);
  });
});

describe('properties', () => {
  const ruleText = fc
    .record({
      device: fc.constantFrom('', '-i a ', '-i b ', '! -i a ', '-o a ', '-i + '),
      source: fc.constantFrom(
        '',
        '-s 10.0.0.0/8 ',
        '-s 10.1.0.0/16 ',
        '! -s 10.0.0.0/8 ',
        '-s 192.0.2.1/32 ',
      ),
      port: fc.constantFrom(
        '',
        '-p tcp ',
        '-p tcp -m tcp --dport 80 ',
        '-p tcp -m tcp --dport 80:90 ',
        '-p udp -m udp --dport 80 ',
      ),
      target: fc.constantFrom('ACCEPT', 'DROP', 'RETURN', 'REJECT'),
    })
    .map(({ device, source, port, target }) => `${source}${device}${port}-j ${target}`);
  /** A plan, and what became of it: some rules gone, some moved, others' rules among them. */
  const damaged = fc
    .tuple(fc.array(ruleText, { maxLength: 12 }), fc.array(fc.nat(30), { maxLength: 6 }))
    .chain(([planned, marks]) => {
      const foreign = marks.map((mark) => `-m mark --mark 0x${(mark + 1).toString(16)} -j DROP`);
      return fc
        .tuple(fc.subarray(planned), fc.boolean())
        .chain(([left, shuffled]) => {
          const all = [...left, ...foreign];
          return shuffled ? fc.shuffledSubarray(all, { minLength: all.length }) : fc.constant(all);
        })
        .map((observed) => ({ planned: forward(...planned), observed: forward(...observed) }));
    });
  const isFirst: InsertedFirst = (_table, _chain, rule) => rule.target?.name !== 'REJECT';

  test('everything planned is there, in an order that means the same, as the judge of differences sees it', () => {
    fc.assert(
      fc.property(damaged, ({ planned, observed }) => {
        const found = diffRulesets(
          planned,
          putBack(observed, planned, () => false),
        );
        expect(found.missing).toEqual([]);
        expect(found.misordered.filter(({ matters }) => matters)).toEqual([]);
      }),
    );
  });

  test('no two planned rules that a packet could tell apart are in another order', () => {
    fc.assert(
      fc.property(damaged, ({ planned, observed }) => {
        const wanted = rulesOf(planned);
        // Equal rules cannot be told apart, so that their order has no meaning.
        fc.pre(new Set(wanted.map(ruleKey)).size === wanted.length);
        const result = rulesOf(putBack(observed, planned, () => false)).map(ruleKey);
        const places = wanted.map((rule) => result.indexOf(ruleKey(rule)));
        for (const [i, rule] of wanted.entries())
          for (const [j, later] of wanted.entries())
            if (i < j && !commute(rule, later)) expect(places[i]).toBeLessThan(places[j] ?? -1);
      }),
      { numRuns: 1000 },
    );
  });

  test('what the plan does not know is untouched, and a second time changes nothing', () => {
    fc.assert(
      fc.property(damaged, ({ planned, observed }) => {
        const once = putBack(observed, planned, isFirst);
        const foreign = (ruleset: Ruleset) =>
          diffRulesets(planned, ruleset).extra.map(({ rule }) => ruleKey(rule));
        expect(foreign(once)).toEqual(foreign(observed));
        expect(putBack(once, planned, isFirst)).toEqual(once);
      }),
    );
  });
});
