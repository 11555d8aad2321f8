/**
 * What to tell a user about an engine that only its rules show. In: how an engine is known. Out: one line, or none where a file names it.
 */
import type { KnownEngine } from '../plan/engine-version.ts';
import { firstEngineOf, lastEngineOf } from '../plan/generation.ts';

export function engineNote({ by, version, generations = [] }: KnownEngine): string | undefined {
  const [oldest, newest] = [generations[0], generations.at(-1)];
  if (by !== 'recognised' || oldest === undefined || newest === undefined) return undefined;
  return `no file names the engine's version; the rules are like those of ${firstEngineOf(oldest)} to ${lastEngineOf(newest)}, so what should be there is what ${version} makes`;
}
