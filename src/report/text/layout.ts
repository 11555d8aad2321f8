/**
 * Layout of text in terminal columns: how wide a text is, how it is padded and wrapped. In: text. Out: text and lines.
 * Tones are names, not colours; a painter that the caller gives decides what they look like. It knows no words.
 */

export type Tone = 'title' | 'good' | 'bad' | 'faint';

/** Gives a text its tone, or returns it as it is where nothing is coloured. */
export type Paint = (tone: Tone, text: string) => string;

/** Chinese, Japanese and Korean characters and full-width punctuation (East Asian Width W and F, Unicode UAX #11). */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;

/**
 * The text, with control and direction characters made visible: what a bundle says must not steer the terminal that
 * it is printed on.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}

/** Columns that a text takes on a terminal: wide characters take two. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += wide.test(char) ? 2 : 1;
  return width;
}

/** The text, with blanks up to a width. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

const solidBlank = '\u00a0';

/** A text that is never broken over two lines: a rule or command that a person will copy. */
export function solid(text: string): string {
  return text.replaceAll(' ', solidBlank);
}

/** The text with the blanks of `solid` as plain ones. */
export function plain(text: string): string {
  return text.replaceAll(solidBlank, ' ');
}

/** Punctuation that never ends a line, and such that never begins one. */
const opening = /[（“「]/;
const closing = /^[，。；：、）」？！]/;

/**
 * Lines of at most so many columns, broken at blanks and between wide characters. What cannot be broken stays whole, also
 * where it is longer than a line.
 */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces(text)) {
    const fits = displayWidth(line + piece.trimEnd()) <= width;
    if (fits || line.trim() === '' || closing.test(piece)) {
      line += piece;
    } else {
      lines.push(plain(line.trimEnd()));
      line = piece.trimStart();
    }
  }
  if (line.trim() !== '') lines.push(plain(line.trimEnd()));
  return lines;
}

/** Pieces between which a line may be broken; blanks stay at the end of theirs. */
function pieces(text: string): readonly string[] {
  const out: string[] = [];
  let piece = '';
  let before = '';
  for (const char of text) {
    const between = wide.test(before) || (wide.test(char) && before !== '' && before !== solidBlank);
    const breaks = before === ' ' || (between && !opening.test(before));
    if (breaks && char !== ' ') {
      out.push(piece);
      piece = '';
    }
    piece += char;
    before = char;
  }
  return piece === '' ? out : [...out, piece];
}
