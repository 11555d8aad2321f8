/**
 * The simulator against the kernel: the cases that were kept because the two once differed, and a few random hosts.
 * In: cases/, and a number that is always the same. More, and others: `npm run fuzz:kernel`.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/kernel/process.ts';

const program = fileURLToPath(new URL('./fuzz.ts', import.meta.url));
const folder = fileURLToPath(new URL('./cases/', import.meta.url));
const kept = readdirSync(folder).map((name) => folder + name);

/** Root, because a user namespace may hold some of the settings back. */
const possible = process.geteuid?.() === 0;

describe.skipIf(!possible)('the simulator and the kernel agree', () => {
  const fuzz = (...args: readonly string[]) =>
    run({ argv: [process.execPath, program, ...args] }, { timeout: 110_000 });

  test('on the cases that were kept', { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await fuzz(...kept);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain(`${kept.length} cases, 0 refused`);
  });

  test('on random hosts', { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await fuzz('--cases', '16', '--seed', '1');
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain('16 cases, from seed 1, 0 refused');
  });
});
