/**
 * The real daemon that tests start: several at once, and nothing of it is left, not even when its owner is killed.
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { dockerdUnavailable, image, startDockerd } from '../support/dockerd.ts';

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) console.warn(`skipped: ${unavailable}`);

describe.skipIf(unavailable !== undefined)('a dockerd of the tests', () => {
  it('runs beside others, keeps its data when it is halted, and takes everything with it', async () => {
    const [one, other] = await Promise.all([
      startDockerd(),
      startDockerd({ config: { bip: '10.9.0.1/24' } }),
    ]);
    try {
      await one.docker('network', 'create', 'kept');
      expect(await other.docker('network', 'ls')).not.toContain('kept');
      expect(await other.docker('run', '--rm', image, 'ip', 'addr')).toContain('10.9.0.2/24');
      await one.halt();
      await one.start({ argv: ['--icc=false'] });
      expect(await one.docker('network', 'ls')).toContain('kept');
      expect(await one.docker('network', 'inspect', 'bridge')).toMatch(/enable_icc": "false/);
    } finally {
      await Promise.all([one.stop(), other.stop()]);
    }
    expect(existsSync(one.netns)).toBe(false);
    expect(existsSync(one.dataRoot)).toBe(false);
  });

  it('says why the daemon did not start', async () => {
    await expect(startDockerd({ config: { bip: 'here' } })).rejects.toThrow(/invalid CIDR address: here/);
  });

  it('ends with its owner, and the next start removes its files and cgroups', async () => {
    const program = fileURLToPath(new URL('./dockerd-owner.ts', import.meta.url));
    const owner = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const netns = await new Promise<string>((resolve) => {
      owner.stdout.once('data', (line: Buffer) => resolve(line.toString('utf8').trim()));
    });
    expect(existsSync(netns)).toBe(true);
    const ended = new Promise((resolve) => owner.once('exit', resolve));
    owner.kill('SIGKILL');
    await ended;
    await expect.poll(() => existsSync(netns), { timeout: 10_000 }).toBe(false);
    const name = `bridgekeeper-dockerd-${owner.pid}-*`;
    // What is left while the kernel still ends processes is left to the start after.
    const leftAfterStart = async () => {
      const next = await startDockerd();
      await next.stop();
      return globSync([tmpdir(), '/sys/fs/cgroup', '/sys/fs/cgroup/*'].map((root) => join(root, name)));
    };
    await expect.poll(leftAfterStart, { timeout: 20_000 }).toEqual([]);
  });
});
