import { describe, expect, it } from 'vitest';
import { optionsOf } from '../../test/support/plan.ts';
import {
  firstEngineOf,
  generationFor,
  generationOf,
  generations,
  isSince,
  lastEngineOf,
  portOrderOf,
  unsupportedEngine,
} from './generation.ts';
import type { Generation } from './plan.ts';

describe('generationOf', () => {
  it('knows the layout of every version since 17.06', () => {
    const versions: Readonly<Record<string, string | undefined>> = {
      '17.05.0-ce': undefined,
      '17.06.0-ce': 'G1',
      '17.06.2-ce': 'G1',
      '18.03.0-ce': 'G1',
      '18.03.1-ce': 'G2',
      '18.04.0-ce': 'G1',
      '18.05.0-ce': 'G2',
      '19.03.15': 'G2',
      '20.10.24+dfsg1': 'G3',
      '23.0.18': 'G4',
      '26.1.5': 'G4',
      '27.5.1': 'G5',
      '28.0.0': 'G6',
      '28.0.1': 'G7',
      '28.1.1': 'G7',
      '28.2.1': 'G8',
      '28.2.2': 'G9',
      '28.5.2+dfsg4': 'G9',
      '29.0.0': 'G10',
      nonsense: undefined,
      '': undefined,
    };
    for (const [version, generation] of Object.entries(versions))
      expect([version, generationOf(version)]).toEqual([version, generation]);
  });
});

it('firstEngineOf and lastEngineOf are the ends of a generation', () => {
  for (const generation of generations)
    expect(
      [generation, firstEngineOf(generation), lastEngineOf(generation)].map(
        (v) => v && (generationOf(v) ?? v),
      ),
    ).toEqual([generation, generation, generation]);
});

it('isSince orders the generations as they came', () => {
  const order: readonly Generation[] = ['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7', 'G8', 'G9', 'G10', 'N1'];
  for (const [i, generation] of order.entries())
    for (const [j, first] of order.entries()) expect(isSince(generation, first)).toBe(i >= j);
});

it('unsupportedEngine names the version and what is supported', () => {
  expect(unsupportedEngine('17.03.2')).toBe(
    'engine 17.03.2 is not supported; supported are 17.06.0 and later',
  );
});

it('generationFor asks the firewall backend since 29', () => {
  const nftables = '{"firewall-backend":"nftables"}';
  expect(generationFor(optionsOf('29.7.2', nftables))).toBe('N1');
  expect(generationFor(optionsOf('29.7.2', '{"firewall-backend":"iptables"}'))).toBe('G10');
  expect(generationFor(optionsOf('29.7.2'))).toBe('G10');
  expect(generationFor(optionsOf('28.5.2', nftables))).toBe('G9');
});

it('portOrderOf changes with 27', () => {
  const orders = (['G1', 'G4', 'G5', 'G10', 'N1'] as const).map(portOrderOf);
  expect(orders).toEqual([
    ...['sort-port-map', 'sort-port-map'],
    ...['compare-bindings', 'compare-bindings', 'compare-bindings'],
  ]);
});
