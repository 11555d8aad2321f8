/**
 * What an engine takes away again: the rules of containers that stop with it, and of the default network that it makes anew.
 * In: a Script and a generation's steps for what was made. Out: the deletions. What was left of other engines is not its subject.
 * Sources: libnetwork drivers/bridge/bridge.go (deleteNetwork, its clean-up functions, releasePorts) of 17.06 to 29.7;
 * rules after a clean stop in captures of all versions.
 */
import type { BridgeEndpoint, BridgeNetwork } from './network.ts';
import type { Script } from './script.ts';
import { type FamilyStep, withdraw } from './steps.ts';

/** All containers stop with the engine: no endpoint is left. Networks stay in the store, with their rules. */
export function withoutContainers(
  script: Script,
  endpoint: (made: BridgeEndpoint) => readonly FamilyStep[],
): readonly FamilyStep[] {
  return withdraw('take away the rules of a container that stops', script.endpoints.flatMap(endpoint));
}

/** Restored only to be deleted: what its restoration adds goes again, so the deletion alone is written. */
export function withoutOldDefault(
  { deleted }: Script,
  network: (made: BridgeNetwork) => readonly FamilyStep[],
): readonly FamilyStep[] {
  if (deleted === undefined) return [];
  // Jumps that networks share name no bridge, and stay.
  const own = network(deleted).filter(({ args }) => args.includes(deleted.bridge));
  return withdraw('delete the default network, to make it anew', own);
}
