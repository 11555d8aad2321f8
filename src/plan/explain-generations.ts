/**
 * What flipping an option changes, engine by engine: the same question asked of each rule layout.
 * In: an option and optionally the user's daemon.json. Out: spans of versions, neighbours with the same answer taken together.
 */

import type { PlanDifference } from './difference.ts';
import { type ExplainInput, type Explanation, explainOption, withValue } from './explain.ts';
import { generationSpans } from './generation.ts';
import type { Generation } from './plan.ts';

export interface ExplainedSpan {
  /** First version of the span. */
  readonly from: string;
  /** First version behind it; undefined for the newest. */
  readonly until?: string;
  readonly generations: readonly Generation[];
  readonly answer: SpanAnswer;
}

export type SpanAnswer =
  | { readonly kind: 'changes'; readonly difference: PlanDifference }
  /** These engines do not know the option. */
  | { readonly kind: 'unknown' }
  /** With one of the two values the engine does not start, or there is no plan. */
  | { readonly kind: 'impossible'; readonly why: string }
  /** No other value is at hand to try. */
  | { readonly kind: 'untried' };

/** The answers of all engines, oldest first. */
export function explainGenerations(input: Pick<ExplainInput, 'option' | 'file'>): readonly ExplainedSpan[] {
  const groups: ExplainedSpan[] = [];
  for (const [i, { from, generation }] of generationSpans.entries()) {
    const answer = answerOf(explainOption({ ...input, engine: from }));
    const next = generationSpans[i + 1];
    const end = next === undefined ? {} : { until: next.from };
    const last = groups.at(-1);
    if (last === undefined || keyOf(last.answer) !== keyOf(answer)) {
      groups.push({ from, ...end, generations: [generation], answer });
      continue;
    }
    const generations = [...new Set([...last.generations, generation])];
    groups.splice(-1, 1, { from: last.from, ...end, generations, answer });
  }
  return [...groups, ...nativeSpan(input)];
}

/** The layout that no version, but an option chooses. */
function nativeSpan({ option, file }: Pick<ExplainInput, 'option' | 'file'>): readonly ExplainedSpan[] {
  const from = generationSpans.at(-1)?.from;
  if (option === 'firewall-backend' || from === undefined) return [];
  const text = withValue(file?.text, 'firewall-backend', 'nftables');
  const native = { path: file?.path ?? 'daemon.json', text };
  return [
    { from, generations: ['N1'], answer: answerOf(explainOption({ option, engine: from, file: native })) },
  ];
}

function answerOf({ known, configured, changed, difference }: Explanation): SpanAnswer {
  if (!known) return { kind: 'unknown' };
  if (difference !== undefined) return { kind: 'changes', difference };
  const why = configured.impossible ?? changed?.impossible;
  return why === undefined ? { kind: 'untried' } : { kind: 'impossible', why };
}

/** Reasons may be worded otherwise; what changes on the host is what counts. */
function keyOf(answer: SpanAnswer): string {
  if (answer.kind !== 'changes') return JSON.stringify(answer);
  const texts = (side: keyof PlanDifference) =>
    answer.difference[side].map(({ kind, family, table, text }) => [kind, family, table, text].join(' '));
  return JSON.stringify([texts('removed').toSorted(), texts('added').toSorted()]);
}
