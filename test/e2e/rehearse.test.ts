/**
 * `bridgekeeper rehearse` as a person runs it, as root and as an ordinary user: what it prints and its exit code, that nothing is left
 * behind and nothing of the machine changes, also when it is killed half-way, when two run at once, and when the bundle is hostile.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../src/kernel/process.ts';
import { machine, makePlace, type Place, program, root, users } from './program.ts';

const corpus = join(root, 'test/corpus');

/** Why no user namespace can be made here; undefined if one can. */
const refused = (await run({ argv: ['unshare', '--user', '--map-root-user', '--net', 'true'] })).code !== 0;
if (refused) console.warn('skipped: no user namespace can be made here');

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

/** A capture as a folder that can be changed. */
function unpacked(capture: string): string {
  const bundle = join(place.folder, 'bundle');
  mkdirSync(bundle, { mode: 0o755 });
  execFileSync('tar', ['-xzf', join(corpus, capture), '-C', bundle, '--no-same-owner']);
  return bundle;
}

function edit(bundle: string, file: string, change: (text: string) => string): void {
  const path = join(bundle, file);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

describe.skipIf(refused).each(await users())('rehearse, as $name', { timeout: 90_000 }, (user) => {
  const rehearse = (...args: readonly string[]) => place.program(user, ['rehearse', ...args]);

  test('rebuilds a host, asks, repairs, and leaves nothing', async () => {
    const before = await machine();
    const { code, stdout, stderr } = await rehearse(
      join(corpus, '28.5.2/docker-user-drop.tar.gz'),
      '--repair',
    );
    expect(stderr).toBe('');
    expect(stdout).toContain('rebuilt on this kernel: host, peer, web, inet');
    expect(stdout).toMatch(/web ping 198\.51\.100\.7 +timeout +timeout/);
    expect(stdout).toMatch(/^\d+ flows: the kernel did what the model says$/m);
    expect(stdout).toContain('$ iptables -D DOCKER-USER -j DROP');
    expect(stdout).toContain('web ping 198.51.100.7  timeout -> ok');
    expect(code).toBe(0);
    expect(place.leftProcesses()).toEqual([]);
    expect(place.leftFiles()).toEqual([]);
    expect(await machine()).toEqual(before);
  });

  test('two at once do not meet, and a reader that is killed leaves nothing', async () => {
    const before = await machine();
    const flows = join(place.folder, 'flows.json');
    writeFileSync(flows, '[{"from":"web","kind":"ping","dst":"198.51.100.7","id":"p"}]', { mode: 0o644 });
    const bundle = join(corpus, '28.5.2/ip-masq-false.tar.gz');
    const [tool = '', ...prefix] = [...user.prefix, program];
    const killed = spawn(tool, [...prefix, 'rehearse', bundle], {
      env: { ...process.env, ...place.env },
      stdio: 'ignore',
    });
    const both = Promise.all([1, 2].map(() => rehearse(bundle, '--flows', flows, '--json')));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    for (const { code, stdout } of await both) {
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        schema: 'bridgekeeper.rehearsal/1',
        conclusion: 'agree',
        results: [
          { id: 'p', verdict: 'exact', model: { outcome: 'timeout' }, kernel: { outcome: 'timeout' } },
        ],
      });
    }
    await expect.poll(() => place.leftProcesses(), { timeout: 10_000 }).toEqual([]);
    expect(await machine()).toEqual(before);
  });

  test('tells a host that could not be rebuilt from a model that is wrong', async () => {
    const bundle = unpacked('28.5.2/legacy-input-drop-docker0.tar.gz');
    // The model knows what it would do; the kernel takes it in another table only, and iptables-legacy does not say which rule it is.
    edit(bundle, 'iptables-legacy-save.txt', (text) =>
      text.replace('-A INPUT', '-A INPUT -j MASQUERADE\n-A INPUT'),
    );
    const flows = join(place.folder, 'flows.json');
    const asked = [
      { from: 'host', kind: 'ping', dst: '198.51.100.7' },
      { from: 'web', kind: 'ping', dst: '172.17.0.1' },
    ];
    writeFileSync(flows, JSON.stringify(asked), { mode: 0o644 });
    const { code, stdout } = await rehearse(bundle, '--flows', flows, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      conclusion: 'undecided',
      unbuilt: [{ namespace: 'host', what: '-t filter -A INPUT -j MASQUERADE', why: 'refused' }],
      results: [
        { verdict: 'not rebuilt', model: { outcome: 'timeout' }, kernel: { outcome: 'ok' } },
        { verdict: 'exact', kernel: { outcome: 'timeout' } },
      ],
    });
    expect(code).toBe(3);
  });

  test('says in one line what is wrong with its input', async () => {
    expect(await rehearse('/nowhere')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'bridgekeeper: /nowhere: no such file or directory\n',
    });
    expect(await rehearse('x', '--lang', 'fr')).toMatchObject({ code: 2, stdout: '' });
    expect((await rehearse()).code).toBe(2);
  });

  test('makes nothing of a hostile bundle that it would not make of its own', async () => {
    const before = await machine();
    const settings = ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname'];
    const kept = settings.map((path) => readFileSync(path, 'utf8'));
    const bundle = unpacked('28.5.2/default.tar.gz');
    const evil = [
      'kernel.core_pattern = |/bin/evil',
      'net.ipv4.conf.../../../kernel/hostname.forwarding = 1',
      'net.ipv4.ip_forward = 1; reboot',
      'net.netfilter.nf_conntrack_max = 1',
    ];
    edit(bundle, 'sysctl.txt', (text) => `${text}${evil.join('\n')}\n`);
    edit(bundle, 'ip-link.json', (text) => {
      const links = JSON.parse(text) as Record<string, unknown>[];
      const [, uplink = {}] = links;
      const odd = ['../../x', 'a b', '-rf', 'x\nlink delete eth0', 'netns'].map((ifname, index) => ({
        ...uplink,
        ifname,
        ifindex: 900 + index,
        address: '$(touch /tmp/x)',
      }));
      return JSON.stringify([...links, ...odd]);
    });
    edit(bundle, 'iptables-save.txt', (text) =>
      text.replace(
        '-A FORWARD -j DOCKER-USER',
        '-A FORWARD -m comment --comment "x\\" -j ACCEPT" -j DOCKER-USER\n-A FORWARD -m nosuch --x -j ACCEPT\n-A FORWARD -j LOG --log-prefix "COMMIT"',
      ),
    );
    edit(
      bundle,
      'docker-proxy.txt',
      (text) => `${text}docker-proxy -proto tcp -host-ip $(id) -host-port 99999\n`,
    );
    const { code, stdout } = await rehearse(bundle, '--json');
    expect([0, 1, 3]).toContain(code);
    const { unbuilt, results } = JSON.parse(stdout);
    expect(results.length).toBeGreaterThan(10);
    expect(JSON.stringify(unbuilt)).toContain('nosuch');
    expect(settings.map((path) => readFileSync(path, 'utf8'))).toEqual(kept);
    expect(await machine()).toEqual(before);
    expect(place.leftProcesses()).toEqual([]);
  });
});
