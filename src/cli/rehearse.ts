/**
 * `bridgekeeper rehearse`: a bundle's host rebuilt on the real kernel, in namespaces of a user namespace of their own, and real packets
 * sent there beside what the model says. In: a bundle. Out: what rehearse-stage.ts prints. It only starts that on a stage of its own
 * and makes sure that the stage ends with it. Nothing of the machine's own network is touched.
 */
import { Command, Option } from 'commander';
import { systemRefused } from './failure.ts';

export function rehearseCommand(): Command {
  return new Command('rehearse')
    .description(
      "rebuild a bundle's host in namespaces and send real packets, beside what the model says; needs no root",
    )
    .argument('<bundle>', 'a captured host: directory, .tar.gz or - for standard input')
    .option('--flows <file>', 'JSON array of flows to ask (default: those that doctor asks)')
    .option('--outside <file>', "what the outside is, in the format of a bundle's outside.json")
    .option('--outside-routes <prefix...>', 'prefixes that the site routes to this host')
    .option(
      '--repair',
      "make the doctor's command repairs on the rebuilt host and ask the broken flows again",
    )
    .option('--json', 'as JSON')
    .addOption(new Option('--lang <language>', 'en or zh; the locale decides otherwise'))
    .action(rehearse);
}

/** What the stage is told; the bundle as the user named it. */
export interface RehearseOptions {
  readonly flows?: string;
  readonly outside?: string;
  readonly outsideRoutes?: readonly string[];
  readonly repair?: boolean;
  readonly json?: boolean;
  readonly lang?: string;
}

async function rehearse(bundle: string, options: RehearseOptions): Promise<void> {
  const [{ spawn }, { extname }, url, stage, kernel, { printing }] = await Promise.all([
    import('node:child_process'),
    import('node:path'),
    import('node:url'),
    import('../kernel/stage.ts'),
    import('../kernel/process.ts'),
    import('./printing.ts'),
  ]);
  printing(options.lang);
  for (const tool of ['unshare', 'setpriv', 'nsenter', 'ip', 'ping', 'mount'])
    if (!kernel.isInstalled(tool)) throw systemRefused(kernel.missingTool(tool).message);
  const file = url.fileURLToPath(new URL(`./rehearse-stage${extname(import.meta.url)}`, import.meta.url));
  const argv = [process.execPath, file, bundle, JSON.stringify(options)];
  const kind = await stage.userStageKind().catch((error: unknown) => {
    throw error instanceof kernel.KernelError ? systemRefused(error.message) : error;
  });
  const [tool = '', ...args] = stage.stageCommand(kind, argv, 'bound');
  const child = spawn(tool, args, { stdio: 'inherit', env: { ...process.env, PATH: kernel.systemPath() } });
  // Ctrl-C reaches the stage through the terminal, and it ends by itself; any other signal ends it from here.
  process.on('SIGINT', () => setTimeout(() => child.kill('SIGKILL'), 2000).unref());
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGKILL'));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 143 : 1)));
  });
}
