import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processStat } from '../kernel/stage.ts';
import { findLab, isLabName, type LabRecord, listLabs, publishLab } from './registry.ts';

let labs = '';
beforeEach(() => {
  labs = mkdtempSync(join(tmpdir(), 'bridgekeeper-test-'));
});
afterEach(() => rmSync(labs, { recursive: true, force: true }));

/** A lab whose keeper is this very process, unless told otherwise. */
function make(folder: string, keeper?: Partial<LabRecord['keeper']>): string {
  const made = join(labs, folder);
  mkdirSync(made);
  const startTime = processStat(process.pid)?.startTime ?? '';
  const lab: LabRecord = {
    name: 'x',
    keeper: { pid: process.pid, startTime, ...keeper },
    first: 2,
    userNamespace: false,
    places: [{ name: 'host', pid: 1 }],
  };
  writeFileSync(join(made, 'lab.json'), JSON.stringify(lab));
  return made;
}

describe('publishLab', () => {
  test('gives a free name', () => {
    expect(publishLab(labs, make('.new-1'), 'x')).toBe(true);
    expect(findLab(labs, 'x')).toMatchObject({ kind: 'up', lab: { name: 'x' } });
    expect(readdirSync(labs)).toEqual(['x']);
  });

  test('leaves a live lab alone', () => {
    publishLab(labs, make('.new-1'), 'x');
    expect(publishLab(labs, make('.new-2'), 'x')).toBe(false);
    expect(readdirSync(labs).sort()).toEqual(['.new-2', 'x']);
  });

  test('takes the place of a dead one, whose pid may be another process by now', () => {
    publishLab(labs, make('.new-1', { startTime: '1' }), 'x');
    expect(findLab(labs, 'x')?.kind).toBe('stale');
    expect(publishLab(labs, make('.new-2'), 'x')).toBe(true);
    expect(findLab(labs, 'x')?.kind).toBe('up');
    expect(readdirSync(labs)).toEqual(['x']);
  });
});

test('a folder that is being made or that holds nonsense is not a live lab', () => {
  make('.new-1');
  mkdirSync(join(labs, 'broken'));
  writeFileSync(join(labs, 'broken', 'lab.json'), '{"keeper": 1}');
  expect(listLabs(labs)).toMatchObject([{ kind: 'stale', name: 'broken' }]);
});

test('names are single path components', () => {
  for (const name of ['', '.', '..', 'a/b', '-x', '.x', 'a b', 'x'.repeat(40)])
    expect(isLabName(name)).toBe(false);
  expect(isLabName('main-2')).toBe(true);
});
