/**
 * The built package, used as somebody else's program uses it: installed under its name, imported, and type-checked.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../src/kernel/process.ts';
import { root } from './program.ts';

const capture = join(root, 'test/corpus/28.5.2/ip-masq-false.tar.gz');

const program = `
import {
  applyChanges, BundleError, diagnose, type Diagnosis, expectedFromConfiguration, expectedFromFacts, formatAddr,
  hostStateFromFacts, makeScene, parseAddr, parseSave, printSave, readBundle, resolveOptions, type Trace, walk,
} from 'bridgekeeper';

const facts = await readBundle(process.argv[2] ?? '');
const { state } = hostStateFromFacts(facts);
const diagnosis: Diagnosis = diagnose({ state, expected: expectedFromFacts(facts, { state }), facts });
const [finding] = diagnosis.findings;

const ask = (host: typeof state): Trace =>
  walk(makeScene(host), { from: 'web', kind: 'tcp', dst: parseAddr('198.51.100.7'), port: 7777 });
const before = ask(state);
const after = ask(applyChanges(state, finding?.changes ?? []));

const { options, errors } = resolveOptions({
  engine: '28.5.2',
  file: { path: 'daemon.json', text: '{"iptables": false}' },
});
const planned = expectedFromConfiguration({ engine: '17.06.2' });
const rules = planned.kind === 'planned' ? printSave(planned.plan.ruleset, { family: 'ipv4' }) : planned.why;
const reread = parseSave(rules, { backend: 'iptables-nft', family: 'ipv4', file: 'rules' });

console.log(JSON.stringify({
  cause: finding?.cause,
  before: [before.outcome, before.seenAs && formatAddr(before.seenAs)],
  after: [after.outcome, after.seenAs && formatAddr(after.seenAs)],
  masquerade: options.settings['ip-masq'],
  errors,
  same: printSave({ tables: reread.tables }, { family: 'ipv4' }) === rules && rules.includes('DOCKER-ISOLATION'),
  refused: await readBundle('absent').catch((error: unknown) => error instanceof BundleError),
}));
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bridgekeeper-api-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/bridgekeeper'));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}\n');
  writeFileSync(join(folder, 'use.ts'), program);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('another program diagnoses a bundle and tries the repair', async () => {
  const { code, stdout, stderr } = await run(
    { argv: [process.execPath, 'use.ts', capture] },
    { cwd: folder },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    cause: 'masquerade-disabled',
    before: ['timeout', '172.17.0.2'],
    after: ['ok', '203.0.113.2'],
    masquerade: {
      value: false,
      origin: {
        kind: 'implied',
        by: 'iptables',
        origin: { kind: 'file', path: 'daemon.json', line: 1, column: 14 },
      },
    },
    errors: [],
    same: true,
    refused: true,
  });
});

test('its types are those of the declarations', async () => {
  const options = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      target: 'es2023',
      module: 'nodenext',
      noEmit: true,
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
    },
    files: ['use.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { code, stdout } = await run({ argv: [tsc, '-p', folder] }, { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
});
