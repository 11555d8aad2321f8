/**
 * Takes out of a live host what Docker engines made there. In: the host's namespace. Out: what was taken out and what was kept. It
 * refuses while a dockerd runs there that would make it all again.
 */
import { CaptureError } from '../bundle/error.ts';
import type { Difference } from '../drift/difference.ts';
import { removal } from '../drift/remove.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { Kernel } from '../kernel/apply.ts';
import type { Change } from '../kernel/change.ts';
import type { NamespacePath } from '../kernel/namespace.ts';
import { changeOf } from '../kernel/state-change.ts';
import { expectedFromFacts } from '../plan/expected.ts';
import { captureLive, hiddenFirewall } from './live.ts';

export type Removed =
  | {
      readonly kind: 'planned' | 'done';
      readonly change: Change;
      readonly taken: readonly Difference[];
      readonly kept: readonly Difference[];
      readonly atomic: boolean;
    }
  /** Nothing was changed; one line. */
  | { readonly kind: 'refused'; readonly why: string };

/** Removes once; with `dryRun` it only says what it would do. Throws KernelError when the kernel refuses, CaptureError when the host hides. */
export async function removeEverything(
  netns: NamespacePath,
  kernel: Kernel,
  dryRun: boolean,
): Promise<Removed> {
  const facts = await captureLive({ ...(netns === undefined ? {} : { netns }), scope: 'planned' });
  const { state } = hostStateFromFacts(facts);
  const hidden = hiddenFirewall(facts, state);
  if (hidden !== undefined) throw new CaptureError(hidden);
  if (facts.files.has('dockerd.argv')) {
    const expected = expectedFromFacts(facts, { state });
    const makes = 'cannot' in expected || expected.plan.operations.length > 0;
    if (makes)
      return {
        kind: 'refused',
        why: 'a dockerd runs here and would make its rules again: stop it, or start it with iptables=false and ip6tables=false',
      };
  }
  const { changes, taken, kept } = removal(state);
  const { change } = changeOf(changes, () => netns);
  if (dryRun || taken.length === 0) return { kind: 'planned', change, taken, kept, atomic: true };
  const { atomic } = await kernel.apply(change);
  return { kind: 'done', change, taken, kept, atomic };
}
