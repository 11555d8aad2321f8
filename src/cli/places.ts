/**
 * Names on the command line as places of a host. In: a state and a name. Out: the namespaces that can be asked from, and the
 * address that a container's name means.
 */
import type { HostState, Namespace } from '../host/state.ts';
import { type Addr, parseAddr } from '../net/addr.ts';
import { containsAddr, type Prefix } from '../net/prefix.ts';

/** Every name that a flow may come from: the host, containers, the outside. */
export function namesOf(state: HostState): readonly string[] {
  const own = state.namespaces.flatMap((n) => [n.name, ...n.sharedBy]);
  return [...own, state.outside?.name ?? 'inet'];
}

/** An address as given, or a container's: on a subnet that `from` is on too, where it has one there, else its first. */
export function addressOf(state: HostState, name: string, from: string): Addr | undefined {
  const given = parseAddr(name);
  if (given !== undefined) return given;
  const holder = namespaceOf(state, name);
  if (holder?.kind !== 'container') return undefined;
  const addresses = prefixesOf(holder).map((p) => p.addr);
  const near = prefixesOf(namespaceOf(state, from));
  return addresses.find((addr) => near.some((p) => containsAddr(p, addr))) ?? addresses[0];
}

function namespaceOf(state: HostState, name: string): Namespace | undefined {
  return state.namespaces.find((n) => n.name === name || n.sharedBy.includes(name));
}

function prefixesOf(ns: Namespace | undefined): readonly Prefix[] {
  return (ns?.links ?? []).flatMap((link) =>
    link.kind === 'loopback'
      ? []
      : link.addresses
          .filter((a) => a.scope === 'global' && a.prefix.addr.family === 'ipv4')
          .map((a) => a.prefix),
  );
}
