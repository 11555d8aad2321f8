/**
 * `capture`: writes a bundle of this host, or of a network namespace. In: where to and what to look at.
 * Out: an archive or directory, and on the terminal what it holds and what could not be read.
 */
import { Command } from 'commander';
import { badInput, systemRefused } from './failure.ts';

interface CaptureOptions {
  readonly output: string;
  readonly netns?: string;
  readonly labels?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function captureCommand(): Command {
  return new Command('capture')
    .description(
      'Write a bundle of this host: what it is, as raw command outputs. Reads only; leaves secrets out.',
    )
    .requiredOption(
      '-o, --output <file>',
      'the .tar.gz to write; a directory if it ends in /; - for standard output',
    )
    .option('--netns <path>', 'look at this network namespace instead of the host')
    .option('--labels', 'keep labels of containers, networks and the engine')
    .option('--force', 'replace the file if it exists')
    .option('--json', 'say what was captured as JSON')
    .action(captureAction);
}

async function captureAction(options: CaptureOptions): Promise<void> {
  const [{ notesFile }, { captureLive }] = await Promise.all([
    import('../bundle/capture.ts'),
    import('../engine/live.ts'),
  ]);
  const { BundleError, CaptureError } = await import('../bundle/error.ts');
  const { checkTarget, packBundle, writeBundle } = await import('../bundle/write.ts');
  const { output, force = false } = options;
  try {
    // Before the work, not after it.
    if (output !== '-') await checkTarget(output, { force });
    const { withProgress } = await import('./progress.ts');
    const { languageOf } = await import('./terminal.ts');
    const facts = await withProgress(languageOf(undefined, process.env) ?? 'en', (progress) =>
      captureLive({
        progress,
        ...(options.netns === undefined ? {} : { netns: options.netns }),
        ...(options.labels === true ? { labels: true } : {}),
      }),
    );
    if (output === '-') process.stdout.write(await packBundle(facts));
    else await writeBundle(facts, output, { force });
    const notes = new TextDecoder()
      .decode(facts.files.get(notesFile))
      .split('\n')
      .filter((line) => line !== '');
    const told =
      options.json === true
        ? json(output, [...facts.files.keys()], notes)
        : summary(output, facts.files.size, notes);
    // Standard output may be the archive itself.
    (output === '-' ? process.stderr : process.stdout).write(told);
  } catch (error) {
    if (error instanceof BundleError) throw badInput(error.message);
    if (error instanceof CaptureError) throw systemRefused(error.message);
    throw error;
  }
}

function json(output: string, files: readonly string[], notCaptured: readonly string[]): string {
  return `${JSON.stringify({ schema: 'bridgekeeper.capture/1', output, files: [...files].sort(), notCaptured })}\n`;
}

function summary(output: string, files: number, notes: readonly string[]): string {
  const where = output === '-' ? 'standard output' : output;
  const head = `captured ${files} files to ${where}\n`;
  if (notes.length === 0) return head;
  return `${head}not captured:\n${notes.map((note) => `  ${note}\n`).join('')}`;
}
