/**
 * A rehearsal as text: what the model says and what the kernel did beside each other, what is not as it was, and repairs that were tried.
 * In: a Rehearsal, words, a painter. Out: lines. It judges nothing.
 */
import { type Seen, seenOf } from '../../packet/seen.ts';
import { flowText } from '../flow-text.ts';
import {
  isTried,
  type Rehearsal,
  type RehearsedFlow,
  type RehearsedRepair,
  type Unbuilt,
} from '../rehearsal.ts';
import { displayWidth, type Paint, padTo, printable, type Tone } from './layout.ts';
import type { RehearsalWords } from './rehearsal-words.ts';

export interface RehearsalTextOptions {
  readonly words: RehearsalWords;
  readonly paint: Paint;
}

/** More parts than this are counted: `--json` has all. */
const maxUnbuilt = 12;
/** A flow's text is not padded beyond this. */
const maxColumn = 44;

/** The whole answer of `rehearse`. */
export function rehearsalText(rehearsal: Rehearsal, options: RehearsalTextOptions): string {
  const { words, paint } = options;
  const { namespaces, rules, proxies, flows, unbuilt, repairs } = rehearsal;
  const blocks = [
    [paint('title', printable(words.built(namespaces.join(', '), rules, proxies)))],
    ...(unbuilt.length === 0 ? [] : [unbuiltLines(unbuilt, options)]),
    ...(flows.length === 0 ? [] : [flowLines(flows, options)]),
    [verdict(flows, options)],
    ...(repairs === undefined ? [] : repairBlocks(repairs, options)),
  ];
  return `${blocks.map((block) => block.join('\n')).join('\n\n')}\n`;
}

function unbuiltLines(
  unbuilt: readonly Unbuilt[],
  { words, paint }: RehearsalTextOptions,
): readonly string[] {
  const shown = unbuilt.slice(0, maxUnbuilt).map(({ namespace, what, why, detail }) => {
    const because = detail === undefined ? words.obstacle[why] : `${words.obstacle[why]} (${detail})`;
    return `  ${printable(`${namespace}: ${what}`)}  ${paint('faint', printable(because))}`;
  });
  const rest = unbuilt.length - shown.length;
  return [`${words.notAsBefore}:`, ...shown, ...(rest > 0 ? [`  ${words.more(rest)}`] : [])];
}

function flowLines(flows: readonly RehearsedFlow[], options: RehearsalTextOptions): readonly string[] {
  const { words, paint } = options;
  const rows = flows.map((result) => {
    const walked = seenOf(result.trace);
    const { kernel } = result;
    const differs = result.verdict === 'wrong' || result.verdict === 'not rebuilt';
    const text = (seen: Seen) => printable(differs ? seenText(seen, words) : seen.outcome);
    const note = words.verdict[result.verdict];
    return {
      flow: printable(flowText(result.flow)),
      model: text(walked),
      kernel: kernel === undefined ? words.notPut : text(kernel),
      note: note === undefined ? '' : note,
      tone: toneOf(result),
    };
  });
  const width = (texts: readonly string[]) => Math.min(maxColumn, Math.max(...texts.map(displayWidth)));
  const first = width([words.flow, ...rows.map(({ flow }) => flow)]);
  const second = width([words.model, ...rows.map(({ model }) => model)]);
  const third = width([words.kernel, ...rows.map(({ kernel }) => kernel)]);
  const line = (a: string, b: string, c: string, d: string) =>
    `  ${padTo(a, first)}  ${padTo(b, second)}  ${padTo(c, third)}  ${d}`.trimEnd();
  return [
    line(words.flow, words.model, words.kernel, ''),
    ...rows.map(({ flow, model, kernel, note, tone }) => {
      const text = line(flow, model, kernel, note);
      return tone === undefined ? text : paint(tone, text);
    }),
  ];
}

function toneOf({ verdict: said }: RehearsedFlow): Tone | undefined {
  if (said === 'wrong') return 'bad';
  return said === 'exact' || said === 'same class' ? undefined : 'faint';
}

function seenText({ outcome, server, at, from }: Seen, words: RehearsalWords): string {
  return words.seen(outcome, server, at, from);
}

function verdict(flows: readonly RehearsedFlow[], { words, paint }: RehearsalTextOptions): string {
  if (flows.length === 0) return words.nothingAsked;
  const wrong = flows.filter((f) => f.verdict === 'wrong').length;
  if (wrong > 0) return paint('bad', words.differ(wrong, flows.length));
  const sure = flows.filter((f) => f.verdict === 'exact' || f.verdict === 'same class').length;
  return sure < flows.length
    ? words.undecided(flows.length - sure, flows.length)
    : paint('good', words.agree(flows.length));
}

function repairBlocks(
  repairs: readonly RehearsedRepair[],
  options: RehearsalTextOptions,
): readonly (readonly string[])[] {
  const { words, paint } = options;
  if (repairs.length === 0) return [[words.nothingToRepair]];
  const blocks = repairs.map(({ cause, commands, flows }) => [
    paint('title', words.repairOf(cause)),
    ...(commands.length === 0 ? [`  ${words.noCommand}`] : []),
    ...commands.flatMap(({ line, failed, needs }) => [
      `  $ ${printable(line)}`,
      ...(needs === undefined ? [] : [paint('faint', `    ${words.needs(printable(needs))}`)]),
      ...(failed === undefined ? [] : [paint('bad', `    ${printable(failed)}`)]),
    ]),
    ...(!isTried({ commands })
      ? []
      : flows.map(({ flow, before, after, promised, kept }) => {
          const changed = `${before?.outcome ?? words.notPut} -> ${after?.outcome ?? words.notPut}`;
          const text = `  ${printable(flowText(flow))}  ${printable(changed)}`;
          return kept ? text : paint('bad', `${text}  ${words.promised(promised)}`);
        })),
  ]);
  const tried = repairs.filter(isTried).flatMap(({ flows }) => flows);
  if (tried.length === 0) return blocks;
  const broken = tried.filter(({ kept }) => !kept).length;
  const said =
    broken === 0
      ? paint('good', words.held(tried.length))
      : paint('bad', words.notHeld(broken, tried.length));
  return [...blocks, [said]];
}
