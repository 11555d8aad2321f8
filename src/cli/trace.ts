/**
 * `bridgekeeper trace`: flows walked through a host, hop by hop, request and reply. In: this host, a namespace or a bundle, and
 * flows. Out: text or JSON; exit 0, or 3 when the outcome of a flow is unknown. It changes nothing.
 */
import { Command } from 'commander';
import type { WhatIf, WhatIfInput } from '../diagnosis/what-if.ts';
import type { HostState } from '../host/state.ts';
import type { CannotExpect, Expected } from '../plan/expected.ts';
import type { NameService } from '../plan/name-service.ts';
import { badInput } from './failure.ts';
import { type QuestionOptions, readQuestion, withQuestionOptions } from './question.ts';

interface TraceOptions extends QuestionOptions {
  readonly json?: boolean;
  readonly whatIf?: readonly string[];
}

export function traceCommand(): Command {
  return withQuestionOptions(
    new Command('trace').description('walk flows through a host, hop by hop, request and reply; reads only'),
  )
    .option(
      '--what-if <change...>',
      "walk with this change tried in memory: 'iptables ...', 'nft ...', 'ip link|address|route|rule ...', 'sysctl NAME=VALUE', 'daemon.json KEY=VALUE'",
    )
    .action(trace);
}

async function trace(options: TraceOptions): Promise<void> {
  const { printing } = await import('./printing.ts');
  const print = printing(options.lang);
  if (options.flows === undefined && options.from === undefined && options.to === undefined)
    throw badInput('trace needs --from and --to, or --flows');
  const { withProgress } = await import('./progress.ts');
  const question = await withProgress(print.language, (progress) => readQuestion(options, progress));
  const { facts, state, problems, flows = [], outsideRoutes, alone } = question;
  const { makeScene, walk } = await import('../packet/walk.ts');
  const expected = async () =>
    alone?.expected ?? (await import('../plan/expected.ts')).expectedFromFacts(facts, { state });
  const asksNames = flows.some(({ kind }) => kind === 'dns');
  const names = asksNames ? await namesOf(await expected(), state) : undefined;
  const walksOn = async (host: HostState) => {
    const scene = makeScene(host, outsideRoutes, names);
    const asked = (await question.flowsOn(host)) ?? [];
    return withProgress(print.language, (progress) =>
      asked.map((flow, index) => {
        progress('flows', index, asked.length);
        return walk(scene, flow);
      }),
    );
  };
  const tried =
    options.whatIf === undefined
      ? undefined
      : await tryChanges({ facts, state, expected: await expected() }, options.whatIf);
  const traces = await walksOn(tried?.state ?? state);
  const comparison = tried === undefined ? undefined : { tried: tried.tried, before: await walksOn(state) };
  const supposed = alone?.supposed ?? [];
  print.notes(problems);
  if (options.json === true) {
    const { traceJson } = await import('../report/trace-json.ts');
    process.stdout.write(`${JSON.stringify(traceJson(traces, { comparison, supposed }))}\n`);
  } else {
    const { traceText } = await import('../report/text/trace.ts');
    process.stdout.write(traceText(traces, await print.options(), { comparison, supposed }));
  }
  // On a host that is supposed around its rules nothing is decided.
  process.exitCode = alone !== undefined || traces.some((t) => t.outcome === 'unknown') ? 3 : 0;
}

async function tryChanges(input: WhatIfInput, given: readonly string[]): Promise<WhatIf> {
  const { whatIf } = await import('../diagnosis/what-if.ts');
  const tried = whatIf(input, given);
  if ('error' in tried) throw badInput(`--what-if ${tried.error}`);
  return tried;
}

/** What the engine's resolvers answer, where its networks are known. */
async function namesOf(
  expected: Expected | CannotExpect,
  state: HostState,
): Promise<NameService | undefined> {
  const { nameServiceOf } = await import('../plan/name-service.ts');
  return nameServiceOf(expected, state);
}
