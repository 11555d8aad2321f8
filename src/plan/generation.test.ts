import { describe, expect, it } from 'vitest';
import { generationOf, layoutOf, portOrderOf, unsupportedEngine } from './generation.ts';

describe('layoutOf', () => {
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
    for (const [version, layout] of Object.entries(versions))
      expect([version, layoutOf(version)]).toEqual([version, layout]);
  });
});

it('generationOf knows only what can be planned', () => {
  expect(generationOf('17.06.2-ce')).toBe('G1');
  expect(generationOf('28.5.2+dfsg4')).toBe('G9');
  expect(generationOf('20.10.24')).toBeUndefined();
  expect(generationOf('nonsense')).toBeUndefined();
});

it('unsupportedEngine names the version and what is supported', () => {
  expect(unsupportedEngine('20.10.24')).toBe(
    'engine 20.10.24 (rule layout G3) is not supported; supported are 17.06.0 to 18.03.0, 18.04, and 28.2.2 to 28.5',
  );
  expect(unsupportedEngine('x')).toContain('engine x is not supported');
});

it('portOrderOf', () => {
  expect([portOrderOf('G1'), portOrderOf('G9')]).toEqual(['sort-port-map', 'compare-bindings']);
});
