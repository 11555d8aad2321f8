import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddr } from '../net/addr.ts';
import { isRuleError, parseRuleArgs } from './args.ts';
import { matchRule } from './match.ts';
import { matchStatement } from './nft/match.ts';
import type { NftRule, NftTable } from './nft/model.ts';
import { parseNftJson } from './nft/parse.ts';
import { placesInNftChain } from './nft/rule-index.ts';
import type { PacketView } from './packet-view.ts';
import { longChain, placesInChain } from './rule-index.ts';
import type { Rule } from './ruleset.ts';
import { splitWords } from './words.ts';

function addr(text: string) {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const addresses = ['172.17.0.2', '172.17.0.3', '198.51.100.7'] as const;
const devices = ['docker0', 'eth0', 'br-1'] as const;
const ports = [22, 80, 443] as const;

const packets: fc.Arbitrary<PacketView> = fc
  .record({
    src: fc.constantFrom(...addresses).map(addr),
    dst: fc.constantFrom(...addresses).map(addr),
    protocol: fc.constantFrom(1, 6, 17),
    dport: fc.constantFrom(...ports),
    inDev: fc.constantFrom(...devices, undefined),
    outDev: fc.constantFrom(...devices, undefined),
  })
  .map(({ dport, ...packet }) => ({
    ...packet,
    ...(packet.protocol === 1 ? { icmp: { type: 8, code: 0 } } : { sport: 40_000, dport, tcpFlags: 2 }),
    family: 'ipv4',
    fragment: false,
    length: 60,
    ttl: 64,
    mark: 0,
    bridged: false,
    packetType: 'unicast',
    ctState: 'NEW',
    addrType: () => 'UNICAST',
  }));

/** Conditions that keys are made of, and those that look like them: inverted, wider, of other kinds, unknown. */
const words = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constantFrom('-s', '-d', '! -s', '! -d'), fc.constantFrom(...addresses, '172.17.0.0/16')),
      fc.tuple(fc.constantFrom('-i', '-o', '! -i', '! -o'), fc.constantFrom(...devices, 'br-+')),
      fc.tuple(
        fc.constantFrom('-p tcp -m tcp', '-p udp -m udp', '-p tcp -m tcp !'),
        fc.constantFrom('--dport 80', '--dport 443', '--dport 80:443', '--sport 80'),
      ),
      fc.constantFrom(['-m statistic', '--mode random --probability 0.5'] as const),
    ),
    { maxLength: 2 },
  )
  .map((conditions) => conditions.flat().join(' '));

const rules: fc.Arbitrary<Rule> = words
  .map((text) => parseRuleArgs(splitWords(text) ?? [], 'ipv4'))
  .filter((rule): rule is Rule => !isRuleError(rule));

describe('a long chain', () => {
  test('every rule that may match is found, in order, and a rule of another address is not asked', () => {
    fc.assert(
      fc.property(fc.array(rules, { minLength: longChain, maxLength: 40 }), packets, (chain, packet) => {
        const places = placesInChain({ name: 'A', rules: chain }, packet) ?? [];
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        expect(new Set(places).size).toBe(places.length);
        const may = chain.flatMap((rule, place) => (matchRule(rule, packet) === false ? [] : [place]));
        expect(may.filter((place) => !places.includes(place))).toEqual([]);
      }),
    );
    const strangers = Array.from({ length: 100 }, (_, i) => parseRuleArgs(['-s', `10.0.0.${i}`], 'ipv4'));
    const chain = { name: 'A', rules: strangers.filter((rule): rule is Rule => !isRuleError(rule)) };
    const [packet] = fc.sample(packets, 1);
    expect(packet === undefined ? undefined : placesInChain(chain, packet)).toEqual([]);
  });

  test('a limit that stands before a port counts also packets to other ports', () => {
    const args = splitWords('-p tcp -m limit --limit 1/s -m tcp --dport 1') ?? [];
    const limited = Array.from({ length: longChain }, () => parseRuleArgs(args, 'ipv4'));
    const chain = { name: 'A', rules: limited.filter((rule): rule is Rule => !isRuleError(rule)) };
    const [packet] = fc.sample(packets, 1);
    expect(packet && placesInChain(chain, packet)).toHaveLength(longChain);
  });

  test('a short one is asked rule by rule', () => {
    const [packet] = fc.sample(packets, 1);
    expect(packet === undefined ? [] : placesInChain({ name: 'A', rules: [] }, packet)).toBeUndefined();
  });
});

const literals = fc.oneof(
  fc.tuple(
    fc
      .constantFrom(...(['saddr', 'daddr'] as const))
      .map((field) => ({ payload: { protocol: 'ip', field } })),
    fc.constantFrom(...addresses, { prefix: { addr: '172.17.0.0', len: 16 } }),
  ),
  fc.tuple(
    fc.constantFrom('iifname', 'oifname').map((key) => ({ meta: { key } })),
    fc.constantFrom(...devices, 'br-*'),
  ),
  fc.tuple(
    fc.constantFrom('tcp', 'udp').map((protocol) => ({ payload: { protocol, field: 'dport' } })),
    fc.constantFrom(...ports),
  ),
);
const statements = fc
  .tuple(literals, fc.constantFrom('==', '!='))
  .map(([[left, right], op]) => ({ match: { op, left, right } }));

function nativeChain(exprs: readonly (readonly object[])[]): NftTable {
  const at = { family: 'inet', table: 't' };
  const objects = [
    { table: { family: 'inet', name: 't', handle: 1 } },
    { chain: { ...at, name: 'c', handle: 1 } },
    ...exprs.map((expr, handle) => ({ rule: { ...at, chain: 'c', handle, expr } })),
  ];
  const [table] = parseNftJson({ nftables: objects }, 'nft-ruleset.json', () => false).ruleset.tables;
  if (table === undefined) throw new Error('no table');
  return table;
}

describe('a long native chain', () => {
  const exprs = fc.array(statements, { minLength: 1, maxLength: 2 });

  test('every rule whose conditions hold is found, in order', () => {
    fc.assert(
      fc.property(fc.array(exprs, { minLength: longChain, maxLength: 40 }), packets, (chain, packet) => {
        const table = nativeChain(chain);
        const [own] = table.chains;
        const places = (own && placesInNftChain(own, packet)) ?? [];
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        const holds = ({ statements: all }: NftRule) =>
          all.every((s) => s.kind !== 'match' || matchStatement(table, s, packet) !== false);
        const may = (own?.rules ?? []).flatMap((rule, place) => (holds(rule) ? [place] : []));
        expect(may.filter((place) => !places.includes(place))).toEqual([]);
      }),
    );
  });

  test('what stands before a condition acts also where that is false', () => {
    const mark = { mangle: { key: { meta: { key: 'mark' } }, value: 1 } };
    const other = {
      match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '10.0.0.1' },
    };
    const table = nativeChain(Array.from({ length: longChain }, () => [mark, other]));
    const [packet] = fc.sample(packets, 1);
    const [own] = table.chains;
    expect(own && packet && placesInNftChain(own, packet)).toHaveLength(longChain);
  });
});
