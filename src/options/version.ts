/**
 * Engine versions: order of `17.06.2`, `20.10.24-ce`, `28.5.2+dfsg4`, and values that change with the version.
 * In: text as `docker version` prints it. Out: comparisons. Pre-releases count as their release.
 */

/** Numbers of a version, most significant first; missing or unreadable parts are 0. */
export function versionNumbers(text: string): readonly number[] {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  return [1, 2, 3].map((group) => Number(match?.[group] ?? 0));
}

/** Whether the text begins like a version. */
export function isVersion(text: string): boolean {
  return /^v?\d+\.\d+/.test(text);
}

/** Whether `engine` is `version` or newer. */
export function isAtLeast(engine: string, version: string): boolean {
  const [have, want] = [versionNumbers(engine), versionNumbers(version)];
  for (const [index, number] of want.entries()) {
    const mine = have[index] ?? 0;
    if (mine !== number) return mine > number;
  }
  return true;
}

/** The versions in which something exists: from `since` (absent: 17.06 or older) up to, not including, `until`. */
export interface Span {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

export function spans(span: Span, engine: string): boolean {
  return (
    (span.since === undefined || isAtLeast(engine, span.since)) &&
    (span.until === undefined || !isAtLeast(engine, span.until))
  );
}

/** A value per version, oldest first; each holds from its `since` until the next one's. */
export type Versioned<T> = readonly [
  { readonly value: T },
  ...{ readonly since: string; readonly value: T }[],
];

export function valueFor<T>(versioned: Versioned<T>, engine: string): T {
  const [oldest, ...later] = versioned;
  return later.reduce((value, next) => (isAtLeast(engine, next.since) ? next.value : value), oldest.value);
}

/** The newest engine whose options are known. */
export const newestEngine = '29.7.2';
