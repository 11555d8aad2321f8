/**
 * `bridgekeeper trace`: flows walked through a host, hop by hop, request and reply. In: this host, a namespace or a bundle, and
 * flows. Out: text or JSON; exit 0, or 3 when the outcome of a flow is unknown. It changes nothing.
 */
import { Command } from 'commander';
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
  const { state, problems, flows = [], outsideRoutes } = await readQuestion(options);
  const { makeScene, walk } = await import('../packet/walk.ts');
  const scene = makeScene(state, outsideRoutes);
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
