/**
 * How a refusal that settings cause is put together: the daemon's first words, and the places of the settings.
 * In: settings and the reason. Out: a ConfigProblem. Which reasons there are is `verify.ts`'s subject.
 */
import type { OptionName, Settings } from './options.ts';
import { type ConfigProblem, type ErrorCode, places } from './problem.ts';
import { isAtLeast } from './version.ts';

/** How the daemon begins the line with which it ends. */
export function startFailure(engine: string): string {
  return isAtLeast(engine, '19.03') ? 'failed to start daemon' : 'Error starting daemon';
}

/** A refusal that options cause; the first option is the one that its cause names. */
export function refusal(
  code: ErrorCode,
  message: string,
  settings: Settings,
  options: readonly OptionName[],
  remedy: string,
  cause = 'engine-did-not-start',
): ConfigProblem {
  const origins = options.map((name) => settings[name].origin).filter((origin) => origin.kind !== 'default');
  return { code, message, options, ...places(origins), remedy, cause };
}
