/**
 * Facts: the raw files of one bundle, named as in the bundle, before anything is understood of them.
 * In: bundle/ reads them from a directory, an archive or a live host. Out: bytes and text by file name.
 * Nothing is parsed here; what could not be used is reported as a FactProblem by the parsers.
 */

export interface Facts {
  /** File name inside the bundle (`iptables-save.txt`, `firewalld/direct.xml`) to its contents. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The bundle's path, `-` for standard input, or `live`. */
  readonly origin: string;
}

/** Something in the facts that could not be used. The rest of the facts is used all the same. */
export interface FactProblem {
  readonly file: string;
  /** 1-based, where it is known. */
  readonly line?: number;
  readonly message: string;
}

/** What a parser made of its input, and what it could not use. */
export interface Parsed<T> {
  readonly value: T;
  readonly problems: readonly FactProblem[];
}

/** The file's text, decoded as UTF-8; undefined when the facts do not hold it. Wrong bytes become U+FFFD. */
export function text(facts: Facts, name: string): string | undefined {
  const bytes = facts.files.get(name);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** The lines of a text with their 1-based numbers, trimmed; empty ones are left out. */
export function numberedLines(content: string): readonly { readonly line: number; readonly text: string }[] {
  return content
    .split('\n')
    .map((raw, index) => ({ line: index + 1, text: raw.trim() }))
    .filter((entry) => entry.text !== '');
}

/** The facts with a declaration of what should be there (networks.json), where there is one. */
export function withDeclared(facts: Facts, declared: Uint8Array | undefined): Facts {
  return declared === undefined
    ? facts
    : { ...facts, files: new Map([...facts.files, ['networks.json', declared]]) };
}
