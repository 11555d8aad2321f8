/**
 * Captures a live host together with what runs its networks. In: what to look at. Out: Facts. A host of our own engine
 * names the folder of the engine's facts in BRIDGEKEEPER_ENGINE (a lab does, for what is run in it); otherwise a
 * dockerd is looked for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CaptureTarget, captureFacts, notesFile } from '../bundle/capture.ts';
import type { Facts } from '../host/facts.ts';
import { elements } from '../host/json.ts';
import type { HostState } from '../host/state.ts';
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

/**
 * Why the firewall of a captured host is not in its facts, in one line; undefined where it is. A host whose firewall could not be read
 * would look as if it had none.
 */
export function hiddenFirewall(facts: Facts, { namespaces }: HostState): string | undefined {
  const host = namespaces.find(({ kind }) => kind === 'host');
  const hidden = host?.missing?.find(({ part, family }) => part === 'firewall' && family !== 'ipv6');
  if (hidden === undefined) return undefined;
  const notes = new TextDecoder().decode(facts.files.get(notesFile)).split('\n');
  const note = notes.find((line) => line.startsWith(`${hidden.file}: `)) ?? hidden.file;
  return `the firewall cannot be read: ${process.geteuid?.() === 0 ? note : 'it needs root (sudo)'}`;
}
