import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inputOf, onHost } from '../../test/fixtures/patient.ts';
import type { NftChain, NftRuleset, NftTable } from '../firewall/nft/model.ts';
import { putBackNft } from '../firewall/nft/put-back.ts';
import { applyChanges } from '../host/change.ts';
import type { HostState } from '../host/state.ts';
import type { Difference } from './difference.ts';
import { findDrift } from './drift.ts';
import { healing } from './heal.ts';
import { nativeDifferences } from './native.ts';
import { removal } from './remove.ts';

const native = { engine: '29.7.2', config: '{"firewall-backend":"nftables"}' } as const;

function broken(edit: (nft: NftRuleset) => NftRuleset): (state: HostState) => HostState {
  return (state) => onHost(state, (ns) => (ns.nft === undefined ? ns : { ...ns, nft: edit(ns.nft) }));
}

const tables = (edit: (table: NftTable) => NftTable | undefined) => (nft: NftRuleset) => ({
  ...nft,
  tables: nft.tables.flatMap((table) => edit(table) ?? []),
});

const chains = (edit: (chain: NftChain) => NftChain | undefined) =>
  tables((table) => ({ ...table, chains: table.chains.flatMap((chain) => edit(chain) ?? []) }));

function brief({ kind, place, text }: Difference): string {
  return `${kind} ${place.in === 'nft' ? (place.chain ?? place.table) : place.in} ${text}`;
}

describe('a host of the nftables backend', () => {
  test('that is as planned has no drift', () => {
    expect(findDrift(inputOf(native))).toEqual({ differences: [], unknown: [] });
  });

  test.each<[string, (nft: NftRuleset) => NftRuleset, RegExp]>([
    ['a table', tables(() => undefined), /^missing docker-bridges table ip docker-bridges$/],
    [
      'a chain',
      chains((chain) => (chain.name === 'nat-POSTROUTING' ? undefined : chain)),
      /^missing nat-POSTROUTING chain nat-POSTROUTING \{ type nat hook postrouting/,
    ],
    [
      'the rules of a chain',
      chains((chain) => ({ ...chain, rules: [] })),
      /^missing nat-PREROUTING fib daddr type local/,
    ],
    [
      'elements of maps',
      tables((table) => ({ ...table, sets: table.sets.map((set) => ({ ...set, elements: [] })) })),
      /^missing filter-forward-in-jumps \{ "docker0" : jump/,
    ],
    [
      'the policy',
      chains((chain) =>
        chain.base === undefined ? chain : { ...chain, base: { ...chain.base, policy: 'drop' } },
      ),
      /^changed filter-FORWARD policy accept$/,
    ],
    [
      'the order',
      chains((chain) => ({ ...chain, rules: chain.rules.toReversed() })),
      /^misordered filter-forward-in__docker0 /,
    ],
  ])('that lost %s is healed', (_what, edit, first) => {
    const whole = inputOf({ ...native, broken: broken(edit) });
    expect(findDrift(whole).differences.map(brief)).toContainEqual(expect.stringMatching(first));
    const state = applyChanges(whole.state, healing(whole).changes);
    expect(findDrift({ ...whole, state }).differences).toEqual([]);
  });

  test('with a table of somebody else and one of an older Docker: the one is foreign, the other stale', () => {
    const others: NftRuleset = {
      twins: [],
      tables: ['firewalld', 'docker-bridges', 'mine'].map((name) => ({
        family: 'inet',
        name,
        chains: [],
        sets: [],
      })),
    };
    const whole = inputOf({
      ...native,
      broken: broken((nft) => ({ ...nft, tables: [...nft.tables, ...others.tables] })),
    });
    expect(
      findDrift(whole).differences.map(({ kind, place, owner }) => [
        kind,
        place.in === 'nft' && place.table,
        owner,
      ]),
    ).toEqual([
      ['foreign', 'firewalld', 'firewalld'],
      ['stale', 'docker-bridges', undefined],
      ['foreign', 'mine', undefined],
    ]);
    expect(healing(whole).changes).toEqual([]);
    const left = applyChanges(whole.state, removal(whole.state).changes);
    expect(left.namespaces[0]?.nft?.tables.map(({ name }) => name)).toEqual(['firewalld', 'mine']);
  });

  test('any damage is mended, and what nobody planned stays', () => {
    const planned = inputOf(native).expected.plan.nft;
    const all = planned.tables.flatMap((table) => table.chains.flatMap((chain) => chain.rules));
    fc.assert(
      fc.property(fc.subarray(all), fc.boolean(), (kept, shuffled) => {
        const foreign = {
          statements: [{ kind: 'verdict', verdict: { kind: 'return' } }],
          comment: 'mine',
        } as const;
        const damaged = chains((chain) => {
          const rules = chain.rules.filter((rule) => kept.includes(rule));
          return { ...chain, rules: shuffled ? [foreign, ...rules.toReversed()] : [...rules, foreign] };
        })(planned);
        const back = putBackNft(damaged, planned);
        const found = nativeDifferences(planned, back);
        expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['stale']));
        expect(found.length).toBe(planned.tables.flatMap((table) => table.chains).length);
      }),
    );
  });
});
