/**
 * How a report is printed: in which language, with which tones, how wide. In: `--lang`, the environment, the terminal. Out: what
 * report/ needs to make its text. Notes about unusable facts go to standard error, so that output stays one report.
 */
import type { FactProblem } from '../host/facts.ts';
import type { TextOptions } from '../report/text/doctor.ts';
import { printable } from '../report/text/layout.ts';
import { badInput } from './failure.ts';
import { type Language, languageOf, painter } from './terminal.ts';

/** Without a terminal, and at most: longer lines are hard to read. */
const usualWidth = 100;
const minWidth = 40;
/** A full stop of Chinese text may stand beyond the width. */
const hanging = 2;
const maxNotes = 5;

/** Checks the language at once, before anything else is done. */
export function printing(lang: string | undefined): {
  readonly language: Language;
  readonly options: () => Promise<TextOptions>;
  readonly notes: (problems: readonly FactProblem[]) => void;
} {
  const language = languageOf(lang, process.env);
  if (language === undefined) throw badInput(`--lang ${JSON.stringify(lang)}: en or zh`);
  return {
    language,
    options: async () => ({
      words:
        language === 'zh'
          ? (await import('../report/text/zh.ts')).chinese
          : (await import('../report/text/en.ts')).english,
      paint: painter(process.stdout, process.env),
      width: Math.max(
        minWidth,
        Math.min((process.stdout.columns ?? usualWidth + hanging) - hanging, usualWidth),
      ),
      columns: process.stdout.columns,
    }),
    notes: writeNotes,
  };
}

function writeNotes(problems: readonly FactProblem[]): void {
  for (const { file, line, message } of problems.slice(0, maxNotes)) {
    const place = line === undefined ? file : `${file} line ${line}`;
    process.stderr.write(`bridgekeeper: note: ${printable(`${place}: ${message}`)}\n`);
  }
  if (problems.length > maxNotes)
    process.stderr.write(
      `bridgekeeper: note: ${problems.length - maxNotes} more parts of the facts were not usable\n`,
    );
}
