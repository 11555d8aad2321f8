import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bothFamilies, manyHosts, networksOf } from '../../test/support/many-hosts.ts';
import { type HostSpec, planOf, rulesetOf } from '../../test/support/plan.ts';
import { parseNftJson } from '../firewall/nft/parse.ts';
import type { Ruleset, Table } from '../firewall/ruleset.ts';
import { printSave } from '../firewall/save.ts';
import { generationOf, generations, lastEngineOf } from './generation.ts';
import type { Generation } from './plan.ts';
import { recogniseGeneration } from './recognise.ts';

/** Generations that rules alone may not tell apart. */
const alike: readonly (readonly Generation[])[] = [
  ['G1'],
  ['G2', 'G3', 'G4', 'G5'],
  ['G6'],
  ['G7', 'G8', 'G9'],
  ['G10'],
];

function recognised(spec: HostSpec): readonly Generation[] {
  return recogniseGeneration(planOf(spec).ruleset, undefined).generations;
}

function fromSave(...tables: readonly string[]): ReturnType<typeof recogniseGeneration> {
  return recogniseGeneration(rulesetOf(tables.map((table) => `${table}\nCOMMIT\n`).join('')), undefined);
}

describe('what an engine made', () => {
  it.each(generations)('is recognised as %s or as one that makes the same', (generation) => {
    for (const spec of manyHosts(lastEngineOf(generation))) {
      const found = recognised(spec);
      expect(found).toContain(generation);
      const group = alike.find((members) => members.includes(generation)) ?? [];
      expect(group).toEqual(expect.arrayContaining([...found]));
    }
  });

  it.each<[Generation, ...Generation[]]>([
    ['G1'],
    ['G2', 'G3', 'G4', 'G5'],
    ['G3'],
    ['G4', 'G5'],
    ['G5', 'G4'],
    ['G6'],
    ['G7'],
    ['G8', 'G9'],
    ['G9'],
    ['G10'],
  ])('of %s, with ports and both families, leaves no choice but these', (generation, ...others) => {
    const found = recognised(networksOf(lastEngineOf(generation), bothFamilies));
    expect(found.toSorted()).toEqual([generation, ...others].toSorted());
  });

  it('of 23.0 shows in the IPv6 rules of internal networks', () => {
    expect(recognised(networksOf('23.0.6', bothFamilies))).toEqual(['G4']);
  });

  it('without containers says less', () => {
    const empty = (engine: string) => recognised({ ...networksOf(engine, bothFamilies), containers: [] });
    expect(empty('28.1.1')).toEqual(['G7', 'G8', 'G9']);
    expect(empty('28.2.1')).toEqual(['G7', 'G8', 'G9']);
    expect(empty('28.5.2')).toEqual(['G9']);
    expect(empty('29.7.2')).toEqual(['G10']);
  });
});

/** Empties chains, takes chains or whole tables away; who administers DOCKER-USER may have done anything there. */
function damage(
  ruleset: Ruleset,
  fate: (table: Table, chain: string) => 'stays' | 'empty' | 'gone',
): Ruleset {
  return {
    tables: ruleset.tables.map((table) => {
      const fateOf = (chain: string) => (chain === 'DOCKER-USER' ? 'stays' : fate(table, chain));
      const gone = new Set(
        table.chains
          .filter(({ name, policy }) => policy === undefined && fateOf(name) === 'gone')
          .map(({ name }) => name),
      );
      return {
        ...table,
        chains: table.chains
          .filter(({ name }) => !gone.has(name))
          .map((chain) => ({
            ...chain,
            rules:
              fateOf(chain.name) === 'stays'
                ? chain.rules.filter(({ target }) => target === undefined || !gone.has(target.name))
                : [],
          })),
      };
    }),
  };
}

describe('damage', () => {
  const hosts = generations.flatMap((generation) =>
    manyHosts(lastEngineOf(generation)).map((spec) => ({ generation, ruleset: planOf(spec).ruleset })),
  );

  it('never makes it another generation', () => {
    const fates = fc.array(fc.constantFrom('stays' as const, 'empty' as const, 'gone' as const), {
      minLength: 7,
      maxLength: 31,
    });
    fc.assert(
      fc.property(fc.constantFrom(...hosts), fates, ({ generation, ruleset }, chosen) => {
        let next = 0;
        const damaged = damage(ruleset, () => chosen[next++ % chosen.length] ?? 'stays');
        const found = recogniseGeneration(damaged, undefined).generations;
        if (found.length > 0) expect(found).toContain(generation);
      }),
      { numRuns: 400 },
    );
  });

  it('of the whole filter table leaves nat and raw to tell', () => {
    const left = (engine: string) => {
      const { tables } = planOf(networksOf(engine)).ruleset;
      const rest = tables.filter(({ name, family }) => name !== 'filter' && family === 'ipv4');
      return recogniseGeneration({ tables: rest }, undefined).generations;
    };
    expect(left('26.1.5')).toEqual(['G1', 'G2', 'G3', 'G4', 'G5']);
    expect(left('28.1.1')).toEqual(['G6', 'G7']);
    expect(left('28.5.2')).toEqual(['G8', 'G9']);
    expect(left('29.7.2')).toEqual(['G10']);
  });
});

describe('leftovers', () => {
  it('of an older engine that packets still reach do not count beside the newer rules', () => {
    const before = '*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -i br-0123456789ab -j ACCEPT\nCOMMIT\n';
    const { ruleset } = planOf({ ...networksOf('29.7.2'), before });
    const { generations: found, leftovers } = recogniseGeneration(ruleset, undefined);
    expect(found).toEqual(['G10']);
    expect(leftovers).toEqual([
      { what: 'filter -A FORWARD -i br-0123456789ab -j ACCEPT', family: 'ipv4', madeBy: ['G6'] },
    ]);
  });

  it('of a newer engine that no packet reaches any more do not count either', () => {
    const old = planOf(networksOf('26.1.5', bothFamilies)).ruleset;
    const [spare] = rulesetOf('*filter\n:DOCKER-INTERNAL - [0:0]\nCOMMIT\n').tables;
    const tables = old.tables.map((table) =>
      table.family === 'ipv4' && table.name === 'filter'
        ? { ...table, chains: [...table.chains, ...(spare?.chains ?? [])] }
        : table,
    );
    const { generations: found, leftovers } = recogniseGeneration({ tables }, undefined);
    expect(found).toEqual(['G4', 'G5']);
    expect(leftovers.map(({ what }) => what)).toEqual(['filter :DOCKER-INTERNAL']);
  });

  it('of an upgrade in place: the newer engine is meant', () => {
    for (const [from, to] of [
      ['17.06.2', '20.10.24'],
      ['26.1.5', '28.5.2'],
      ['28.0.0', '28.5.2'],
      ['28.5.2', '29.7.2'],
    ] as const) {
      const before = printSave(planOf(networksOf(from)).ruleset, { family: 'ipv4' });
      const found = recognised({ ...networksOf(to), before });
      expect([to, found.includes(generationOf(to) ?? 'G1')]).toEqual([to, true]);
      expect([to, found.includes(generationOf(from) ?? 'G1')]).toEqual([to, false]);
    }
  });
});

describe('evidence', () => {
  it('is the line that tells most', () => {
    const [first] = recogniseGeneration(planOf(networksOf('29.7.2')).ruleset, undefined).evidence;
    expect(first).toEqual({
      what: 'filter -A DOCKER-FORWARD -j DOCKER-INTERNAL',
      family: 'ipv4',
      madeBy: ['G10'],
    });
  });

  it('needs something of an engine', () => {
    const nothing = { generations: [], evidence: [], leftovers: [] };
    expect(fromSave()).toEqual(nothing);
    expect(
      fromSave('*filter\n:FORWARD DROP [0:0]\n:DOCKER-BLOCK - [0:0]\n-A FORWARD -j DOCKER-BLOCK'),
    ).toEqual(nothing);
  });

  it('of an empty chain alone says that an engine was there, not which', () => {
    expect(fromSave('*nat\n:DOCKER - [0:0]')).toEqual({ generations, evidence: [], leftovers: [] });
  });

  it('is the native tables of 29 where they are', () => {
    const json = { nftables: [{ table: { family: 'ip', name: 'docker-bridges', handle: 1 } }] };
    const { ruleset } = parseNftJson(json, 'nft-ruleset.json', () => false);
    const { evidence } = recogniseGeneration({ tables: [] }, ruleset);
    expect(evidence.map(({ what }) => what)).toEqual(['table ip docker-bridges']);
  });
});
