/**
 * Shows on a terminal how far long work is, in one line of standard error that is gone when the work is done. In: what the core
 * tells, a clock, a stream. Out: nothing where standard error is no terminal. The line has no colour.
 */
import type { Progress } from '../net/progress.ts';
import { progressText } from '../report/text/progress.ts';
import type { Language } from './terminal.ts';

/** Short work shows nothing. Milliseconds. */
const patience = 600;
const interval = 100;

/** Back to the first column, and the line empty (ECMA-48, CR and EL). */
const clear = '\r\x1b[K';

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly write: (text: string) => unknown;
}

export interface Shown {
  readonly progress: Progress;
  /** Takes the line away. */
  readonly end: () => void;
}

/** `now` in milliseconds; only differences count. */
export function shownOn(
  stream: Terminal,
  env: Readonly<Record<string, string | undefined>>,
  language: Language,
  now: () => number,
): Shown {
  if (stream.isTTY !== true || env.TERM === 'dumb')
    return { progress: () => undefined, end: () => undefined };
  const begun = now();
  let next = begun + patience;
  let isShown = false;
  return {
    progress: (work, done, total) => {
      const moment = now();
      if (moment < next) return;
      next = moment + interval;
      isShown = true;
      // A line that wraps could not be taken away; Chinese characters are two columns wide.
      const text = progressText(language, work, done, total);
      stream.write(`${clear}${text.slice(0, (stream.columns || 80) / 2)}`);
    },
    end: () => {
      if (isShown) stream.write(clear);
      isShown = false;
    },
  };
}

/** Runs long work of a command, and takes the line away before anything else is printed. */
export async function withProgress<T>(
  language: Language,
  work: (progress: Progress) => T | Promise<T>,
): Promise<T> {
  const shown = shownOn(process.stderr, process.env, language, () => performance.now());
  try {
    return await work(shown.progress);
  } finally {
    shown.end();
  }
}
