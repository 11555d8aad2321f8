/**
 * Everything that the program makes of a bundle, in memory, as its commands do. In: files. Out: nothing, or what is wrong with what
 * came out: an exception, a text with controls of a terminal. What is said is not judged here.
 */
import { type DiagnoseInput, diagnose } from '../../src/diagnosis/diagnose.ts';
import { findDrift } from '../../src/drift/drift.ts';
import { nftJson } from '../../src/firewall/nft/print-json.ts';
import { printSave } from '../../src/firewall/save.ts';
import type { Facts } from '../../src/host/facts.ts';
import type { HostState } from '../../src/host/state.ts';
import { hostStateFromFacts } from '../../src/host/state-from-facts.ts';
import { parseAddr } from '../../src/net/addr.ts';
import type { Flow } from '../../src/net/flow.ts';
import { makeScene, walk } from '../../src/packet/walk.ts';
import { expectedFromFacts } from '../../src/plan/expected.ts';
import { nameServiceOf } from '../../src/plan/name-service.ts';
import { doctorJson } from '../../src/report/doctor-json.ts';
import { driftJson } from '../../src/report/drift-json.ts';
import { doctorText } from '../../src/report/text/doctor.ts';
import { driftText } from '../../src/report/text/drift.ts';
import { driftWords } from '../../src/report/text/drift-words.ts';
import { english } from '../../src/report/text/en.ts';
import { traceText } from '../../src/report/text/trace.ts';
import { chinese } from '../../src/report/text/zh.ts';
import { traceJson } from '../../src/report/trace-json.ts';
import type { Files } from './mutate.ts';

/** How much is asked: `all` the doctor's own flows, `some` a few given ones. */
export type Extent = 'all' | 'some';

/** What is wrong with what comes out; undefined if nothing is. */
export function faultOf(files: Files, extent: Extent): string | undefined {
  const facts: Facts = { files, origin: 'mutated' };
  const { state } = hostStateFromFacts(facts);
  for (const { firewall, nft } of state.namespaces) {
    printSave(firewall, { family: 'ipv4' });
    if (nft !== undefined) JSON.stringify(nftJson(nft.tables, { listing: true }));
  }
  const expected = expectedFromFacts(facts, { state });
  const flows = flowsOf(state);
  const scene = makeScene(state, [], nameServiceOf(expected, state));
  const traces = flows.map((flow) => walk(scene, flow));
  const asked: DiagnoseInput = {
    state,
    expected,
    facts,
    outsideRoutes: [],
    ...(extent === 'all' ? {} : { flows }),
  };
  const diagnosis = diagnose(asked);
  const paint = (_: unknown, text: string) => text;
  const texts = [english, chinese].flatMap((words) => {
    const options = { words, paint, width: 100 };
    return [traceText(traces, options), doctorText(diagnosis, options)];
  });
  JSON.stringify([traceJson(traces), doctorJson(diagnosis)]);
  if (!('cannot' in expected)) {
    const drift = findDrift({ state, expected });
    const { engine } = expected.options;
    JSON.stringify(driftJson(drift, engine));
    texts.push(driftText(drift, { words: english, driftWords: driftWords.en, paint, engine, foreign: true }));
  }
  const bad = texts.map((text) => controls.exec(text)).find((found) => found !== null);
  return bad === undefined || bad === null
    ? undefined
    : `control characters in a text: ${JSON.stringify(bad.input.slice(Math.max(0, bad.index - 60), bad.index + 20))}`;
}

/** What would move the cursor, colour the screen or turn a line's direction around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/** From the host, the outside and two containers, to each other and to a published port. */
function flowsOf({ namespaces }: HostState): readonly Flow[] {
  const containers = namespaces.filter(({ kind }) => kind === 'container').slice(0, 2);
  const [first] = containers;
  const addresses = [...containers, ...namespaces.slice(0, 1)].flatMap(({ links }) =>
    links.flatMap(({ kind, addresses }) =>
      kind === 'loopback' ? [] : addresses.slice(0, 1).map(({ prefix }) => prefix.addr),
    ),
  );
  const flows: Flow[] = addresses
    .slice(0, 3)
    .flatMap((dst): readonly Flow[] => [
      { from: 'host', kind: 'tcp', dst, port: 80 },
      { from: 'inet', kind: 'tcp', dst, port: 8080 },
      ...(first === undefined ? [] : [{ from: first.name, kind: 'udp' as const, dst, port: 53 }]),
    ]);
  const outside = parseAddr('198.51.100.7');
  if (first !== undefined) flows.push({ from: first.name, kind: 'ping', dst: outside });
  return flows;
}
