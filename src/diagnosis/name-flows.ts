/**
 * Questions for names: each container on a network with names asks for one of its peers, and each container whether anybody
 * answers for names beyond. In: the observed state and the networks. Out: flows. A container of which no resolv.conf is known
 * asks nothing.
 */
import type { HostState } from '../host/state.ts';
import type { Intent, Network, Sandbox } from '../intent/intent.ts';
import type { Flow } from '../net/flow.ts';
import { rootName } from '../packet/exchange.ts';
import { hasNames } from '../plan/sandbox.ts';

export function nameFlows(state: HostState, intent: Intent | undefined): readonly Flow[] {
  if (intent === undefined) return [];
  const { networks, sandboxes } = intent;
  const asking = sandboxes.filter(({ name, running, mode }) => {
    const own = state.namespaces.find((n) => n.kind === 'container' && n.name === name);
    return running && mode.kind === 'own' && own?.resolvConf !== undefined;
  });
  const peers = networks.filter(hasNames).flatMap(({ id }) => inTurn(asking, id));
  // Whether a server beyond the uplink answers is the contract's where nothing describes the outside.
  const beyond =
    state.outside === undefined ? asking.filter((s) => s.endpoints.length > 0 && !isInside(s, networks)) : [];
  return [...peers, ...beyond.map(({ name }) => question(name, rootName))];
}

/** Each asks for the next: all ask, and all are asked for, though not each by each. A question is one for an IPv4 address. */
function inTurn(all: readonly Sandbox[], network: string): readonly Flow[] {
  const members = all.filter(({ endpoints }) =>
    endpoints.some((e) => e.network === network && e.addresses.some(({ addr }) => addr.family === 'ipv4')),
  );
  if (members.length < 2) return [];
  return members.flatMap(({ name }, i) => {
    const next = members[(i + 1) % members.length];
    const names = next?.endpoints.find((endpoint) => endpoint.network === network)?.names ?? [];
    const known = next !== undefined && names.includes(next.name) ? next.name : names[0];
    return known === undefined ? [] : [question(name, known)];
  });
}

/** On internal networks alone: nobody beyond is to be asked. */
function isInside({ endpoints }: Sandbox, networks: readonly Network[]): boolean {
  return endpoints.every(({ network }) => networks.find(({ id }) => id === network)?.internal === true);
}

function question(from: string, qname: string): Flow {
  return { from, kind: 'dns', dst: undefined, qname };
}
