/**
 * A log cut into the lines of single entries. In: text in chunks, as it is read. Out: lines with their number, bounded in length.
 * A page that lost its line breaks and its typewriter characters (an article, a ticket) is mended: entries are parted again, and
 * quotes and dashes become those that dockerd wrote.
 */

export interface LogLine {
  /** 1-based, in the file. */
  readonly number: number;
  readonly text: string;
}

/** Longer ones are cut: no line that says something about networks comes near it. */
const longestLine = 64 * 1024;
/** A page without line breaks holds a whole log in one line. */
const longestPage = 4 * 1024 * 1024;

/** Parts of a page that lost its line breaks begin with an entry's time. */
const nextEntry = /(?=\btime="\d{4}-\d\d-\d\dT[^"\\]{1,40}" level=)/;

/** Cuts text into lines; chunks may end anywhere. */
export class LineCutter {
  #rest = '';
  #number = 0;

  /** The lines that end in this chunk. */
  push(chunk: string): readonly LogLine[] {
    const parts = chunk.split('\n');
    parts[0] = this.#rest + parts[0];
    // What is longer than any page is passed over up to its end.
    this.#rest = (parts.pop() ?? '').slice(0, longestPage);
    return parts.flatMap((text) => this.#lines(text));
  }

  /** The last line, where it has no end. */
  end(): readonly LogLine[] {
    const rest = this.#rest;
    this.#rest = '';
    return rest === '' ? [] : this.#lines(rest);
  }

  #lines(text: string): readonly LogLine[] {
    this.#number += 1;
    const number = this.#number;
    const mended = isTypeset(text) ? mend(text) : text;
    if (mended.indexOf(' time="', 1) < 0) return [{ number, text: mended.slice(0, longestLine) }];
    return mended.split(nextEntry).map((part) => ({ number, text: part.slice(0, longestLine) }));
  }
}

/** Quotes around a value, or dashes before an option, that no dockerd writes. */
function isTypeset(text: string): boolean {
  return (
    /[\u201c\u201d\u2013\u2014]/.test(text) && /\b(?:time|msg)=[\u201c\u201d]|[[ ][\u2013\u2014]\w/.test(text)
  );
}

/** Dashes are those of long options: a typesetter makes one of two hyphens, and leaves a single one alone. */
function mend(text: string): string {
  return text
    .replace(/[\u201c\u201d]/g, '"')
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/([[ ])[\u2013\u2014](?=\w)/g, '$1--')
    .replace(/\u2026/g, '...')
    .replace(/\u00a0/g, ' ');
}
