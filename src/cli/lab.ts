/**
 * `bridgekeeper lab`: a host with an uplink, an outside world and two containers in namespaces, to try things safely.
 * In: names and a daemon.json. Out: a lab that stays until `lab down`. Nothing of the machine's own network is touched.
 */
import { Command } from 'commander';
import { badInput, Failure, systemRefused } from './failure.ts';

export function labCommand(): Command {
  const lab = new Command('lab').description(
    'a host, an outside world and containers in namespaces, to try things safely',
  );
  // Subcommands inherit these when they are made, before the program hands its own down.
  lab.exitOverride().showHelpAfterError('(run with --help for the usage)');
  const named = (command: Command) => command.option('--name <name>', 'which lab', 'main');

  named(lab.command('up'))
    .description(
      'raise a lab: the default bridge from a daemon.json, containers web (8080:80) and agent (host networking)',
    )
    .option('--config-file <file>', 'daemon.json to bring the engine up with')
    .option('--engine <version>', 'engine version to follow')
    .option('--dry-run', 'print what would be run, and do nothing')
    .action(up);
  named(lab.command('exec'))
    .description('run a command in a lab; WHERE is host, inet (the outside) or a container')
    .argument('<where>', 'host, inet, web or agent')
    .argument('<command...>', 'the command, after --')
    .action(exec);
  named(lab.command('down')).description('end a lab and everything in it').action(down);
  lab.command('ls').description('list labs').option('--json', 'as JSON').action(list);
  return lab;
}

interface Named {
  readonly name: string;
}

interface UpOptions extends Named {
  readonly configFile?: string;
  readonly engine?: string;
  readonly dryRun?: boolean;
}

async function up(options: UpOptions): Promise<void> {
  const [{ resolve }, { previewLab, raiseLab }, { isLabName }] = await Promise.all([
    import('node:path'),
    import('../lab/control.ts'),
    import('../lab/registry.ts'),
  ]);
  if (!isLabName(options.name))
    throw badInput(
      `--name ${JSON.stringify(options.name)}: letters, digits, _ and -, at most 31, no leading -`,
    );
  const { name, configFile, engine } = options;
  const request = {
    ...(configFile === undefined ? {} : { configFile: resolve(configFile) }),
    ...(engine === undefined ? {} : { version: engine }),
  };
  const result = await refusedAs4(async () =>
    options.dryRun === true ? await previewLab(request) : await raiseLab(name, request),
  );
  const which = name === 'main' ? '' : ` --name ${name}`;
  switch (result.kind) {
    case 'exists':
      throw badInput(`lab ${name} is already up: use it, or end it with: bridgekeeper lab down${which}`);
    case 'failed':
      throw new Failure(result.cause === 'config' ? 2 : 4, result.message);
    case 'preview':
      process.stdout.write(result.text);
      return;
    case 'up': {
      const places = result.lab.places.map((place) => place.name).join(', ');
      process.stdout.write(
        [
          `lab ${name} is up: ${places}`,
          '',
          `  bridgekeeper lab exec${which} web -- ping -c 1 198.51.100.7      the outside, from the bridge`,
          `  bridgekeeper lab exec${which} inet -- curl http://203.0.113.2:8080   the published port, from outside`,
          `  bridgekeeper lab exec${which} host -- iptables-save`,
          `  bridgekeeper lab down${which}`,
          '',
        ].join('\n'),
      );
    }
  }
}

async function exec(where: string, command: readonly string[], options: Named): Promise<void> {
  const [{ spawn }, { join }, { engineVariable }, { systemPath }, { enterCommand }, { factsFolder }] =
    await Promise.all([
      import('node:child_process'),
      import('node:path'),
      import('../engine/live.ts'),
      import('../kernel/process.ts'),
      import('../lab/control.ts'),
      import('../lab/registry.ts'),
    ]);
  const entry = await liveLab(options.name);
  const argv = enterCommand(entry.lab, where, command, process.cwd());
  if (argv === undefined) {
    const places = entry.lab.places.map((place) => place.name).join(', ');
    throw badInput(`lab ${options.name} has no ${JSON.stringify(where)}: it has ${places}`);
  }
  const [tool = '', ...args] = argv;
  // What is run in a lab finds the lab's engine, as it would find a dockerd on a host of its own.
  const env = { ...process.env, PATH: systemPath(), [engineVariable]: join(entry.folder, factsFolder) };
  const child = spawn(tool, args, { stdio: 'inherit', env });
  // The terminal sends Ctrl-C to the command too: it decides.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => {});
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', () => reject(systemRefused(`${tool} is not installed: apt-get install util-linux`)));
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

async function down(options: Named): Promise<void> {
  const { endLab } = await import('../lab/control.ts');
  const entry = await knownLab(options.name);
  await endLab(entry);
  process.stdout.write(
    entry.kind === 'up'
      ? `lab ${options.name} is down\n`
      : `lab ${options.name} had ended; what it left is removed\n`,
  );
}

async function list(options: { readonly json?: boolean }): Promise<void> {
  const { labsFolder, listLabs } = await import('../lab/registry.ts');
  const labs = listLabs(labsFolder()).map((entry) =>
    entry.kind === 'up'
      ? { name: entry.lab.name, state: 'up', places: entry.lab.places.map((place) => place.name) }
      : { name: entry.name, state: 'ended', places: [] },
  );
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ schema: 'bridgekeeper.labs/1', labs })}\n`);
    return;
  }
  const width = Math.max(0, ...labs.map((lab) => lab.name.length));
  for (const lab of labs)
    process.stdout.write(
      `${`${lab.name.padEnd(width)}  ${lab.state.padEnd(5)}  ${lab.places.join(' ')}`.trimEnd()}\n`,
    );
}

async function knownLab(name: string) {
  const { findLab, isLabName, labsFolder } = await import('../lab/registry.ts');
  const entry = isLabName(name) ? findLab(labsFolder(), name) : undefined;
  if (entry === undefined)
    throw badInput(`there is no lab ${JSON.stringify(name)} (bridgekeeper lab ls lists them)`);
  return entry;
}

async function liveLab(name: string) {
  const entry = await knownLab(name);
  if (entry.kind === 'up') return entry;
  throw badInput(`lab ${name} has ended; remove what it left with: bridgekeeper lab down --name ${name}`);
}

/** The kernel's refusals as this program's failures. */
async function refusedAs4<T>(work: () => Promise<T>): Promise<T> {
  const { KernelError } = await import('../kernel/process.ts');
  try {
    return await work();
  } catch (error) {
    throw error instanceof KernelError ? systemRefused(error.message) : error;
  }
}
