/**
 * `bridgekeeper heal`: puts back what a host lost of what its engine made, without restarting anything. In: this host or a
 * namespace. Out: what was put back; exit 0 done, 1 something is left (with --dry-run: something is missing), 3 it is not sure
 * what is right. It never flushes, and touches nothing that somebody else made.
 */
import { Command, Option } from 'commander';
import type { Healed } from '../engine/heal.ts';
import type { Looked } from '../engine/look.ts';
import type { Change } from '../kernel/change.ts';
import type { TextOptions } from '../report/text/doctor.ts';
import { Failure, systemRefused } from './failure.ts';

interface HealOptions {
  readonly netns?: string;
  readonly engine?: string;
  readonly dryRun?: boolean;
  readonly watch?: boolean;
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
    .addOption(new Option('--dry-run', 'say what would be done, and do nothing').conflicts('watch'))
    .option('--watch', 'stay, and put back what vanishes within a second')
    .option('--json', 'as JSON, one object for each time that something was put back')
    .option('--lang <language>', 'en or zh; the locale decides otherwise')
    .action(run);
}

async function run(options: HealOptions): Promise<void> {
  const { printing } = await import('./printing.ts');
  const print = printing(options.lang);
  const [{ heal }, { lookAt }, { processKernel }, { KernelError }, { CaptureError }] = await Promise.all([
    import('../engine/heal.ts'),
    import('../engine/look.ts'),
    import('../kernel/apply.ts'),
    import('../kernel/process.ts'),
    import('../bundle/error.ts'),
  ]);
  const { netns, engine } = options;
  const look = () => lookAt(netns === undefined ? {} : { netns }, engine);
  const target = { look, netns, kernel: processKernel };
  const text = await print.options();
  const say = await healedPrinter(options, text, processKernel.describe);
  const once = () =>
    heal(target, options.dryRun === true).catch((error: unknown) => {
      if (error instanceof KernelError || error instanceof CaptureError) throw systemRefused(error.message);
      throw error;
    });
  if (options.watch === true) {
    const { driftWords } = await import('../report/text/drift-words.ts');
    return watch(netns, look, once, say, driftWords[text.words.language].watching);
  }
  const healed = await once();
  if (healed.kind === 'refused') throw new Failure(3, `nothing was changed: ${healed.why}`);
  say(healed);
  process.exitCode = healed.left.length > 0 || healed.kind === 'planned' ? 1 : 0;
}

type Said = Exclude<Healed, { readonly kind: 'refused' }>;

/** Prints what was done, in the form that was asked for. */
async function healedPrinter(
  options: HealOptions,
  text: TextOptions,
  describe: (change: Change) => string,
): Promise<(healed: Said) => void> {
  const [{ healJson, healText }, { driftWords }] = await Promise.all([
    import('../report/text/heal.ts'),
    import('../report/text/drift-words.ts'),
  ]);
  return (healed) => {
    const report = {
      done: healed.kind === 'done',
      mended: healed.kind === 'nothing' ? [] : healed.mended,
      left: healed.left,
      atomic: healed.kind === 'nothing' || healed.atomic,
      commands: healed.kind === 'planned' ? describe(healed.change) : '',
    };
    const { engine } = healed;
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(healJson(report, engine))}\n`
        : healText(report, { ...text, driftWords: driftWords[text.words.language], engine }),
    );
  };
}

/** Heals after every change until it is told to stop; only what was put back is printed. */
async function watch(
  netns: string | undefined,
  look: () => Promise<Looked>,
  once: () => Promise<Healed>,
  say: (healed: Said) => void,
  watching: string,
): Promise<void> {
  const { watchHost } = await import('../engine/watch.ts');
  const first = await look();
  const legacy = first.kind === 'seen' && first.whole.expected.backend === 'iptables-legacy';
  let complained: string | undefined;
  process.stderr.write(`bridgekeeper: ${watching}\n`);
  const watcher = watchHost(netns, legacy, async () => {
    const healed = await once().catch((error: unknown) => {
      if (error instanceof Failure) return { kind: 'refused', why: error.message } as const;
      throw error;
    });
    const complaint = healed.kind === 'refused' ? healed.why : undefined;
    if (complaint !== undefined && complaint !== complained)
      process.stderr.write(`bridgekeeper: ${complaint}\n`);
    complained = complaint;
    if (healed.kind === 'done') say(healed);
  });
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  watcher.stop();
}
