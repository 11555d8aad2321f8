/**
 * `bridgekeeper drift`: what is on a host against what its engine made there. In: this host, a namespace or a bundle. Out: text or
 * JSON; exit 0 as planned, 1 drift, 3 it cannot be said. It changes nothing.
 */
import { Command, Option } from 'commander';
import { withDeclared } from '../host/facts.ts';
import { Failure } from './failure.ts';
import { bundleFacts, declaredNetworks, liveFacts, refuseBlindness } from './host-facts.ts';

interface DriftOptions {
  readonly bundle?: string;
  readonly netns?: string;
  readonly engine?: string;
  readonly networks?: string;
  readonly foreign?: boolean;
  readonly json?: boolean;
  readonly lang?: string;
}

export function driftCommand(): Command {
  return new Command('drift')
    .description(
      'compare a host with what its engine made: what is missing, changed, out of place, or left behind',
    )
    .addOption(
      new Option(
        '--bundle <path>',
        'a captured host: directory, .tar.gz, firewall rules as text, or - for standard input',
      ).conflicts('netns'),
    )
    .option('--netns <path>', 'look at this network namespace instead of the host')
    .option('--engine <version>', "compare with what this engine would make (default: the host's)")
    .option(
      '--networks <file>',
      'what should be there, where no engine and no store tells: JSON of docker network inspect',
    )
    .option('--foreign', 'list what others made too')
    .option('--json', 'as JSON')
    .option('--lang <language>', 'en or zh; the locale decides otherwise')
    .action(drift);
}

async function drift(options: DriftOptions): Promise<void> {
  const { printing } = await import('./printing.ts');
  const print = printing(options.lang);
  const { bundle, netns, engine } = options;
  const found = bundle === undefined ? await liveFacts(netns) : await bundleFacts(bundle);
  const declared = await declaredNetworks(options.networks);
  const facts = withDeclared(found, declared);
  const [
    { hostStateFromFacts },
    { expectedFromFacts },
    { findDrift },
    { isDrift },
    { describeIntentDifference },
  ] = await Promise.all([
    import('../host/state-from-facts.ts'),
    import('../plan/expected.ts'),
    import('../drift/drift.ts'),
    import('../drift/difference.ts'),
    import('../plan/intent-differences.ts'),
  ]);
  const { state, problems } = hostStateFromFacts(facts);
  if (bundle === undefined) await refuseBlindness(facts, state);
  const expected = expectedFromFacts(facts, { state, ...(engine === undefined ? {} : { engine }) });
  if ('cannot' in expected) throw new Failure(3, `${bundle ?? netns ?? 'this host'}: ${expected.cannot}`);
  const drifted = findDrift({ state, expected });
  print.notes([...problems, ...expected.problems]);
  const { engineNote } = await import('./engine-note.ts');
  for (const note of [
    engineNote(expected.engine),
    ...expected.intentDifferences.map(describeIntentDifference),
  ])
    if (note !== undefined) process.stderr.write(`bridgekeeper: note: ${note}\n`);
  const version = expected.options.engine;
  if (options.json === true) {
    const { driftJson } = await import('../report/drift-json.ts');
    process.stdout.write(`${JSON.stringify(driftJson(drifted, version))}\n`);
  } else {
    const [{ driftText }, { driftWords }] = await Promise.all([
      import('../report/text/drift.ts'),
      import('../report/text/drift-words.ts'),
    ]);
    const { words, paint } = await print.options();
    const text = driftText(drifted, {
      words,
      driftWords: driftWords[words.language],
      paint,
      engine: version,
      foreign: options.foreign === true,
    });
    process.stdout.write(text);
  }
  // Of rules alone the rest is not known to be as planned.
  const rest = expected.intentSource === 'rules' ? 3 : 0;
  process.exitCode = drifted.differences.some(isDrift) ? 1 : rest;
}
