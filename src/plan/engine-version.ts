/**
 * The version of the engine of a bundle, and how it is known.
 * In: docker-version.json (`docker version` as JSON, or GET /version), else docker-info.json, else dockerd.log; else the rules that it made.
 * Out: the version text. Where rules alone tell, the last engine of the generation stands for the one that made them.
 */
import { z } from 'zod';
import { type Facts, text } from '../host/facts.ts';
import { parseJson } from '../host/json.ts';
import type { Namespace } from '../host/state.ts';
import type { Options } from '../options/options.ts';
import { readEngineLog } from './engine-log.ts';
import { lastEngineOf } from './generation.ts';
import type { Generation } from './plan.ts';
import { recogniseGeneration } from './recognise.ts';

export interface KnownEngine {
  readonly version: string;
  /** `given`: somebody asked for it. */
  readonly by: 'version-file' | 'info' | 'log' | 'recognised' | 'given';
  /** Where rules alone tell: the generations that may have made them, oldest first. */
  readonly generations?: readonly Generation[];
}

const version = z.string().regex(/^v?[0-9][0-9A-Za-z.+~_-]{0,63}$/);

/** GET /version has Version at the top, `docker version --format json` has it under Server. */
const versionFile = z.union([
  z.object({ Server: z.object({ Version: version }) }).transform(({ Server }) => Server.Version),
  z.object({ Version: version }).transform(({ Version }) => Version),
]);

const infoFile = z.object({ ServerVersion: version }).transform(({ ServerVersion }) => ServerVersion);

/** The engine as the files of a bundle tell its version; undefined when none does. */
export function engineOf(facts: Facts): KnownEngine | undefined {
  const told = read(facts, 'docker-version.json', versionFile);
  if (told !== undefined) return { version: told, by: 'version-file' };
  const info = read(facts, 'docker-info.json', infoFile);
  if (info !== undefined) return { version: info, by: 'info' };
  const logged = version.safeParse(readEngineLog(text(facts, 'dockerd.log') ?? '').engine);
  return logged.success ? { version: logged.data, by: 'log' } : undefined;
}

function read(facts: Facts, file: string, schema: z.ZodType<string>): string | undefined {
  const content = text(facts, file);
  if (content === undefined) return undefined;
  const result = schema.safeParse(parseJson(content, file).value);
  return result.success ? result.data : undefined;
}

/**
 * The engine that made a host's rules: the newest that they leave, and that with the host's configuration makes IPv6 rules if there are any.
 * Undefined where the rules do not tell one generation from another.
 */
export function engineOfRules(
  host: Namespace,
  optionsOf: (engine: string) => Options,
): KnownEngine | undefined {
  const { generations, evidence } = recogniseGeneration(host.firewall, host.nft);
  if (evidence.length === 0) return undefined;
  const engines = generations.toReversed().map(lastEngineOf);
  const agreeing = engines.find((engine) => agreesOnIpv6(host, optionsOf(engine)));
  const chosen = agreeing ?? engines[0];
  return chosen === undefined ? undefined : { version: chosen, by: 'recognised', generations };
}

function agreesOnIpv6({ firewall, missing }: Namespace, { settings }: Options): boolean {
  if (missing?.some(({ part, family }) => part === 'firewall' && family === 'ipv6')) return true;
  const made = firewall.tables.some(
    ({ family, chains }) => family === 'ipv6' && chains.some(({ name }) => name === 'DOCKER'),
  );
  return settings.ip6tables.value === made;
}
