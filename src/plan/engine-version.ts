/**
 * The version of the engine that wrote a bundle.
 * In: docker-version.json (`docker version` as JSON, or GET /version), else docker-info.json. Out: the version text.
 */
import { z } from 'zod';
import { type Facts, text } from '../host/facts.ts';
import { parseJson } from '../host/json.ts';

const version = z.string().regex(/^v?[0-9][0-9A-Za-z.+~_-]{0,63}$/);

/** GET /version has Version at the top, `docker version --format json` has it under Server. */
const versionFile = z.union([
  z.object({ Server: z.object({ Version: version }) }).transform(({ Server }) => Server.Version),
  z.object({ Version: version }).transform(({ Version }) => Version),
]);

const infoFile = z.object({ ServerVersion: version }).transform(({ ServerVersion }) => ServerVersion);

/** The engine's version as it prints it; undefined when no file says it. */
export function engineOf(facts: Facts): string | undefined {
  return read(facts, 'docker-version.json', versionFile) ?? read(facts, 'docker-info.json', infoFile);
}

function read(facts: Facts, file: string, schema: z.ZodType<string>): string | undefined {
  const content = text(facts, file);
  if (content === undefined) return undefined;
  const result = schema.safeParse(parseJson(content, file).value);
  return result.success ? result.data : undefined;
}
