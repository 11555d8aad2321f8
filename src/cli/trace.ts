/**
 * `bridgekeeper trace`: flows walked through a host, hop by hop, request and reply. In: this host, a namespace or a bundle, and
 * flows. Out: text or JSON; exit 0, or 3 when the outcome of a flow is unknown. It changes nothing.
 */
import { Command } from 'commander';
import type { Facts } from '../host/facts.ts';
import type { HostState } from '../host/state.ts';
import type { NameService } from '../plan/name-service.ts';
import { badInput } from './failure.ts';
import { type QuestionOptions, readQuestion, withQuestionOptions } from './question.ts';

export function traceCommand(): Command {
  return withQuestionOptions(
    new Command('trace').description('walk flows through a host, hop by hop, request and reply; reads only'),
  ).action(trace);
}

async function trace(options: QuestionOptions & { readonly json?: boolean }): Promise<void> {
  const { printing } = await import('./printing.ts');
  const print = printing(options.lang);
  if (options.flows === undefined && options.from === undefined && options.to === undefined)
    throw badInput('trace needs --from and --to, or --flows');
  const { facts, state, problems, flows = [], outsideRoutes } = await readQuestion(options);
  const { makeScene, walk } = await import('../packet/walk.ts');
  const asksNames = flows.some(({ kind }) => kind === 'dns');
  const scene = makeScene(state, outsideRoutes, asksNames ? await namesOf(facts, state) : undefined);
  const traces = flows.map((flow) => walk(scene, flow));
  print.notes(problems);
  if (options.json === true) {
    const { traceJson } = await import('../report/trace-json.ts');
    process.stdout.write(`${JSON.stringify(traceJson(traces))}\n`);
  } else {
    const { traceText } = await import('../report/text/trace.ts');
    process.stdout.write(traceText(traces, await print.options()));
  }
  process.exitCode = traces.some((t) => t.outcome === 'unknown') ? 3 : 0;
}

/** What the engine's resolvers answer, where its networks are known. */
async function namesOf(facts: Facts, state: HostState): Promise<NameService | undefined> {
  const { expectedFromFacts } = await import('../plan/expected.ts');
  const { nameServiceOf } = await import('../plan/name-service.ts');
  return nameServiceOf(expectedFromFacts(facts, { state }), state);
}
