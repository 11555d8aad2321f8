/**
 * `drift` and `heal` as a person runs them, on bundles and without rights: what they print, their exit codes, and that nothing is left
 * behind. What they do beside a real dockerd is the subject of test/kernel.
 */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makePlace, root, users } from './program.ts';

const place = makePlace();
afterAll(() => place.remove());

const capture = (name: string) => join(root, 'test/corpus', `${name}.tar.gz`);

describe.each(await users())('as $name', (user) => {
  const run = (...args: readonly string[]) => place.program(user, args);

  it('a host as planned is one line and 0, a flushed one is a diff and 1', async () => {
    expect(await run('drift', '--bundle', capture('28.5.2/default'))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^as planned: [^\n]*\n$/),
      stderr: '',
    });
    const flushed = await run('drift', '--bundle', capture('28.5.2/nat-flushed'));
    expect(flushed).toMatchObject({ code: 1, stderr: '' });
    expect(flushed.stdout).toMatch(
      /^ {2}- -A POSTROUTING -s 172\.17\.0\.0\/16 ! -o docker0 -j MASQUERADE\n {6}give what leaves/m,
    );
    const chinese = await run('drift', '--lang', 'zh', '--bundle', capture('28.5.2/nat-flushed'));
    expect(chinese.stdout).toMatch(/离开该网络的包改用主机的地址/);
  });

  it('JSON says the same, with place, reason and position', async () => {
    const { code, stdout } = await run('drift', '--json', '--bundle', capture('17.06.2/nat-flushed'));
    expect(code).toBe(1);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({
      schema: 'bridgekeeper.drift/1',
      engine: '17.06.2-ce',
      drifted: true,
      unknowns: [],
    });
    expect(answer.differences[0]).toMatchObject({
      kind: 'missing',
      place: { in: 'iptables', backend: 'iptables-nft', family: 'ipv4', table: 'nat', chain: 'PREROUTING' },
      text: '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      position: 1,
      reason: { because: [{ setting: 'iptables', value: true, origin: { kind: 'default' } }] },
    });
  });

  it('what others made is counted, and listed when asked for', async () => {
    const bundle = ['--bundle', capture('28.5.2/docker-user-drop')];
    expect((await run('drift', ...bundle)).stdout).toMatch(/^others' parts, left alone: docker-user 1$/m);
    expect((await run('drift', '--foreign', ...bundle)).stdout).toMatch(/-A DOCKER-USER -j DROP/);
  });

  it.each([
    [['drift', '--bundle', '/nowhere'], 2, /\/nowhere/],
    [
      ['drift', '--engine', '1.12', '--bundle', capture('28.5.2/default')],
      3,
      /engine 1\.12 is not supported/,
    ],
    [['drift', '--networks', '/nowhere', '--bundle', capture('28.5.2/default')], 2, /--networks/],
    [['drift', '--lang', 'fr', '--bundle', capture('28.5.2/default')], 2, /--lang/],
    [['heal', '--netns', '/nowhere'], 4, /\/nowhere: no such network namespace/],
    [['heal', '--watch', '--remove'], 2, /--watch/],
    [['heal', '--watch', '--dry-run'], 2, /--watch/],
    [['heal', '--bundle', 'x'], 2, /--bundle/],
  ])('%j ends with %i and one line', async (args, code, line) => {
    const finished = await run(...args);
    expect(finished).toMatchObject({ code, stdout: '' });
    expect(finished.stderr).toMatch(line);
    expect(finished.stderr.trim().split('\n')).toHaveLength(1);
  });

  it.skipIf(user.name === 'root')('without rights it says so, and that is all', async () => {
    for (const args of [['drift'], ['heal'], ['heal', '--remove']])
      expect(await run(...args)).toMatchObject({
        code: 4,
        stdout: '',
        stderr: expect.stringMatching(/needs root/),
      });
  });

  it('leaves nothing behind', () => {
    expect([place.leftProcesses(), place.leftFiles()]).toEqual([[], []]);
  });
});
