/**
 * `store` as a person runs it: on a real local-kv.db of each captured engine, on a damaged one, and on what is none.
 */
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBundle } from '../../src/bundle/read.ts';
import { run as runProcess } from '../../src/kernel/process.ts';
import { storeFile } from '../fixtures/bolt.ts';
import { makePlace, type Place, root } from './program.ts';

const corpus = join(root, 'test/corpus');
const engines = readdirSync(corpus, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
let place: Place;

beforeAll(() => {
  place = makePlace();
});
afterAll(() => place.remove());

const run = (...args: readonly string[]) =>
  place.program({ name: 'whoever runs the tests', prefix: [] }, ['store', ...args]);

function write(name: string, bytes: Uint8Array): string {
  const path = join(place.folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function captured(engine: string): Promise<string> {
  const [capture = ''] = readdirSync(join(corpus, engine));
  const { files } = await readBundle(join(corpus, engine, capture));
  return write(`${engine}.db`, files.get('local-kv.db') ?? new Uint8Array(0));
}

describe.each(engines)('a store of %s', (engine) => {
  test('reads completely, and its records agree', async () => {
    const path = await captured(engine);
    const checked = await run('check', path);
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout).toMatch(
      /^ok: \d\d records, transaction \d+, \d+ pages of 4096 bytes, \d+ free\n$/,
    );
    const listed = (await run('ls', path)).stdout.trimEnd().split('\n');
    expect(listed.some((line) => /\/bridge\/[0-9a-f]{64}\/ {2}docker0 [\d.]+\/\d+$/.test(line))).toBe(true);
    const exported = JSON.parse((await run('export', path)).stdout);
    expect(exported.schema).toBe('bridgekeeper.store/1');
    expect(exported.records.map((record: { key: string }) => record.key)).toEqual(
      listed.map((line) => line.split('  ')[0]),
    );
    const values = exported.records.map((record: { value?: unknown }) => record.value);
    const network = values.find((value: { name?: string } | null) => value?.name === 'bridge');
    const bridge = values.find((value: { BridgeName?: string } | null) => value?.BridgeName === 'docker0');
    expect(network.ipamV4Info[0].IPAMData.Gateway).toBe(bridge.AddressIPv4);
    expect(bridge.DefaultGatewayIPv4).toBeNull();
  });

  test('get prints key and value in turn, of every key that begins so', async () => {
    const path = await captured(engine);
    const lines = (await run('get', path, 'docker/network/v1.0/bridge')).stdout.trimEnd().split('\n');
    const kinds = lines.filter((_, at) => at % 2 === 0).map((key) => key.split('/')[3]);
    expect(new Set(kinds)).toEqual(new Set(['bridge', 'bridge-endpoint']));
    const bridges = lines.filter((_, at) => lines[at - 1]?.startsWith('docker/network/v1.0/bridge/'));
    expect(bridges.map((value) => JSON.parse(value))).toContainEqual(
      expect.objectContaining({
        BridgeName: 'docker0',
        DefaultGatewayIPv4: '<nil>',
        EnableIPMasquerade: true,
      }),
    );
  });
});

const key = 'docker/network/v1.0/';

test('a value stands as it was written', async () => {
  const value = '{"b": 1,\t"a":"\\u003cnil\\u003e",  "b":2}';
  const path = write('as-is.db', storeFile({ 'network/n1/': value, 'endpoint_count/': undefined }));
  expect((await run('get', path, key)).stdout).toBe(`${key}endpoint_count/\n\n${key}network/n1/\n${value}\n`);
  expect(JSON.parse((await run('get', path, key, '--json')).stdout).records).toEqual([
    { key: `${key}endpoint_count/`, kind: 'endpoint_count', ids: [], index: 2, value: null },
    { key: `${key}network/n1/`, kind: 'network', ids: ['n1'], index: 1, value: { b: 2, a: '<nil>' } },
  ]);
});

test('a store whose records do not agree, and a damaged one', async () => {
  const file = storeFile({ 'bridge/n1/': { ID: 'n1', BridgeName: 'docker0' } });
  const phantom = await run('check', write('phantom.db', file));
  expect(phantom).toMatchObject({ code: 1, stderr: '' });
  expect(phantom.stdout).toContain(
    'error    bridge driver: network n1 with bridge "docker0" is not known to Docker',
  );
  const said = JSON.parse((await run('check', '--json', join(place.folder, 'phantom.db'))).stdout);
  expect(said).toMatchObject({ schema: 'bridgekeeper.store-check/1', healthy: false, complete: true });
  expect(said.findings).toMatchObject([{ severity: 'error', kind: 'phantom-network', network: 'n1' }]);

  const damaged = write('damaged.db', file.fill(0, 2 * 4096, 3 * 4096));
  const checked = await run('check', damaged);
  expect(checked.code).toBe(1);
  expect(checked.stdout).toContain("error    page 2 (byte 8192), from page 3: carries another page's number");
  expect(checked.stdout).toContain('not checked, since records may be missing');
  expect(await run('ls', damaged)).toMatchObject({
    code: 0,
    stdout: '',
    stderr: `bridgekeeper: note: ${damaged}: damaged, records may be missing (store check says where)\n`,
  });
  expect((await run('get', damaged, key)).code).toBe(3);
});

test('what is no store', async () => {
  const empty = write('empty.db', new Uint8Array(0));
  expect(await run('check', empty)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('the file is empty'),
  });
  const text = write('text.db', Buffer.from('hello\n'));
  expect(await run('ls', text)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('not a bolt file'),
  });
  const good = write('good.db', storeFile({ 'network/n1/': {} }));
  expect(await run('get', good, 'nothing')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no key begins with "nothing"'),
  });
  mkdirSync(join(place.folder, 'folder'));
  const pipe = join(place.folder, 'pipe');
  await runProcess({ argv: ['mkfifo', pipe] });
  const huge = write('huge.db', new Uint8Array(0));
  truncateSync(huge, 1024 ** 3 + 1);
  for (const [path, why] of [
    [join(place.folder, 'nowhere.db'), 'no such file'],
    [join(place.folder, 'folder'), 'not a regular file'],
    [pipe, 'not a regular file'],
    [huge, 'larger than 1 GiB'],
  ] as const)
    expect(await run('export', path)).toEqual(
      expect.objectContaining({ code: 2, stdout: '', stderr: `bridgekeeper: ${path}: ${why}\n` }),
    );
});

test('the file is left as it was', async () => {
  const bytes = storeFile({ 'network/n1/': { id: 'n1' } });
  const path = write('kept.db', bytes);
  for (const command of [['ls'], ['get'], ['export'], ['check']])
    await run(...command, path, ...(command[0] === 'get' ? [key] : []));
  expect(new Uint8Array(readFileSync(path))).toEqual(bytes);
});
