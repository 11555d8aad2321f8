import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { exclusively } from './exclusively.ts';

test('works of one name wait for each other, those of others do not', async () => {
  const name = `test-${process.pid}`;
  const log: string[] = [];
  const work = (which: string) => async () => {
    log.push(`${which} begins`);
    await pause(5);
    log.push(`${which} ends`);
    return which;
  };
  let inner = '';
  const done = await Promise.all([
    exclusively(name, work('one')),
    exclusively(name, work('two')),
    exclusively(`${name}-other`, async () => {
      inner = await exclusively(`${name}-third`, async () => 'not in the way');
    }),
  ]);
  expect(inner).toBe('not in the way');
  expect(done.slice(0, 2)).toEqual(['one', 'two']);
  expect(log[1]).toBe(log[0]?.replace('begins', 'ends'));
  expect(log[3]).toBe(log[2]?.replace('begins', 'ends'));
});

test('the lock goes when the work fails', async () => {
  const name = `failing-${process.pid}`;
  await expect(exclusively(name, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await exclusively(name, async () => 'free')).toBe('free');
});
