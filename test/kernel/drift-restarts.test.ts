/**
 * `drift` beside a real dockerd that was restarted in all its ways, and whose log nobody has: what such a daemon makes is no drift, in
 * whatever order it makes it, and what it lost is.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inNamespace } from '../../src/kernel/namespace.ts';
import { mustRun, run } from '../../src/kernel/process.ts';
import { program } from '../e2e/program.ts';
import { type Dockerd, dockerdUnavailable, image, startDockerd } from '../support/dockerd.ts';

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) console.warn(`skipped: ${unavailable}`);

describe.skipIf(unavailable !== undefined)('a dockerd that was restarted', () => {
  let dockerd: Dockerd;

  beforeAll(async () => {
    dockerd = await startDockerd();
    const { docker } = dockerd;
    for (const name of ['front', 'wide', 'far']) await docker('network', 'create', name);
    await docker('network', 'create', '--internal', 'back');
    await start('web', '--publish', '8080:80');
    await start('shop', '--network', 'front', '--publish', '8443:443', '--publish', '9000:9000/udp');
    await docker('network', 'connect', 'back', 'shop');
  });

  afterAll(async () => dockerd?.stop());

  const start = (name: string, ...flags: readonly string[]) =>
    dockerd.docker(
      'run',
      '-d',
      '--restart',
      'always',
      '--stop-signal',
      'KILL',
      '--name',
      name,
      ...flags,
      image,
      'sleep',
      'infinity',
    );
  const drift = () => run({ argv: [program, 'drift', '--netns', dockerd.netns] });
  const inHost = (...argv: readonly string[]) => mustRun({ argv: inNamespace(dockerd.netns, argv) });
  const asPlanned = async () => {
    const found = await drift();
    return found.code === 0 ? 'as planned' : found.stdout + found.stderr;
  };

  it.each<[string, object]>([
    ['plainly', {}],
    ['with live restore to come', { 'live-restore': true }],
    ['live', { 'live-restore': true }],
    ['live, with another setting', { 'live-restore': true, 'userland-proxy': false }],
    ['plainly, with that setting', { 'userland-proxy': false }],
    ['with a new default network', { bip: '10.77.0.1/24', 'userland-proxy': false }],
  ])('%s has not drifted', async (_how, config) => {
    await dockerd.halt();
    await dockerd.start({ config });
    // Containers come back one by one after the daemon answers.
    await expect.poll(asPlanned, { timeout: 30_000, interval: 300 }).toBe('as planned');
  });

  it('and what it lost then is found, and comes back', async () => {
    await inHost('iptables', '-t', 'nat', '-F', 'DOCKER');
    await inHost('iptables', '-F', 'DOCKER-ISOLATION-STAGE-1');
    const lost = await drift();
    expect(lost).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/ - -A DOCKER-ISOLATION-STAGE-1 -j RETURN/),
    });
    expect(await run({ argv: [program, 'heal', '--netns', dockerd.netns] })).toMatchObject({ code: 0 });
    expect(await asPlanned()).toBe('as planned');
  });

  it('and what it left behind is said', async () => {
    await dockerd.halt();
    await dockerd.start({ config: { bip: '10.77.0.1/24' } });
    // Engines before 23.0 leave these rules when the userland proxy comes back.
    const left = /^not as Docker \S+ makes it: 4 left behind$/m;
    await expect.poll(async () => (await drift()).stdout, { timeout: 30_000, interval: 300 }).toMatch(left);
  });
});
