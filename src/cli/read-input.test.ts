import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readInput } from './read-input.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'read-input-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('reads a file whole', async () => {
  const path = join(folder, 'a');
  await writeFile(path, 'äö\n'.repeat(100_000));
  expect(await readInput(path, '--config-file')).toBe('äö\n'.repeat(100_000));
});

it('fails with one line that names the argument and the file', async () => {
  const missing = join(folder, 'missing');
  await expect(readInput(missing, '--config-file')).rejects.toMatchObject({
    exitCode: 2,
    message: `--config-file ${missing}: no such file`,
  });
  await expect(readInput(folder, '--networks')).rejects.toMatchObject({
    exitCode: 2,
    message: `--networks ${folder}: is a directory`,
  });
});
