/**
 * `bridgekeeper rules`: the rules that should be there, from a bundle or from a configuration and networks.
 * In: files named on the command line. Out: iptables-save text or JSON on standard output; notes on standard error.
 * It reads and prints; nothing on a host is looked at or changed.
 */
import { Command, Option } from 'commander';
import type { Family } from '../net/addr.ts';
import type { KnownEngine } from '../plan/engine-version.ts';
import type { NotInForce } from '../plan/in-force.ts';
import type { Plan } from '../plan/plan.ts';
import { badInput, Failure } from './failure.ts';
import { bundleFacts } from './host-facts.ts';
import { readInput } from './read-input.ts';

interface RulesOptions {
  readonly bundle?: string;
  readonly configFile?: string;
  readonly networks?: string;
  readonly engine?: string;
  readonly format: 'iptables-save' | 'json';
  readonly family: Family;
  readonly why?: boolean;
}

/** What is printed, from whichever source. */
interface Planned {
  readonly engine: KnownEngine;
  readonly plan: Plan;
  readonly notInForce: readonly NotInForce[];
  /** Things in the input that could not be used. */
  readonly problems: readonly string[];
}

export function rulesCommand(): Command {
  return new Command('rules')
    .description('print the firewall rules that the engine should have made')
    .addOption(
      new Option('--bundle <path>', 'a captured host: directory, .tar.gz or - for standard input').conflicts([
        'configFile',
        'networks',
      ]),
    )
    .option('--config-file <file>', "a daemon.json (default: the engine's own defaults)")
    .option('--networks <file>', 'JSON of docker network inspect, Containers may carry PortBindings')
    .option('--engine <version>', "engine version (default: the bundle's, else 28.5.2)")
    .addOption(
      new Option('--format <format>', 'output').choices(['iptables-save', 'json']).default('iptables-save'),
    )
    .addOption(new Option('--family <family>', 'address family').choices(['ipv4', 'ipv6']).default('ipv4'))
    .option('--why', 'say behind each rule which setting made it so')
    .action(printRules);
}

async function printRules(options: RulesOptions): Promise<void> {
  const planned =
    options.bundle === undefined
      ? await fromFiles(options)
      : await fromBundle(options.bundle, options.engine);
  const text = await import('./rules-text.ts');
  const { ruleset, unmodelled } = planned.plan;
  if (options.format === 'json') {
    const { engine, notInForce, problems, plan } = planned;
    const tables = text.rulesAsJson(ruleset, options.family);
    const { generation } = plan;
    const output = {
      schema: 'bridgekeeper.rules/1',
      engine: engine.version,
      engineKnownBy: engine.by,
      ...(engine.generations === undefined ? {} : { engineMayBe: engine.generations }),
      generation,
      tables,
      notInForce,
      unmodelled,
      problems,
    };
    process.stdout.write(`${JSON.stringify(output)}\n`);
    return;
  }
  process.stdout.write(
    options.why === true
      ? text.rulesWithReasons(ruleset, options.family)
      : text.rulesAsSave(ruleset, options.family),
  );
  const { engineNote } = await import('./engine-note.ts');
  const aboutEngine = engineNote(planned.engine);
  if (aboutEngine !== undefined) note(aboutEngine);
  for (const line of [...planned.problems, ...unmodelled.map((what) => `not planned: ${what}`)]) note(line);
  const { describeOrigin } = await import('../options/problem.ts');
  for (const { option, configured, inForce } of planned.notInForce) {
    note(
      `${option}=${JSON.stringify(configured.value)} (${describeOrigin(configured.origin)}) is not in force:` +
        ` the running engine has ${JSON.stringify(inForce.value)} (${describeOrigin(inForce.origin)})`,
    );
  }
}

function note(line: string): void {
  process.stderr.write(`bridgekeeper: note: ${line}\n`);
}

async function fromBundle(path: string, engine: string | undefined): Promise<Planned> {
  const [facts, { expectedFromFacts }, { describeStoreDifference }] = await Promise.all([
    bundleFacts(path),
    import('../plan/expected.ts'),
    import('../plan/store-differences.ts'),
  ]);
  const expected = expectedFromFacts(facts, engine === undefined ? {} : { engine });
  if ('cannot' in expected) throw new Failure(3, `${path}: ${expected.cannot}`);
  return {
    engine: expected.engine,
    plan: expected.plan,
    notInForce: expected.notInForce,
    problems: [
      ...expected.problems.map(({ file, line, message }) =>
        line === undefined ? `${file}: ${message}` : `${file} line ${line}: ${message}`,
      ),
      ...(expected.intentSource === 'local-kv.db'
        ? ['local-kv.db: networks and containers are those of the store; no running engine reported any']
        : []),
      ...expected.storeDifferences.map((difference) => `local-kv.db: ${describeStoreDifference(difference)}`),
    ],
  };
}

async function fromFiles(options: RulesOptions): Promise<Planned> {
  const engine = options.engine ?? '28.5.2';
  const { expectedFromConfiguration } = await import('../plan/expected-from-files.ts');
  const { configFile, networks } = options;
  const expected = expectedFromConfiguration({
    engine,
    ...(configFile === undefined
      ? {}
      : { config: { path: configFile, text: await readInput(configFile, '--config-file') } }),
    ...(networks === undefined
      ? {}
      : { networks: { path: networks, text: await readInput(networks, '--networks') } }),
  });
  switch (expected.kind) {
    case 'planned':
      return { engine: { version: engine, by: 'given' }, plan: expected.plan, notInForce: [], problems: [] };
    case 'bad-input':
      throw badInput(expected.why);
    case 'cannot':
      throw new Failure(3, expected.why);
  }
}
