import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRuleError, parseRuleArgs, sameRule } from './args.ts';
import { findRule, hasRule, insertRule, removeRule } from './chain-rules.ts';
import type { Chain, Rule } from './ruleset.ts';

/** A new value each time, some of which say the same in other words. */
function rule(words: string): Rule {
  const parsed = parseRuleArgs(words.split(' '), 'ipv4');
  if (isRuleError(parsed)) throw new Error(parsed.error);
  return parsed;
}

const words = [
  '-p tcp',
  '-p 6',
  '-p udp',
  '-p tcp --dport 80',
  '-p tcp -m tcp --dport 80',
  '-s 10.0.0.1',
  '-i a',
];
const anyRule = fc.constantFrom(...words).map(rule);
const step = fc.record({
  /** Which of the chains made so far is changed: old ones too. */
  chain: fc.nat(),
  index: fc.nat(),
  rule: anyRule,
  remove: fc.boolean(),
  ask: fc.boolean(),
});

describe('rules of a chain', () => {
  it('are found as by looking at each, in a chain and in all that it was made from', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const chains: Chain[] = [{ name: 'c', rules: [] }];
        for (const { chain, index, rule: one, remove, ask } of steps) {
          const from = chains[chain % chains.length] ?? { name: 'c', rules: [] };
          if (ask) hasRule(from, one);
          const { length } = from.rules;
          const removes = remove && length > 0;
          const at = index % (removes ? length : length + 1);
          const to = removes ? removeRule(from, at) : insertRule(from, at, one);
          expect(to.rules).toEqual(removes ? from.rules.toSpliced(at, 1) : from.rules.toSpliced(at, 0, one));
          chains.push(to);
        }
        for (const one of words.map(rule)) {
          for (const chain of chains) {
            const first = chain.rules.findIndex((other) => sameRule(other, one));
            expect(hasRule(chain, one)).toBe(first >= 0);
            expect(findRule(chain, one)).toBe(first);
          }
        }
      }),
    );
  });
});
