import type { ParserVerdict } from './parser-verdict.ts';
export function judgeNftTests(_files: readonly string[]): readonly ParserVerdict[] {
  return [];
}
