/**
 * Words for a POSIX shell: commands that a person pastes are made of names that come from outside.
 * In: arguments. Out: one line in which each of them is one word, whatever it holds.
 */

/** Characters that mean nothing to any shell in any place (POSIX 2.2), and `!` alone, which history expansion spares. */
const plain = /^(?:[A-Za-z0-9_@%+:,./=-]+|!)$/;

export function shellLine(args: readonly string[]): string {
  return args.map(shellWord).join(' ');
}

export function shellWord(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
