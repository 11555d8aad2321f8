/**
 * Judges our parsers and printers by the test files of iptables and nftables, which are not kept here. In: a kind and a
 * folder of a checkout. Out: how many cases come back as they should, and each that does not.
 * Usage: npm run parsers -- iptables|nft FOLDER
 */
import { globSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { ParserVerdict } from './parser-verdict.ts';
import { judgeIptablesTests } from './parsers-iptables.ts';
import { judgeNftTests } from './parsers-nft.ts';

interface Kind {
  readonly files: readonly string[];
  readonly judge: (files: readonly string[]) => readonly ParserVerdict[];
}

const kinds: Readonly<Record<string, Kind>> = {
  iptables: { files: ['extensions/*.t'], judge: judgeIptablesTests },
  nft: {
    files: ['tests/py/**/*.t.json', 'tests/py/**/*.t.json.output', 'tests/shell/**/dumps/*.json-nft'],
    judge: judgeNftTests,
  },
};

const { positionals } = parseArgs({ allowPositionals: true });
const [name = '', folder] = positionals;
const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
if (kind === undefined || folder === undefined) {
  console.error(
    `usage: npm run parsers -- ${Object.keys(kinds).join('|')} FOLDER\nFOLDER is a checkout of the project.`,
  );
  process.exit(2);
}
const files = kind.files.flatMap((pattern) => globSync(`${folder}/${pattern}`)).toSorted();
const verdicts = kind.judge(files);
for (const { form, name, differences } of verdicts.filter((verdict) => verdict.differences.length > 0))
  console.log([`${name} ${form}`, ...differences.map((line) => `    ${line}`)].join('\n'));
if (verdicts.length === 0) console.error(`${folder}: no tests of ${name}`);
for (const form of new Set(verdicts.map((verdict) => verdict.form))) {
  const own = verdicts.filter((verdict) => verdict.form === form);
  const agreed = own.filter(({ differences }) => differences.length === 0);
  console.log(`${form}: ${agreed.length} of ${own.length} in ${files.length} files`);
}
process.exitCode =
  verdicts.length === 0 || verdicts.some(({ differences }) => differences.length > 0) ? 1 : 0;
