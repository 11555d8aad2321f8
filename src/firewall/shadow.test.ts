import { describe, expect, test } from 'vitest';
import { parseRuleArgs } from './args.ts';
import type { Rule } from './ruleset.ts';
import { shadowedRules, takesAllOf } from './shadow.ts';

function rule(text: string): Rule {
  const parsed = parseRuleArgs(text.split(' '), 'ipv4');
  if (!('matches' in parsed)) throw new Error(text);
  return parsed;
}

describe('a rule takes all packets of another', () => {
  test.each([
    ['-j DROP', '-i docker0 -p tcp --dport 80 -j ACCEPT'],
    ['-i docker0 -j DROP', '-i docker0 ! -o docker0 -j ACCEPT'],
    ['-i + -j DROP', '-i docker0 -j ACCEPT'],
    ['-s 10.0.0.0/8 -j DROP', '-s 10.1.0.0/16 -j ACCEPT'],
    ['! -s 10.1.0.0/16 -j DROP', '! -s 10.0.0.0/8 -j ACCEPT'],
    ['-p tcp -j DROP', '-p tcp --dport 80 -j ACCEPT'],
    ['-m conntrack --ctstate NEW -j DROP', '-i a -m conntrack --ctstate NEW -j ACCEPT'],
  ])('%s: %s', (above, below) => {
    expect(takesAllOf(rule(above), rule(below))).toBe(true);
  });

  test.each([
    ['-i docker0 -j DROP', '-j ACCEPT'],
    ['-i docker0 -j DROP', '! -i docker0 -j ACCEPT'],
    ['-s 10.1.0.0/16 -j DROP', '-s 10.0.0.0/8 -j ACCEPT'],
    ['! -s 10.0.0.0/8 -j DROP', '! -s 10.1.0.0/16 -j ACCEPT'],
    ['-p tcp --dport 80 -j DROP', '-p tcp -j ACCEPT'],
    ['-p udp -j DROP', '-p tcp -j ACCEPT'],
    ['-m conntrack --ctstate NEW -j DROP', '-m conntrack --ctstate ESTABLISHED -j ACCEPT'],
    ['-m limit --limit 1/sec -j DROP', '-j ACCEPT'],
    ['-f -j DROP', '-j ACCEPT'],
  ])('not %s: %s', (above, below) => {
    expect(takesAllOf(rule(above), rule(below))).toBe(false);
  });
});

describe('shadowed rules', () => {
  const planned = [rule('-i docker0 -j ACCEPT')];

  test('are those below a foreign rule that ends their packets otherwise', () => {
    const found = shadowedRules(planned, [rule('-s 192.0.2.1 -j DROP'), rule('-j REJECT'), ...planned]);
    expect(found.map(({ position, by }) => [position, by.target?.name])).toEqual([[3, 'REJECT']]);
  });

  test.each([
    ['below', [...planned, rule('-j REJECT')]],
    ['that ends them the same way', [rule('-j ACCEPT'), ...planned]],
    ['that only counts', [rule('-i docker0'), ...planned]],
    ['that leads elsewhere', [rule('-j MINE'), ...planned]],
  ])('not with a rule %s', (_how, observed) => {
    expect(shadowedRules(planned, observed)).toEqual([]);
  });
});
