import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as nft from './build.ts';
import { type NftResult, runNftTransactions } from './machine.ts';
import { emptyNftRuleset, type NftRuleset } from './model.ts';
import type { NftOperation, NftTransaction } from './operation.ts';
import { printNft } from './print.ts';

const reason = { step: 'test', because: [] };

/** An operation without its reason, for each kind. */
type Plain = NftOperation extends infer O ? (O extends NftOperation ? Omit<O, 'reason'> : never) : never;

function transaction(...operations: readonly Plain[]): NftTransaction {
  return {
    family: 'ip',
    table: 't',
    operations: operations.map((operation) => ({ ...operation, reason }) as NftOperation),
  };
}

const table: Plain = { op: 'add', kind: 'table' };
const chain = (name: string): Plain => ({ op: 'add', kind: 'chain', chain: name });
const map: Plain = { op: 'add', kind: 'set', set: { name: 'm', type: ['ifname'], data: ['verdict'] } };

function rule(chainName: string, group: number, comment: string, more: Partial<Plain> = {}): Plain {
  const made = nft.rule(comment, nft.accept);
  return { op: 'add', kind: 'rule', chain: chainName, group, rule: made, ...more } as Plain;
}

function element(device: string, to: string, op: 'add' | 'delete' = 'add'): Plain {
  return { op, kind: 'element', set: 'm', element: nft.jumpElement(device, to) };
}

function run(...transactions: readonly NftTransaction[]): NftResult {
  return runNftTransactions(emptyNftRuleset, transactions);
}

function comments({ ruleset }: NftResult, name = 'c'): readonly (string | undefined)[] {
  const found = ruleset.tables[0]?.chains.find((each) => each.name === name);
  return (found?.rules ?? []).map(({ comment }) => comment);
}

describe('order', () => {
  it('rules stand by group, and in a group as they came, whatever order they came in', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 12 });
    fc.assert(
      fc.property(groups, (list) => {
        const added = list.map((group, index) => rule('c', group, `${group} ${index}`));
        const right = list.map((group, index) => ({ group, index })).sort((a, b) => a.group - b.group);
        const wanted = right.map(({ group, index }) => `${group} ${index}`);
        expect(comments(run(transaction(table, chain('c'), ...added)))).toEqual(wanted);
        const oneByOne = added.map((each) => transaction(each));
        expect(comments(run(transaction(table, chain('c')), ...oneByOne))).toEqual(wanted);
      }),
    );
  });

  it('the new chains of a transaction stand by name behind older ones, sets and elements by name and key', () => {
    const { ruleset } = run(
      transaction(table, chain('b'), chain('a')),
      transaction(chain('a'), chain('B'), map, element('eth1', 'a'), element('br0', 'b')),
    );
    expect(ruleset.tables[0]?.chains.map(({ name }) => name)).toEqual(['a', 'b', 'B']);
    expect(
      printNft(ruleset.tables)
        .match(/elements = [^}]*}/)?.[0]
        .replace(/\s+/g, ' '),
    ).toBe('elements = { "br0" : jump b, "eth1" : jump a }');
  });
});

describe('deleting', () => {
  const made = transaction(table, chain('c'), chain('d'), map, rule('c', 1, 'x'), element('eth0', 'd'));

  it('takes away what was added, and the reverse of a transaction leaves nothing', () => {
    const gone: readonly Plain[] = [
      element('eth0', 'd', 'delete'),
      rule('c', 1, 'x', { op: 'delete' }),
      { op: 'delete', kind: 'set', set: { name: 'm' } },
      { op: 'delete', kind: 'chain', chain: 'd' },
      { op: 'delete', kind: 'chain', chain: 'c' },
    ];
    const { ruleset, failed } = run(made, transaction(...gone));
    expect(failed).toBeUndefined();
    expect(ruleset.tables[0]).toMatchObject({ chains: [], sets: [] });
    expect(run(made, transaction({ op: 'delete', kind: 'table' })).ruleset.tables).toEqual([]);
  });

  it.each<[string, Plain, string, string]>([
    ['a rule in another group', rule('c', 2, 'x', { op: 'delete' }), 'not-found', 'rule in chain c'],
    ['another rule', rule('c', 1, 'y', { op: 'delete' }), 'not-found', 'rule in chain c'],
    ['a rule of no chain', rule('e', 1, 'x', { op: 'delete' }), 'not-found', 'chain e'],
    ['a chain that is not there', { op: 'delete', kind: 'chain', chain: 'e' }, 'not-found', 'chain e'],
    ['a chain that an element leads to', { op: 'delete', kind: 'chain', chain: 'd' }, 'busy', 'd is in use'],
    ['an element that is not there', element('eth1', 'd', 'delete'), 'not-found', 'element eth1'],
    ['a set that is not there', { op: 'delete', kind: 'set', set: { name: 'n' } }, 'not-found', 'set n'],
  ])('fails for %s', (_, operation, kind, words) => {
    const result = run(made, transaction(operation), transaction({ op: 'delete', kind: 'table' }));
    expect(result.failed?.error).toEqual({ kind, message: expect.stringContaining(words) });
    expect(result.ruleset).toEqual(run(made).ruleset);
  });

  it('fails for a set that a rule asks, and for a table that is not there', () => {
    const asks: Plain = {
      op: 'add',
      kind: 'rule',
      chain: 'c',
      group: 0,
      rule: nft.rule(undefined, nft.lookUp('iifname', 'm')),
    };
    const gone: Plain = { op: 'delete', kind: 'set', set: { name: 'm' } };
    expect(run(made, transaction(asks, gone)).failed?.error.kind).toBe('busy');
    expect(run(transaction({ op: 'delete', kind: 'table' })).failed?.error.kind).toBe('not-found');
  });
});

describe('adding', () => {
  const made = transaction(table, chain('c'), map);

  it('what is there already is an error for rules, as in the engine, unless once is enough', () => {
    expect(run(made, transaction(rule('c', 1, 'x'), rule('c', 1, 'x'))).failed?.error.kind).toBe('exists');
    const once = transaction(rule('c', 1, 'x'), rule('c', 1, 'x', { once: true }));
    expect(comments(run(made, once))).toEqual(['x']);
    const { failed, ruleset } = run(made, transaction(table, chain('c'), map));
    expect(failed).toBeUndefined();
    expect(ruleset).toEqual(run(made).ruleset);
  });

  it('an element with its key leads elsewhere, or to no chain', () => {
    const other = transaction(chain('d'), element('eth0', 'c'), element('eth0', 'd'));
    expect(run(made, other).failed?.error.kind).toBe('exists');
    expect(run(made, transaction(element('eth0', 'nowhere'))).failed?.error.message).toContain('nowhere');
    const jump: Plain = { op: 'add', kind: 'rule', chain: 'c', group: 0, rule: nft.rule('', nft.jump('z')) };
    expect(run(made, transaction(jump)).failed?.error.message).toContain('chain z');
  });

  it('a transaction that fails leaves nothing, and none follows', () => {
    const result = run(
      made,
      transaction(rule('c', 1, 'x'), chain('d'), rule('e', 1, 'y')),
      transaction(chain('f')),
    );
    expect(result.ruleset).toEqual(run(made).ruleset);
    expect(result.failed?.operation).toMatchObject({ chain: 'e' });
  });
});

it('flushing a table empties its chains and keeps its sets, which have their own', () => {
  const before: NftRuleset = run(
    transaction(table, chain('c'), map, rule('c', 1, 'x'), element('eth0', 'c')),
  ).ruleset;
  const flushed = runNftTransactions(before, [transaction({ op: 'flush', kind: 'table' })]).ruleset.tables[0];
  expect(flushed).toMatchObject({ chains: [{ rules: [] }], sets: [{ elements: [{}] }] });
  const set: Plain = { op: 'flush', kind: 'set', set: { name: 'm' } };
  expect(runNftTransactions(before, [transaction(set)]).ruleset.tables[0]?.sets[0]?.elements).toEqual([]);
});
