/**
 * Judges the store: the plan that local-kv.db alone gives against the one from what the engine reported. In: facts.
 * Out: where they differ. Rules count in their order, everything else as it is.
 */
import type { Facts } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { differenceOfPlans } from '../../src/plan/difference.ts';
import { expectedFromFacts } from '../../src/plan/expected.ts';
import { firstDifferences, linesOf } from './rules.ts';

const inspected: readonly string[] = ['docker-network-inspect.json', 'docker-container-inspect.json'];

/** Undefined where one of the two is not there, or there is no plan at all. */
export function judgeStore(facts: Facts): readonly string[] | undefined {
  if (!facts.files.has('local-kv.db') || !facts.files.has('docker-network-inspect.json')) return undefined;
  const { state } = hostStateFromFacts(facts);
  const reported = expectedFromFacts(facts, { state });
  if ('cannot' in reported) return undefined;
  const files = new Map([...facts.files].filter(([name]) => !inspected.includes(name)));
  const stored = expectedFromFacts({ ...facts, files }, { state });
  if ('cannot' in stored) return [stored.cannot];
  const { removed, added } = differenceOfPlans(reported.plan, stored.plan);
  const parts = [
    ...removed.map(({ kind, text }) => `- ${kind} ${text}`),
    ...added.map(({ kind, text }) => `+ ${kind} ${text}`),
  ];
  if (parts.length > 0) return parts.slice(0, 6);
  return (['ipv4', 'ipv6'] as const).flatMap((family) =>
    firstDifferences(linesOf(stored.plan.ruleset, family), linesOf(reported.plan.ruleset, family)),
  );
}
