/**
 * `bridgekeeper replay LOG`: what a dockerd log says: starts and their phases, the ruleset that its commands make, what it complains
 * about, and where its rules differ from a plan or another log. In: files. Out: text, iptables-save or JSON; exit 1 if they differ.
 * It reads and prints; no command of the log is run anywhere but in memory.
 */
import { createReadStream } from 'node:fs';
import { Command, Option } from 'commander';
import type { Backend } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import type { Progress } from '../net/progress.ts';
import type { ExpectedRules } from '../plan/log-difference.ts';
import type { LogReading } from '../plan/log-reading.ts';
import type { Plan } from '../plan/plan.ts';
import type { LogEvents } from '../replay/events.ts';
import type { ComparedLog } from '../report/text/replay.ts';
import { badInput, Failure } from './failure.ts';
import { bundleFacts } from './host-facts.ts';
import { isSystemError, readInput, said } from './read-input.ts';

interface ReplayOptions {
  readonly bundle?: string;
  readonly configFile?: string;
  readonly networks?: string;
  readonly against?: string;
  readonly engine?: string;
  readonly family: Family;
  readonly format: 'text' | 'iptables-save' | 'nft' | 'json';
  readonly json?: boolean;
  readonly lang?: string;
}

export function replayCommand(): Command {
  const plan = ['configFile', 'networks', 'against'];
  return new Command('replay')
    .description('read a dockerd debug log: its starts, the rules its commands make, what it complains about')
    .argument(
      '[log]',
      "a log of dockerd or of its systemd unit, - for standard input (default: the bundle's)",
    )
    .addOption(new Option('--bundle <path>', "compare with the plan of a bundle's host").conflicts(plan))
    .addOption(
      new Option('--against <log>', 'compare with another log').conflicts(['configFile', 'networks']),
    )
    .option('--config-file <file>', 'compare with what this daemon.json makes on a fresh start')
    .option('--networks <file>', 'and these networks: JSON of docker network inspect')
    .option('--engine <version>', "engine version (default: the log's)")
    .addOption(
      new Option('--family <family>', 'address family, with --format iptables-save')
        .choices(['ipv4', 'ipv6'])
        .default('ipv4'),
    )
    .addOption(
      new Option('--format <format>', 'output')
        .choices(['text', 'iptables-save', 'nft', 'json'])
        .default('text'),
    )
    .option('--json', 'the same as --format json')
    .option('--lang <language>', 'en or zh (default: from the locale)')
    .action(replay);
}

async function replay(path: string | undefined, options: ReplayOptions): Promise<void> {
  const { printing } = await import('./printing.ts');
  const print = printing(options.lang);
  const { name, reading, compared } = await compare(path, options);
  const format = options.json === true ? 'json' : options.format;
  const { rulesAsJson, rulesAsSave } = await import('./rules-text.ts');
  const { ruleset } = reading.replayed;
  switch (format) {
    case 'iptables-save':
      process.stdout.write(rulesAsSave(ruleset, options.family));
      break;
    case 'nft': {
      const { printNftTables } = await import('../replay/nft-listing.ts');
      process.stdout.write(printNftTables(reading.nftTables));
      break;
    }
    case 'json': {
      const { replayJson } = await import('../report/replay-json.ts');
      const { english } = await import('../report/text/replay-en.ts');
      const tables = [...rulesAsJson(ruleset, 'ipv4'), ...rulesAsJson(ruleset, 'ipv6')];
      process.stdout.write(`${JSON.stringify(replayJson({ reading, compared, tables, words: english }))}\n`);
      break;
    }
    case 'text': {
      const { replayText } = await import('../report/text/replay.ts');
      const { words, ...layout } = await print.options();
      const replayWords =
        words.language === 'zh'
          ? (await import('../report/text/replay-zh.ts')).chinese
          : (await import('../report/text/replay-en.ts')).english;
      process.stdout.write(replayText(name, reading, compared, { ...layout, words: replayWords }));
      break;
    }
  }
  if (compared === undefined) return;
  const { isDifferent } = await import('../plan/log-difference.ts');
  process.exitCode = isDifferent(compared.difference) ? 1 : 0;
}

interface Compared {
  readonly name: string;
  readonly reading: LogReading;
  readonly compared: ComparedLog | undefined;
}

async function compare(path: string | undefined, options: ReplayOptions): Promise<Compared> {
  if (options.bundle !== undefined) return compareWithBundle(path, options.bundle, options);
  if (path === undefined) throw badInput('replay: name a log, or a bundle with --bundle');
  const { readingOf } = await import('../plan/log-reading.ts');
  const reading = readingOf(await readLog(path, options.lang), options.engine);
  if (options.against !== undefined) {
    const { rulesOfLog } = await import('../plan/log-difference.ts');
    const other = readingOf(await readLog(options.against, options.lang), options.engine);
    const compared = await difference(options.against, rulesOfLog(other), reading);
    const otherEngine = other.engine?.version;
    return {
      name: path,
      reading,
      compared: otherEngine === undefined ? compared : { ...compared, otherEngine },
    };
  }
  if (options.configFile === undefined && options.networks === undefined)
    return { name: path, reading, compared: undefined };
  const plan = await planOfFiles(options, reading);
  return {
    name: path,
    reading,
    compared: await difference(undefined, await rulesOf(plan), reading),
  };
}

async function rulesOf(plan: Plan): Promise<ExpectedRules> {
  const { rulesOfPlan } = await import('../plan/log-difference.ts');
  return rulesOfPlan(plan);
}

/** A log without commands says nothing about rules: it is no log of debug level. */
async function difference(
  expected: string | undefined,
  rules: ExpectedRules,
  reading: LogReading,
): Promise<ComparedLog> {
  const { differenceOfLog } = await import('../plan/log-difference.ts');
  if (!reading.debug) {
    throw new Failure(
      3,
      'the log shows no command of the firewall to compare: dockerd logs them only with "debug": true',
    );
  }
  const compared = { difference: differenceOfLog(rules, reading) };
  return expected === undefined ? compared : { ...compared, expected };
}

async function compareWithBundle(
  path: string | undefined,
  bundle: string,
  { engine, lang }: ReplayOptions,
): Promise<Compared> {
  const [{ expectedFromFacts }, { text }, { readEvents }, { readingOf }] = await Promise.all([
    import('../plan/expected.ts'),
    import('../host/facts.ts'),
    import('../replay/events.ts'),
    import('../plan/log-reading.ts'),
  ]);
  const facts = await bundleFacts(bundle);
  const expected = expectedFromFacts(facts, engine === undefined ? {} : { engine });
  if ('cannot' in expected) throw new Failure(3, `${bundle}: ${expected.cannot}`);
  const own = text(facts, 'dockerd.log');
  if (path === undefined && own === undefined) throw badInput(`${bundle}: has no dockerd.log; name a log`);
  const log =
    path === undefined
      ? readEvents(own ?? '', expected.backend)
      : await readLog(path, lang, expected.backend);
  const reading = readingOf(log, expected.options.engine);
  return {
    name: path ?? 'dockerd.log',
    reading,
    compared: await difference(undefined, await rulesOf(expected.plan), reading),
  };
}

async function planOfFiles({ configFile, networks }: ReplayOptions, { engine }: LogReading): Promise<Plan> {
  if (engine === undefined) throw new Failure(3, "the log does not say the engine's version; --engine does");
  const { expectedFromConfiguration } = await import('../plan/expected-from-files.ts');
  const given = async (path: string, option: string) => ({ path, text: await readInput(path, option) });
  const expected = expectedFromConfiguration({
    engine: engine.version,
    ...(configFile === undefined ? {} : { config: await given(configFile, '--config-file') }),
    ...(networks === undefined ? {} : { networks: await given(networks, '--networks') }),
  });
  switch (expected.kind) {
    case 'planned':
      return expected.plan;
    case 'bad-input':
      throw badInput(expected.why);
    case 'cannot':
      throw new Failure(3, expected.why);
  }
}

/** Reads a log of any size, piece by piece. */
async function readLog(path: string, lang: string | undefined, backend?: Backend): Promise<LogEvents> {
  const [{ withProgress }, { languageOf }] = await Promise.all([
    import('./progress.ts'),
    import('./terminal.ts'),
  ]);
  return withProgress(languageOf(lang, process.env) ?? 'en', (progress) =>
    readPieces(path, backend, progress),
  );
}

async function readPieces(
  path: string,
  backend: Backend | undefined,
  progress: Progress,
): Promise<LogEvents> {
  const { EventReader } = await import('../replay/events.ts');
  const reader = new EventReader(backend);
  const stream = path === '-' ? process.stdin : createReadStream(path);
  try {
    let lines = 0;
    for await (const chunk of stream.setEncoding('utf8')) {
      const piece = String(chunk);
      reader.push(piece);
      lines += piece.split('\n').length - 1;
      progress('log', lines);
    }
  } catch (error) {
    throw isSystemError(error) ? badInput(`log ${path}: ${said(error)}`) : error;
  }
  const log = reader.end();
  if (log.events.length === 0 && log.entries === 0) throw badInput(`log ${path}: has no entry of dockerd`);
  return log;
}
