/**
 * Judges drift: a host on which nothing was broken has none, and healing leaves none. In: facts. Out: a verdict; undefined where
 * there is no plan to compare with.
 */
import { isDrift } from '../../src/drift/difference.ts';
import { findDrift } from '../../src/drift/drift.ts';
import { healing } from '../../src/drift/heal.ts';
import { applyChanges } from '../../src/host/change.ts';
import type { Facts } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { expectedFromFacts } from '../../src/plan/expected.ts';
import { scenarioOf } from './capture.ts';

export interface DriftVerdict {
  /** Differences found where nothing was broken; undefined where something was. */
  readonly found?: readonly string[];
  /** Differences that healing should have mended and did not. */
  readonly left: readonly string[];
}

export function judgeDrift(facts: Facts): DriftVerdict | undefined {
  const { state } = hostStateFromFacts(facts);
  const expected = expectedFromFacts(facts, { state });
  if ('cannot' in expected) return undefined;
  const found = findDrift({ state, expected }).differences.filter(isDrift);
  const healed = applyChanges(state, healing({ state, expected }).changes);
  const left = healing({ state: healed, expected }).mended.map(({ kind, text }) => `${kind} ${text}`);
  if (scenarioOf(facts).kind !== 'config') return { left };
  return { found: found.map(({ kind, text }) => `${kind} ${text}`), left };
}
