/**
 * Death: where a walk ended that was not answered. In: a trace. Out: its step, and a text that is equal for walks that end at
 * the same place for want of the same thing.
 */
import type { Step, Trace } from '../packet/trace.ts';

/** The step at which a flow died: the first drop on its way there or back. */
export function deathStep(
  trace: Trace,
): { readonly namespace: string; readonly step: Extract<Step, { kind: 'drop' }> } | undefined {
  for (const hop of [...trace.hops, ...trace.reply]) {
    for (const step of hop.steps) if (step.kind === 'drop') return { namespace: hop.namespace, step };
  }
  return undefined;
}

export function deathOf(trace: Trace): string {
  const death = deathStep(trace);
  if (death === undefined) return trace.outcome;
  const { step } = death;
  return [trace.outcome, death.namespace, step.where, step.why, step.rule?.chain, step.rule?.position].join(
    ' ',
  );
}
