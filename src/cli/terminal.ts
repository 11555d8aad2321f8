/**
 * How to print for people: which language, whether in colour, how wide a text is. In: options and the environment. Out: plain
 * values and text. It decides nothing about what is said.
 */

export type Language = 'en' | 'zh';

/** The language asked for, else that of the locale (LC_ALL, LC_MESSAGES, LANG, as setlocale(3) looks); English if neither says. */
export function languageOf(
  asked: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Language | undefined {
  if (asked !== undefined) return asked === 'en' || asked === 'zh' ? asked : undefined;
  const locale = env.LC_ALL || env.LC_MESSAGES || env.LANG || '';
  return /^zh/i.test(locale) ? 'zh' : 'en';
}

export type Tone = 'title' | 'good' | 'bad' | 'faint';

const codes: Readonly<Record<Tone, string>> = { title: '1', good: '32', bad: '31', faint: '2' };

/** Paints text on a terminal; elsewhere, and under NO_COLOR (no-color.org), returns it as it is. */
export function painter(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): (tone: Tone, text: string) => string {
  const colour = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return (tone, text) => (colour ? `\x1b[${codes[tone]}m${text}\x1b[0m` : text);
}

/** Columns that a text takes on a terminal: Chinese characters and full-width punctuation take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text)
    width +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(
        char,
      )
        ? 2
        : 1;
  return width;
}

/** The text, with blanks up to a width. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}
