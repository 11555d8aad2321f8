/**
 * Drift as JSON, schema `bridgekeeper.drift/1`. In: a Drift and its engine. Out: plain values. It judges nothing.
 */
import { type Difference, isDrift } from '../drift/difference.ts';
import type { Drift } from '../drift/drift.ts';

/** The whole answer of `drift --json`. */
export function driftJson(drift: Drift, engine: string) {
  return {
    schema: 'bridgekeeper.drift/1',
    engine,
    drifted: drift.differences.some(isDrift),
    differences: drift.differences.map(differenceJson),
    unknowns: drift.unknown.map((fact) => ({ fact })),
  };
}

/** A difference without the changes that would mend it: `heal --dry-run` shows those. */
export function differenceJson({ changes: _, ...difference }: Difference) {
  return difference;
}
