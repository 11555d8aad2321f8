/**
 * What `doctor` and `trace` have in common: which host (a bundle, this machine, a namespace), which outside and which flows.
 * In: options of the command line. Out: facts, the state read from them, and flows. What is answered is their subject.
 */
import { type Command, Option } from 'commander';
import type { RulesAlone } from '../diagnosis/rules-alone.ts';
import type { FactProblem, Facts } from '../host/facts.ts';
import { isRulesAlone } from '../host/rules-alone.ts';
import type { HostState } from '../host/state.ts';
import type { Flow } from '../net/flow.ts';
import type { Prefix } from '../net/prefix.ts';
import { type Progress, unwatched } from '../net/progress.ts';
import { badInput } from './failure.ts';
import { bundleFacts, liveFacts, refuseBlindness } from './host-facts.ts';
import { readInput } from './read-input.ts';

export interface QuestionOptions {
  readonly bundle?: string;
  readonly netns?: string;
  readonly from?: string;
  readonly to?: string;
  readonly proto?: 'ping' | 'tcp' | 'udp' | 'dns';
  readonly port?: string;
  readonly flows?: string;
  readonly outside?: string;
  readonly outsideRoutes?: readonly string[];
  readonly lang?: string;
}

export interface Question {
  readonly facts: Facts;
  readonly state: HostState;
  readonly problems: readonly FactProblem[];
  /** Undefined: the user asked for no flow in particular. */
  readonly flows: readonly Flow[] | undefined;
  /** The same flows on another state of the host, where a container that was asked by name may have another address. */
  readonly flowsOn: (state: HostState) => Promise<readonly Flow[] | undefined>;
  readonly outsideRoutes: readonly Prefix[];
  /** Where only rules are known: `state` is the host that was supposed around them. */
  readonly alone: RulesAlone | undefined;
}

/** The options by which a question is asked; the command adds its own. */
export function withQuestionOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--bundle <path>',
        'a captured host: directory, .tar.gz, firewall rules as text, or - for standard input',
      ).conflicts('netns'),
    )
    .option('--netns <path>', 'look at this network namespace instead of the host')
    .option('--from <name>', 'who asks: a container, host, or inet for the outside')
    .option(
      '--to <address>',
      'who is asked: an address, or a container; with --proto dns the name that is asked for',
    )
    .addOption(
      new Option('--proto <kind>', 'ping, tcp, udp or dns (default: tcp with --port, else ping)').choices([
        'ping',
        'tcp',
        'udp',
        'dns',
      ]),
    )
    .option('--port <number>', 'port that is asked')
    .addOption(
      new Option('--flows <file>', 'JSON array of flows to ask, as in the documentation').conflicts([
        'from',
        'to',
        'proto',
        'port',
      ]),
    )
    .option('--outside <file>', "what the outside is, in the format of a bundle's outside.json")
    .option('--outside-routes <prefix...>', 'prefixes that the site routes to this host')
    .option('--json', 'as JSON')
    .option('--lang <language>', 'en or zh; the locale decides otherwise');
}

/** Reads everything that the options name. Everything that is wrong with them ends in a Failure. */
export async function readQuestion(
  options: QuestionOptions,
  progress: Progress = unwatched,
): Promise<Question> {
  const asked = askedFlow(options);
  const outsideRoutes = await prefixesOf(options.outsideRoutes ?? []);
  const outside = options.outside === undefined ? undefined : await readOutside(options.outside);
  const flowFile = options.flows === undefined ? undefined : await readFlows(options.flows);
  const own =
    options.bundle === undefined
      ? await liveFacts(options.netns, progress)
      : await bundleFacts(options.bundle);
  const facts =
    outside === undefined ? own : { ...own, files: new Map([...own.files, ['outside.json', outside]]) };
  const { hostStateFromFacts } = await import('../host/state-from-facts.ts');
  const { state: observed, problems } = hostStateFromFacts(facts);
  if (options.bundle === undefined) await refuseBlindness(facts, observed);
  const alone = isRulesAlone(observed)
    ? (await import('../diagnosis/rules-alone.ts')).rulesAlone(facts, observed)
    : undefined;
  const state = alone?.state ?? observed;
  const flowsOn = async (on: HostState) => (asked === undefined ? flowFile : [await resolveFlow(asked, on)]);
  return { facts, state, problems, flows: await flowsOn(state), flowsOn, outsideRoutes, alone };
}

async function readOutside(path: string): Promise<Uint8Array> {
  const content = await readInput(path, '--outside');
  const { parseOutside } = await import('../host/outside.ts');
  const [problem] = parseOutside(content, path).problems;
  if (problem !== undefined) throw badInput(`--outside ${path}: ${problem.message}`);
  return new TextEncoder().encode(content);
}

async function readFlows(path: string): Promise<readonly Flow[]> {
  const content = await readInput(path, '--flows');
  const { describeFlowProblem, parseFlowFile } = await import('../packet/flow-file.ts');
  const file = parseFlowFile(content);
  if ('flows' in file) return file.flows;
  const [first, ...others] = file.problems;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw badInput(`--flows ${path}: ${describeFlowProblem(first)}${more}`);
}

async function prefixesOf(texts: readonly string[]): Promise<readonly Prefix[]> {
  if (texts.length === 0) return [];
  const { parsePrefixOrAddr } = await import('../net/prefix.ts');
  return texts.map((text) => {
    const prefix = parsePrefixOrAddr(text);
    if (prefix === undefined)
      throw badInput(`--outside-routes ${JSON.stringify(text)}: not a prefix like 172.17.0.0/16`);
    return prefix;
  });
}

/** What --from, --to, --proto and --port say, before the names in it are looked up. */
interface AskedFlow {
  readonly from: string;
  readonly to: string;
  readonly kind: 'ping' | 'tcp' | 'udp' | 'dns';
  readonly port: number | undefined;
}

/** Undefined where no flow is asked for. */
function askedFlow(options: QuestionOptions): AskedFlow | undefined {
  const { from, to } = options;
  if (from === undefined && to === undefined) {
    if (options.proto !== undefined || options.port !== undefined)
      throw badInput('--proto and --port go with --from and --to');
    return undefined;
  }
  if (from === undefined || to === undefined) throw badInput('--from and --to go together');
  const port = options.port === undefined ? undefined : portOf(options.port);
  const kind = options.proto ?? (port === undefined ? 'ping' : 'tcp');
  const hasPort = kind === 'tcp' || kind === 'udp';
  if (hasPort && port === undefined) throw badInput(`--proto ${kind} needs --port`);
  if (!hasPort && port !== undefined) throw badInput(`--port does not go with --proto ${kind}`);
  return { from, to, kind, port };
}

async function resolveFlow({ from, to, kind, port }: AskedFlow, state: HostState): Promise<Flow> {
  const [{ namesOf, addressOf }, { printable }] = await Promise.all([
    import('./places.ts'),
    import('../report/text/layout.ts'),
  ]);
  const names = namesOf(state);
  if (!names.includes(from))
    throw badInput(
      `--from ${JSON.stringify(from)}: not known here; there are ${printable(names.join(', '))}`,
    );
  if (kind === 'dns') {
    const { isHostName } = await import('../packet/flow-file.ts');
    if (!isHostName(to)) throw badInput(`--to ${JSON.stringify(to)}: not a host name`);
    return { id: 0, from, kind, dst: undefined, qname: to };
  }
  const dst = addressOf(state, to, from);
  if (dst === undefined)
    throw badInput(`--to ${JSON.stringify(to)}: neither an IP address nor a container with one`);
  return { id: 0, from, kind, dst, ...(port === undefined ? {} : { port }) };
}

function portOf(text: string): number {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw badInput(`--port ${JSON.stringify(text)}: not a port, 1 to 65535`);
  return port;
}
