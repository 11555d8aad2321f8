/**
 * `rules` as a person runs it on a bundle: with and without the engine's version, for the host and for a container.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBundle } from '../../src/bundle/read.ts';
import { makePlace, type Place, root } from './program.ts';

const bundle = join(root, 'test/corpus/28.5.2/user-bridges-two.tar.gz');
let place: Place;

beforeAll(() => {
  place = makePlace();
});
afterAll(() => place.remove());

const rules = (...args: readonly string[]) =>
  place.program({ name: 'whoever runs the tests', prefix: [] }, ['rules', ...args]);

test('without the version, the rules that are there tell the engine, and a note says so', async () => {
  const folder = join(place.folder, 'unnamed');
  mkdirSync(folder);
  const telling = ['docker-version.json', 'docker-info.json', 'dockerd.log'];
  for (const [name, bytes] of (await readBundle(bundle)).files)
    if (!telling.includes(name)) writeFileSync(join(folder, name), bytes);
  const [unnamed, named] = [await rules('--bundle', folder), await rules('--bundle', bundle)];
  expect([unnamed.code, named.code]).toEqual([0, 0]);
  expect(unnamed.stdout).toBe(named.stdout);
  expect(unnamed.stderr).toContain("no file names the engine's version");
  expect(named.stderr).toBe('');
  const { stdout } = await rules('--bundle', folder, '--format', 'json');
  expect(JSON.parse(stdout)).toMatchObject({
    engine: '28.5.2',
    engineKnownBy: 'recognised',
    engineMayBe: ['G9'],
  });
});

test('a container has the rules of its own namespace, or none, or is not there', async () => {
  const [own, none, unknown] = [
    await rules('--bundle', bundle, '--container', 'a1'),
    await rules('--bundle', bundle, '--container', 'd1'),
    await rules('--bundle', bundle, '--container', 'zz'),
  ];
  expect(own.stdout).toContain('-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT');
  expect([none.code, none.stdout]).toEqual([0, '']);
  expect(none.stderr).toContain('the engine makes no rules in the namespace of d1');
  expect([unknown.code, unknown.stdout]).toEqual([2, '']);
  expect(unknown.stderr).toContain('no such container; there are a1, a2, b1, d1');
});
