/**
 * `bridgekeeper upgrade`: what another engine version changes in the rules of these networks, and what it leaves behind.
 * In: a bundle, or a daemon.json and networks, and two versions. Out: text or JSON on standard output. It looks at no kernel.
 */
import { Command, Option } from 'commander';
import type { Family } from '../net/addr.ts';
import type { ConfigProblem } from '../options/problem.ts';
import type { Resolution } from '../options/resolve.ts';
import type { Plan } from '../plan/plan.ts';
import type { EngineState } from '../plan/transition.ts';
import { badInput, Failure } from './failure.ts';
import { bundleFacts } from './host-facts.ts';
import { readInput } from './read-input.ts';

interface UpgradeOptions {
  readonly bundle?: string;
  readonly configFile?: string;
  readonly networks?: string;
  readonly from?: string;
  readonly to: string;
  readonly family?: Family;
  readonly json?: boolean;
}

/** The old engine at work, and how another version reads the same configuration. */
interface Before {
  /** What to tell about the engine that is there. */
  readonly note?: string;
  readonly plan: Plan;
  readonly held: EngineState;
  readonly configurationOf: (engine: string) => Resolution;
}

export function upgradeCommand(): Command {
  return new Command('upgrade')
    .description('show what another engine version changes in the rules, and what it leaves behind')
    .requiredOption('--to <version>', 'the engine to come')
    .option('--from <version>', "the engine that is there (default: the bundle's)")
    .addOption(
      new Option('--bundle <path>', 'a captured host: directory, .tar.gz or - for standard input').conflicts([
        'configFile',
        'networks',
      ]),
    )
    .option('--config-file <file>', "a daemon.json (default: the engine's own defaults)")
    .option('--networks <file>', 'JSON of docker network inspect, Containers may carry PortBindings')
    .addOption(new Option('--family <family>', 'only these rules').choices(['ipv4', 'ipv6']))
    .option('--json', 'as JSON')
    .action(printUpgrade);
}

async function printUpgrade(options: UpgradeOptions): Promise<void> {
  const { generationFor, unsupportedEngine } = await import('../plan/generation.ts');
  const { plan, held, configurationOf, note } = await (options.bundle === undefined
    ? fromFiles(options)
    : fromBundle(options.bundle, options.from));
  if (note !== undefined) process.stderr.write(`bridgekeeper: note: ${note}\n`);
  const next = configurationOf(options.to);
  const generation = generationFor(next.options);
  if (generation === undefined) throw new Failure(3, unsupportedEngine(options.to));
  const from = { engine: held.options.engine, generation: held.generation };
  const to = { engine: options.to, generation };
  if (next.errors.length > 0) {
    printRefusal(next.errors, { from, to }, options.json === true);
    return;
  }
  const [{ upgradeOf }, { onlyFamily, upgradeText }] = await Promise.all([
    import('../plan/upgrade.ts'),
    import('./upgrade-text.ts'),
  ]);
  const whole = upgradeOf(plan, held, { options: next.options, generation });
  const upgrade = options.family === undefined ? whole : onlyFamily(whole, options.family);
  if (options.json === true) {
    writeJson({ from, to, refused: [], ...upgrade });
    return;
  }
  process.stdout.write(upgradeText(upgrade, { from: spell(from), to: spell(to) }));
  for (const what of upgrade.unmodelled) process.stderr.write(`bridgekeeper: note: not planned: ${what}\n`);
}

interface Version {
  readonly engine: string;
  readonly generation: string;
}

function spell({ engine, generation }: Version): string {
  return `${engine} (${generation})`;
}

/** A configuration that the new engine refuses changes everything: it does not start. */
function printRefusal(
  errors: readonly ConfigProblem[],
  versions: { readonly from: Version; readonly to: Version },
  json: boolean,
): void {
  if (json) {
    writeJson({ ...versions, refused: errors });
    return;
  }
  const lines = errors.map(({ message, remedy }) => `  ${message} (${remedy})`);
  process.stdout.write(
    `from ${spell(versions.from)} to ${spell(versions.to)}: dockerd refuses to start with this configuration\n${lines.join('\n')}\n`,
  );
}

function writeJson(answer: object): void {
  process.stdout.write(`${JSON.stringify({ schema: 'bridgekeeper.upgrade/1', ...answer })}\n`);
}

async function fromBundle(path: string, from: string | undefined): Promise<Before> {
  const [facts, { expectedFromFacts }, { configurationFromFacts }, { engineNote }] = await Promise.all([
    bundleFacts(path),
    import('../plan/expected.ts'),
    import('../plan/configuration-from-facts.ts'),
    import('./engine-note.ts'),
  ]);
  const expected = expectedFromFacts(facts, from === undefined ? {} : { engine: from });
  if ('cannot' in expected) throw new Failure(3, `${path}: ${expected.cannot}`);
  const { plan, held } = expected;
  const note = engineNote(expected.engine);
  return {
    ...(note === undefined ? {} : { note }),
    plan,
    held,
    configurationOf: (engine) => configurationFromFacts(facts, engine).value,
  };
}

async function fromFiles({ configFile, networks, from }: UpgradeOptions): Promise<Before> {
  if (from === undefined) throw badInput('upgrade: --from VERSION is needed where no bundle tells it');
  const [{ expectedFromConfiguration }, { resolveOptions }] = await Promise.all([
    import('../plan/expected-from-files.ts'),
    import('../options/resolve.ts'),
  ]);
  const config =
    configFile === undefined
      ? {}
      : { config: { path: configFile, text: await readInput(configFile, '--config-file') } };
  const expected = expectedFromConfiguration({
    engine: from,
    ...config,
    ...(networks === undefined
      ? {}
      : { networks: { path: networks, text: await readInput(networks, '--networks') } }),
  });
  switch (expected.kind) {
    case 'planned': {
      const { plan, held } = expected;
      const file = config.config === undefined ? {} : { file: config.config };
      return { plan, held, configurationOf: (engine) => resolveOptions({ engine, ...file }) };
    }
    case 'bad-input':
      throw badInput(expected.why);
    case 'cannot':
      throw new Failure(3, expected.why);
  }
}
