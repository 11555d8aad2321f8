/**
 * One look at a live host with its plan. In: which namespace. Out: the host and what is expected of it, or why nothing can be
 * expected. It changes nothing and compares nothing.
 */
import type { CaptureTarget } from '../bundle/capture.ts';
import { CaptureError } from '../bundle/error.ts';
import type { PlannedHost } from '../drift/networks.ts';
import { withDeclared } from '../host/facts.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import { expectedFromFacts } from '../plan/expected.ts';
import { captureLive, hiddenFirewall } from './live.ts';

export type Looked =
  | {
      readonly kind: 'seen';
      readonly whole: PlannedHost;
      /** Running containers whose namespaces could not be seen: they are coming or going at this moment. */
      readonly unseen: readonly string[];
    }
  /** One line. */
  | { readonly kind: 'cannot'; readonly why: string };

/**
 * `declared` is a networks.json, for hosts whose engine tells nothing. Throws CaptureError when the host, or its firewall, cannot be
 * read.
 */
export async function lookAt(target: CaptureTarget, engine?: string, declared?: Uint8Array): Promise<Looked> {
  const captured = await captureLive({ ...target, scope: 'planned' });
  const facts = withDeclared(captured, declared);
  const { state } = hostStateFromFacts(facts);
  const hidden = hiddenFirewall(facts, state);
  if (hidden !== undefined) throw new CaptureError(hidden);
  const expected = expectedFromFacts(facts, { state, ...(engine === undefined ? {} : { engine }) });
  if ('cannot' in expected) return { kind: 'cannot', why: expected.cannot };
  const refusal = expected.configuration.errors[0];
  if (refusal !== undefined)
    return { kind: 'cannot', why: `dockerd would refuse its configuration now: ${refusal.message}` };
  const { generations = [] } = expected.engine;
  if (generations.length > 1)
    return {
      kind: 'cannot',
      why: `engines of several generations make such rules (${generations.join(', ')}); name the right one with --engine`,
    };
  const seen = new Set(state.namespaces.flatMap(({ name, sharedBy }) => [name, ...sharedBy]));
  const unseen = expected.intent.sandboxes.filter(({ running, name }) => running && !seen.has(name));
  return { kind: 'seen', whole: { state, expected }, unseen: unseen.map(({ name }) => name) };
}
