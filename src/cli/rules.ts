/**
 * `bridgekeeper rules`: the rules that should be there, from a bundle or from a configuration and networks.
 * In: files named on the command line. Out: text of iptables-save or nft, or JSON, on standard output; notes on standard error.
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
  readonly format: (typeof formats)[number];
  readonly family?: Family;
  readonly container?: string;
  readonly why?: boolean;
}

const formats = ['iptables-save', 'nft', 'nft-json', 'json'] as const;

/** What is printed, from whichever source. */
interface Planned {
  readonly engine: KnownEngine;
  readonly plan: Plan;
  /** Names of all containers, also of those without rules. */
  readonly containers: readonly string[];
  readonly notInForce: readonly NotInForce[];
  /** Things in the input that could not be used. */
  readonly problems: readonly string[];
}

export function rulesCommand(): Command {
  return new Command('rules')
    .description('print the firewall rules that the engine should have made')
    .addOption(
      new Option(
        '--bundle <path>',
        'a captured host: directory, .tar.gz, firewall rules as text, or - for standard input',
      ).conflicts(['configFile', 'networks']),
    )
    .option('--config-file <file>', "a daemon.json (default: the engine's own defaults)")
    .option('--networks <file>', 'JSON of docker network inspect, Containers may carry PortBindings')
    .option('--engine <version>', "engine version (default: the bundle's, else 28.5.2)")
    .addOption(
      new Option('--format <format>', 'output; nft and nft-json: as nft -s list ruleset, with -j')
        .choices(formats)
        .default('iptables-save'),
    )
    .addOption(
      new Option('--family <family>', 'address family (default: ipv4; nft and nft-json: both)').choices([
        'ipv4',
        'ipv6',
      ]),
    )
    .option('--container <name>', "the rules in this container's own namespace, in place of the host's")
    .option('--why', 'say behind each rule which setting made it so')
    .action(printRules);
}

async function printRules(options: RulesOptions): Promise<void> {
  const planned =
    options.bundle === undefined
      ? await fromFiles(options)
      : await fromBundle(options.bundle, options.engine);
  const [text, { nftJson }, { printNft }] = await Promise.all([
    import('./rules-text.ts'),
    import('../firewall/nft/print-json.ts'),
    import('../firewall/nft/print.ts'),
  ]);
  const { plan } = planned;
  const { unmodelled, firewalld } = plan;
  const { ruleset, nft } = options.container === undefined ? plan : rulesIn(planned, options.container);
  const family = options.family ?? 'ipv4';
  const native = text.tablesOf(nft, options.family);
  switch (options.format) {
    case 'json': {
      const { engine, notInForce, problems } = planned;
      const tables = text.rulesAsJson(ruleset, family);
      const nftables = nftJson(text.tablesOf(nft, family), { reasons: true }).nftables;
      printJson({
        schema: 'bridgekeeper.rules/1',
        engine: engine.version,
        engineKnownBy: engine.by,
        ...(engine.generations === undefined ? {} : { engineMayBe: engine.generations }),
        generation: plan.generation,
        tables,
        ...(plan.generation === 'N1' ? { nftables } : {}),
        containers: plan.sandboxes.map((sandbox) => ({
          container: sandbox.name,
          tables: text.rulesAsJson(sandbox.ruleset, family),
          ...(plan.generation === 'N1'
            ? { nftables: nftJson(text.tablesOf(sandbox.nft, family), { reasons: true }).nftables }
            : {}),
        })),
        ...(firewalld === undefined ? {} : { firewalld: text.firewalldAsJson(firewalld) }),
        notInForce,
        unmodelled,
        problems,
      });
      return;
    }
    case 'nft-json':
      printJson(nftJson(native, { reasons: options.why === true }));
      break;
    case 'nft':
      process.stdout.write(options.why === true ? text.nftWithReasons(native) : printNft(native));
      break;
    case 'iptables-save':
      process.stdout.write(
        options.why === true ? text.rulesWithReasons(ruleset, family) : text.rulesAsSave(ruleset, family),
      );
  }
  if (firewalld !== undefined && options.container === undefined && options.format !== 'nft-json')
    process.stdout.write(text.firewalldAsComments(firewalld, options.why === true));
  const asNft = options.format !== 'iptables-save';
  if (asNft !== (plan.generation === 'N1')) {
    note(
      asNft
        ? 'the engine makes its rules with iptables: --format iptables-save prints them'
        : 'the engine makes its rules with nftables: --format nft prints them',
    );
  }
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

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** The engine makes rules in a container's namespace only on networks other than the default one. */
function rulesIn({ plan, containers }: Planned, container: string): Pick<Plan, 'ruleset' | 'nft'> {
  const sandbox = plan.sandboxes.find(({ name }) => name === container);
  if (sandbox !== undefined) return sandbox;
  if (!containers.includes(container)) {
    const known = containers.length === 0 ? 'there are none' : `there are ${containers.join(', ')}`;
    throw badInput(`--container ${container}: no such container; ${known}`);
  }
  note(`the engine makes no rules in the namespace of ${container}`);
  return { ruleset: { tables: [] }, nft: { tables: [], twins: [] } };
}

function note(line: string): void {
  process.stderr.write(`bridgekeeper: note: ${line}\n`);
}

async function fromBundle(path: string, engine: string | undefined): Promise<Planned> {
  const [facts, { expectedFromFacts }, { describeIntentDifference }] = await Promise.all([
    bundleFacts(path),
    import('../plan/expected.ts'),
    import('../plan/intent-differences.ts'),
  ]);
  const expected = expectedFromFacts(facts, engine === undefined ? {} : { engine });
  if ('cannot' in expected) throw new Failure(3, `${path}: ${expected.cannot}`);
  return {
    engine: expected.engine,
    plan: expected.plan,
    containers: expected.intent.sandboxes.map(({ name }) => name),
    notInForce: expected.notInForce,
    problems: [
      ...expected.problems.map(({ file, line, message }) =>
        line === undefined ? `${file}: ${message}` : `${file} line ${line}: ${message}`,
      ),
      ...(expected.intentSource === 'local-kv.db'
        ? ['local-kv.db: networks and containers are those of the store; no running engine reported any']
        : []),
      ...(expected.intentSource === 'rules'
        ? [
            'networks, containers and settings are as far as the rules themselves tell; nothing else is known',
            ...expected.assumed,
          ]
        : []),
      ...expected.intentDifferences.map(
        (difference) => `${difference.source}: ${describeIntentDifference(difference)}`,
      ),
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
      return {
        engine: { version: engine, by: 'given' },
        plan: expected.plan,
        containers: expected.intent.sandboxes.map(({ name }) => name),
        notInForce: [],
        problems: [],
      };
    case 'bad-input':
      throw badInput(expected.why);
    case 'cannot':
      throw new Failure(3, expected.why);
  }
}
