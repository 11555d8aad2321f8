import { describe, expect, test } from 'vitest';
import { parseRuleArgs } from './args.ts';
import { commute } from './commute.ts';
import type { Rule } from './ruleset.ts';

function rule(text: string): Rule {
  const parsed = parseRuleArgs(text.split(' '), 'ipv4');
  if ('error' in parsed || !('matches' in parsed)) throw new Error(text);
  return parsed;
}

describe('two rules', () => {
  test.each([
    ['-i a -j ACCEPT', '-j ACCEPT', 'end alike'],
    ['-j MASQUERADE', '-s 10.0.0.0/8 -j MASQUERADE', 'end alike'],
    ['-i a -j ACCEPT', '-i b -j DROP', 'come in by other devices'],
    ['-i a -j ACCEPT', '! -i a -j DROP', 'come in by other devices'],
    ['-o a -j ACCEPT', '-o b -j DROP', 'go out by other devices'],
    ['-s 10.0.0.0/8 -j ACCEPT', '-s 192.0.2.0/24 -j DROP', 'have no common address'],
    ['-d 10.1.0.0/16 -j ACCEPT', '! -d 10.0.0.0/8 -j DROP', 'have no common address'],
    ['-p tcp -j ACCEPT', '-p udp -j DROP', 'are of other protocols'],
    ['-p tcp --dport 80 -j ACCEPT', '-p tcp --dport 81:90 -j DROP', 'have no common port'],
    ['-i a', '-i a -j DROP', 'where one only counts'],
  ])('%s and %s may change places: they %s', (a, b) => {
    expect(commute(rule(a), rule(b))).toBe(true);
    expect(commute(rule(b), rule(a))).toBe(true);
  });

  test.each([
    ['-i a -j ACCEPT', '-i a -j DROP'],
    ['-i a+ -j ACCEPT', '-i b -j DROP'],
    ['! -i a -j ACCEPT', '! -i b -j DROP'],
    ['! -i a -j ACCEPT', '-i b -j DROP'],
    ['-s 10.0.0.0/8 -j ACCEPT', '-s 10.1.0.0/16 -j DROP'],
    ['! -s 10.1.0.0/16 -j ACCEPT', '-s 10.0.0.0/8 -j DROP'],
    ['-p tcp -j ACCEPT', '-p 6 -j DROP'],
    ['-p tcp -j ACCEPT', '-j DROP'],
    ['! -p tcp -j ACCEPT', '-p udp -j DROP'],
    ['-p tcp --dport 80:85 -j ACCEPT', '-p tcp --dport 81:90 -j DROP'],
    ['-p tcp ! --dport 80 -j ACCEPT', '-p tcp --dport 81 -j DROP'],
    ['-j REJECT --reject-with icmp-port-unreachable', '-j REJECT --reject-with icmp-host-unreachable'],
    ['-j MARK --set-xmark 0x1/0xffffffff', '-j MARK --set-xmark 0x1/0xffffffff'],
    ['-i a -j MINE', '-j MINE'],
  ])('%s and %s may not', (a, b) => {
    expect(commute(rule(a), rule(b))).toBe(false);
    expect(commute(rule(b), rule(a))).toBe(false);
  });
});
