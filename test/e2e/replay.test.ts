/**
 * `replay` as a person runs it: on the logs of the incident, from a file and from standard input, in every format, and on what is none.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run as runProcess } from '../../src/kernel/process.ts';
import { makePlace, type Place, program, root } from './program.ts';

const [off, on] = ['ip-masq-false', 'ip-masq-true'].map((name) => join(root, `test/logs/${name}.txt`));
const capture = (name: string) => join(root, `test/corpus/${name}.tar.gz`);
let place: Place;

beforeAll(() => {
  place = makePlace();
});
afterAll(() => place.remove());

const run = (...args: readonly (string | undefined)[]) =>
  place.program({ name: 'whoever runs the tests', prefix: [] }, [
    'replay',
    ...args.filter((arg) => arg !== undefined),
  ]);

function write(name: string, text: string): string {
  const path = join(place.folder, name);
  writeFileSync(path, text);
  return path;
}

describe('the logs of the incident', () => {
  test('differ by a setting that is in neither', async () => {
    const { code, stdout, stderr } = await run(off, '--against', on);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toContain('ip-masq=true would make 2 of the missing rules');
    expect(stdout).toContain('-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE');
  });

  test('are each like themselves', async () => {
    expect(await run(off, '--against', off)).toMatchObject({ code: 0, stderr: '' });
    expect(await run(off)).toMatchObject({ code: 0, stderr: '' });
  });

  test('are told in Chinese', async () => {
    const { stdout } = await run(off, '--against', on, '--lang', 'zh');
    expect(stdout).toContain('缺少的规则中有 2 条由 ip-masq=true 产生');
  });

  test('are data', async () => {
    const output = JSON.parse((await run(off, '--against', on, '--json')).stdout);
    expect(output).toMatchObject({
      schema: 'bridgekeeper.replay/1',
      engine: { version: '17.06.2-ce', from: 'log' },
      starts: [{ completed: true, liveRestore: true }],
      difference: { different: true, deciding: [{ setting: 'ip-masq', value: true, missing: 2, extra: 0 }] },
    });
    expect(output.messages[0]).toMatchObject({ slug: 'live-restore-keeps-settings', weight: 'notice' });
  });

  test('are rules that iptables-restore takes', async () => {
    const { stdout } = await run(on, '--format', 'iptables-save');
    expect(stdout).toMatch(/^\*filter\n[\s\S]*\nCOMMIT\n\*nat\n[\s\S]*MASQUERADE\n[\s\S]*\nCOMMIT\n$/);
  });

  test('come by standard input too', async () => {
    const piped = await runProcess(
      { argv: ['sh', '-c', 'exec "$0" replay - --format iptables-save <"$1"', program, on ?? ''] },
      { env: place.env },
    );
    expect(piped.stdout).toBe((await run(on, '--format', 'iptables-save')).stdout);
  });
});

describe('a plan', () => {
  test('of a bundle is what its log made', async () => {
    const { code, stdout } = await run('--bundle', capture('28.5.2/user-bridges-two'));
    expect(stdout).toContain('The rules are those of the plan.\n');
    expect(code).toBe(0);
  });

  test('without rules is what such a log made', async () => {
    const { code, stdout } = await run('--bundle', capture('28.5.2/iptables-false'));
    expect(stdout).toContain('The rules are those of the plan.\n');
    expect(code).toBe(0);
  });

  test('of a daemon.json differs from a log by its settings', async () => {
    const config = write('daemon.json', '{"icc": false}');
    const { code, stdout } = await run(on, '--config-file', config);
    expect(code).toBe(1);
    expect(stdout).toContain('icc=false would make 1 of the missing rules');
    expect(stdout).toContain('icc=true makes 1 of the additional rules');
  });
});

describe('what is no use', () => {
  test.each([
    [2, 'has no entry of dockerd', () => [write('prose.txt', 'Once upon a time.\n')]],
    [2, 'no such file', () => [join(place.folder, 'missing.log')]],
    [2, 'name a log', () => []],
    [2, 'cannot be used with', () => [on, '--against', on, '--bundle', 'x']],
    [
      3,
      'the log shows no command of the firewall',
      () => [write('info.log', 'time="t" level=info msg="Starting up"\n'), '--against', on],
    ],
    [3, 'is not supported', () => [on, '--config-file', write('empty.json', '{}'), '--engine', '1.12.0']],
  ])('ends with %i: %s', async (code, said, args) => {
    const result = await run(...args());
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(said);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

test('a log of 20 MB fits in little memory', { timeout: 60_000 }, async () => {
  const path = join(place.folder, 'long.log');
  const line =
    'time="2026-11-23T10:00:00Z" level=debug msg="handling GET request" method=GET module=api request-url=/info\n';
  writeFileSync(path, line.repeat(200_000));
  const { code, stdout } = await runProcess(
    { argv: [process.execPath, '--max-old-space-size=64', join(root, 'dist/cli/main.js'), 'replay', path] },
    { env: place.env },
  );
  expect({ code, entries: /in (\d+) entries/.exec(stdout)?.[1] }).toEqual({ code: 0, entries: '200000' });
});
