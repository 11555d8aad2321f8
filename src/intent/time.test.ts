import { describe, expect, it } from 'vitest';
import { compareInstants, parseInstant } from './time.ts';

describe('parseInstant', () => {
  it('reads any number of fraction digits and any offset', () => {
    expect(parseInstant('1970-01-01T00:00:01Z')).toBe(1_000_000_000n);
    expect(parseInstant('1970-01-01T00:00:00.00000001Z')).toBe(10n);
    expect(parseInstant('1970-01-01T08:00:00.5+08:00')).toBe(500_000_000n);
    expect(parseInstant('1969-12-31T23:00:00-01:00')).toBe(0n);
  });

  it('knows no other text, and not the time that means never', () => {
    for (const text of ['', 'now', '2026-11-23', '2026-13-23T00:00:00Z', '0001-01-01T00:00:00Z']) {
      expect(parseInstant(text)).toBeUndefined();
    }
    expect(parseInstant(undefined)).toBeUndefined();
  });
});

describe('compareInstants', () => {
  it('orders by time, not by text', () => {
    expect(compareInstants('2026-11-23T04:21:21.25564329Z', '2026-11-23T04:21:21.255643291Z')).toBe(-1);
    expect(compareInstants('2026-11-23T12:00:00+08:00', '2026-11-23T04:00:00Z')).toBe(0);
    expect(compareInstants('2026-11-23T12:00:01+08:00', '2026-11-23T04:00:00Z')).toBe(1);
  });

  it('puts what is unknown last', () => {
    expect(compareInstants(undefined, '2026-11-23T04:00:00Z')).toBe(1);
    expect(compareInstants('2026-11-23T04:00:00Z', '')).toBe(-1);
    expect(compareInstants(undefined, '0001-01-01T00:00:00Z')).toBe(0);
  });
});
