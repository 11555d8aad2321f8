/**
 * A capture of a namespace in which something called dockerd runs: it is found by its process, asked over its
 * socket, and its files are taken without secrets. The daemon is a stand-in that answers like the real one.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { captureFacts } from '../../src/bundle/capture.ts';
import { type Facts, text } from '../../src/host/facts.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';

const possible = spawnSync('unshare', ['--net', 'true']).status === 0;

/** Serves the API's four listings; the container is this very process, so that it shares the host's namespace. */
const daemonScript = `
const http = require('http');
const root = process.argv[process.argv.indexOf('--data-root') + 1];
const answers = {
  '/version': { Version: '28.5.2' },
  '/info': { DockerRootDir: root },
  '/networks': [],
  '/containers/json': [{ Id: 'c1' }],
  '/containers/c1/json': { Name: '/web', State: { Pid: process.pid }, Config: { Env: ['PW=hunter2'] }, ResolvConfPath: root + '/resolv.conf' },
};
http.createServer((q, a) => a.end(JSON.stringify(answers[q.url]))).listen(root + '/d.sock', () => console.log('up'));
`;

describe.skipIf(!possible)('capture of a namespace with a dockerd', () => {
  const children: ChildProcess[] = [];
  let folder: string;
  let facts: Facts;

  /** A program under another name, in the namespace of `place` or a new one, once it printed something. */
  async function start(
    argv: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<ChildProcess> {
    const [tool = '', ...args] = argv;
    const child = spawn(tool, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    children.push(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    return child;
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dockerd-'));
    mkdirSync(join(folder, 'network/files'), { recursive: true });
    writeFileSync(join(folder, 'network/files/local-kv.db'), 'bolt');
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 192.0.2.53\n');
    writeFileSync(
      join(folder, 'd.json'),
      '{\n  "http-proxy": "http://me:hunter2@proxy",\n  "ip-masq": false\n}\n',
    );
    writeFileSync(join(folder, 'script.cjs'), daemonScript);
    for (const name of ['dockerd', 'docker-proxy']) symlinkSync(process.execPath, join(folder, name));
    const flags = [
      '-H',
      `unix://${folder}/d.sock`,
      '--data-root',
      folder,
      '--config-file',
      join(folder, 'd.json'),
    ];
    const daemon = await start(
      ['unshare', '--net', join(folder, 'dockerd'), join(folder, 'script.cjs'), ...flags],
      {
        DOCKER_FIREWALL_BACKEND: 'nftables',
        SECRET: 'hunter2',
      },
    );
    const netns = `/proc/${daemon.pid}/ns/net`;
    expect(readlinkSync(netns)).not.toBe(readlinkSync('/proc/self/ns/net'));
    const proxy = [
      '-proto',
      'tcp',
      '-host-ip',
      '0.0.0.0',
      '-host-port',
      '8080',
      '-container-ip',
      '172.17.0.2',
      '-container-port',
      '80',
    ];
    writeFileSync(join(folder, 'proxy.cjs'), "console.log('up'); setInterval(() => {}, 1000);");
    await start(
      ['nsenter', `--net=${netns}`, '--', join(folder, 'docker-proxy'), join(folder, 'proxy.cjs'), ...proxy],
      {},
    );
    facts = await captureFacts({ netns });
  });

  afterAll(async () => {
    const ends = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ends);
    rmSync(folder, { recursive: true, force: true });
  });

  it('takes its arguments, networking environment, configuration and store', () => {
    const { argv, env } = JSON.parse(text(facts, 'dockerd.argv') ?? '{}');
    expect(argv).toContain('--config-file');
    expect(env).toEqual({ DOCKER_FIREWALL_BACKEND: 'nftables' });
    expect(text(facts, 'daemon.json')?.split('\n')[2]).toBe('  "ip-masq": false');
    expect(text(facts, 'local-kv.db')).toBe('bolt');
  });

  it('takes what it answers, and finds the containers', () => {
    expect(JSON.parse(text(facts, 'docker-version.json') ?? '')).toEqual({ Version: '28.5.2' });
    expect(text(facts, 'docker-container-inspect.json')).toContain('"/web"');
    const { state, problems } = hostStateFromFacts(facts);
    expect(problems).toEqual([]);
    expect(state.namespaces[0]?.sharedBy).toEqual(['web']);
    expect(state.proxies?.map((p) => [p.protocol, p.hostPort, p.containerPort])).toEqual([['tcp', 8080, 80]]);
    expect(JSON.parse(text(facts, 'sandboxes.json') ?? '').web.resolv_conf).toBe('nameserver 192.0.2.53\n');
  });

  it('leaves every secret out', () => {
    for (const name of facts.files.keys()) expect(text(facts, name)).not.toContain('hunter2');
  });
});
