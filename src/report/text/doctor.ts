/**
 * A Diagnosis as text for a terminal: findings first, then what no finding explains and what is not known. In: a Diagnosis, a
 * catalogue, a painter and the width. Out: lines ending in a line feed; one line when all is well.
 */
import type { Diagnosis, Severity } from '../../diagnosis/finding.ts';
import type { Trace } from '../../packet/trace.ts';
import { flowText } from '../flow-text.ts';
import { deathOf } from '../story.ts';
import { tally } from '../tally.ts';
import type { Catalogue } from './catalogue.ts';
import { deathText, type FindingText, findingText, labelWidth, type Row } from './finding.ts';
import { displayWidth, type Paint, padTo, printable, type Tone, wrap } from './layout.ts';
import { rulesAloneRows } from './rules-alone.ts';
import { possibleText, undecidedRows } from './undecided.ts';

export interface TextOptions {
  readonly words: Catalogue;
  readonly paint: Paint;
  /** Columns for what is wrapped; rules and commands stay whole. */
  readonly width: number;
  /** Of the terminal; undefined where there is none. */
  readonly columns?: number | undefined;
}

const marks: Readonly<Record<Severity, { readonly mark: string; readonly tone: Tone }>> = {
  error: { mark: '✗', tone: 'bad' },
  warning: { mark: '!', tone: 'title' },
  info: { mark: 'i', tone: 'title' },
};

const maxUnexplained = 5;

/** The whole answer of `doctor`. */
export function doctorText(diagnosis: Diagnosis, options: TextOptions): string {
  const blocks = [
    aloneBlock(diagnosis, options),
    ...diagnosis.findings.map((finding) => {
      const { mark, tone } = marks[finding.severity];
      return findingBlock(
        findingText(finding, diagnosis, options.words),
        (head) => options.paint(tone, `${mark} ${printable(head)}`),
        options,
      );
    }),
    unexplainedBlock(diagnosis, options),
    unknownBlock(diagnosis, options),
    [verdict(diagnosis, options)],
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

/** Of rules alone, what they tell comes before what they do. */
function aloneBlock({ alone }: Diagnosis, options: TextOptions): readonly string[] {
  return alone === undefined
    ? []
    : [options.words.rulesAlone, ...layRows(rulesAloneRows(alone, options.words), options)];
}

function findingBlock(
  text: FindingText,
  head: (text: string) => string,
  options: TextOptions,
): readonly string[] {
  const paragraph = wrap(printable(text.summary), options.width - 2).map((line) => `  ${line}`);
  return [head(text.head), ...paragraph, '', ...layRows(text.rows, options)];
}

/** Rows with their labels in one column. */
export function layRows(rows: readonly Row[], { words, paint }: TextOptions): readonly string[] {
  const width = labelWidth(words);
  return rows.map(({ label, text, tone }) => {
    const safe = printable(text);
    const shown = tone === undefined ? safe : paint(tone, safe);
    return `  ${paint('faint', padTo(label, width))}  ${shown}`.trimEnd();
  });
}

function unexplainedBlock(diagnosis: Diagnosis, options: TextOptions): readonly string[] {
  const { unexplained } = tally(diagnosis);
  const { words } = options;
  if (unexplained.length === 0) return [];
  const lines = flowLines(unexplained.slice(0, maxUnexplained), words, (trace) => {
    const death = deathOf(trace);
    return death === undefined ? '' : deathText(death, words);
  });
  const left = unexplained.length - maxUnexplained;
  return [
    words.unexplained(unexplained.length),
    ...lines.map((line) => `  ${line}`),
    ...(left > 0 ? [`  ${words.more(left)}`] : []),
  ];
}

function flowLines(
  traces: readonly Trace[],
  words: Catalogue,
  note: (trace: Trace) => string,
): readonly string[] {
  const cells = traces.map((t) => [flowText(t.flow), words.outcome(t.outcome), note(t)] as const);
  const width = (column: 0 | 1) => Math.max(0, ...cells.map((cell) => displayWidth(cell[column])));
  return cells.map(([flow, outcome, text]) =>
    printable(`${padTo(flow, width(0))}  ${padTo(outcome, width(1))}  ${text}`.trimEnd()),
  );
}

/** What the facts do not say, where it decides; under each command what it would tell. */
function unknownBlock(diagnosis: Diagnosis, options: TextOptions): readonly string[] {
  const { words } = options;
  const { unknown, missing } = tally(diagnosis);
  const flows = flowLines(unknown.slice(0, maxUnexplained), words, ({ possible = [] }) =>
    possible.length === 0 ? '' : possibleText(possible, words),
  );
  const left = unknown.length - maxUnexplained;
  const plan = diagnosis.unexpected;
  return [
    ...(unknown.length === 0 ? [] : [words.unknownFlows(unknown.length)]),
    ...flows.map((line) => `  ${line}`),
    ...(left > 0 ? [`  ${words.more(left)}`] : []),
    ...layRows(undecidedRows(unknown, words), options),
    ...(missing.length === 0
      ? []
      : [printable(words.notInFacts(missing.map(({ fact }) => fact).join(', ')))]),
    ...(plan === undefined ? [] : [printable(words.expectedUnknown(words.phrase(plan)))]),
  ];
}

/** The last line: one sentence, the only one when all is well. */
function verdict(diagnosis: Diagnosis, { words, paint }: TextOptions): string {
  const { findings, asked } = diagnosis;
  const { ok, failing, unknown, undecided } = tally(diagnosis);
  if (diagnosis.alone !== undefined && undecided && ok.length === asked.length)
    return paint('bad', asked.length === 0 ? words.rulesNothingAsked : words.rulesLetPass(asked.length));
  if (undecided) {
    const why =
      asked.length === 0
        ? words.nothingAsked
        : unknown.length === 0
          ? words.undecidedFacts
          : words.undecided(unknown.length, asked.length);
    return paint('bad', why);
  }
  if (findings.some((f) => f.flows.length > 0 || f.severity === 'error'))
    return words.faults(findings.length, failing.length, asked.length);
  return ok.length === asked.length
    ? paint('good', words.healthy(asked.length))
    : words.healthyBut(ok.length, asked.length);
}
