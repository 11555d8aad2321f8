/**
 * Applies steps one by one where they do not go together: a rebuilt host is as near to the other as this kernel allows. In: steps. Out:
 * the kernel changed, and what it refused.
 */
import { processKernel } from '../kernel/apply.ts';
import type { Step } from '../kernel/change.ts';
import { KernelError } from '../kernel/process.ts';
import type { Unbuilt } from '../report/rehearsal.ts';

/** All at once where that works; else one by one, and what is refused is left out and said. */
export async function applyAsFar(
  steps: readonly Step[],
  nameOf: (step: Step) => string,
): Promise<readonly Unbuilt[]> {
  try {
    await processKernel.apply({ steps });
    return [];
  } catch (error) {
    if (!(error instanceof KernelError) || error.kind !== 'refused') throw error;
  }
  const unbuilt: Unbuilt[] = [];
  for (const step of steps) {
    try {
      await processKernel.apply({ steps: [step] });
    } catch (error) {
      if (!(error instanceof KernelError) || error.kind !== 'refused') throw error;
      unbuilt.push({ namespace: nameOf(step), what: stepText(step), why: 'refused', detail: error.message });
    }
  }
  return unbuilt;
}

/** As ip(8) takes it. */
export function stepText(step: Step): string {
  return (
    processKernel
      .describe({ steps: [step] })
      .trim()
      .split('\n')
      .at(-1)
      ?.trim() ?? step.kind
  );
}
