import { describe, expect, it } from 'vitest';
import * as nft from './build.ts';
import { nftCommands } from './commands.ts';
import { applyNftEdit } from './edit.ts';
import { emptyNftRuleset, type NftRule, type NftRuleset, type NftTable } from './model.ts';
import { parseNftJson } from './parse.ts';

const hook = { type: 'filter', hook: 'forward', priority: 0, policy: 'drop', devices: [] } as const;

/** A rule with this comment, and a handle where it is a number of the kernel's. */
function rule(comment: string, handle?: number): NftRule {
  return { ...nft.rule(comment, nft.accept), ...(handle === undefined ? {} : { handle }) };
}

function ruleset(rules: readonly NftRule[], more: Partial<NftTable> = {}): NftRuleset {
  const chains = [{ name: 'f', base: hook, rules }];
  return { tables: [{ family: 'inet', name: 'mine', chains, sets: [], ...more }], twins: [] };
}

function lines(from: NftRuleset, to: NftRuleset): readonly string[] {
  return nftCommands(from, to).map((args) => args.join(' '));
}

describe('rules', () => {
  const observed = [rule('a', 4), rule('b', 5), rule('c', 6)];
  const [a, b, c] = observed as [NftRule, NftRule, NftRule];

  it.each<[string, readonly NftRule[], readonly string[]]>([
    ['nothing', [a, b, c], []],
    ['one less', [a, c], ['delete rule inet mine f handle 5']],
    ['one behind', [a, b, c, rule('x')], ['add rule inet mine f accept comment "x"']],
    [
      'two in front, in their order',
      [rule('x'), rule('y'), a, b, c],
      ['insert rule inet mine f accept comment "y"', 'insert rule inet mine f accept comment "x"'],
    ],
    ['one between', [a, rule('x'), b, c], ['insert rule inet mine f handle 5 accept comment "x"']],
    [
      'another order',
      [c, a, b],
      ['delete rule inet mine f handle 6', 'insert rule inet mine f accept comment "c"'],
    ],
  ])('%s', (_, after, wanted) => {
    expect(lines(ruleset(observed), ruleset(after))).toEqual(wanted);
  });

  it('a chain whose handles are not known is filled anew', () => {
    expect(lines(ruleset([rule('a'), rule('b')]), ruleset([rule('b')]))).toEqual([
      'flush chain inet mine f',
      'add rule inet mine f accept comment "b"',
    ]);
    // At its ends nothing needs to be named.
    expect(lines(ruleset([rule('a')]), ruleset([rule('a'), rule('b')]))).toHaveLength(1);
  });

  it('but not where one of its rules cannot be written', () => {
    const limit = { kind: 'limit', over: false, json: '{"limit":{}}' } as const;
    const odd = {
      kind: 'match',
      operator: '==',
      left: { kind: 'unknown', name: 'x', json: '{"x":1}' },
    } as const;
    for (const statement of [limit, { ...odd, right: { kind: 'literal', value: 1 } } as const]) {
      const kept = nft.rule('k', statement);
      expect(lines(ruleset([rule('a'), kept]), ruleset([kept]))).toEqual([]);
      // With its handle it can stay where it is.
      expect(lines(ruleset([rule('a', 4), kept]), ruleset([kept]))).toEqual([
        'delete rule inet mine f handle 4',
      ]);
    }
  });
});

it('makes tables with all that is in them, in an order that nft takes, and deletes them', () => {
  const map = { name: 'm', type: ['ifname'], data: ['verdict'], dynamic: false } as const;
  const made = ruleset([nft.rule(undefined, nft.lookUp('iifname', 'm'))], {
    sets: [{ ...map, elements: [nft.jumpElement('br0', 'g')] }],
    chains: [
      { name: 'f', base: hook, rules: [nft.rule(undefined, nft.lookUp('iifname', 'm'))] },
      { name: 'g', rules: [] },
    ],
  });
  expect(lines(emptyNftRuleset, made)).toEqual([
    'add table inet mine',
    'add map inet mine m { type ifname : verdict; }',
    'add chain inet mine f { type filter hook forward priority 0; policy drop; }',
    'add chain inet mine g',
    'add rule inet mine f iifname vmap @m',
    'add element inet mine m { "br0" : jump g }',
  ]);
  expect(lines(made, emptyNftRuleset)).toEqual(['delete table inet mine']);
  const bare = ruleset([], { chains: [], sets: [] });
  expect(lines(made, bare)).toEqual([
    'delete map inet mine m',
    'flush chain inet mine f',
    'flush chain inet mine g',
    'delete chain inet mine f',
    'delete chain inet mine g',
  ]);
  const other = ruleset([], {
    chains: made.tables[0]?.chains ?? [],
    sets: [{ ...map, elements: [nft.jumpElement('br1', 'g')] }],
  });
  expect(lines(made, other)).toEqual([
    'delete element inet mine m { "br0" : jump g }',
    'add element inet mine m { "br1" : jump g }',
  ]);
});

it('opens a policy', () => {
  const from = ruleset([]);
  const [table] = from.tables;
  if (table === undefined) throw new Error('no table');
  const to = applyNftEdit(from, { kind: 'accept-policy', table, chain: 'f' });
  expect(lines(from, to)).toEqual(['chain inet mine f { policy accept; }']);
});

it('offers nothing for a table that a process owns', () => {
  const owned = ruleset([rule('a', 4)], { owned: true });
  expect(lines(owned, ruleset([], { owned: true }))).toEqual([]);
  expect(lines(owned, emptyNftRuleset)).toEqual([]);
});

it('writes no name that nft would read as something else', () => {
  for (const name of ['x; flush ruleset', 'x\nflush ruleset', 'x # y', 'x"', 'x$y']) {
    expect(lines(emptyNftRuleset, ruleset([], { name })), name).toEqual([]);
    const hostile = { nftables: [{ chain: { family: 'inet', table: 'mine', name, handle: 1 } }] };
    const { ruleset: observed } = parseNftJson(hostile, 'f', () => false);
    expect(lines(observed, ruleset([])), name).toEqual([]);
    expect(lines(ruleset([]), ruleset([nft.rule(undefined, nft.jump(name))])), name).toEqual([]);
    if (!/["\n]/.test(name)) continue;
    expect(lines(ruleset([]), ruleset([rule(name)])), name).toEqual([]);
    expect(
      lines(ruleset([]), ruleset([nft.rule(undefined, nft.onDevice('iifname', '==', name))])),
      name,
    ).toEqual([]);
  }
});
