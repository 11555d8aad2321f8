import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as nft from './build.ts';
import { mergeNft, missingFrom } from './merge.ts';
import { emptyNftRuleset, type NftRuleset, type NftTable } from './model.ts';
import { printNft } from './print.ts';

const hook = { type: 'filter', hook: 'forward', priority: 0, policy: 'accept', devices: [] } as const;

/** A table with one chain of rules by name, and a map with these devices. */
function tableOf(rules: readonly string[], devices: readonly string[] = [], name = 't'): NftTable {
  return {
    family: 'ip',
    name,
    chains: [
      { name: 'c', base: hook, rules: rules.map((comment) => nft.rule(comment, nft.counter, nft.accept)) },
    ],
    sets: [
      {
        name: 'm',
        type: ['ifname'],
        data: ['verdict'],
        dynamic: false,
        elements: devices.map((device) => nft.jumpElement(device, 'c')),
      },
    ],
  };
}

function ruleset(...tables: readonly NftTable[]): NftRuleset {
  return { tables, twins: [] };
}

function rulesOf({ tables }: NftRuleset): readonly (string | undefined)[] {
  return tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules.map(({ comment }) => comment)));
}

const lists = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'));

describe('mergeNft', () => {
  it('makes one plan into the other where the host is as planned', () => {
    fc.assert(
      fc.property(lists, lists, lists, lists, (a, b, one, two) => {
        const from = ruleset(tableOf(a, one));
        const to = ruleset(tableOf(b, two));
        const merged = mergeNft(from, from, to);
        expect(new Set(rulesOf(merged))).toEqual(new Set(b));
        expect(new Set(merged.tables[0]?.sets[0]?.elements)).toEqual(
          new Set(to.tables[0]?.sets[0]?.elements),
        );
      }),
    );
  });

  it('leaves what it does not know where it is, and what was missing already away', () => {
    const observed = ruleset(tableOf(['x', 'a', 'y'], ['own']), tableOf(['z'], [], 'other'));
    const merged = mergeNft(
      observed,
      ruleset(tableOf(['a', 'b'])),
      ruleset(tableOf(['a', 'b', 'c'], ['new'])),
    );
    expect(rulesOf(merged)).toEqual(['x', 'a', 'c', 'y', 'z']);
    expect(merged.tables[0]?.sets[0]?.elements).toHaveLength(2);
  });

  it('puts back everything that is missing when there is no plan to start from', () => {
    const planned = ruleset(tableOf(['a', 'b', 'c'], ['one']));
    expect(rulesOf(mergeNft(ruleset(tableOf(['x', 'c'])), emptyNftRuleset, planned))).toEqual([
      'x',
      'a',
      'b',
      'c',
    ]);
    expect(mergeNft(ruleset(), emptyNftRuleset, planned)).toEqual(planned);
  });

  it('makes and takes away chains, sets, tables, and changes a policy', () => {
    const none = { ...tableOf([]), chains: [], sets: [] };
    const merge = (from: NftTable, to: NftTable) => mergeNft(ruleset(from), ruleset(from), ruleset(to));
    expect(merge(none, tableOf(['a'])).tables[0]).toMatchObject({ chains: [{}], sets: [{}] });
    expect(merge(tableOf(['a']), none).tables[0]).toMatchObject({ chains: [], sets: [] });
    expect(mergeNft(ruleset(none), ruleset(none), ruleset()).tables).toEqual([]);
    const open = tableOf([]);
    const closed = {
      ...open,
      chains: open.chains.map((chain) => ({ ...chain, base: { ...hook, policy: 'drop' } as const })),
    };
    expect(printNft(merge(open, closed).tables)).toContain('policy drop');
    expect(printNft(mergeNft(ruleset(closed), emptyNftRuleset, ruleset(open)).tables)).toContain(
      'policy drop',
    );
  });

  it('takes counted rules for the same', () => {
    const counted = { ...nft.counter, json: '{"counter":{"packets":7,"bytes":9}}' };
    const table = tableOf([]);
    const observed = {
      ...table,
      chains: [{ name: 'c', base: hook, rules: [{ ...nft.rule('a', counted, nft.accept), handle: 4 }] }],
    };
    expect(missingFrom(ruleset(tableOf(['a'])), ruleset(observed)).tables).toEqual([]);
  });
});

describe('missingFrom', () => {
  it('is nothing of what is there, and all of what is not', () => {
    fc.assert(
      fc.property(lists, lists, (a, b) => {
        const missing = missingFrom(ruleset(tableOf(a)), ruleset(tableOf(b)));
        expect(rulesOf(missing)).toEqual(a.filter((name) => !b.includes(name)));
      }),
    );
    const whole = ruleset(tableOf(['a'], ['eth0']));
    expect(missingFrom(whole, ruleset())).toEqual(whole);
    expect(missingFrom(whole, ruleset(tableOf(['a']))).tables[0]?.sets[0]?.elements).toHaveLength(1);
    const bare = { ...tableOf([]), chains: [], sets: [] };
    expect(missingFrom(whole, ruleset(bare))).toEqual(whole);
  });
});
