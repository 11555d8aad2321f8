import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askDocker } from './docker-api.ts';
import { Notes } from './notes.ts';

let folder: string;
let socket: string;
let server: Server;
let asked: string[];
let answers: Record<string, unknown>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'docker-'));
  socket = join(folder, 'd.sock');
  asked = [];
  answers = {
    '/version': { Version: '28.5.2' },
    '/info': { DockerRootDir: '/srv/docker', HttpProxy: 'http://user:pw@proxy:3128' },
    '/networks': [{ Id: 'n1' }, { Id: 'gone' }],
    '/networks/n1': { Name: 'bridge', Containers: { c1: {} }, Labels: { owner: 'x' } },
    '/containers/json': [{ Id: 'c1' }, { Id: '../../x' }],
    '/containers/c1/json': {
      Name: '/web',
      State: { Pid: 42 },
      Config: { Env: ['PASSWORD=hunter2'] },
      ResolvConfPath: '/srv/resolv.conf',
    },
  };
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const answer = answers[request.url ?? ''];
    if (answer === 'hang') return;
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const read = (files: ReadonlyMap<string, Uint8Array>, name: string) =>
  JSON.parse(new TextDecoder().decode(files.get(name)));

it('inspects every network and running container, without secrets and with GET alone', async () => {
  const notes = new Notes();
  const docker = await askDocker(socket, '/proc/7/root', notes);
  expect(read(docker.files, 'docker-version.json')).toEqual({ Version: '28.5.2' });
  expect(read(docker.files, 'docker-network-inspect.json')).toEqual([
    { Name: 'bridge', Containers: { c1: {} } },
  ]);
  expect(read(docker.files, 'docker-info.json').HttpProxy).toBe('http://REDACTED@proxy:3128');
  expect(read(docker.files, 'docker-container-inspect.json')).toHaveLength(1);
  expect([...docker.files.values()].map((b) => new TextDecoder().decode(b)).join('')).not.toMatch(
    /hunter2|user:pw/,
  );
  expect(docker.sandboxes).toEqual([
    { name: 'web', netns: '/proc/7/root/proc/42/ns/net', resolvConf: '/proc/7/root/srv/resolv.conf' },
  ]);
  expect(docker.rootDirectory).toBe('/srv/docker');
  expect(asked.every((line) => line.startsWith('GET /') && !line.includes('..'))).toBe(true);
  expect(notes.lines()).toEqual([]);
});

it('notes what the daemon does not answer and keeps the rest', async () => {
  answers['/networks'] = 'hang';
  answers['/info'] = undefined;
  const notes = new Notes();
  const docker = await askDocker(socket, '/proc/7/root', notes);
  expect([...docker.files.keys()]).toEqual(['docker-version.json', 'docker-container-inspect.json']);
  expect(notes.lines()).toEqual([
    'docker-info.json: /info answered 404',
    'docker-network-inspect.json: /networks gave no answer',
  ]);
});

it('notes a socket that nobody serves', async () => {
  const notes = new Notes();
  const docker = await askDocker(join(folder, 'absent'), '', notes);
  expect(docker.files.size).toBe(0);
  expect(notes.lines()).toHaveLength(1);
});
