/**
 * The border of JSON facts: text or parsed JSON of other people's tools in, checked values out.
 * A wrong element is reported and left out, the others stay; unknown keys are ignored.
 * It knows no tool's format: the schemas stand with their parsers.
 */
import type { z } from 'zod';
import type { FactProblem, Parsed } from './facts.ts';

/** Parses JSON text; `value` is undefined when it is not JSON. */
export function parseJson(content: string, file: string): Parsed<unknown> {
  if (content.trim() === '') {
    return { value: undefined, problems: [{ file, message: 'the file is empty, JSON was expected' }] };
  }
  try {
    return { value: JSON.parse(content), problems: [] };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { value: undefined, problems: [{ file, message: `not JSON: ${detail}` }] };
  }
}

/**
 * Checks each element of an array against a schema. `where` names the array inside its file, if it is not the
 * whole file. Empty objects are skipped: iproute2 prints `{}` for what its own filters left out.
 */
export function elements<T>(
  value: unknown,
  schema: z.ZodType<T>,
  file: string,
  where = '',
): Parsed<readonly T[]> {
  if (!Array.isArray(value))
    return { value: [], problems: [{ file, message: `${where || 'the file'} is not a list` }] };
  const good: T[] = [];
  const problems: FactProblem[] = [];
  for (const [index, element] of value.entries()) {
    if (isEmptyObject(element)) continue;
    const result = schema.safeParse(element);
    if (result.success) good.push(result.data);
    else problems.push({ file, message: `${where}[${index}]: ${firstIssue(result.error)}` });
  }
  return { value: good, problems };
}

/** The first thing that a schema found wrong, in one line: `mtu: expected number`. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'unexpected form';
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}
