/**
 * Resolves a daemon's options: daemon.json, dockerd's arguments and its environment into Options with origins.
 * In: their text and the engine version. Out: best-effort Options always, and what dockerd would refuse or
 * silently do otherwise. No I/O: who finds the files is the caller's business.
 */
import { type Arguments, parseArguments } from './argv.ts';
import { type ConfigFile, readConfigFile } from './file.ts';
import { vocabularyOf } from './flags.ts';
import { withImplied } from './implied.ts';
import { findConflicts, findOldDataRoot, mergeSettings, zeroWarnings } from './merge.ts';
import type { Options, Settings } from './options.ts';
import type { ConfigProblem } from './problem.ts';
import { envTable } from './table.ts';
import { findTraps } from './traps.ts';
import { verifyOptions } from './verify.ts';
import { spans } from './version.ts';

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

export function resolveOptions(sources: OptionSources): Resolution {
  const { engine } = sources;
  const words = vocabularyOf(engine);
  const args = parseArguments(sources.argv ?? [], words);
  const file = sources.file === undefined ? undefined : readConfigFile(sources.file, words);
  const env = knownEnvironment(sources.env ?? {}, engine);
  const settings = withBackendOf(env, mergeSettings(args.given, file, words));
  const options = withImplied(engine, settings, env);
  return {
    options,
    errors: [
      ...args.errors,
      ...(file === undefined ? [] : [...file.syntax, ...fileErrors(args, file, words)]),
      ...findOldDataRoot(args.given, file, words),
      ...verifyOptions(options, file?.path),
    ],
    warnings: [
      ...(file === undefined ? [] : [...file.warnings, ...zeroWarnings(file, settings)]),
      ...findTraps(options),
    ],
  };
}

function fileErrors(
  args: Arguments,
  file: ConfigFile,
  words: ReturnType<typeof vocabularyOf>,
): ConfigProblem[] {
  return [...file.unknown, ...findConflicts(args.given, file, words), ...file.types];
}

/** The path that the arguments give for daemon.json; undefined: dockerd takes the default one, if it is there. */
export function configFileOf(argv: readonly string[], engine: string): string | undefined {
  const value = parseArguments(argv, vocabularyOf(engine)).given.get('config-file')?.value;
  return typeof value === 'string' ? value : undefined;
}

/** Where dockerd looks for its configuration when nothing says otherwise. */
export const defaultConfigFile = '/etc/docker/daemon.json';

/** The variables that this engine looks at; all others stay out of Options. */
function knownEnvironment(env: Readonly<Record<string, string>>, engine: string): Options['env'] {
  const known = Object.entries(env).filter(([name]) => {
    const spec = Object.hasOwn(envTable, name) ? envTable[name] : undefined;
    return spec !== undefined && spans(spec, engine);
  });
  return Object.fromEntries(known);
}

const backendVariable = 'DOCKER_FIREWALL_BACKEND';

/** 28.2 to 28.5 have the nftables backend without an option for it. */
function withBackendOf(env: Options['env'], settings: Settings): Settings {
  if (env[backendVariable] !== 'nftables') return settings;
  const origin = { kind: 'env', name: backendVariable } as const;
  return { ...settings, 'firewall-backend': { value: 'nftables', origin } };
}
