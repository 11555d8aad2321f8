/**
 * The import direction of the architecture, checked on every module, and the checker on small ones.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { breaches, packagesOf } from './support/architecture.ts';
import { readSource } from './support/source.ts';

const root = new URL('../', import.meta.url);
const modules = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.split(sep).join('/'))
  .map((path) => ({ path, text: readFileSync(new URL(`src/${path}`, root), 'utf8') }));

test('every module keeps the direction, and the core touches nothing but values', () => {
  expect(modules.length).toBeGreaterThan(100);
  expect(modules.flatMap(({ text }) => readSource(text).imports).length).toBeGreaterThan(3 * modules.length);
  expect(modules.flatMap(({ path, text }) => breaches(path, text))).toEqual([]);
});

test('what the program imports is what the package depends on', () => {
  const { dependencies } = JSON.parse(readFileSync(fileURLToPath(new URL('package.json', root)), 'utf8'));
  const used = modules
    .filter(({ path }) => !path.endsWith('.test.ts'))
    .flatMap(({ text }) => packagesOf(text));
  expect([...new Set(used)].toSorted()).toEqual(Object.keys(dependencies).toSorted());
});

describe('the checker lets pass', () => {
  test.each([
    ['net/prefix.ts', "import { a } from './addr.ts';"],
    ['firewall/match.ts', "import type { Addr } from '../net/addr.ts';"],
    ['plan/bridge/g1.ts', "import { a } from '../../net/addr.ts';\nimport { b } from '../plan.ts';"],
    ['intent/schema.ts', "import { z } from 'zod';"],
    [
      'cli/doctor.ts',
      "import { readFileSync } from 'node:fs';\nimport { Command } from 'commander';\nprocess.exit(Date.now());",
    ],
    ['cli/doctor.ts', "const { diagnose } = await import('../diagnosis/diagnose.ts');"],
    [
      'index.ts',
      "export { diagnose } from './diagnosis/diagnose.ts';\nexport { readBundle } from './bundle/read.ts';",
    ],
    [
      'net/addr.test.ts',
      "import { isIP } from 'node:net';\nimport { x } from '../../test/fixtures/host.ts';",
    ],
    [
      'host/sockets.ts',
      'const name = socket.process ?? sockets[0]?.process;\nreturn { process: name, fetch: 1 };',
    ],
    [
      'host/sockets.ts',
      "// process.exit()\n/* import { x } from '../cli/main.ts'; */\nconst text = 'process.env'; // console.log",
    ],
    ['intent/time.ts', 'const at = new Date(text).getTime();'],
    ['net/addr.ts', 'export function f() {\n  let value = 0;\n  return value;\n}'],
    ['net/addr.ts', 'const pattern = /[/"\'`] from "x/;\nconst half = a / b; // from "node:fs"'],
  ])('%s: %j', (path, text) => {
    expect(breaches(path, text)).toEqual([]);
  });
});

describe('the checker refuses', () => {
  test.each([
    ['net/addr.ts', "import { x } from '../firewall/save.ts';", 'net imports firewall'],
    ['net/addr.ts', "import type { x } from '../firewall/save.ts';", 'net imports firewall'],
    ['host/state.ts', "export * from '../options/options.ts';", 'host imports options'],
    ['packet/walk.ts', "export type { x } from '../diagnosis/finding.ts';", 'packet imports diagnosis'],
    [
      'options/table.ts',
      "import {\n  a,\n  b,\n} from '../intent/intent.ts';",
      'options/table.ts:4: options imports intent',
    ],
    ['diagnosis/diagnose.ts', "import { x } from '../bundle/read.ts';", 'diagnosis imports bundle'],
    ['kernel/apply.ts', "import { x } from '../engine/live.ts';", 'kernel imports engine'],
    ['plan/bridge/g1.ts', "import { x } from '../../packet/walk.ts';", 'plan imports packet'],
    ['plan/bridge/g1.ts', "const x = await import('../../packet/walk.ts');", 'plan imports packet'],
    ['net/addr.ts', "import '../cli/main.ts';", 'net imports cli'],
    ['net/addr.ts', "const a = 1;\nimport '../cli/main.ts';", 'net/addr.ts:2: net imports cli'],
    ['net/addr.ts', "import { readFileSync } from 'node:fs';", 'the core imports node:fs'],
    ['net/addr.ts', "import x from 'ipaddr.js';", 'the core imports ipaddr.js'],
    ['report/text/doctor.ts', "import { Command } from 'commander';", 'the core imports commander'],
    ['net/addr.ts', "import { x } from '../index.ts';", "the package's face"],
    ['cli/main.ts', "import { x } from '../../test/support/plan.ts';", 'outside src'],
    ['net/addr.ts', "import { x } from './addr.test.ts';", 'imports the test'],
    ['helpers/x.ts', '', 'has no place in the order'],
    ['net/addr.ts', "import { x } from '../helpers/x.ts';", 'has no place in the order'],
    ['net/addr.ts', 'if (process.env.DEBUG) x();', 'the process'],
    ['net/addr.ts', 'const home = process[name];', 'the process'],
    ['net/addr.ts', 'console.log(1);', 'the console'],
    ['net/addr.ts', 'const t = Date.now();', 'the clock'],
    ['net/addr.ts', 'const t = new Date();', 'the clock'],
    ['net/addr.ts', 'const t = performance.now();', 'the clock'],
    ['net/addr.ts', 'const r = Math.random();', 'chance'],
    ['net/addr.ts', 'const r = crypto.randomUUID();', 'chance'],
    ['net/addr.ts', 'const r = await fetch(url);', 'the network'],
    ['net/addr.ts', 'setTimeout(() => 1, 2);', 'a timer'],
    ['net/addr.ts', 'const b = Buffer.from(text);', 'Node.js'],
    ['net/addr.ts', 'globalThis.cache = 1;', 'globals'],
    ['net/addr.ts', 'let cache = 0;', 'state'],
    ['net/addr.ts', 'export let cache = 0;', 'state'],
    ['net/addr.ts', 'const text = `at #{Date.now()} of #{`#{process.pid}`}`;', 'the clock'],
    ['net/addr.ts', 'const text = `of #{`#{process.pid}`}`;', 'the process'],
    ['net/addr.ts', 'const text = `#{{ a: { b: 1 } }.a}`; console.log(text);', 'the console'],
  ])('%s: %j', (path, text, why) => {
    expect(breaches(path, text.replaceAll('#{', '${')).join('\n')).toContain(why);
  });
});

describe('reading a module', () => {
  test('comments and strings are no code', () => {
    expect(readSource('a(); // b\n/* c\nd */ e("f", \'g\', `h #{i} j`);'.replace('#{', '${')).code).toBe(
      'a(); \n\n e("", "", "" i "");',
    );
  });

  test('a quote in a regular expression, and a slash that divides', () => {
    expect(readSource("const a = /'[/]/g; const b = c / d / 'e';").code).toBe(
      'const a = / /g; const b = c / d / "";',
    );
  });

  test('every way to import, with its line', () => {
    const text =
      "import a from 'a';\nimport 'b';\nexport * from \"c\";\nconst d = import('d');\ntype E = import('e').E;\nlabel('from', 'f');";
    expect(readSource(text).imports).toEqual([
      { from: 'a', line: 1 },
      { from: 'b', line: 2 },
      { from: 'c', line: 3 },
      { from: 'd', line: 4 },
      { from: 'e', line: 5 },
    ]);
  });

  test('packages by name', () => {
    expect(
      packagesOf(
        "import a from '@scope/name/deep';\nimport b from 'plain/deep';\nimport c from 'node:fs';\nimport d from './d.ts';",
      ),
    ).toEqual(['@scope/name', 'plain']);
  });
});
