/**
 * Puts back on a live host what is missing of its plan. In: how to look at the host, and where it is. Out: what was put back and what
 * is left. A host is healed when two looks in a row find the same missing: a dockerd that is starting or stopping a
 * container takes its rules away a moment before, or makes them after, it says so.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type Difference, differenceKey } from '../drift/difference.ts';
import { type Healing, healing } from '../drift/heal.ts';
import type { Kernel } from '../kernel/apply.ts';
import type { Change } from '../kernel/change.ts';
import { type NamespacePath, namespaceInode } from '../kernel/namespace.ts';
import { changeOf } from '../kernel/state-change.ts';
import { describeIntentDifference } from '../plan/intent-differences.ts';
import { exclusively } from './exclusively.ts';
import type { Looked } from './look.ts';

export interface HealTarget {
  readonly look: () => Promise<Looked>;
  /** The host's network namespace. */
  readonly netns: NamespacePath;
  readonly kernel: Kernel;
}

export type Healed =
  /** Nothing that can be put back is missing. */
  | { readonly kind: 'nothing'; readonly engine: string; readonly left: readonly Difference[] }
  /** What would be done, or was. `atomic` as in `Applied`. */
  | {
      readonly kind: 'planned' | 'done';
      readonly engine: string;
      readonly change: Change;
      readonly mended: readonly Difference[];
      readonly left: readonly Difference[];
      readonly atomic: boolean;
    }
  /** It is not sure what is right, so that nothing was done; one line. */
  | { readonly kind: 'refused'; readonly why: string };

/** Milliseconds between two looks that have to agree. */
const settleTime = 150;
const maxLooks = 20;

/** Heals once, one at a time; with `dryRun` it only says what it would do. Throws KernelError when the kernel refuses. */
export function heal(target: HealTarget, dryRun: boolean): Promise<Healed> {
  return exclusively(`heal ${namespaceInode(target.netns) ?? ''}`, () => healAlone(target, dryRun));
}

async function healAlone(target: HealTarget, dryRun: boolean): Promise<Healed> {
  const settled = await settle(target);
  if ('kind' in settled) return settled;
  const { engine } = settled;
  const { changes, mended, left } = settled.healing;
  if (changes.length === 0) return { kind: 'nothing', engine, left };
  const { change } = changeOf(changes, () => target.netns);
  if (dryRun) return { kind: 'planned', engine, change, mended, left, atomic: true };
  const { atomic } = await target.kernel.apply(change);
  return { kind: 'done', engine, change, mended, left: await stillMissing(target, left), atomic };
}

/** What is missing afterwards: something else may take away what was put back. */
async function stillMissing(
  { look }: HealTarget,
  before: readonly Difference[],
): Promise<readonly Difference[]> {
  const looked = await look();
  if (looked.kind === 'cannot') return before;
  const { mended, left } = healing(looked.whole);
  return [...mended, ...left];
}

interface Settled {
  readonly engine: string;
  readonly healing: Healing;
}

/** What two looks in a row agree on. */
async function settle({ look }: HealTarget): Promise<Settled | (Healed & { readonly kind: 'refused' })> {
  let before: string | undefined;
  for (let looks = 0; looks < maxLooks; looks++) {
    const looked = await look();
    if (looked.kind === 'cannot') return { kind: 'refused', why: looked.why };
    const found = healing(looked.whole);
    const engine = looked.whole.expected.options.engine;
    if (found.changes.length === 0) return { engine, healing: found };
    const now = found.mended.map(differenceKey).join('\n');
    if (now === before && looked.unseen.length === 0) {
      const doubt = looked.whole.expected.intentDifferences.find(({ where }) => where === 'otherwise');
      if (doubt !== undefined) return { kind: 'refused', why: describeIntentDifference(doubt) };
      return { engine, healing: found };
    }
    before = now;
    await pause(settleTime);
  }
  return { kind: 'refused', why: 'the host changes all the time: what is missing differs from look to look' };
}
