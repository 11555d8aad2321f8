/**
 * Judges plans against moby's own golden files, which are not kept here. In: a kind of golden files and a folder of a
 * moby checkout that holds them. Out: how many are reproduced, and each that is not, with its first differences.
 * Usage: npm run golden -- iptables|nft FOLDER [--engine VERSION]
 */
import { globSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { GoldenVerdict } from './golden-case.ts';
import { judgeIptablesGoldens } from './golden-iptables.ts';
import { judgeNftGoldens } from './golden-nft.ts';

const kinds: Readonly<
  Record<string, (files: readonly string[], engine: string | undefined) => readonly GoldenVerdict[]>
> = { iptables: judgeIptablesGoldens, nft: judgeNftGoldens };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { engine: { type: 'string' } },
});
const [kind = '', folder] = positionals;
const judge = kinds[kind];
if (judge === undefined || folder === undefined) {
  console.error(
    `usage: npm run golden -- ${Object.keys(kinds).join('|')} FOLDER [--engine VERSION]\n` +
      'FOLDER is a checkout of moby/moby, or a part of one.',
  );
  process.exit(2);
}
const files = globSync(`${folder}/**/*.golden`).toSorted();
const verdicts = judge(files, values.engine);
if (verdicts.length === 0) console.error(`${folder}: no golden files of ${kind}`);
for (const { name, differences } of verdicts.filter((verdict) => verdict.differences.length > 0)) {
  console.log([name, ...differences.map((line) => `    ${line}`)].join('\n'));
}
for (const engine of new Set(verdicts.map((verdict) => verdict.engine))) {
  const own = verdicts.filter((verdict) => verdict.engine === engine);
  const agreed = own.filter(({ differences }) => differences.length === 0);
  const partly = agreed.filter(({ withoutHostPort }) => withoutHostPort);
  const cases = own.reduce((sum, verdict) => sum + verdict.cases, 0);
  console.log(
    `engine ${engine}: ${agreed.length} of ${own.length} golden files reproduced in ${cases} cases, ` +
      `${partly.length} of them without the host port that a routed network never has`,
  );
}
process.exitCode =
  verdicts.length === 0 || verdicts.some(({ differences }) => differences.length > 0) ? 1 : 0;
