/**
 * Words of nft's own language, as `nft list ruleset` prints them and people type them. In: text. Out: words, each with its line; quoted
 * texts keep their quotes; braces, brackets of groups, commas of lists and semicolons are words of their own. It knows no grammar.
 */

export interface Word {
  readonly text: string;
  /** 1-based. */
  readonly line: number;
}

/** A quoted text; a group's or list's sign; or what stands between blanks. A comment ends with its line. */
const pattern = /"(?:[^"\\\n]|\\.)*"|#[^\n]*|[{}();]|,(?=\s|$)|\n|(?:[^\s"{}();,#]|,(?!\s|$))+/g;

/** The words in their order; line ends are words too, since they end statements. Comments are left out, but for handles. */
export function nftWords(text: string): readonly Word[] {
  const words: Word[] = [];
  let line = 1;
  for (const [match] of text.matchAll(pattern)) {
    const handle = /^# handle (\d+)/.exec(match)?.[1];
    if (match === '\n') {
      words.push({ text: match, line });
      line++;
    } else if (handle !== undefined) words.push({ text: `#${handle}`, line });
    else if (!match.startsWith('#')) words.push({ text: match, line });
  }
  return words;
}
