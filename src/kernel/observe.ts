/**
 * What a host is now: captured in memory and parsed, the one way in that a bundle takes too. In: a namespace's path. Out: its
 * part of a HostState, and which firewall its `iptables` writes to. It changes nothing.
 */
import { captureFacts } from '../bundle/capture.ts';
import { CaptureError } from '../bundle/error.ts';
import type { Backend } from '../firewall/ruleset.ts';
import { text } from '../host/facts.ts';
import { backendOfTool } from '../host/firewall.ts';
import type { Namespace } from '../host/state.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { NamespacePath } from './namespace.ts';
import { KernelError, missingTool } from './process.ts';

export interface ObservedHost {
  readonly host: Namespace;
  readonly backend: Backend;
}

/** Observes one namespace as a host, without its containers. Throws KernelError when it cannot be seen. */
export async function observeHost(netns: NamespacePath): Promise<ObservedHost> {
  const place = netns === undefined ? {} : { netns };
  try {
    const facts = await captureFacts({ ...place, sandboxes: [], engineFacts: new Map() });
    const host = hostStateFromFacts(facts).state.namespaces.find((namespace) => namespace.kind === 'host');
    const backend = backendOfTool(text(facts, 'tools.txt') ?? '');
    if (backend === undefined) throw missingTool('iptables');
    if (host === undefined) throw new KernelError('refused', 'ip', 'the namespace could not be read');
    return { host, backend };
  } catch (error) {
    throw error instanceof CaptureError ? new KernelError('refused', 'capture', error.message) : error;
  }
}
