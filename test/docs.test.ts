/**
 * The documentation, held against the program: links, commands, options, causes, and the output of every console block. In: the Markdown
 * files. `UPDATE_DOCS=1 npm test -- test/docs.test.ts` writes what the program prints now into blocks without elisions.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { commands } from '../src/cli/commands.ts';
import { causes } from '../src/diagnosis/causes.ts';
import { run } from '../src/kernel/process.ts';
import { code, elision, examples, headings, outputMatches, relativeLinks } from './support/markdown.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const isMarkdown = (name: string) => name.endsWith('.md');
const files = [
  ...readdirSync(root).filter(isMarkdown),
  ...readdirSync(join(root, 'docs'))
    .filter(isMarkdown)
    .map((name) => `docs/${name}`),
];
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const program = new Map(commands.map((define) => [define().name(), define()]));

describe.each(files)('%s', (file) => {
  const text = read(file);

  test('links to files that are there', () => {
    const broken = relativeLinks(text).filter((target) => !existsSync(join(root, dirname(file), target)));
    expect(broken).toEqual([]);
  });

  test('names only captures that are there', () => {
    const named = code(text).flatMap((line) => line.match(/test\/corpus\/[\w./-]+/g) ?? []);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('names only commands and options that the program has', () => {
    expect(code(text).flatMap(unknownWords)).toEqual([]);
  });
});

describe.each(files.filter((file) => examples(read(file)).length > 0))('%s', (file) => {
  test('shows what the commands print', { timeout: 60_000 }, async () => {
    const text = read(file);
    const shown = examples(text);
    const wrong: string[] = [];
    const place = mkdtempSync(join(tmpdir(), 'bridgekeeper-docs-'));
    try {
      for (const name of ['bin', 'test']) symlinkSync(join(root, name), join(place, name));
      const lines = text.split('\n');
      let shift = 0;
      for (const { command, output, line } of shown) {
        const actual = await printed(command, place);
        if (outputMatches(actual, output)) continue;
        if (process.env.UPDATE_DOCS === '1' && !output.includes(elision)) {
          lines.splice(line + shift, output.length, ...actual);
          shift += actual.length - output.length;
        } else wrong.push(`line ${line}: $ ${command}\n${actual.join('\n')}`);
      }
      if (lines.join('\n') !== text) writeFileSync(join(root, file), lines.join('\n'));
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
    expect(wrong).toEqual([]);
  });
});

/** Runs a line as a reader pastes it; commands of one file share a folder. */
async function printed(command: string, cwd: string): Promise<readonly string[]> {
  const env = { NO_COLOR: '1', BRIDGEKEEPER_ENGINE: '' };
  const { stdout } = await run({ argv: ['sh', '-c', `exec 2>&1\n${command}`] }, { cwd, env });
  return stdout === '' ? [] : stdout.replace(/\n$/, '').split('\n');
}

/** `bridgekeeper COMMAND [SUBCOMMAND] --option`: what of it does not exist. `config` also takes dockerd's flags. */
function unknownWords(line: string): readonly string[] {
  const [, name, rest = ''] = /\bbridgekeeper ([a-z][\w-]*)(.*)$/.exec(line) ?? [];
  if (name === undefined || name === 'help') return [];
  const command = program.get(name);
  if (command === undefined) return [`bridgekeeper ${name}`];
  if (name === 'config') return [];
  // What is quoted is another program's.
  const [own = ''] = rest.replace(/'[^']*'/g, "''").split(/ -- |[|#;]/);
  const sub = command.commands.find((candidate) => candidate.name() === own.trim().split(' ')[0]);
  const known = new Set(['--help', ...[command, ...(sub === undefined ? [] : [sub])].flatMap(longOptions)]);
  return [...own.matchAll(/(?<= )--[a-z][a-z-]*/g)]
    .map(([option]) => option)
    .filter((option) => !known.has(option))
    .map((option) => `bridgekeeper ${name} ${option}`);
}

function longOptions(command: Command): readonly string[] {
  return command.options.flatMap(({ long }) => long ?? []);
}

test('docs/causes.md has every cause, and no other', () => {
  const listed = [...read('docs/causes.md').matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, slug]) => slug);
  expect(listed.toSorted()).toEqual([...causes].sort());
});

test('the README files list every command', () => {
  for (const file of ['README.md', 'README.zh-CN.md']) {
    const listed = [...read(file).matchAll(/^\| `([a-z]+)[^|]*` \|/gm)].map(([, name]) => name);
    expect(listed.toSorted(), file).toEqual([...program.keys()].sort());
  }
});

test('README.zh-CN.md has the parts of README.md', () => {
  expect(headings(read('README.zh-CN.md'))).toEqual(headings(read('README.md')));
});
