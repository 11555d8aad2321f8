/**
 * Captures a live host together with what runs its networks. In: what to look at. Out: Facts. A host of our own engine
 * names the folder of the engine's facts in BRIDGEKEEPER_ENGINE (a lab does, for what is run in it); otherwise a
 * dockerd is looked for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CaptureTarget, captureFacts } from '../bundle/capture.ts';
import type { Facts } from '../host/facts.ts';
import { elements } from '../host/json.ts';
import { containerSchema } from '../intent/inspect-schema.ts';

/** Names the folder of the engine's facts. */
export const engineVariable = 'BRIDGEKEEPER_ENGINE';

/** Facts about this host or the namespace of the target. Throws CaptureError when nothing can be read. */
export function captureLive(target: CaptureTarget = {}): Promise<Facts> {
  const folder = process.env[engineVariable];
  if (folder === undefined || folder === '') return captureFacts(target);
  const engineFacts = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
  return captureFacts({ ...target, ...engineTarget(engineFacts) });
}

/** The engine's facts, with its containers' namespaces as their processes have them. */
export function engineTarget(
  engineFacts: ReadonlyMap<string, Uint8Array>,
): Pick<CaptureTarget, 'engineFacts' | 'sandboxes'> {
  const file = 'docker-container-inspect.json';
  const json: unknown = JSON.parse(
    new TextDecoder().decode(engineFacts.get(file) ?? new TextEncoder().encode('[]')),
  );
  const sandboxes = elements(json, containerSchema, file).value.flatMap(({ Name, State }) => {
    const { Running, Pid } = State;
    if (Running !== true || Pid === undefined || Pid === null) return [];
    return [{ name: Name.replace(/^\//, ''), netns: `/proc/${Pid}/ns/net` }];
  });
  return { engineFacts, sandboxes };
}
