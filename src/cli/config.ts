/**
 * `bridgekeeper config`: the effective options of a daemon, where each comes from, and what is wrong with them.
 * In: a daemon.json and dockerd's own flags. Out: a table or JSON; exit 2 with dockerd's reason where it would refuse
 * to start. It looks at no daemon and no network.
 */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { badInput } from './failure.ts';
import { readInputBytes } from './read-input.ts';

interface ConfigOptions {
  readonly configFile?: string;
  readonly engine?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function configCommand(): Command {
  return new Command('config')
    .description("show a daemon's effective networking options and their origins")
    .usage("[options] [dockerd's flags]")
    .option('--config-file <file>', 'daemon.json (default: /etc/docker/daemon.json where it exists)')
    .option('--engine <version>', 'engine version (default: the newest known)')
    .option('--all', 'also the options that have their defaults')
    .option('--json', 'as JSON')
    .argument('[flags...]', "dockerd's flags, as in its unit file")
    .allowUnknownOption()
    .action((flags: readonly string[], options: ConfigOptions) => showConfig(flags, options));
}

async function showConfig(flags: readonly string[], options: ConfigOptions): Promise<void> {
  const [{ defaultConfigFile, resolveOptions }, { isVersion, newestEngine }, text] = await Promise.all([
    import('../options/resolve.ts'),
    import('../options/version.ts'),
    import('./config-text.ts'),
  ]);
  const engine = options.engine ?? newestEngine;
  if (!isVersion(engine)) throw badInput(`--engine ${JSON.stringify(engine)}: not a version like 28.5.2`);
  const path = options.configFile ?? (existsSync(defaultConfigFile) ? defaultConfigFile : undefined);
  const argv = [
    'dockerd',
    ...(options.configFile === undefined ? [] : ['--config-file', options.configFile]),
    ...flags,
  ];
  const file =
    path === undefined ? {} : { file: { path, text: await readInputBytes(path, '--config-file') } };
  const resolution = resolveOptions({ engine, argv, ...file });
  const shown = { resolution, file: path, assumedEngine: options.engine === undefined };
  const refused = resolution.errors.length > 0;
  if (options.json === true) process.stdout.write(`${JSON.stringify(text.configAsJson(shown))}\n`);
  else if (refused) process.stderr.write(text.refusalText(shown));
  else process.stdout.write(text.configText(shown, options.all === true ? 'all' : 'changed'));
  if (refused) process.exitCode = 2;
}
