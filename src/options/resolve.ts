/**
 * Resolves a daemon's options: daemon.json, dockerd's arguments and its environment into Options with origins.
 * In: their text and the engine version. Out: best-effort Options always, and what dockerd would refuse or
 * silently do otherwise. No I/O: who finds the files is the caller's business.
 */
import type { Options } from './options.ts';
import type { ConfigProblem } from './problem.ts';

export interface OptionSources {
  /** `17.06.2`, `28.5.2+dfsg4`. */
  readonly engine: string;
  /** daemon.json, as text or as bytes (which may begin with a byte order mark). */
  readonly file?: { readonly path: string; readonly text: string | Uint8Array };
  /** dockerd's arguments, the program first. */
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Resolution {
  readonly options: Options;
  /** In the order in which dockerd meets them: it stops at the first. Empty: it starts. */
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

export declare function resolveOptions(sources: OptionSources): Resolution;
