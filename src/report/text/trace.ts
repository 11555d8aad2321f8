/**
 * Walks as text: hop by hop, with the place of death at the margin; of changes that were tried both walks in one, what differs marked.
 * In: Traces, a catalogue, a painter, and the columns of a terminal. Out: lines ending in a line feed. Lines are broken only where a
 * terminal would break them: elsewhere each is one step or one rule, to be searched and copied.
 */

import type { Tried } from '../../diagnosis/what-if.ts';
import { formatAddr } from '../../net/addr.ts';
import type { Outcome, Trace, Unknown } from '../../packet/trace.ts';
import { flowText } from '../flow-text.ts';
import { deathOf } from '../story.ts';
import type { TraceContext } from '../trace-json.ts';
import type { Catalogue } from './catalogue.ts';
import { deathText } from './finding.ts';
import { displayWidth, type Paint, padTo, printable, wrap } from './layout.ts';
import { type Line, linesOf } from './trace-lines.ts';
import { boundsText, possibleText } from './undecided.ts';

export interface TraceTextOptions {
  readonly words: Catalogue;
  readonly paint: Paint;
  /** Of the terminal; undefined where there is none. */
  readonly columns?: number | undefined;
}

/** The whole answer of `trace`; with changes tried, `traces` are the walks after them. */
export function traceText(
  traces: readonly Trace[],
  options: TraceTextOptions,
  { comparison, supposed = [] }: TraceContext = {},
): string {
  const { words } = options;
  const tried = (comparison?.tried ?? []).map((change) => triedLine(change, words));
  const walks = traces.map((trace, i) => oneTrace(trace, options, comparison?.before[i]).join('\n'));
  const ground = supposed.flatMap((what) => said(`${words.labels.supposed}: ${words.phrase(what)}`, options));
  return `${[tried.join('\n'), ...walks, ground.join('\n')].filter((block) => block !== '').join('\n\n')}\n`;
}

/** `what if: daemon.json icc=true  (after a restart of dockerd)`. */
function triedLine({ change, transition, changesNothing }: Tried, words: Catalogue): string {
  const notes = [
    ...(transition === undefined ? [] : [words.transition[transition]]),
    ...(changesNothing === undefined ? [] : [words.changesNothing]),
  ];
  const note = notes.length === 0 ? '' : `  (${notes.join(', ')})`;
  return printable(`${words.labels.whatIf}: ${change}${note}`);
}

function oneTrace(trace: Trace, options: TraceTextOptions, before: Trace | undefined): readonly string[] {
  const { words, paint } = options;
  const death = deathOf(trace);
  const ways = (
    [
      ['hops', words.request],
      ['reply', words.reply],
      ['data', words.data],
    ] as const
  ).flatMap(([way, title]) => {
    const after = linesOf(trace[way] ?? [], words);
    const lines = before === undefined ? after : compared(linesOf(before[way] ?? [], words), after);
    return lines.length === 0 ? [] : [paint('title', title), ...setLines(lines, options)];
  });
  const silent = trace.hops.length > 0 && trace.reply.length === 0;
  return [
    ...said(`${flowText(trace.flow)}: ${changeText(before, words)}${outcomeText(trace, words)}`, options).map(
      (line) => paint(trace.outcome === 'ok' ? 'good' : 'bad', line),
    ),
    ...(death === undefined
      ? []
      : said(`✗ ${deathText(death, words)}`, options).map((line) => paint('bad', line))),
    ...ways,
    ...(silent ? [paint('faint', words.noReply)] : []),
    ...trace.unknowns.flatMap((unknown) => said(unknownText(unknown, trace.outcome, words), options)),
    ...trace.assumed.flatMap((what) => said(words.assumed(words.phrase(what)), options)),
  ];
}

/** `timeout -> `. */
function changeText(before: Trace | undefined, words: Catalogue): string {
  return before === undefined ? '' : `${words.outcome(before.outcome)} -> `;
}

function outcomeText(trace: Trace, words: Catalogue): string {
  const { outcome, possible, seenAs, deliveredTo, answers = [] } = trace;
  const place = (to: NonNullable<Trace['deliveredTo']>) => {
    const address = formatAddr(to.address);
    if (to.port === undefined) return address;
    return to.address.family === 'ipv6' ? `[${address}]:${to.port}` : `${address}:${to.port}`;
  };
  return [
    words.outcome(outcome),
    ...(possible === undefined ? [] : [possibleText(possible, words)]),
    ...(answers.length === 0 ? [] : [words.answers(answers.map(formatAddr).join(', '))]),
    ...(deliveredTo === undefined ? [] : [words.deliveredTo(deliveredTo.namespace, place(deliveredTo))]),
    ...(seenAs === undefined ? [] : [words.seenAs(formatAddr(seenAs))]),
  ].join(', ');
}

/** The fact, what follows from it either way, and what tells it. */
function unknownText({ fact, command, outcomes }: Unknown, outcome: Outcome, words: Catalogue): string {
  const bounds =
    outcomes !== undefined
      ? boundsText(outcomes, words)
      : outcome === 'unknown'
        ? undefined
        : words.doesNotMatter;
  return [
    `${words.labels.unknown}: ${words.phrase(fact)}`,
    ...(bounds === undefined ? [] : [`(${bounds})`]),
    ...(command === undefined ? [] : [`${words.labels.decide}: ${command}`]),
  ].join('  ');
}

/** A sentence, broken where the terminal would break it. */
function said(text: string, { columns }: TraceTextOptions): readonly string[] {
  const safe = printable(text);
  if (columns === undefined || displayWidth(safe) <= columns) return [safe];
  const [first = '', ...rest] = wrap(safe, columns);
  const left = rest.length === 0 ? [] : wrap(safe.slice(first.length).trimStart(), columns - 2);
  return [first, ...left.map((line) => `  ${line}`)];
}

/** A line of one of two walks, or of both. */
type Compared = Line & { readonly in: 'both' | 'before' | 'after' };

/** Both walks in one: lines that both have stand once (longest common subsequence). */
function compared(before: readonly Line[], after: readonly Line[]): readonly Compared[] {
  const common: number[][] = Array.from({ length: before.length + 1 }, () => []);
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  const same = (i: number, j: number) => keyOf(before[i]) === keyOf(after[j]);
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--) {
      const row = common[i];
      if (row !== undefined)
        row[j] = same(i, j) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const lines: Compared[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [was, is] = [before[i], after[j]];
    if (was !== undefined && is !== undefined && same(i, j)) {
      lines.push({ ...is, in: 'both' });
      i++;
      j++;
    } else if (was !== undefined && (is === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ ...was, in: 'before' });
      i++;
    } else if (is !== undefined) {
      lines.push({ ...is, in: 'after' });
      j++;
    }
  }
  return lines;
}

/** Rules keep their number out of it: one that is inserted above moves all. */
function keyOf(line: Line | undefined): string {
  return line === undefined
    ? ''
    : JSON.stringify([line.hop, line.kind, line.indent, line.text.replace(/^#\d+ /, ''), line.dead]);
}

const marks = { both: ' ', before: '-', after: '+' } as const;

/** Two columns before the text: the hop and the kind of step; a death and a difference are marked at the margin. */
function setLines(lines: readonly (Line | Compared)[], options: TraceTextOptions): readonly string[] {
  const hopWidth = Math.max(...lines.map((line) => displayWidth(line.hop)));
  const kindWidth = Math.max(...lines.map((line) => displayWidth(line.kind)));
  return lines.flatMap((line, i) => {
    const hop = lines[i - 1]?.hop === line.hop && !line.first ? '' : line.hop;
    const compares = 'in' in line;
    const margin = `${compares ? marks[line.in] : ''}${line.dead ? '✗' : ' '} `;
    const start = `${margin}${padTo(hop, hopWidth)}  ${padTo(line.kind, kindWidth)}  ${' '.repeat(line.indent)}`;
    const [text, ...more] = broken(line, displayWidth(start), options);
    const next = ' '.repeat(displayWidth(start) + 2);
    return [`${start}${text}`, ...more.map((part) => `${next}${part}`)].map((part) =>
      painted(line, printable(part.trimEnd()), options.paint),
    );
  });
}

function painted(line: Line | Compared, text: string, paint: Paint): string {
  if (line.dead) return paint('bad', text);
  if (!('in' in line) || line.in === 'both') return text;
  return paint(line.in === 'after' ? 'good' : 'faint', text);
}

/** Columns that a rule is never pressed under: a terminal narrower than that breaks it itself. */
const leastColumns = 24;

/** The text with its note, in as many lines as the terminal needs. */
function broken({ text, note }: Line, start: number, { columns }: TraceTextOptions): readonly string[] {
  const whole = note === '' ? text : `${text}  ${note}`;
  const room = Math.max((columns ?? Number.POSITIVE_INFINITY) - start, leastColumns);
  if (displayWidth(whole) <= room) return [whole];
  const [first = '', ...rest] = wrap(text, room);
  const left = wrap(`${text.slice(first.length).trim()} ${note}`.trim(), room - 2);
  return rest.length === 0 && left.length === 0 ? [first] : [first, ...left];
}
