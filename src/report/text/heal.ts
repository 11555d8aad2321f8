/**
 * What was put back on a host, as text and as JSON, schema `bridgekeeper.heal/1`. In: the differences that were mended and those that
 * are left. Out: text. It judges nothing.
 */
import type { Difference } from '../../drift/difference.ts';
import { differenceJson } from '../drift-json.ts';
import { type DriftTextOptions, differenceBlocks } from './drift.ts';

/** What was put back, or with `--remove` what was taken out. */
export interface HealReport {
  readonly what: 'put-back' | 'remove';
  /** False: it is only said what would be done. */
  readonly done: boolean;
  readonly mended: readonly Difference[];
  readonly left: readonly Difference[];
  /** Whether each table's change was one transaction. */
  readonly atomic: boolean;
  /** The commands that would be run, for what is not done yet. */
  readonly commands: string;
}

export function healText(report: HealReport, options: DriftTextOptions): string {
  const { driftWords, paint, engine } = options;
  const { what, done, mended, left, atomic, commands } = report;
  const parts = mended.length;
  const words =
    what === 'put-back'
      ? {
          nothing: driftWords.nothingMissing(engine),
          would: driftWords.wouldPutBack(parts),
          done: driftWords.putBack(parts),
          left: driftWords.onlyEngine,
        }
      : {
          nothing: driftWords.nothingToRemove,
          would: driftWords.wouldRemove(parts),
          done: driftWords.removed(parts),
          left: driftWords.kept,
        };
  const verdict =
    parts === 0
      ? paint('good', words.nothing)
      : done
        ? paint('good', words.done)
        : `${words.would}\n\n${commands.trimEnd()}`;
  const blocks = [
    ...differenceBlocks(mended, options),
    [verdict, ...(atomic ? [] : [driftWords.notAtomic])],
    ...(left.length === 0 ? [] : [[words.left], ...differenceBlocks(left, options)]),
  ];
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`;
}

export function healJson({ what, done, mended, left, atomic, commands }: HealReport, engine: string) {
  return {
    schema: 'bridgekeeper.heal/1',
    engine,
    what,
    done,
    mended: mended.map(differenceJson),
    left: left.map(differenceJson),
    atomic,
    ...(done || mended.length === 0 ? {} : { commands }),
  };
}
