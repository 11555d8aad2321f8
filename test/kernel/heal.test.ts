/**
 * `drift` and `heal` beside a real dockerd: whatever took its rules away, they come back as they were, traffic flows again, the
 * daemon goes on as if nothing had happened, and what others put there stays. HEAL_ROUNDS=100 damages it more often, HEAL_SEED=2 otherwise.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { heal } from '../../src/engine/heal.ts';
import { lookAt } from '../../src/engine/look.ts';
import { ruleKey } from '../../src/firewall/args.ts';
import { diffRulesets } from '../../src/firewall/diff.ts';
import { parseSave } from '../../src/firewall/save.ts';
import { processKernel } from '../../src/kernel/apply.ts';
import { type Holder, hold, inNamespace } from '../../src/kernel/namespace.ts';
import { type Finished, isInstalled, mustRun, run } from '../../src/kernel/process.ts';
import { program } from '../e2e/program.ts';
import { type Dockerd, dockerdUnavailable, image, startDockerd } from '../support/dockerd.ts';
import { wire } from '../support/uplink.ts';

const unavailable = dockerdUnavailable();
if (unavailable !== undefined) console.warn(`skipped: ${unavailable}`);

const rounds = Number(process.env.HEAL_ROUNDS ?? 15);
const seed = Number(process.env.HEAL_SEED ?? 1);

describe.skipIf(unavailable !== undefined)(
  'heal beside a dockerd with three networks and five published ports',
  () => {
    let dockerd: Dockerd;
    let outside: Holder;
    let before: string;

    beforeAll(async () => {
      dockerd = await startDockerd();
      outside = await hold({ namespace: 'new' });
      await wire(dockerd.netns, outside.path);
      const { docker } = dockerd;
      await docker('network', 'create', 'front', '--subnet', '10.1.0.0/24');
      await docker('network', 'create', 'back', '--internal', '--subnet', '10.2.0.0/24');
      await docker('network', 'create', 'wide', '--subnet', '10.3.0.0/16');
      const start = (name: string, ...flags: readonly string[]) =>
        docker(
          'run',
          '-d',
          '--stop-signal',
          'KILL',
          '--name',
          name,
          ...flags,
          image,
          'httpd',
          '-f',
          '-p',
          '80',
        );
      await start('web', '-p', '8080:80', '-p', '127.0.0.1:5353:53/udp');
      await start('shop', '--network', 'front', '-p', '8443:80', '-p', '9000-9001:9000-9001');
      await start('peer', '--network', 'wide');
      await docker('network', 'connect', 'back', 'shop');
      before = await saved();
    });

    afterAll(async () => {
      await Promise.all([dockerd?.stop(), outside?.release()]);
    });

    /** Whatever a test did: the next one finds the host as it was. */
    afterEach(async () => {
      await inHost('nft', 'flush', 'ruleset');
      await bridgekeeper('heal');
      expect(await saved()).toBe(before);
    });

    const inHost = (...argv: readonly string[]) => mustRun({ argv: inNamespace(dockerd.netns, argv) });
    const bridgekeeper = (...args: readonly string[]): Promise<Finished> =>
      run({ argv: [program, ...args, '--netns', dockerd.netns] });
    const saved = async () => withoutCounters((await inHost('iptables-save')).stdout);

    /** From the outside to a published port, and from a container to the outside: both need rules of Docker's. */
    async function traffic(): Promise<readonly boolean[]> {
      const from = (path: string, ...argv: readonly string[]) => run({ argv: inNamespace(path, argv) });
      const fetch = (port: number) =>
        from(outside.path, 'busybox', 'nc', '-w', '1', '203.0.113.2', `${port}`, '-e', 'true');
      const ping = (container: string) =>
        run({
          argv: [
            'docker',
            '-H',
            `unix://${dockerd.socket}`,
            'exec',
            container,
            'ping',
            '-c1',
            '-W1',
            '198.51.100.7',
          ],
        });
      const all = await Promise.all([fetch(8080), fetch(8443), ping('web'), ping('peer')]);
      return all.map(({ code }) => code === 0);
    }

    const works = [true, true, true, true];

    it('says that nothing has drifted, and has nothing to put back', async () => {
      expect(await bridgekeeper('drift')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('as planned'),
      });
      expect(await bridgekeeper('heal')).toMatchObject({ code: 0 });
      expect(await saved()).toBe(before);
      expect(await traffic()).toEqual(works);
    });

    it('puts everything back after iptables -F, byte for byte, and does nothing the second time', async () => {
      await inHost('iptables', '-F');
      await inHost('iptables', '-t', 'nat', '-F');
      // The userland proxy still answers on published ports.
      expect(await traffic()).toEqual([true, true, false, false]);
      expect(await bridgekeeper('drift')).toMatchObject({ code: 1 });
      const dry = await bridgekeeper('heal', '--dry-run');
      expect(dry).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('iptables-nft-restore --noflush -w'),
      });
      expect(await saved()).not.toBe(before);
      expect(await bridgekeeper('heal')).toMatchObject({ code: 0, stderr: '' });
      expect(await saved()).toBe(before);
      expect(await traffic()).toEqual(works);
      const again = await bridgekeeper('heal', '--json');
      expect(JSON.parse(again.stdout)).toMatchObject({ schema: 'bridgekeeper.heal/1', mended: [], left: [] });
      expect(await saved()).toBe(before);
      expect(readFileSync(dockerd.log, 'utf8').match(/API listen on/g)).toHaveLength(1);
    });

    it('puts nothing back twice when several do it at once', async () => {
      await inHost('iptables', '-F');
      const all = await Promise.all([1, 2, 3].map(() => bridgekeeper('heal', '--json')));
      expect(all.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(all.filter(({ stdout }) => JSON.parse(stdout).done)).toHaveLength(1);
      expect(await saved()).toBe(before);
    });

    it('puts back chains, policies and tables after nft flush ruleset', async () => {
      await inHost('nft', 'flush', 'ruleset');
      expect(await bridgekeeper('heal')).toMatchObject({ code: 0, stderr: '' });
      expect(await saved()).toBe(before);
      expect(await traffic()).toEqual(works);
    });

    it('puts back a bridge, its ports and its sysctls', async () => {
      await inHost('ip', 'link', 'delete', 'docker0');
      await inHost('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
      expect(await traffic()).toEqual([false, false, false, false]);
      expect(await bridgekeeper('heal')).toMatchObject({ code: 0, stderr: '' });
      expect(await bridgekeeper('drift')).toMatchObject({ code: 0 });
      expect(await traffic()).toEqual(works);
    });

    it.skipIf(!isInstalled('ufw'))(
      'keeps to its own beside ufw, and comes back after ufw has flushed everything',
      async () => {
        // ufw writes its configuration: it gets copies, in a mount namespace of its own.
        const own = ['ufw', 'default'].map(
          (name) => `cp -a /etc/${name} /mnt/${name} && mount --bind /mnt/${name} /etc/${name}`,
        );
        const ufw = (command: string) =>
          inHost(
            'unshare',
            '--mount',
            'sh',
            '-c',
            ['mount -t tmpfs tmpfs /mnt', ...own, 'mount -t tmpfs tmpfs /run', command].join(' && '),
          );
        await ufw('ufw --force enable');
        const enabled = await saved();
        expect(enabled).toContain('ufw-before-forward');
        expect(await bridgekeeper('drift')).toMatchObject({
          code: 0,
          stdout: expect.stringMatching(/ufw \d+/),
        });
        await inHost('iptables', '-F', 'FORWARD');
        await inHost('iptables', '-t', 'nat', '-F');
        const flushed = await saved();
        expect(await bridgekeeper('heal')).toMatchObject({ code: 0 });
        expect(await traffic()).toEqual(works);
        const others = (save: string) =>
          diffRulesets(rulesetOf(before), rulesetOf(save)).extra.map(({ rule }) => ruleKey(rule));
        expect(others(await saved())).toEqual(others(flushed));
        await ufw('/lib/ufw/ufw-init flush-all');
        expect(await saved()).not.toContain('-A FORWARD');
        expect(await bridgekeeper('heal')).toMatchObject({ code: 0 });
        expect(await traffic()).toEqual(works);
      },
    );

    it('watches, and puts back what vanishes', async () => {
      const [tool = '', ...args] = [program, 'heal', '--watch', '--json', '--netns', dockerd.netns];
      const watcher: ChildProcess = spawn(tool, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      try {
        if (watcher.stderr === null) throw new Error('no output');
        await once(watcher.stderr, 'data');
        for (const flush of [
          ['iptables', '-F'],
          ['nft', 'flush', 'ruleset'],
          ['iptables', '-t', 'nat', '-F'],
        ]) {
          await inHost(...flush);
          await expect.poll(saved, { timeout: 15_000, interval: 50 }).toBe(before);
        }
      } finally {
        watcher.kill('SIGTERM');
        await once(watcher, 'exit');
      }
      expect(watcher.exitCode).toBe(0);
    });

    it('leaves the rules of containers that stopped alone, and those of new ones', async () => {
      await dockerd.docker(
        'run',
        '-d',
        '--stop-signal',
        'KILL',
        '--name',
        'late',
        '-p',
        '7000:80',
        image,
        'sleep',
        'infinity',
      );
      const more = await saved();
      await inHost('iptables', '-F');
      expect(await bridgekeeper('heal')).toMatchObject({ code: 0 });
      expect(await saved()).toBe(more);
      await dockerd.docker('rm', '-f', 'late');
      expect(await bridgekeeper('heal')).toMatchObject({ code: 0 });
      expect(await saved()).toBe(before);
    });

    it('takes nothing out while the daemon would make it again', async () => {
      const refused = await bridgekeeper('heal', '--remove');
      expect(refused).toMatchObject({ code: 3, stdout: '' });
      expect(refused.stderr).toMatch(/a dockerd runs here/);
      expect(await saved()).toBe(before);
    });

    it('puts back any part of the rules among any rules of others, in an order that means the same', async () => {
      const target = {
        look: () => lookAt({ netns: dockerd.netns }),
        netns: dockerd.netns,
        kernel: processKernel,
      };
      const docker = rulesetOf(before);
      const lines = before.split('\n').filter((line) => line.startsWith('-A '));
      const deletable = tablesOf(before).flatMap(({ table, rules }) =>
        rules.map((rule) => ({ table, rule })),
      );
      expect(deletable.length).toBe(lines.length);
      await fc.assert(
        fc.asyncProperty(
          fc.subarray(deletable),
          fc.array(
            fc.record({
              place: fc.constantFrom(...places),
              at: fc.nat(3),
              mark: fc.integer({ min: 1, max: 1e6 }),
              verdict: fc.constantFrom('DROP', 'ACCEPT', 'RETURN'),
            }),
            { minLength: 3, maxLength: 8 },
          ),
          async (gone, foreign) => {
            for (const { table, rule } of gone)
              await inHost('iptables', '-t', table, ...wordsOf(rule.replace(/^-A/, '-D')));
            for (const { place, at, mark, verdict } of foreign) {
              const [table, chain] = place;
              const target = table === 'nat' && verdict === 'DROP' ? 'RETURN' : verdict;
              const there = (await inHost('iptables', '-t', table, '-S', chain)).stdout
                .trim()
                .split('\n').length;
              const position = `${1 + (at % there)}`;
              await inHost(
                'iptables',
                '-t',
                table,
                '-I',
                chain,
                position,
                '-m',
                'mark',
                '--mark',
                `${mark}`,
                '-j',
                target,
              );
            }
            const damaged = rulesetOf(await saved());
            const healed = await heal(target, false);
            expect(['done', 'nothing']).toContain(healed.kind);
            const after = rulesetOf(await saved());
            const found = diffRulesets(docker, after);
            expect(found.missing).toEqual([]);
            expect(found.misordered.filter(({ matters }) => matters)).toEqual([]);
            const others = (ruleset: typeof after) =>
              diffRulesets(docker, ruleset).extra.map(({ chain, rule }) => `${chain} ${ruleKey(rule)}`);
            expect(others(after)).toEqual(others(damaged));
            await inHost('nft', 'flush', 'ruleset');
            await heal(target, false);
            expect(await saved()).toBe(before);
          },
        ),
        { numRuns: rounds, seed, endOnFailure: true },
      );
    }, 600_000);
  },
);

/** Chains that others write to: built-in ones, the administrator's, and even Docker's own. */
const places = [
  ['filter', 'FORWARD'],
  ['filter', 'DOCKER-USER'],
  ['filter', 'DOCKER'],
  ['filter', 'DOCKER-ISOLATION-STAGE-1'],
  ['nat', 'PREROUTING'],
  ['nat', 'POSTROUTING'],
  ['nat', 'DOCKER'],
] as const;

/** iptables-save without what changes by itself: comments with the time, and counters. */
function withoutCounters(save: string): string {
  return save.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '[0:0]');
}

function rulesetOf(save: string) {
  const { tables, errors } = parseSave(save, {
    backend: 'iptables-nft',
    family: 'ipv4',
    file: 'iptables-save',
  });
  expect(errors).toEqual([]);
  return { tables };
}

function tablesOf(save: string) {
  return save
    .split('COMMIT\n')
    .filter((text) => text.startsWith('*'))
    .map((text) => ({
      table: /^\*(\S+)/.exec(text)?.[1] ?? '',
      rules: text.split('\n').filter((line) => line.startsWith('-A ')),
    }));
}

function wordsOf(line: string): readonly string[] {
  return line.split(' ').filter((word) => word !== '');
}
