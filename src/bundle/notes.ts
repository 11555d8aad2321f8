/**
 * What a capture could not read, collected while it runs. In: bundle file and reason. Out: the lines of
 * capture-notes.txt. A note is no error: the facts that it names stay unknown.
 */

export class Notes {
  readonly #lines: string[] = [];

  add(file: string, reason: string): void {
    this.#lines.push(`${file}: ${reason}`);
  }

  /** Sorted, each once. */
  lines(): readonly string[] {
    return [...new Set(this.#lines)].sort();
  }
}
