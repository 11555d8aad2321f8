/**
 * Networks and containers as the running engine has them, against what its store or a declaration says. In: a case. Out: a warning
 * for each source: what the store says otherwise comes into force with the engine's next start; what was declared otherwise
 * never does by itself.
 */
import { describeIntentDifference } from '../../plan/intent-differences.ts';
import type { Detector, Suspicion } from './case.ts';

export const intentDifferences: Detector = ({ expected }) => {
  const found = expected?.intentDifferences ?? [];
  return (['local-kv.db', 'networks.json'] as const).flatMap((source): readonly Suspicion[] => {
    const differences = found.filter((difference) => difference.source === source);
    if (differences.length === 0) return [];
    return [
      {
        cause: source === 'local-kv.db' ? 'store-and-kernel-differ' : 'declaration-differs',
        severity: 'warning',
        params: { count: String(differences.length) },
        hop: source,
        evidence: differences.map((difference) => ({
          file: source,
          text: describeIntentDifference(difference),
        })),
      },
    ];
  });
};
