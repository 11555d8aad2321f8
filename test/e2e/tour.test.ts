import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { machine, makePlace, type Place, program, users } from './program.ts';

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

describe.each(await users())('the tour, as $name', (user) => {
  test('shows five steps, ends well, and leaves nothing behind', async () => {
    const before = await machine();
    const begin = Date.now();
    const { code, stdout, stderr } = await place.program(user, ['tour']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Date.now() - begin).toBeLessThan(20_000);

    const steps = stdout.split(/^(?=\d {2})/m).slice(1);
    expect(steps.map((step) => step[0])).toEqual(['1', '2', '3', '4', '5']);
    const [, , pings = '', doctor = '', repaired = ''] = steps;
    expect(pings).toMatch(/agent.*1 received[\s\S]*web.* 0 received[\s\S]*172\.17\.0\.2/);
    expect(doctor).toMatch(/ip-masq/);
    expect(doctor).toMatch(/daemon\.json, line 2/);
    expect(doctor).toContain('-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE');
    expect(repaired).toMatch(/web.* 1 received[\s\S]*203\.0\.113\.2/);

    expect(place.leftProcesses()).toEqual([]);
    expect(place.leftFiles()).toEqual([]);
    expect(await machine()).toEqual(before);
  });

  test('speaks Chinese', async () => {
    const { code, stdout } = await place.program(user, ['tour', '--lang', 'zh']);
    expect(code).toBe(0);
    expect(stdout).toContain('真实地 ping 198.51.100.7');
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('leaves nothing behind on %s', async (signal) => {
    const before = await machine();
    const [command = '', ...args] = [...user.prefix, program, 'tour'];
    const env = { ...process.env, ...place.env };
    // A process group of its own, as a terminal's foreground job is one; Ctrl-C reaches all of it.
    const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const { pid = 0 } = child;
    let printed = '';
    let sent = false;
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      if (sent || !printed.includes('\n3  ')) return;
      sent = true;
      process.kill(signal === 'SIGINT' ? -pid : pid, signal);
    });
    await once(child, 'exit');
    expect(sent).toBe(true);
    expect(printed).not.toContain('\n5  ');
    await expect.poll(() => place.leftProcesses(), { timeout: 5000 }).toEqual([]);
    expect(place.leftFiles()).toEqual([]);
    expect(await machine()).toEqual(before);
  });
});
