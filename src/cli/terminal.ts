/**
 * How to print for people: which language, and whether in colour. In: options and the environment. Out: plain values and a
 * painter. It decides nothing about what is said; how wide a text is, is report/text/layout.ts's subject.
 */
import type { Language } from '../report/text/catalogue.ts';
import type { Paint, Tone } from '../report/text/layout.ts';

export type { Language } from '../report/text/catalogue.ts';
export { displayWidth, padTo, type Tone } from '../report/text/layout.ts';

/** The language asked for, else that of the locale (LC_ALL, LC_MESSAGES, LANG, as setlocale(3) looks); English if neither says. */
export function languageOf(
  asked: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Language | undefined {
  if (asked !== undefined) return asked === 'en' || asked === 'zh' ? asked : undefined;
  const locale = env.LC_ALL || env.LC_MESSAGES || env.LANG || '';
  return /^zh/i.test(locale) ? 'zh' : 'en';
}

const codes: Readonly<Record<Tone, string>> = { title: '1', good: '32', bad: '31', faint: '2' };

/** Paints text on a terminal; elsewhere, and under NO_COLOR (no-color.org), returns it as it is. */
export function painter(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const colour = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return (tone, text) => (colour ? `\x1b[${codes[tone]}m${text}\x1b[0m` : text);
}
