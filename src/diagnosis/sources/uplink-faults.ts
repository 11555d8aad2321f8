/**
 * Candidates for the links to the outside: down, or without an address that they had. In: the patient and the failing walks. Out: one
 * candidate a link, with all that went with it. Its own address no fact of a host tells once it is gone; but who asks from outside
 * names it, and the neighbour at the other end of the wire has its subnet and is its gateway.
 */
import { defaultRoute, type StateChange } from '../../host/change.ts';
import type { HostState, Link, Namespace } from '../../host/state.ts';
import { type Addr, formatAddr, isLinkLocal, isLoopback } from '../../net/addr.ts';
import { containsAddr, formatPrefix, type Prefix } from '../../net/prefix.ts';
import type { Trace } from '../../packet/trace.ts';
import type { Candidate, Patient } from '../candidate.ts';

/** Candidates that bring a link to the outside back. */
export function uplinkCandidates({ state }: Patient, failing: readonly Trace[]): Candidate[] {
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return [];
  return host.links.flatMap((link): Candidate[] => {
    if (link.kind === 'bridge' || link.kind === 'loopback' || link.master !== undefined) return [];
    const subnets = subnetsOf(state, link);
    const lost = subnets.flatMap((far) => lostAddress(state, link, far, failing));
    if (link.up && lost.length === 0) return [];
    const up: StateChange[] = link.up ? [] : [{ namespace: host.name, kind: 'link-up', dev: link.name }];
    const addresses = lost.map(
      (prefix): StateChange => ({ namespace: host.name, kind: 'add-address', dev: link.name, prefix }),
    );
    const names = lost.map(formatPrefix).join(', ');
    return [
      {
        key: `uplink ${link.name}`,
        cause: 'uplink-down',
        restriction: false,
        params: { link: link.name, ...(names === '' ? {} : { address: names }) },
        changes: [...up, ...addresses, ...lostGateways(host, link, subnets, lost)],
        cost: 1,
        because: [],
        evidence: [
          { file: 'ip-addr.json', text: `${link.name}: ${link.up ? 'no address of its subnet' : 'down'}` },
          ...subnets.map((far) => ({ file: 'outside.json', text: `its neighbour: ${formatPrefix(far)}` })),
        ],
        repairs: [],
      },
    ];
  });
}

/** The addresses that the other end of the wire has, where somebody described it. */
function subnetsOf({ outside }: HostState, link: Link): readonly Prefix[] {
  const far = outside?.links.find(({ peer }) => peer === link.name);
  return (far?.addresses ?? []).filter(({ addr }) => !isLinkLocal(addr) && !isLoopback(addr));
}

/** The one address of the neighbour's subnet that is asked for from outside, where the link has none there. */
function lostAddress(state: HostState, link: Link, far: Prefix, failing: readonly Trace[]): Prefix[] {
  if (link.addresses.some(({ prefix }) => containsAddr(far, prefix.addr))) return [];
  const asked = new Map<string, Addr>();
  for (const { flow } of failing) {
    const { dst, from, direct } = flow;
    if (dst === undefined || from !== state.outside?.name || direct === true) continue;
    if (containsAddr(far, dst)) asked.set(formatAddr(dst), dst);
  }
  const [addr, ...others] = asked.values();
  return addr === undefined || others.length > 0 ? [] : [{ addr, bits: far.bits }];
}

/** Default routes by the neighbour, of the families that have none and have, or get, an address in its subnet. */
function lostGateways(
  host: Namespace,
  link: Link,
  subnets: readonly Prefix[],
  added: readonly Prefix[],
): StateChange[] {
  const own = [...link.addresses.map(({ prefix }) => prefix), ...added];
  return subnets.flatMap((far): StateChange[] => {
    const { family } = far.addr;
    const has = host.routes.some((route) => route.family === family && route.dst.bits === 0);
    if (has || !own.some(({ addr }) => containsAddr(far, addr))) return [];
    return [{ namespace: host.name, kind: 'add-route', route: defaultRoute(link.name, far.addr) }];
  });
}
