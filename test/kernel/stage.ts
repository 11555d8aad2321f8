/**
 * Runs a program of this folder on a stage of its own, as root or as an ordinary user alike. In: its name and arguments.
 * Out: the JSON that it printed. What it makes in the kernel is gone when it ends.
 */
import { fileURLToPath } from 'node:url';
import { mustRun } from '../../src/kernel/process.ts';
import { type StageKind, stageCommand, stageKind } from '../../src/kernel/stage.ts';

export async function onStage<T>(
  program: string,
  args: readonly string[] = [],
  kind?: StageKind,
): Promise<T> {
  const file = fileURLToPath(new URL(`./${program}.ts`, import.meta.url));
  const argv = stageCommand(kind ?? (await stageKind()), [process.execPath, file, ...args], 'bound');
  const { stdout } = await mustRun({ argv });
  return JSON.parse(stdout) as T;
}
