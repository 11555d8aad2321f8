/**
 * `bridgekeeper tour`: the incident that this project began with, reproduced, diagnosed, repaired and proved on the real kernel.
 * In: the language. Out: what the tour prints. It only starts the tour on a stage of its own and makes
 * sure that the stage ends with it; the steps are tour-stage.ts's subject.
 */
import { Command, Option } from 'commander';
import { badInput, systemRefused } from './failure.ts';

export function tourCommand(): Command {
  return new Command('tour')
    .description(
      'one line in daemon.json and what it does: reproduced, diagnosed, repaired, in throw-away namespaces',
    )
    .addOption(new Option('--lang <language>', 'en or zh; the locale decides otherwise'))
    .action(tour);
}

async function tour(options: { readonly lang?: string }): Promise<void> {
  const [
    { spawn },
    { mkdtempSync, rmSync },
    { tmpdir },
    { extname, join },
    url,
    stage,
    kernel,
    { languageOf },
  ] = await Promise.all([
    import('node:child_process'),
    import('node:fs'),
    import('node:os'),
    import('node:path'),
    import('node:url'),
    import('../kernel/stage.ts'),
    import('../kernel/process.ts'),
    import('./terminal.ts'),
  ]);
  const language = languageOf(options.lang, process.env);
  if (language === undefined) throw badInput(`--lang ${JSON.stringify(options.lang)}: en or zh`);
  for (const tool of ['ip', 'iptables-nft-restore', 'ping', 'nsenter', 'unshare', 'setpriv', 'mount'])
    if (!kernel.isInstalled(tool)) throw systemRefused(kernel.missingTool(tool).message);

  const file = url.fileURLToPath(new URL(`./tour-stage${extname(import.meta.url)}`, import.meta.url));
  let command: readonly string[];
  let scratch: string | undefined;
  try {
    const kind = await stage.stageKind();
    if (!kind.privateMounts) scratch = mkdtempSync(join(tmpdir(), 'bridgekeeper-tour-'));
    const words = [language, calledAs(), ...(scratch === undefined ? [] : [scratch])];
    command = stage.stageCommand(kind, [process.execPath, file, ...words], 'bound');
  } catch (error) {
    throw error instanceof kernel.KernelError ? systemRefused(error.message) : error;
  }
  const [tool = '', ...args] = command;
  const child = spawn(tool, args, { stdio: 'inherit', env: { ...process.env, PATH: kernel.systemPath() } });
  // Ctrl-C reaches the tour through the terminal, and it ends by itself; any other signal ends the stage from here.
  process.on('SIGINT', () => setTimeout(() => child.kill('SIGKILL'), 2000).unref());
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGKILL'));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 143 : 1)));
  });
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
}

/** How to call this program again: from a clone as bin/bridgekeeper, installed by its name. */
function calledAs(): string {
  return process.env.npm_lifecycle_event === 'start' ? 'bin/bridgekeeper' : 'bridgekeeper';
}
