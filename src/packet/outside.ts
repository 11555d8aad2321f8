/**
 * The outside contract: what the world beyond the uplink is assumed to do, as one more namespace.
 * In: a described outside (a bundle's outside.json), or the routes that the site is said to have.
 * Out: a namespace whose links are the far ends of the host's uplinks. It models no router but the first.
 */

import { routesOfAddress } from '../host/change.ts';
import type { HostState, Link, Namespace, OutsideFacts, Route, Socket } from '../host/state.ts';
import { type Addr, addrPlus, ipv4, sameAddr } from '../net/addr.ts';
import { containsAddr, hostPrefix, lastAddr, maskPrefix, type Prefix } from '../net/prefix.ts';
import type { OutsideNode } from './world.ts';

/** The outside of a HostState: as described, else the default contract with these extra routes. */
export function outsideOf(state: HostState, extraRoutes: readonly Prefix[]): OutsideNode | undefined {
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return undefined;
  return state.outside === undefined
    ? assumedOutside(host, extraRoutes)
    : describedOutside(state.outside, extraRoutes, host);
}

function describedOutside(facts: OutsideFacts, extraRoutes: readonly Prefix[], host: Namespace): OutsideNode {
  const links = facts.links.map((l, i) =>
    withKnownMac(outsideLink(i + 1, l.name, l.addresses, l.name === 'lo'), l.peer, host),
  );
  const wires = new Map(
    facts.links.flatMap((l) => (l.peer === undefined ? [] : [[l.name, l.peer] as const])),
  );
  const routes: Route[] = facts.routes.map((r) => ({
    ...unicast(r.dst, r.dev ?? linkTowards(links, r.via)?.name),
    ...(r.via === undefined ? {} : { gateway: r.via }),
    ...(r.src === undefined ? {} : { preferredSource: r.src }),
  }));
  const sockets: Socket[] = facts.listeners.map((l) => ({
    protocol: l.protocol,
    port: l.port,
    families: ['ipv4', 'ipv6'],
    process: 'listener',
    ...(l.address === undefined ? {} : { address: l.address }),
  }));
  const all = [...routes, ...extraRoutes.flatMap((p) => viaHost(p, links, wires, host))];
  return { facts: namespace(facts.name, links, all, facts.forwards, sockets), answersAnything: false, wires };
}

/** By default the outside answers anything, from an address that it has a route to: what the uplinks' prefixes contain. */
function assumedOutside(host: Namespace, extraRoutes: readonly Prefix[]): OutsideNode {
  const uplinks = host.links.filter((l) => isUplink(l, host));
  const wires = new Map<string, string>();
  const links: Link[] = [outsideLink(1, 'lo', [{ addr: ipv4(0x7f000001), bits: 8 }], true)];
  for (const uplink of uplinks) {
    const name = `beyond-${uplink.name}`;
    const addresses = uplink.addresses
      .filter((a) => a.scope === 'global')
      .map((a) => ({ addr: outsideAddress(host, uplink, a.prefix), bits: a.prefix.bits }));
    links.push(withKnownMac(outsideLink(links.length + 1, name, addresses, false), uplink.name, host));
    wires.set(name, uplink.name);
  }
  const routes = extraRoutes.flatMap((p) => viaHost(p, links, wires, host));
  return { facts: namespace('inet', links, routes, false, undefined), answersAnything: true, wires };
}

/** A link through which the host reaches what it does not hold itself. */
function isUplink(link: Link, host: Namespace): boolean {
  if (link.kind === 'loopback' || link.kind === 'bridge' || link.kind === 'vrf' || !link.up) return false;
  if (link.peer?.namespace !== undefined) return false;
  return link.addresses.length > 0 || host.routes.some((r) => r.dev === link.name);
}

/** An address for the far end: the gateway if there is one in the prefix, else the first that is not the host's. */
function outsideAddress(host: Namespace, uplink: Link, prefix: Prefix): Addr {
  const gateway = host.routes.find(
    (r) => r.dev === uplink.name && r.gateway !== undefined && containsAddr(prefix, r.gateway),
  )?.gateway;
  if (gateway !== undefined) return gateway;
  const first = addrPlus(maskPrefix(prefix).addr, 1);
  return sameAddr(first, prefix.addr) ? addrPlus(first, 1) : first;
}

function viaHost(
  dst: Prefix,
  links: readonly Link[],
  wires: ReadonlyMap<string, string>,
  host: Namespace,
): Route[] {
  for (const [outsideName, hostName] of wires) {
    const far = links.find((l) => l.name === outsideName);
    const near = host.links.find((l) => l.name === hostName);
    const family = dst.addr.family;
    const own = near?.addresses.find((a) => a.prefix.addr.family === family && a.scope === 'global');
    const wire = far?.addresses.find((a) => a.prefix.addr.family === family);
    if (far === undefined || wire === undefined) continue;
    // A host that has lost its address is still what the route points at: to an address that nobody has.
    const gateway = own?.prefix.addr ?? addrPlus(lastAddr(wire.prefix), -1);
    return [{ ...unicast(dst, far.name), gateway }];
  }
  return [];
}

/** For one flow: the outside with a host route to this address through the host (a probe's `direct`). */
export function withDirectRoute(outside: OutsideNode, dst: Addr, state: HostState): OutsideNode {
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return outside;
  const route = viaHost(hostPrefix(dst), outside.facts.links, outside.wires, host);
  return { ...outside, facts: { ...outside.facts, routes: [...outside.facts.routes, ...route] } };
}

function linkTowards(links: readonly Link[], via: Addr | undefined): Link | undefined {
  return via === undefined
    ? undefined
    : links.find((l) => l.addresses.some((a) => containsAddr(a.prefix, via)));
}

function unicast(dst: Prefix, dev: string | undefined): Route {
  return {
    family: dst.addr.family,
    type: 'unicast',
    dst,
    table: 'main',
    metric: 0,
    flags: [],
    ...(dev === undefined ? {} : { dev }),
  };
}

function outsideLink(index: number, name: string, addresses: readonly Prefix[], loopback: boolean): Link {
  return {
    index,
    name,
    kind: loopback ? 'loopback' : 'ether',
    up: true,
    carrier: true,
    mtu: loopback ? 65536 : 1500,
    // Nothing says what the real ones are; they only have to differ from all others.
    ...(loopback ? {} : { mac: `outside:${name}` }),
    addresses: addresses.map((prefix) => ({ prefix, scope: 'global' })),
  };
}

/** The far end has the MAC that the host has learned for it (not one set by hand): nothing else says what it is. */
function withKnownMac(link: Link, uplink: string | undefined, host: Namespace): Link {
  const known = host.neighbours.find(
    (n) =>
      n.dev === uplink &&
      n.mac !== undefined &&
      !n.state.includes('PERMANENT') &&
      link.addresses.some((a) => sameAddr(a.prefix.addr, n.addr)),
  );
  return known?.mac === undefined ? link : { ...link, mac: known.mac };
}

function namespace(
  name: string,
  links: readonly Link[],
  routes: readonly Route[],
  forwards: boolean,
  sockets: readonly Socket[] | undefined,
): Namespace {
  const forwarding = { value: forwards ? '1' : '0' };
  return {
    name,
    kind: 'outside',
    sharedBy: [],
    links,
    routes: [...links.flatMap((l) => l.addresses.flatMap((a) => routesOfAddress(l, a.prefix))), ...routes],
    policyRules: [],
    neighbours: [],
    sysctls: new Map([
      ['net.ipv4.ip_forward', forwarding],
      ['net.ipv6.conf.all.forwarding', forwarding],
    ]),
    ...(sockets === undefined ? {} : { sockets }),
    firewall: { tables: [] },
    unmodelledHooks: [],
  };
}
