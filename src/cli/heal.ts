/**
 * `bridgekeeper heal`: puts back what a host lost of what its engine made, without restarting anything; with --remove, takes out what
 * engines left. In: this host or a namespace. Out: what was done; exit 0 done, 1 something is left (with --dry-run: something would
 * be done), 3 it is not sure what is right. It never flushes, and touches nothing that somebody else made.
 */
import { Command, Option } from 'commander';
import type { HealReport } from '../report/text/heal.ts';
import { Failure, systemRefused } from './failure.ts';
import { declaredNetworks } from './host-facts.ts';

interface HealOptions {
  readonly netns?: string;
  readonly engine?: string;
  readonly networks?: string;
  readonly dryRun?: boolean;
  readonly watch?: boolean;
  readonly remove?: boolean;
  readonly json?: boolean;
  readonly lang?: string;
}

export function healCommand(): Command {
  return new Command('heal')
    .description(
      'put back what is missing of what the engine made; nothing is restarted, others are not touched',
    )
    .option('--netns <path>', 'heal this network namespace instead of the host')
    .option('--engine <version>', "what this engine would make (default: the host's)")
    .option(
      '--networks <file>',
      'what should be there, where no engine and no store tells: JSON of docker network inspect',
    )
    .option('--dry-run', 'say what would be done, and do nothing')
    .addOption(
      new Option('--watch', 'stay, and put back what vanishes within a second').conflicts([
        'dryRun',
        'remove',
      ]),
    )
    .addOption(
      new Option(
        '--remove',
        'take out everything that a Docker engine made, after it was uninstalled or with iptables=false',
      ).conflicts(['engine', 'networks']),
    )
    .option('--json', 'as JSON, one object for each time that something was done')
    .option('--lang <language>', 'en or zh; the locale decides otherwise')
    .action(run);
}

async function run(options: HealOptions): Promise<void> {
  const say = await sayer(options);
  if (options.remove === true) return say(await removed(options));
  const once = await healer(options);
  if (options.watch === true) return watch(options, once, say);
  say(await once());
}

/** What was done, for whoever asked. */
interface Outcome {
  readonly report: HealReport;
  readonly engine: string;
}

/** Prints outcomes in the form that was asked for; the last one decides the exit code. */
async function sayer(options: HealOptions): Promise<(outcome: Outcome) => void> {
  const { printing } = await import('./printing.ts');
  const print = printing(options.lang);
  const [{ healJson, healText }, { driftWords }] = await Promise.all([
    import('../report/text/heal.ts'),
    import('../report/text/drift-words.ts'),
  ]);
  const text = await print.options();
  return ({ report, engine }) => {
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(healJson(report, engine))}\n`
        : healText(report, { ...text, driftWords: driftWords[text.words.language], engine }),
    );
    const undone = !report.done && report.mended.length > 0;
    process.exitCode = undone || (report.what === 'put-back' && report.left.length > 0) ? 1 : 0;
  };
}

async function removed({ netns, dryRun }: HealOptions): Promise<Outcome> {
  const [{ removeEverything }, { processKernel }] = await Promise.all([
    import('../engine/remove.ts'),
    import('../kernel/apply.ts'),
  ]);
  const result = await refusals(() => removeEverything(netns, processKernel, dryRun === true));
  if (result.kind === 'refused') throw new Failure(3, `nothing was changed: ${result.why}`);
  const { kind, change, taken, kept, atomic } = result;
  const commands = kind === 'done' ? '' : processKernel.describe(change);
  return {
    report: { what: 'remove', done: kind === 'done', mended: taken, left: kept, atomic, commands },
    engine: '',
  };
}

/** What heals once. Throws Failure when it is not sure what is right. */
async function healer({ netns, engine, networks, dryRun }: HealOptions): Promise<() => Promise<Outcome>> {
  const [{ heal }, { lookAt }, { processKernel }] = await Promise.all([
    import('../engine/heal.ts'),
    import('../engine/look.ts'),
    import('../kernel/apply.ts'),
  ]);
  const declared = await declaredNetworks(networks);
  const look = () => lookAt(netns === undefined ? {} : { netns }, engine, declared);
  return async () => {
    const healed = await refusals(() => heal({ look, netns, kernel: processKernel }, dryRun === true));
    if (healed.kind === 'refused') throw new Failure(3, `nothing was changed: ${healed.why}`);
    const { kind, left, engine: version } = healed;
    const done = kind === 'done';
    const mended = kind === 'nothing' ? [] : healed.mended;
    const atomic = kind === 'nothing' || healed.atomic;
    const commands = kind === 'planned' ? processKernel.describe(healed.change) : '';
    return { report: { what: 'put-back', done, mended, left, atomic, commands }, engine: version };
  };
}

/** What the kernel or the capture refuses is a line, not a stack trace. */
async function refusals<T>(work: () => Promise<T>): Promise<T> {
  const [{ KernelError }, { CaptureError }] = await Promise.all([
    import('../kernel/process.ts'),
    import('../bundle/error.ts'),
  ]);
  return work().catch((error: unknown) => {
    throw error instanceof KernelError || error instanceof CaptureError
      ? systemRefused(error.message)
      : error;
  });
}

/** Heals after every change until it is told to stop; only what was put back is printed, and each new reason not to. */
async function watch(
  { netns, lang }: HealOptions,
  once: () => Promise<Outcome>,
  say: (outcome: Outcome) => void,
): Promise<void> {
  const [{ watchHost }, { driftWords }, { languageOf }] = await Promise.all([
    import('../engine/watch.ts'),
    import('../report/text/drift-words.ts'),
    import('./terminal.ts'),
  ]);
  const note = (line: string) => process.stderr.write(`bridgekeeper: ${line}\n`);
  let complained: string | undefined;
  const watcher = watchHost(netns, async () => {
    let complaint: string | undefined;
    try {
      const outcome = await once();
      if (outcome.report.done) say(outcome);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      complaint = error.message;
    }
    if (complaint !== undefined && complaint !== complained) note(complaint);
    complained = complaint;
  });
  note(driftWords[languageOf(lang, process.env) ?? 'en'].watching);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  watcher.stop();
  process.exitCode = 0;
}
