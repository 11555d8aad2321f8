/**
 * JSON that is kept as it was. In: a parsed value. Out: its text within bounds, and back.
 * Hostile JSON may be nested deeper than the stack bears: beyond a depth it is cut.
 */
import type { Kept } from './model.ts';

/** Deeper than any rule that a person writes; beyond it the JSON is hostile. */
export const maxDepth = 32;

/** The text of a JSON value; what is nested too deep becomes `"..."`. */
export function keptText(json: unknown): string {
  return JSON.stringify(bounded(json, 0)) ?? 'null';
}

function bounded(json: unknown, depth: number): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (depth > maxDepth) return '...';
  if (Array.isArray(json)) return json.map((item) => bounded(item, depth + 1));
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, bounded(value, depth + 1)]));
}

/** The value of a text that `keptText` made. */
export function keptValue(text: string): unknown {
  return JSON.parse(text);
}

/** The members of an object besides these; undefined for none. */
export function otherMembers(object: object, ...known: readonly string[]): Kept | undefined {
  const others = Object.entries(object).filter(
    ([name, value]) => value !== undefined && !known.includes(name),
  );
  return others.length === 0
    ? undefined
    : Object.fromEntries(others.map(([name, value]) => [name, bounded(value, 0)]));
}

/** For a spread: `{ kept }`, or nothing. */
export function withKept(kept: Kept | undefined): { readonly kept?: Kept } {
  return kept === undefined ? {} : { kept };
}
