/**
 * Words for a POSIX shell: commands that a person pastes are made of names that come from outside.
 * In: arguments. Out: one line in which each of them is one word, whatever it holds; and the way back.
 */

/** Characters that mean nothing to any shell in any place (POSIX 2.2), and `!` alone, which history expansion spares. */
const plain = /^(?:[A-Za-z0-9_@%+:,./=-]+|!)$/;

export function shellLine(args: readonly string[]): string {
  return args.map(shellWord).join(' ');
}

export function shellWord(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** One word: parts in single quotes, escaped quotes, and characters that mean nothing to a shell. */
const oneWord = /^(?:'[^']*'|\\'|[A-Za-z0-9_@%+:,./=-])+|^!(?=\s|$)/;

/** The words of such a line, without a shell; undefined where one would be needed: expansions, operators, quotes that do not end. */
export function shellWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  for (let rest = line.trimStart(); rest !== ''; ) {
    const [word] = oneWord.exec(rest) ?? [];
    const after = rest.slice(word?.length ?? 0);
    if (word === undefined || (after !== '' && !/^\s/.test(after))) return undefined;
    words.push(word.replace(/'([^']*)'|\\(')/g, (_, quoted?: string) => quoted ?? "'"));
    rest = after.trimStart();
  }
  return words;
}
