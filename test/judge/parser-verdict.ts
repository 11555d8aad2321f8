/** What a judge of parsers says of one case. Types only. */

export interface ParserVerdict {
  /** What was tried: `command`, `save`, `json`. */
  readonly form: string;
  readonly name: string;
  /** Empty where all came back. */
  readonly differences: readonly string[];
}
