import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatRule } from './args.ts';
import { diffRulesets, type RuleAt } from './diff.ts';
import type { Ruleset } from './ruleset.ts';
import { parseSave } from './save.ts';

const heads = { INPUT: 'ACCEPT', FORWARD: 'ACCEPT', OUTPUT: 'ACCEPT' };

/** A filter table of these rules (`CHAIN ...`), with policies or chains besides. */
function filter(lines: readonly string[], chains: Readonly<Record<string, string>> = {}): Ruleset {
  const all = Object.entries({ ...heads, ...chains });
  const text = [
    '*filter',
    ...all.map(([name, policy]) => `:${name} ${policy} [0:0]`),
    ...lines.map((line) => `-A ${line}`),
    'COMMIT',
  ].join('\n');
  const { tables, errors } = parseSave(text, { backend: 'iptables-nft', family: 'ipv4', file: 'x' });
  expect(errors).toEqual([]);
  return { tables };
}

const nothing = { missing: [], extra: [], misordered: [], missingChains: [], extraChains: [], policies: [] };
const key = { backend: 'iptables-nft', family: 'ipv4', table: 'filter' };
const brief = (places: readonly RuleAt[]) =>
  places.map((p) => `${p.chain} ${p.position} ${formatRule(p.rule)}`);

describe('differences', () => {
  test('none between equals, counters and spelling aside', () => {
    const a = filter(['INPUT -p tcp -j ACCEPT', 'INPUT -s 10.0.0.0/8 -j DROP']);
    const b = filter(['INPUT -p 6 -j ACCEPT', 'INPUT -s 10.0.0.0/255.0.0.0 -j DROP']);
    expect(diffRulesets(a, b)).toEqual(nothing);
  });

  test('missing and extra rules have the position of their side', () => {
    const found = diffRulesets(
      filter(['INPUT -p tcp', 'INPUT -p udp', 'INPUT -p icmp']),
      filter(['INPUT -p sctp', 'INPUT -p tcp', 'INPUT -p icmp']),
    );
    expect(brief(found.missing)).toEqual(['INPUT 2 -p udp']);
    expect(brief(found.extra)).toEqual(['INPUT 1 -p sctp']);
    expect(found.misordered).toEqual([]);
    expect(found.missing[0]?.key).toEqual(key);
  });

  test('a rule that is there twice counts twice', () => {
    const twice = filter(['INPUT -p tcp', 'INPUT -p tcp']);
    const once = filter(['INPUT -p tcp']);
    expect(brief(diffRulesets(twice, once).missing)).toEqual(['INPUT 2 -p tcp']);
    expect(brief(diffRulesets(once, twice).extra)).toEqual(['INPUT 2 -p tcp']);
  });

  test('the fewest rules that would have to move', () => {
    const found = diffRulesets(
      filter(['INPUT -p tcp', 'INPUT -p udp', 'INPUT -p icmp', 'INPUT -p sctp']),
      filter(['INPUT -p sctp', 'INPUT -p tcp', 'INPUT -p udp', 'INPUT -p icmp']),
    );
    expect(found.misordered).toMatchObject([{ chain: 'INPUT', expected: 4, observed: 1 }]);
    expect(found.missing).toEqual([]);
    expect(found.extra).toEqual([]);
  });

  test('chains and policies', () => {
    const found = diffRulesets(
      filter(['a -j RETURN'], { FORWARD: 'DROP', a: '-' }),
      filter(['b -j RETURN'], { b: '-' }),
    );
    expect(found.missingChains).toEqual([{ key, chain: 'a' }]);
    expect(found.extraChains).toEqual([{ key, chain: 'b' }]);
    expect(brief(found.missing)).toEqual(['a 1 -j RETURN']);
    expect(brief(found.extra)).toEqual(['b 1 -j RETURN']);
    expect(found.policies).toEqual([{ key, chain: 'FORWARD', expected: 'DROP', observed: 'ACCEPT' }]);
  });

  test('an absent table is an empty one that accepts', () => {
    const some = filter(['INPUT -p tcp'], { OUTPUT: 'DROP' });
    const none: Ruleset = { tables: [] };
    expect(diffRulesets(filter([]), none)).toEqual(nothing);
    expect(brief(diffRulesets(some, none).missing)).toEqual(['INPUT 1 -p tcp']);
    expect(diffRulesets(some, none).policies).toMatchObject([{ chain: 'OUTPUT', observed: 'ACCEPT' }]);
    expect(brief(diffRulesets(none, some).extra)).toEqual(['INPUT 1 -p tcp']);
  });

  test('backends are compared with their own kind', () => {
    const nft = filter(['INPUT -p tcp']);
    const legacy: Ruleset = { tables: nft.tables.map((t) => ({ ...t, backend: 'iptables-legacy' })) };
    const found = diffRulesets(nft, legacy);
    expect(found.missing).toHaveLength(1);
    expect(found.extra).toMatchObject([{ key: { backend: 'iptables-legacy' } }]);
  });
});

test('taking away what is extra and moved, and adding what is missing, gives the expected rules', () => {
  const ports = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 12 });
  const build = (numbers: readonly number[]) =>
    filter(numbers.map((n) => `INPUT -p tcp -m tcp --dport ${n}`));
  fc.assert(
    fc.property(ports, ports, (wanted, there) => {
      const expected = build(wanted);
      const { missing, extra, misordered } = diffRulesets(expected, build(there));
      const gone = new Set([...extra.map((e) => e.position), ...misordered.map((m) => m.observed)]);
      const kept = there.filter((_, index) => !gone.has(index + 1));
      const places = new Set([...missing.map((m) => m.position), ...misordered.map((m) => m.expected)]);
      expect(wanted.filter((_, index) => !places.has(index + 1))).toEqual(kept);
      expect(kept.length + missing.length + misordered.length).toBe(wanted.length);
      expect(kept.length + extra.length + misordered.length).toBe(there.length);
    }),
  );
});
