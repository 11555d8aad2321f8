/**
 * The words of drift and heal, in English and Chinese. In: the facts of a sentence. Out: the sentence. Rules and settings are never
 * translated; nothing is decided here.
 */
import type { Language } from './catalogue.ts';

export interface DriftWords {
  /** Behind a line: what is there instead. */
  readonly insteadOf: (observed: string) => string;
  /** Behind a line: what stands above it. */
  readonly below: (above: string) => string;
  readonly outOfOrder: string;
  readonly stale: string;
  readonly others: string;
  readonly nobodyKnown: string;
  readonly more: (count: number) => string;
  readonly notCompared: string;
  readonly asPlanned: (engine: string) => string;
  readonly drifted: (counts: DriftCounts, engine: string) => string;
  /** `heal`: nothing to do, done, and what is left. */
  readonly nothingMissing: (engine: string) => string;
  readonly putBack: (parts: number) => string;
  readonly wouldPutBack: (parts: number) => string;
  readonly onlyEngine: string;
  readonly notAtomic: string;
  readonly watching: string;
  readonly wouldRemove: (parts: number) => string;
  readonly removed: (parts: number) => string;
  readonly nothingToRemove: string;
  /** What stays, since others may have made it or use it. */
  readonly kept: string;
}

export interface DriftCounts {
  readonly missing: number;
  readonly changed: number;
  readonly misordered: number;
  readonly stale: number;
}

/** `1 part`, `2 parts`. */
function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function counted(
  { missing, changed, misordered, stale }: DriftCounts,
  names: readonly string[],
): readonly string[] {
  return [missing, changed, misordered, stale].flatMap((count, index) =>
    count === 0 ? [] : [`${count} ${names[index] ?? ''}`],
  );
}

const english: DriftWords = {
  insteadOf: (observed) => `is: ${observed}`,
  below: (above) => `below: ${above}`,
  outOfOrder: 'out of order',
  stale: "Docker's own, no longer planned",
  others: "others' parts, left alone",
  nobodyKnown: 'unknown',
  more: (count) => `and ${count} more`,
  notCompared: 'not compared',
  asPlanned: (engine) => `as planned: everything that Docker ${engine} makes is there`,
  drifted: (counts, engine) =>
    `not as Docker ${engine} makes it: ${counted(counts, ['missing', 'changed', 'out of place', 'left behind']).join(', ')}`,
  nothingMissing: (engine) => `nothing to put back: everything that Docker ${engine} makes is there`,
  putBack: (parts) => `${many(parts, 'part')} put back`,
  wouldPutBack: (parts) => `${many(parts, 'part')} would be put back by:`,
  onlyEngine: 'left: Docker itself has to mend this, or somebody else is in the way',
  notAtomic: 'in an unprivileged user namespace a large change goes in parts: it was not atomic',
  watching: 'watching; rules that vanish are put back',
  wouldRemove: (parts) => `${many(parts, 'part')} would be taken out by:`,
  removed: (parts) => `${many(parts, 'part')} taken out`,
  nothingToRemove: 'nothing of Docker is there',
  kept: 'kept, since others may have made it or use it',
};

const chinese: DriftWords = {
  insteadOf: (observed) => `现为：${observed}`,
  below: (above) => `被上面这条挡住：${above}`,
  outOfOrder: '顺序不对',
  stale: 'Docker 自己的，现已不需要',
  others: '他人的内容，不予改动',
  nobodyKnown: '来源不明',
  more: (count) => `另有 ${count} 条`,
  notCompared: '未能比较',
  asPlanned: (engine) => `与预期一致：Docker ${engine} 应建立的内容都在`,
  drifted: (counts, engine) =>
    `与 Docker ${engine} 应有的状态不一致：${counted(counts, ['处缺失', '处被改', '处位置不对', '处残留']).join('，')}`,
  nothingMissing: (engine) => `没有需要补回的：Docker ${engine} 应建立的内容都在`,
  putBack: (parts) => `已补回 ${parts} 处`,
  wouldPutBack: (parts) => `将补回 ${parts} 处，所用命令：`,
  onlyEngine: '以下未能补回：须由 Docker 自己处理，或者有别的程序、规则挡着',
  notAtomic: '在非特权用户命名空间里，大的改动分几次提交，不是原子的',
  watching: '正在监视；消失的规则会被补回',
  wouldRemove: (parts) => `将清除 ${parts} 处，所用命令：`,
  removed: (parts) => `已清除 ${parts} 处`,
  nothingToRemove: '这里没有 Docker 的内容',
  kept: '以下保留：可能是他人所建，或正被使用',
};

export const driftWords: Readonly<Record<Language, DriftWords>> = { en: english, zh: chinese };
