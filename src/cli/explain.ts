/**
 * `bridgekeeper explain OPTION`: how a daemon option becomes kernel state, and what another value would change.
 * In: the option's name, optionally a daemon.json and an engine version. Out: text or JSON on standard output.
 */
import { Command } from 'commander';
import { badInput, Failure } from './failure.ts';
import { readInput } from './read-input.ts';

interface ExplainOptions {
  readonly engine: string;
  readonly configFile?: string;
  readonly allGenerations?: boolean;
  readonly json?: boolean;
}

export function explainCommand(): Command {
  return new Command('explain')
    .description('show how a daemon option becomes rules, sysctls and links, and what flipping it changes')
    .argument('<option>', 'a key of daemon.json: ip-masq, icc, userland-proxy, iptables, bip, mtu ...')
    .option('--engine <version>', 'engine version', '28.5.2')
    .option('--config-file <file>', 'start from this daemon.json')
    .option('--all-generations', 'show what changes in each rule layout, line by line')
    .option('--json', 'as JSON')
    .action(explain);
}

async function explain(name: string, options: ExplainOptions): Promise<void> {
  const [{ optionNames }, { generationOf, unsupportedEngine }, { explainOption }] = await Promise.all([
    import('../options/table.ts'),
    import('../plan/generation.ts'),
    import('../plan/explain.ts'),
  ]);
  const option = optionNames.find((known) => known === name.replace(/^--/, ''));
  if (option === undefined) {
    throw badInput(
      `explain: ${JSON.stringify(name)} is no networking option; known are ${optionNames.join(', ')}`,
    );
  }
  const { engine, configFile } = options;
  if (generationOf(engine) === undefined) throw new Failure(3, unsupportedEngine(engine));
  const asked = {
    option,
    ...(configFile === undefined
      ? {}
      : { file: { path: configFile, text: await readInput(configFile, '--config-file') } }),
  };
  const explanation = explainOption({ ...asked, engine });
  const [refusal] = explanation.configured.errors;
  if (refusal !== undefined) throw badInput(`${configFile}: dockerd refuses to start: ${refusal.message}`);
  const [{ commandLine, explanationText }, { explainGenerations }] = await Promise.all([
    import('./explain-text.ts'),
    import('../plan/explain-generations.ts'),
  ]);
  const spans = explainGenerations(asked);
  if (options.json !== true) {
    process.stdout.write(explanationText(explanation, spans, options.allGenerations === true));
    return;
  }
  const variant = ({
    setting,
    errors,
    warnings,
    operations,
    parts,
    impossible,
  }: typeof explanation.configured) => ({
    ...setting,
    errors,
    warnings,
    operations: operations.map((operation) => ({
      command: commandLine(operation),
      reason: operation.reason,
    })),
    parts,
    ...(impossible === undefined ? {} : { impossible }),
  });
  const { configured, changed, ...facts } = explanation;
  const output = {
    schema: 'bridgekeeper.explain/1',
    ...facts,
    configured: variant(configured),
    ...(changed === undefined ? {} : { changed: variant(changed) }),
    engines: spans,
  };
  process.stdout.write(`${JSON.stringify(output)}\n`);
}
