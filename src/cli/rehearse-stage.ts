/**
 * The rehearsal itself: a program of its own, started by `bridgekeeper rehearse` as a stage's first process. In: a bundle and options, as
 * arguments. Out: text or JSON; exit 0 the kernel did what the model says, 1 it did otherwise or a repair did not hold, 2 bad input,
 * 3 it cannot be decided, 4 the system refused. When it ends, for whatever reason, everything that it made ends.
 */
import { CaptureError } from '../bundle/error.ts';
import { KernelError, mustRun } from '../kernel/process.ts';
import { onStage } from '../kernel/stage.ts';
import { rehearse } from '../rehearsal/rehearse.ts';
import { conclusion } from '../report/rehearsal.ts';
import { rehearsalJson } from '../report/rehearsal-json.ts';
import { rehearsalText } from '../report/text/rehearsal.ts';
import { rehearsalWords } from '../report/text/rehearsal-words.ts';
import { Failure } from './failure.ts';
import { printing } from './printing.ts';
import { readQuestion } from './question.ts';
import type { RehearseOptions } from './rehearse.ts';

const exitCodes = { agree: 0, differ: 1, undecided: 3 } as const;

async function perform(bundle: string, options: RehearseOptions): Promise<number> {
  const print = printing(options.lang);
  const { facts, state, problems, flows, outsideRoutes } = await readQuestion({ ...options, bundle });
  // iptables takes its lock there, and the machine's own must not wait for ours.
  await mustRun({ argv: ['mount', '-t', 'tmpfs', '-o', 'mode=0755,size=1m', 'tmpfs', '/run'] });
  const { words: common, paint } = await print.options();
  const words = rehearsalWords[common.language];
  // One line of a terminal, written over and taken away in the end.
  const tell = (text: string) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  };
  const rehearsal = await rehearse(
    {
      facts,
      state,
      outsideRoutes,
      repair: options.repair === true,
      ...(flows === undefined ? {} : { flows }),
    },
    { rebuilding: () => tell(words.rebuilding), asking: (done, of) => tell(words.asking(done, of)) },
  ).finally(() => tell(''));
  print.notes(problems);
  if (options.json === true) process.stdout.write(`${JSON.stringify(rehearsalJson(rehearsal))}\n`);
  else process.stdout.write(rehearsalText(rehearsal, { words, paint }));
  return rehearsal.flows.length === 0 ? 3 : exitCodes[conclusion(rehearsal)];
}

function fail(code: number, message: string): number {
  process.stderr.write(`bridgekeeper: ${message}\n`);
  return code;
}

if (!onStage()) throw new Error('a rehearsal is only ever made on a stage of its own');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
const [bundle = '', options = '{}'] = process.argv.slice(2);
const code = await perform(bundle, JSON.parse(options) as RehearseOptions).catch((error: unknown) => {
  if (error instanceof Failure) return fail(error.exitCode, error.message);
  if (error instanceof KernelError || error instanceof CaptureError) return fail(4, error.message);
  throw error;
});
// What was printed into a pipe may not be out yet.
process.stdout.write('', () => process.exit(code));
