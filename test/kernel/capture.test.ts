/**
 * A capture of a real host namespace with one container namespace: what was set up is what the HostState says,
 * and the capture leaves the namespaces as they were. Needs the right to make network namespaces.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureFacts } from '../../src/bundle/capture.ts';
import { CaptureError } from '../../src/bundle/error.ts';
import { type Facts, text } from '../../src/host/facts.ts';
import type { HostState, Namespace } from '../../src/host/state.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { formatAddr } from '../../src/net/addr.ts';
import { formatPrefix } from '../../src/net/prefix.ts';

const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const possible = spawnSync('unshare', ['--net', 'true'], { env: environment }).status === 0;

interface Place {
  readonly path: string;
  readonly child: ChildProcess;
}

const children: ChildProcess[] = [];

async function makePlace(): Promise<Place> {
  const child = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore', env: environment });
  children.push(child);
  const path = `/proc/${child.pid}/ns/net`;
  const own = readlinkSync('/proc/self/ns/net');
  for (let tries = 0; tries < 2000; tries++) {
    if (readlinkSync(path) !== own) return { path, child };
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error('unshare did not make a namespace');
}

function inside(place: Place, ...argv: string[]): string {
  return execFileSync('nsenter', [`--net=${place.path}`, '--', ...argv], {
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Without sysctl(8), which a bare system lacks. */
function setSysctl(place: Place, path: string, value: string): void {
  inside(place, process.execPath, '-e', `fs.writeFileSync('/proc/sys/${path}', '${value}')`);
}

/** Whether a legacy table could be made whose existence can be seen: in a user namespace it cannot. */
function makeLegacyRule(place: Place): boolean {
  const attempt = (...argv: string[]) =>
    spawnSync('nsenter', [`--net=${place.path}`, '--', ...argv], {
      env: { ...environment, XTABLES_LOCKFILE: join(tmpdir(), `xtables-${process.pid}.lock`) },
    }).status === 0;
  const made = attempt('iptables-legacy', '-A', 'FORWARD', '-j', 'DROP');
  rmSync(join(tmpdir(), `xtables-${process.pid}.lock`), { force: true });
  return made && attempt('cat', '/proc/net/ip_tables_names');
}

/** A process that listens in the place, once it does. */
async function listen(place: Place, script: string): Promise<void> {
  const argv = [`--net=${place.path}`, '--', process.execPath, '-e', script];
  const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'ignore'], env: environment });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
}

/** All that a capture could have changed: links, addresses, routes, rules, tables and settings. */
function picture(place: Place): string {
  const lists = [
    ['ip', '-d', 'link', 'show'],
    ['ip', 'addr', 'show'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['ip', 'rule', 'show'],
    ['nft', 'list', 'ruleset'],
    ['cat', '/proc/net/ip_tables_names', '/proc/net/ip6_tables_names'],
    ['grep', '-rs', '--exclude=stable_secret', '', '/proc/sys/net/ipv4/conf', '/proc/sys/net/ipv6/conf'],
  ];
  // Timers of bridges, operational states and counters run on by themselves.
  return lists
    .map(
      (argv) =>
        spawnSync('nsenter', [`--net=${place.path}`, '--', ...argv], { encoding: 'utf8', env: environment })
          .stdout,
    )
    .join('\n')
    .replace(/_timer +[\d.]+| state [A-Z]+|counter packets \d+ bytes \d+/g, '');
}

/** Names of the loaded modules; none on a kernel without modules. */
function moduleNames(): readonly (string | undefined)[] {
  if (!existsSync('/proc/modules')) return [];
  return readFileSync('/proc/modules', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[0]);
}

describe.skipIf(!possible)('capture of a live namespace', () => {
  let host: Place;
  let box: Place;
  let facts: Facts;
  let state: HostState;
  let before: string;
  let modulesBefore: readonly (string | undefined)[];
  let seconds: number;
  let hasLegacy: boolean;
  const namespace = (name: string): Namespace => {
    const found = state.namespaces.find((ns) => ns.name === name);
    if (found === undefined) throw new Error(`no namespace ${name}`);
    return found;
  };

  beforeAll(async () => {
    host = await makePlace();
    box = await makePlace();
    // Duplicate address detection would change addresses while we look.
    for (const place of [host, box]) setSysctl(place, 'net/ipv6/conf/default/disable_ipv6', '1');
    inside(host, 'ip', 'link', 'set', 'lo', 'up');
    inside(host, 'ip', 'link', 'add', 'br-test', 'type', 'bridge');
    inside(host, 'ip', 'addr', 'add', '172.29.0.1/16', 'dev', 'br-test');
    inside(host, 'ip', 'link', 'set', 'br-test', 'up', 'mtu', '1450');
    // The container's end is made in its namespace by the holder's pid.
    inside(
      host,
      'ip',
      'link',
      'add',
      'veth-a',
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      String(box.child.pid),
    );
    inside(host, 'ip', 'link', 'set', 'veth-a', 'master', 'br-test', 'up');
    inside(host, 'bridge', 'link', 'set', 'dev', 'veth-a', 'hairpin', 'on');
    inside(host, 'ip', 'route', 'add', 'blackhole', '198.51.100.0/24');
    inside(host, 'ip', 'rule', 'add', 'fwmark', '0x7/0xff', 'lookup', '107', 'pref', '99');
    setSysctl(host, 'net/ipv4/ip_forward', '1');
    inside(host, 'iptables-nft', '-t', 'nat', '-A', 'POSTROUTING', '-s', '172.29.0.0/16', '-j', 'MASQUERADE');
    inside(
      host,
      'nft',
      'add table inet foreign; add chain inet foreign f { type filter hook forward priority 5; policy drop; }',
    );
    hasLegacy = makeLegacyRule(host);
    inside(box, 'ip', 'link', 'set', 'lo', 'up');
    inside(box, 'ip', 'addr', 'add', '172.29.0.2/16', 'dev', 'eth0');
    inside(box, 'ip', 'link', 'set', 'eth0', 'up');
    inside(box, 'ip', 'route', 'add', 'default', 'via', '172.29.0.1');
    await listen(host, "require('net').createServer().listen(2222, '0.0.0.0', () => console.log('up'))");
    await listen(
      box,
      "const s = require('dgram').createSocket('udp4'); s.bind(53, '172.29.0.2', () => console.log('up'))",
    );
    before = picture(host) + picture(box);
    modulesBefore = moduleNames();
    const start = performance.now();
    facts = await captureFacts({
      netns: host.path,
      sandboxes: [
        { name: 'web', netns: box.path },
        { name: 'onhost', netns: host.path },
        { name: 'gone', netns: '/proc/999999999/ns/net' },
      ],
      engineFacts: new Map([['daemon.json', new TextEncoder().encode('{"ip-masq": false}')]]),
    });
    seconds = (performance.now() - start) / 1000;
    const parsed = hostStateFromFacts(facts);
    expect(parsed.problems).toEqual([]);
    state = parsed.state;
  });

  afterAll(async () => {
    const ends = children.map(
      (child) =>
        new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0))),
    );
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ends);
  });

  it('changes nothing, loads no module, and is quick', () => {
    expect(picture(host) + picture(box)).toBe(before);
    expect(moduleNames()).toEqual(modulesBefore);
    expect(seconds).toBeLessThan(5);
  });

  it.each([
    ['nothing', []],
    ['nft tables alone', ['nft', 'add table inet alone']],
    ['tables of iptables-nft alone', ['iptables-nft', '-P', 'FORWARD', 'DROP']],
  ])('leaves a namespace with %s as it is', async (_, setUp) => {
    const place = await makePlace();
    if (setUp.length > 0) inside(place, ...setUp);
    const seen = picture(place);
    const { files } = await captureFacts({ netns: place.path, engineFacts: new Map() });
    expect(picture(place)).toBe(seen);
    expect(files.has('iptables-legacy-save.txt')).toBe(false);
  });

  it('sees the links with addresses, masters, ports and peers', () => {
    const bridge = namespace('host').links.find((l) => l.name === 'br-test');
    expect(bridge).toMatchObject({ kind: 'bridge', up: true, mtu: 1450 });
    expect(bridge?.addresses.map((a) => formatPrefix(a.prefix))).toContain('172.29.0.1/16');
    const port = namespace('host').links.find((l) => l.name === 'veth-a');
    const eth0 = namespace('web').links.find((l) => l.name === 'eth0');
    expect(port).toMatchObject({ kind: 'veth', master: 'br-test', port: { hairpin: true, isolated: false } });
    expect(port?.peer).toEqual({ index: eth0?.index, namespace: 'web' });
    expect(eth0?.peer).toEqual({ index: port?.index, namespace: 'host' });
    expect(eth0?.addresses.map((a) => formatPrefix(a.prefix))).toContain('172.29.0.2/16');
  });

  it('sees routes and policy rules of both namespaces', () => {
    const hole = namespace('host').routes.find((r) => r.type === 'blackhole');
    expect(hole && formatPrefix(hole.dst)).toBe('198.51.100.0/24');
    const gateway = namespace('web').routes.find((r) => r.dst.bits === 0)?.gateway;
    expect(gateway && formatAddr(gateway)).toBe('172.29.0.1');
    const marked = namespace('host').policyRules.find((r) => r.priority === 99);
    expect(marked).toMatchObject({ table: '107', mark: { value: 7, mask: 0xff }, action: 'lookup' });
    expect(namespace('web').policyRules.map((r) => r.table)).toContain('main');
  });

  it('sees the rules of every backend, and the native chain', () => {
    const tables = namespace('host').firewall.tables.map((t) => `${t.backend} ${t.family} ${t.name}`);
    expect(tables).toContain('iptables-nft ipv4 nat');
    if (hasLegacy) expect(tables).toContain('iptables-legacy ipv4 filter');
    const native = namespace('host').nft?.tables.find((t) => t.name === 'foreign');
    expect(native?.chains.map((c) => c.name)).toEqual(['f']);
    expect(namespace('web').firewall.tables).toEqual([]);
  });

  it('sees sockets and settings', () => {
    const listener = namespace('host').sockets?.find((s) => s.port === 2222);
    expect(listener).toMatchObject({ protocol: 'tcp', families: ['ipv4'] });
    const bound = namespace('web').sockets?.find((s) => s.port === 53);
    expect(bound?.address && formatAddr(bound.address)).toBe('172.29.0.2');
    expect(namespace('host').sysctls.get('net.ipv4.ip_forward')?.value).toBe('1');
    expect(namespace('web').sysctls.get('net.ipv4.conf.eth0.forwarding')?.value).toBe('0');
  });

  it('takes the engine at its word, knows who shares the host, and notes what it could not read', () => {
    expect(text(facts, 'daemon.json')).toBe('{"ip-masq": false}');
    expect(namespace('host').sharedBy).toEqual(['onhost']);
    expect(text(facts, 'capture-notes.txt')).toContain('sandboxes.json#gone: ');
    expect(namespace('host').missing).toBeUndefined();
    expect(namespace('web').missing).toBeUndefined();
  });

  it('refuses a namespace that does not exist', async () => {
    await expect(captureFacts({ netns: '/proc/999999999/ns/net' })).rejects.toThrow(CaptureError);
  });
});
