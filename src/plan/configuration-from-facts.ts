/**
 * The configuration of a bundle's engine: daemon.json, dockerd's arguments and environment, as an engine version reads them.
 * In: Facts and a version. Out: options with their origins, and what that version refuses. What is in force is `in-force.ts`'s subject.
 */
import { type Facts, type Parsed, text } from '../host/facts.ts';
import { parseJson } from '../host/json.ts';
import { type Resolution, resolveOptions } from '../options/resolve.ts';

/** Reads it as this engine would. */
export function configurationFromFacts(facts: Facts, engine: string): Parsed<Resolution> {
  const file = facts.files.get('daemon.json');
  const content = text(facts, 'dockerd.argv');
  const command = content === undefined ? undefined : parseJson(content, 'dockerd.argv');
  const { argv, env } = commandOf(command?.value);
  const value = resolveOptions({
    engine,
    ...(file === undefined ? {} : { file: { path: 'daemon.json', text: file } }),
    ...(argv === undefined ? {} : { argv }),
    env,
  });
  return { value, problems: command?.problems ?? [] };
}

/** `{"argv": [...], "env": {...}}`; other shapes say nothing. */
function commandOf(json: unknown): {
  readonly argv?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  if (typeof json !== 'object' || json === null) return { env: {} };
  const argv =
    'argv' in json && Array.isArray(json.argv)
      ? json.argv.filter((word) => typeof word === 'string')
      : undefined;
  const entries =
    'env' in json && typeof json.env === 'object' && json.env !== null ? Object.entries(json.env) : [];
  const env = Object.fromEntries(entries.filter(([, value]) => typeof value === 'string'));
  return argv === undefined ? { env } : { argv, env };
}
