import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../src/kernel/process.ts';
import { machine, makePlace, type Place, program, root, users } from './program.ts';

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

describe.each(await users())('a lab, as $name', (user) => {
  const name = `test-${process.pid}`;
  const lab = (...args: readonly string[]) => {
    const [verb = '', ...rest] = args;
    return place.program(user, ['lab', verb, '--name', name, ...rest]);
  };
  afterEach(async () => {
    await lab('down');
  });

  /** Where the lab's record is: root's and a user's places differ. */
  const folder = () =>
    user.name === 'root' ? '/run/bridgekeeper' : join(place.folder, 'bridgekeeper-65534');

  test('goes up, is used, and goes down without a trace', async () => {
    const before = await machine();
    const up = await lab('up');
    expect(up).toMatchObject({ code: 0, stderr: '' });
    expect(up.stdout).toContain('host, inet, web, agent');

    const again = await lab('up');
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/^bridgekeeper: lab test-\d+ is already up.*\n$/);

    const list = await place.program(user, ['lab', 'ls', '--json']);
    expect(JSON.parse(list.stdout).labs).toContainEqual({
      name,
      state: 'up',
      places: ['host', 'inet', 'web', 'agent'],
    });

    const ping = await lab('exec', 'web', '--', 'ping', '-n', '-c', '1', '-W', '2', '198.51.100.7');
    expect(ping.code).toBe(0);
    const talk = join(root, 'dist/lab/talk.js');
    const published = await lab(
      'exec',
      'inet',
      '--',
      process.execPath,
      talk,
      'ask',
      'tcp',
      '203.0.113.2',
      '8080',
    );
    expect(published.stdout).toBe('203.0.113.1\n');
    const host = await lab('exec', 'host', '--', 'ip', '-br', 'link', 'show', 'docker0');
    expect(host.stdout).toContain('docker0');
    const status = await lab('exec', 'agent', '--', 'sh', '-c', 'pwd; exit 7');
    expect(status).toMatchObject({ code: 7, stdout: `${process.cwd()}\n` });
    expect((await lab('exec', 'nobody', '--', 'true')).code).toBe(2);

    expect((await lab('down')).code).toBe(0);
    expect(place.leftProcesses()).toEqual([]);
    expect(await machine()).toEqual(before);
    const gone = await lab('exec', 'web', '--', 'true');
    expect(gone).toMatchObject({ code: 2, stdout: '' });
  });

  test('follows a daemon.json, and says what is wrong with one', async () => {
    const config = join(place.folder, 'daemon.json');
    writeFileSync(config, '{"ip-masq": false, "bip": "10.77.0.1/24"}', { mode: 0o644 });
    expect((await lab('up', '--config-file', config)).code).toBe(0);
    const nat = await lab('exec', 'host', '--', 'iptables-save', '-t', 'nat');
    expect(nat.stdout).not.toContain('MASQUERADE');
    expect(nat.stdout).toContain('10.77.0.2:80');
    await lab('down');

    writeFileSync(config, '{"bip": ');
    const bad = await lab('up', '--config-file', config);
    expect(bad.code).toBe(2);
    expect(bad.stderr.trim().split('\n')).toHaveLength(1);
    expect((await lab('up', '--config-file', join(place.folder, 'missing.json'))).stderr).toContain(
      'no such file',
    );
    expect(place.leftProcesses()).toEqual([]);
  });

  test('that was killed is known as ended, and its name is free again', async () => {
    expect((await lab('up')).code).toBe(0);
    const record = JSON.parse(readFileSync(join(folder(), 'lab', name, 'lab.json'), 'utf8'));
    // Without kill(1), which a bare system lacks.
    const kill = `process.kill(${Number(record.keeper.pid)}, 'SIGKILL')`;
    await run({ argv: [...user.prefix, process.execPath, '-e', kill] });
    await expect.poll(() => place.leftProcesses(), { timeout: 5000 }).toEqual([]);
    const ended = await lab('exec', 'web', '--', 'true');
    expect(ended).toMatchObject({ code: 2 });
    expect(ended.stderr).toContain('has ended');
    expect((await lab('up')).code).toBe(0);
    expect((await lab('exec', 'web', '--', 'true')).code).toBe(0);
  });

  test('can be looked at before it is made', async () => {
    const { code, stdout } = await lab('up', '--dry-run');
    expect(code).toBe(0);
    expect(stdout).toContain('ip -batch -\n    link add name eth0 type veth peer name up0');
    expect(stdout).toContain('-restore --noflush -w\n    *');
    expect(stdout).toContain('-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE');
    expect((await lab('exec', 'host', '--', 'true')).code).toBe(2);
    expect(place.leftProcesses()).toEqual([]);
  });

  test('that was not finished leaves nothing behind', async () => {
    const [command = '', ...args] = [...user.prefix, program, 'lab', 'up', '--name', name];
    const child = spawn(command, args, { env: { ...process.env, ...place.env }, stdio: 'ignore' });
    await expect.poll(() => place.leftProcesses().length, { timeout: 5000 }).toBeGreaterThan(4);
    child.kill('SIGKILL');
    await expect.poll(() => place.leftProcesses(), { timeout: 5000 }).toEqual([]);
    expect((await lab('exec', 'host', '--', 'true')).code).toBe(2);
    expect(readdirSync(join(folder(), 'lab')).filter((entry) => entry.startsWith('.new-'))).toEqual([]);
  });

  test('is refused by a name that is no name', async () => {
    const { code, stderr } = await place.program(user, ['lab', 'up', '--name', '../x']);
    expect(code).toBe(2);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
