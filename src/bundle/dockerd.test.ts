import { expect, test } from 'vitest';
import { daemonFiles, type Process } from './dockerd.ts';
import { Notes } from './notes.ts';

test('of other dockerds only their arguments are taken, without credentials and labels', async () => {
  const own: Process = { pid: process.pid, argv: ['dockerd', '--data-root=/nowhere'], netns: undefined };
  const other = {
    ...own,
    argv: ['/snap/bin/dockerd', '--log-opt=splunk-token=hunter2', '--label', 'owner=hunter2'],
  };
  const argvOf = async (others: readonly Process[]): Promise<string> => {
    const files = await daemonFiles([own, ...others], undefined, new Notes());
    return new TextDecoder().decode(files.get('dockerd.argv'));
  };
  const written = await argvOf([other]);
  expect(JSON.parse(written)).toMatchObject({
    argv: own.argv,
    others: [other.argv.map(() => expect.any(String))],
  });
  expect(written).not.toContain('hunter2');
  expect(JSON.parse(await argvOf([]))).not.toHaveProperty('others');
});
