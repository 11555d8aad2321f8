/**
 * Splits a line of iptables-save into words as iptables-restore does: blanks separate, double quotes keep them,
 * a backslash inside quotes takes the next character as it is. In: a line. Out: words, or undefined for an open quote.
 */

/** The words of a line; undefined if a quote is not closed. */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let inQuotes = false;
  for (let i = 0; i < line.length; i++) {
    const char = line.charAt(i);
    if (inQuotes) {
      if (char === '"') inQuotes = false;
      else if (char === '\\') word += line.charAt(++i);
      else word += char;
    } else if (char === '"') {
      inQuotes = true;
      inWord = true;
    } else if (char === ' ' || char === '\t') {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
    } else {
      word += char;
      inWord = true;
    }
  }
  if (inQuotes) return undefined;
  if (inWord) words.push(word);
  return words;
}
