/**
 * Instants: the RFC 3339 times that Docker writes, as numbers that compare.
 * In: text with any number of fraction digits and any offset. Out: nanoseconds since 1970. No clock is read here.
 *
 * Text does not compare: Go drops trailing zeros of the fraction and writes local offsets.
 */

const rfc3339 =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})$/;

/** Nanoseconds since 1970; undefined for other text and for Go's zero time (year 1), which means "never". */
export function parseInstant(text: string | undefined): bigint | undefined {
  const found = text === undefined ? null : rfc3339.exec(text);
  if (found === null) return undefined;
  const milliseconds = Date.parse(`${found[1]}${found[3]}`);
  if (Number.isNaN(milliseconds) || found[1]?.startsWith('0001-')) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt((found[2] ?? '').padEnd(9, '0'));
}

/** Order of two times; an unknown one comes after a known one, two unknown ones are equal. */
export function compareInstants(a: string | undefined, b: string | undefined): number {
  const left = parseInstant(a);
  const right = parseInstant(b);
  if (left === undefined || right === undefined) {
    return left === right ? 0 : left === undefined ? 1 : -1;
  }
  return left < right ? -1 : left > right ? 1 : 0;
}
