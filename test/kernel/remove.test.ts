/**
 * `heal --remove` after a real dockerd: everything that it made goes, what others made stays, and so does what the administrator put
 * into DOCKER-USER.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inNamespace } from '../../src/kernel/namespace.ts';
import { mustRun, run } from '../../src/kernel/process.ts';
import { program } from '../e2e/program.ts';
import { type Dockerd, dockerdUnavailable, image, startDockerd } from '../support/dockerd.ts';

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) console.warn(`skipped: ${unavailable}`);

describe.skipIf(unavailable !== undefined)('what a dockerd leaves', () => {
  let dockerd: Dockerd;

  beforeAll(async () => {
    dockerd = await startDockerd();
    const { docker } = dockerd;
    await docker('network', 'create', 'front');
    await docker('network', 'create', 'named', '--opt', 'com.docker.network.bridge.name=shop0');
    for (const network of ['front', 'named'])
      await docker(
        'run',
        '-d',
        '--stop-signal',
        'KILL',
        '--network',
        network,
        '-p',
        '80',
        image,
        'sleep',
        'infinity',
      );
    await inHost('iptables', '-I', 'FORWARD', '-s', '192.0.2.0/24', '-j', 'DROP');
    await inHost('iptables', '-I', 'DOCKER-USER', '-s', '192.0.2.1', '-j', 'DROP');
    await inHost(
      'iptables',
      '-t',
      'nat',
      '-A',
      'POSTROUTING',
      '-s',
      '10.9.0.0/16',
      '-o',
      'tun0',
      '-j',
      'MASQUERADE',
    );
    await inHost('ip', 'link', 'add', 'br-mine', 'type', 'bridge');
  });

  afterAll(async () => dockerd?.stop());

  const inHost = async (...argv: readonly string[]) =>
    (await mustRun({ argv: inNamespace(dockerd.netns, argv) })).stdout;
  const remove = (...args: readonly string[]) =>
    run({ argv: [program, 'heal', '--remove', ...args, '--netns', dockerd.netns] });

  it('is taken out after it ended, and only that', async () => {
    expect(await remove()).toMatchObject({ code: 3, stdout: '' });
    await dockerd.halt();
    const rules = await inHost('iptables', '-S');
    expect(await remove('--dry-run')).toMatchObject({ code: 1, stderr: '' });
    expect(await inHost('iptables', '-S')).toBe(rules);
    expect(await remove()).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^ +shop0$/m),
    });
    expect((await inHost('iptables', '-S')).trim().split('\n')).toEqual([
      '-P INPUT ACCEPT',
      // Who set it is not seen.
      '-P FORWARD DROP',
      '-P OUTPUT ACCEPT',
      '-N DOCKER-USER',
      '-A FORWARD -s 192.0.2.0/24 -j DROP',
      '-A DOCKER-USER -s 192.0.2.1/32 -j DROP',
    ]);
    expect((await inHost('iptables', '-t', 'nat', '-S')).trim().split('\n')).toEqual([
      '-P PREROUTING ACCEPT',
      '-P INPUT ACCEPT',
      '-P OUTPUT ACCEPT',
      '-P POSTROUTING ACCEPT',
      '-A POSTROUTING -s 10.9.0.0/16 -o tun0 -j MASQUERADE',
    ]);
    const links = await inHost('ip', '-brief', 'link', 'show', 'type', 'bridge');
    expect(links).toMatch(/^br-mine/m);
    expect(links).not.toMatch(/docker0|br-[0-9a-f]{12}/);
    const again = await remove('--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ what: 'remove', done: false, mended: [] });
    expect(again.code).toBe(0);
  });
});
