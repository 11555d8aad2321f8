/**
 * What was put back on a host, as text and as JSON, schema `bridgekeeper.heal/1`. In: the differences that were mended and those that
 * are left. Out: text. It judges nothing.
 */
import type { Difference } from '../../drift/difference.ts';
import { differenceJson } from '../drift-json.ts';
import { type DriftTextOptions, differenceBlocks } from './drift.ts';

export interface HealReport {
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
  const { done, mended, left, atomic, commands } = report;
  const parts = mended.length;
  const verdict =
    parts === 0
      ? paint('good', driftWords.nothingMissing(engine))
      : done
        ? paint('good', driftWords.putBack(parts))
        : `${driftWords.wouldPutBack(parts)}\n\n${commands.trimEnd()}`;
  const blocks = [
    ...differenceBlocks(mended, options),
    [verdict, ...(atomic ? [] : [driftWords.notAtomic])],
    ...(left.length === 0 ? [] : [[driftWords.onlyEngine], ...differenceBlocks(left, options)]),
  ];
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`;
}

export function healJson({ done, mended, left, atomic, commands }: HealReport, engine: string) {
  return {
    schema: 'bridgekeeper.heal/1',
    engine,
    done,
    mended: mended.map(differenceJson),
    left: left.map(differenceJson),
    atomic,
    ...(done || mended.length === 0 ? {} : { commands }),
  };
}
