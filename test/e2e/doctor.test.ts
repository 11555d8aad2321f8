import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healthy, type IncidentSpec, incident, incidentFiles } from '../support/incident.ts';
import { makePlace, type Place, users } from './program.ts';

let place: Place;
let bundles: Readonly<Record<'sick' | 'well', string>>;

beforeAll(() => {
  place = makePlace();
  bundles = { sick: bundle('sick', incident), well: bundle('well', healthy) };
});
afterAll(() => place.remove());

function bundle(name: string, spec: IncidentSpec): string {
  for (const [file, text] of incidentFiles(spec)) write(join(name, file), text);
  return join(place.folder, name);
}

function write(name: string, text: string): string {
  const path = join(place.folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const self = { name: 'whoever runs the tests', prefix: [] };
const run = (...args: readonly string[]) => place.program(self, args);

describe('doctor', () => {
  test('is silent about a healthy host, but for one line', async () => {
    expect(await run('doctor', '--bundle', bundles.well)).toMatchObject({
      code: 0,
      stdout: 'healthy: all 9 flows work\n',
      stderr: '',
    });
  });

  test('names the cause of the incident, in the language asked for', async () => {
    const { code, stdout, stderr } = await run('doctor', '--bundle', bundles.sick);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^✗ masquerade-disabled: 2 of 9 flows fail\n/);
    expect(stdout).not.toContain('\x1b');
    const chinese = await run('doctor', '--lang', 'zh', '--bundle', bundles.sick);
    expect(chinese.code).toBe(1);
    expect(chinese.stdout).toContain('daemon.json 第 2 行');
  });

  test('says the same as JSON', async () => {
    const { code, stdout } = await run('doctor', '--json', '--bundle', bundles.sick);
    const json = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(json).toMatchObject({ schema: 'bridgekeeper.doctor/1', healthy: false });
    expect(json.findings[0]).toMatchObject({ cause: 'masquerade-disabled', severity: 'error' });
  });

  test('asks exactly the flows that it is given', async () => {
    const asked = [
      { id: 5, frm: 'host', kind: 'ping', dst: '198.51.100.7' },
      { id: 6, frm: 'web', kind: 'ping', dst: '198.51.100.7' },
    ];
    const flows = write('flows.json', JSON.stringify(asked));
    const { stdout } = await run('doctor', '--json', '--bundle', bundles.sick, '--flows', flows);
    const json = JSON.parse(stdout);
    expect(json.asked).toBe(2);
    expect(json.findings[0].proof.flows).toMatchObject([{ id: 6, before: 'timeout', after: 'ok' }]);
  });

  test('cannot decide about a namespace that is not there', async () => {
    const flows = write('ghost.json', '[{"from": "ghost", "kind": "ping", "dst": "198.51.100.7"}]');
    const { code, stdout } = await run('doctor', '--bundle', bundles.well, '--flows', flows);
    expect(code).toBe(3);
    expect(stdout).toContain('the namespace ghost is not in the facts');
  });

  test('takes another outside, and routes that the site has', async () => {
    const routed = await run('doctor', '--bundle', bundles.sick, '--outside-routes', '172.17.0.0/16');
    expect(routed).toMatchObject({ code: 0, stdout: 'healthy: all 9 flows work\n' });
    const described = JSON.parse(incidentFiles(incident).get('outside.json') ?? '');
    described.routes = [{ to: '172.17.0.0/16', via: '203.0.113.2' }];
    const outside = write('outside.json', JSON.stringify(described));
    expect(await run('doctor', '--bundle', bundles.sick, '--outside', outside)).toMatchObject({ code: 0 });
  });
});

describe('trace', () => {
  test('shows the way to a container by its name', async () => {
    const { code, stdout } = await run(
      'trace',
      '--bundle',
      bundles.well,
      '--from',
      'inet',
      '--to',
      '203.0.113.2',
      '--port',
      '8080',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^inet tcp 203\.0\.113\.2:8080: ok, delivered to web at 172\.17\.0\.2:80/);
    const named = await run('trace', '--json', '--bundle', bundles.well, '--from', 'host', '--to', 'web');
    expect(JSON.parse(named.stdout).results[0].flow).toEqual({
      id: 0,
      from: 'host',
      kind: 'ping',
      dst: '172.17.0.2',
    });
  });

  test('is 0 for a packet that dies, and 3 where nobody knows', async () => {
    const dies = await run('trace', '--bundle', bundles.sick, '--from', 'web', '--to', '198.51.100.7');
    expect(dies.code).toBe(0);
    expect(dies.stdout).toContain('✗       DIES  route: no route\n');
    const flows = write('unknown.json', '[{"from": "web", "kind": "dns", "qname": "example.com"}]');
    const unknown = await run('trace', '--bundle', bundles.sick, '--flows', flows);
    expect(unknown.code).toBe(3);
  });
});

describe('what is wrong with the question is one line, and exit 2', () => {
  test.each([
    [['doctor', '--bundle', 'NOWHERE'], /NOWHERE/],
    [['doctor', '--bundle', 'WELL', '--from', 'web'], /--from and --to go together/],
    [['doctor', '--bundle', 'WELL', '--port', '80'], /go with --from and --to/],
    [['trace', '--bundle', 'WELL'], /needs --from and --to, or --flows/],
    [
      ['trace', '--bundle', 'WELL', '--from', 'nobody', '--to', '10.0.0.1'],
      /"nobody": not known here; there are host, web, inet/,
    ],
    [['trace', '--bundle', 'WELL', '--from', '-x', '--to', '10.0.0.1'], /"-x": not known here/],
    [
      ['trace', '--bundle', 'WELL', '--from', 'web', '--to', 'nobody'],
      /"nobody": neither an IP address nor a container/,
    ],
    [
      ['trace', '--bundle', 'WELL', '--from', 'web', '--to', 'host', '--proto', 'udp'],
      /--proto udp needs --port/,
    ],
    [['trace', '--bundle', 'WELL', '--from', 'web', '--to', 'host', '--port', '0'], /"0": not a port/],
    [
      ['trace', '--bundle', 'WELL', '--from', 'web', '--to', 'host', '--port', '80', '--proto', 'ping'],
      /does not go with --proto ping/,
    ],
    [['doctor', '--bundle', 'WELL', '--flows', 'NOWHERE'], /--flows NOWHERE: no such file/],
    [['doctor', '--bundle', 'WELL', '--flows', 'BADFLOWS'], /flow 1, port: must be 1 to 65535/],
    [['doctor', '--bundle', 'WELL', '--outside', 'BADFLOWS'], /--outside BADFLOWS: /],
    [
      ['doctor', '--bundle', 'WELL', '--outside-routes', '172.17.0.0/33'],
      /"172\.17\.0\.0\/33": not a prefix/,
    ],
    [['doctor', '--bundle', 'WELL', '--lang', 'fr'], /"fr": en or zh/],
    [['doctor', '--bundle', 'WELL', '--netns', '/proc/self/ns/net'], /cannot be used with option/],
  ])('%j', async (args, said) => {
    const flows =
      '[{"from": "web", "kind": "ping", "dst": "10.0.0.1"}, {"from": "web", "kind": "tcp", "dst": "10.0.0.1", "port": 70000}]';
    const paths: Readonly<Record<string, string>> = {
      WELL: bundles.well,
      NOWHERE: join(place.folder, 'NOWHERE'),
      BADFLOWS: write('BADFLOWS', flows),
    };
    const { code, stdout, stderr } = await run(...args.map((arg) => paths[arg] ?? arg));
    const line = stderr.replaceAll(`${place.folder}/`, '');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(line).toMatch(said);
    expect(line).not.toMatch(/\n\s+at /);
  });
});

test('without root, a live host is refused in one line rather than looked at half blind', async () => {
  const ordinary = (await users()).find((user) => user.name !== 'root');
  if (ordinary === undefined) return;
  const { code, stdout, stderr } = await place.program(ordinary, ['doctor']);
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
  expect(stderr).toMatch(/^bridgekeeper: [^\n]*root[^\n]*\n$/);
});
