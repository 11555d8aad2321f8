/**
 * Which host a command is about: a bundle, this machine, a namespace. In: options of the command line. Out: its facts. What is
 * wrong with them ends in a Failure; what they mean is not read here.
 */
import type { Facts } from '../host/facts.ts';
import type { HostState } from '../host/state.ts';
import { type Progress, unwatched } from '../net/progress.ts';
import { badInput, systemRefused } from './failure.ts';
import { readInput } from './read-input.ts';

/** A captured host. */
export async function bundleFacts(path: string): Promise<Facts> {
  const [{ readBundle }, { BundleError }] = await Promise.all([
    import('../bundle/read.ts'),
    import('../bundle/error.ts'),
  ]);
  return readBundle(path).catch((error: unknown) => {
    throw error instanceof BundleError ? badInput(error.message) : error;
  });
}

/** This host, or the namespace at a path. */
export async function liveFacts(netns: string | undefined, progress: Progress = unwatched): Promise<Facts> {
  const [{ captureLive }, { CaptureError }] = await Promise.all([
    import('../engine/live.ts'),
    import('../bundle/error.ts'),
  ]);
  return captureLive({ progress, ...(netns === undefined ? {} : { netns }) }).catch((error: unknown) => {
    throw error instanceof CaptureError ? systemRefused(error.message) : error;
  });
}

/** What somebody says should be there, in the shape of `docker network inspect`: a bundle's networks.json. */
export async function declaredNetworks(path: string | undefined): Promise<Uint8Array | undefined> {
  if (path === undefined) return undefined;
  const content = await readInput(path, '--networks');
  const { parseJson } = await import('../host/json.ts');
  const [problem] = parseJson(content, path).problems;
  if (problem !== undefined) throw badInput(`--networks ${path}: ${problem.message}`);
  return new TextEncoder().encode(content);
}

/** Ends where the firewall of a live host could not be read. */
export async function refuseBlindness(facts: Facts, state: HostState): Promise<void> {
  const { hiddenFirewall } = await import('../engine/live.ts');
  const why = hiddenFirewall(facts, state);
  if (why !== undefined) throw systemRefused(`${why}; or name a bundle with --bundle`);
}
