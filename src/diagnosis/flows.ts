/**
 * Flows to ask: what people care about on a host, worked out from the host itself.
 * In: the observed state and the networks. Out: flows that should work, and a panel of flows that usually should not,
 * by which the price of a repair is measured. It walks nothing.
 */
import type { HostState, Namespace, Socket } from '../host/state.ts';
import type { Endpoint, Intent, Network, Sandbox } from '../intent/intent.ts';
import { gatewayOf } from '../intent/ipam.ts';
import { type Addr, type Family, formatAddr, isLoopback, isUnspecified, parseAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import { containsAddr } from '../net/prefix.ts';
import type { Expected } from '../plan/expected.ts';
import type { PlannedProxy } from '../plan/plan.ts';
import { nameFlows } from './name-flows.ts';
import { type End, peersAmong } from './pairs.ts';
import { hasErrorStopper } from './sources/mtu-faults.ts';
import { restarted } from './sources/option-flips.ts';
import { smallUplinkOf } from './sources/uplink-mtu.ts';

export interface Questions {
  readonly wanted: readonly Flow[];
  /** Closed by the engine unless somebody opens them: containers reached directly, other networks. */
  readonly panel: readonly Flow[];
}

interface Place extends End {
  readonly endpoint: Endpoint;
}

/**
 * The flows for a host; where its networks are not known, only what the state itself shows. `intent` is whose networks are asked, where
 * those are not all expected.
 */
export function questionsFor(
  state: HostState,
  expected: Expected | undefined,
  intent: Intent | undefined = expected?.intent,
): Questions {
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return { wanted: [], panel: [] };
  const families: readonly Family[] = hasIpv6(host) ? ['ipv4', 'ipv6'] : ['ipv4'];
  const asked = families.map((family) => questionsOf(family, state, host, expected, intent));
  const wanted = [...asked.flatMap((questions) => questions.wanted), ...nameFlows(state, intent)];
  const panel = asked.flatMap((questions) => questions.panel);
  return { wanted: numbered(wanted, 0), panel: numbered(panel, wanted.length) };
}

/** IPv6 is asked for where the host itself has it: an address on its way out. */
function hasIpv6(host: Namespace): boolean {
  return uplinkAddress(host, 'ipv6') !== undefined;
}

function questionsOf(
  family: Family,
  state: HostState,
  host: Namespace,
  expected: Expected | undefined,
  intent: Intent | undefined,
): Questions {
  const places = placesOf(state, intent, family);
  const peers = peersAmong(places, state);
  const outside = outsideAddress(state, host, family);
  const wanted: Flow[] = [];
  const panel: Flow[] = [];
  wanted.push(...outsideFlows('host', outside, state));
  for (const ns of state.namespaces.filter((n) => n.kind === 'container' && hasAddress(n, family))) {
    wanted.push(...outsideFlows(ns.name, outside, state));
  }
  wanted.push(...fullSizeFlows(family, outside, state));
  for (const place of places) {
    wanted.push(...gatewayFlows(place, host), { from: 'host', kind: 'ping', dst: place.address });
    wanted.push(...peers.near(place).map((peer) => pingFlow(place, peer)));
    panel.push(...peers.far(place).map((peer) => pingFlow(place, peer)));
    wanted.push(...publishedFlows(place, host, state));
    if (isHairpin(expected)) wanted.push(...selfFlows(place, host));
    const port = listeningPort(state, place.container) ?? 80;
    panel.push({ from: outsideName(state), kind: 'tcp', dst: place.address, port, direct: true });
  }
  wanted.push(...proxiedFlows(family, places, host, state, expected));
  panel.push(...serviceFlows(family, host, state));
  return { wanted, panel };
}

function pingFlow(from: Place, to: Place): Flow {
  return { from: from.container, kind: 'ping', dst: to.address };
}

/** A container without an address of the family, by its network's own option or without any network, is not asked for it. */
function hasAddress(ns: Namespace, family: Family): boolean {
  return ns.links.some(
    (l) =>
      l.kind !== 'loopback' &&
      l.addresses.some((a) => a.prefix.addr.family === family && a.scope === 'global'),
  );
}

/** The same for flows that ask the same of the same. */
export function questionKey({ from, kind, dst, port, direct = false }: Flow): string {
  return [from, kind, dst === undefined ? '' : formatAddr(dst), port, direct].join(' ');
}

function numbered(flows: readonly Flow[], first: number): Flow[] {
  return flows.map((flow, i) => ({ ...flow, id: first + i }));
}

function placesOf(state: HostState, intent: Intent | undefined, family: Family): Place[] {
  const { networks = [], sandboxes = [] } = intent ?? {};
  return sandboxes
    .filter((s) => s.running && state.namespaces.some((n) => n.name === s.name))
    .flatMap((s) => placesOfSandbox(s, networks, family));
}

function placesOfSandbox(sandbox: Sandbox, networks: readonly Network[], family: Family): Place[] {
  return sandbox.endpoints.flatMap((endpoint) => {
    const network = networks.find((n) => n.id === endpoint.network);
    const address = endpoint.addresses.find((p) => p.addr.family === family)?.addr;
    if (network?.driver !== 'bridge' || address === undefined) return [];
    return [{ container: sandbox.name, network, endpoint, address }];
  });
}

/** The outside's name in flows. */
export function outsideName(state: HostState): string {
  return state.outside?.name ?? 'inet';
}

/** Somewhere beyond the uplink's own subnet: as described, else an address for documentation (RFC 5737, RFC 3849). */
export function outsideAddress(state: HostState, host: Namespace, family: Family): Addr | undefined {
  const described = (state.outside?.links ?? [])
    .flatMap((l) => l.addresses.map((p) => p.addr))
    .filter((a) => a.family === family && !isLoopback(a));
  const far = described.find(
    (a) => !host.links.some((l) => l.addresses.some((x) => containsAddr(x.prefix, a))),
  );
  return far ?? described[0] ?? parseAddr(family === 'ipv4' ? '198.51.100.1' : '2001:db8:ffff::1');
}

function outsideFlows(from: string, dst: Addr | undefined, state: HostState): Flow[] {
  const listener = state.outside?.listeners.find((l) => l.protocol === 'tcp');
  const port = state.outside === undefined ? 443 : listener?.port;
  const ping: Flow = { from, kind: 'ping', dst };
  return port === undefined ? [ping] : [ping, { from, kind: 'tcp', dst, port, up: 20_000, down: 20_000 }];
}

/**
 * Where somebody lowered the uplink: packets as large as containers send them, which nobody may take apart. Where the sender is not told
 * of it, TCP shows that already.
 */
function fullSizeFlows(family: Family, dst: Addr | undefined, state: HostState): Flow[] {
  const small = family === 'ipv4' && !hasErrorStopper(state) ? smallUplinkOf(state) : undefined;
  const { lowered, containers } = small ?? {};
  if (lowered === undefined) return [];
  // 28 bytes are the headers of IP and ICMP.
  return (containers ?? []).map(({ name }) => ({
    ...{ from: name, kind: 'ping', dst, df: true },
    size: lowered.mtu - 28,
  }));
}

function gatewayFlows(place: Place, host: Namespace): Flow[] {
  const { family } = place.address;
  const config = place.network.ipam.find((c) => c.subnet.addr.family === family);
  const gateway =
    place.network.internal || config === undefined
      ? undefined
      : ((family === 'ipv4' ? place.endpoint.gateway : undefined) ?? gatewayOf(config));
  if (gateway === undefined) return [];
  const own = host.links.some((l) =>
    l.addresses.some((a) => formatAddr(a.prefix.addr) === formatAddr(gateway)),
  );
  const ping: Flow = { from: place.container, kind: 'ping', dst: gateway };
  const service = own ? openService(host.sockets, gateway) : undefined;
  return service === undefined
    ? [ping]
    : [ping, { from: place.container, kind: 'tcp', dst: gateway, port: service.port }];
}

/** Who listens at published ports: the proxy, or without it the daemon, to keep the port. They are asked for by themselves. */
const portHolders: readonly (string | undefined)[] = ['docker-proxy', 'dockerd'];

/** A service of the host that answers on any address. */
function openService(sockets: readonly Socket[] | undefined, gateway: Addr): Socket | undefined {
  return sockets?.find((s) => s.protocol === 'tcp' && isOpenService(s, gateway.family));
}

function isOpenService({ process, families, address }: Socket, family: Family): boolean {
  return !portHolders.includes(process) && families.includes(family) && isAny(address);
}

function publishedFlows(place: Place, host: Namespace, state: HostState): Flow[] {
  const { family } = place.address;
  const uplink = uplinkAddress(host, family);
  return place.endpoint.ports.flatMap((binding) => {
    if (binding.hostPort === 0 || binding.protocol === 'sctp') return [];
    const to = binding.hostAddress;
    if (to !== undefined && to.family !== family) return [];
    const flow = (from: string, dst: Addr | undefined): Flow[] =>
      dst === undefined
        ? []
        : [{ from, kind: binding.protocol === 'udp' ? 'udp' : 'tcp', dst, port: binding.hostPort }];
    const any = isAny(to);
    const fromOutside = flow(outsideName(state), any || (to !== undefined && isLoopback(to)) ? uplink : to);
    const fromHost = flow('host', any ? uplink : to);
    return [
      ...fromOutside,
      ...fromHost,
      ...(any ? flow('host', parseAddr(family === 'ipv4' ? '127.0.0.1' : '::1')) : []),
    ];
  });
}

/** Those of the configuration, also where the running engine has not taken it up. */
function wantedProxies(expected: Expected | undefined): readonly PlannedProxy[] {
  if (expected === undefined) return [];
  const waits = expected.notInForce.some(({ option }) => option === 'userland-proxy');
  return (waits ? restarted(expected, expected.configuration.options).plan : expected.plan).proxies;
}

/** Ports that only the userland proxy serves in this family: IPv6 of a container that has no IPv6 address. */
function proxiedFlows(
  family: Family,
  places: readonly Place[],
  host: Namespace,
  state: HostState,
  expected: Expected | undefined,
): Flow[] {
  const served = new Set(places.flatMap(({ endpoint }) => endpoint.ports));
  const uplink = uplinkAddress(host, family);
  const loopback = parseAddr(family === 'ipv4' ? '127.0.0.1' : '::1');
  return wantedProxies(expected).flatMap((proxy): Flow[] => {
    const at = parseAddr(proxy.hostAddress);
    const isServed = [...served].some(
      (port) => port.hostPort === proxy.hostPort && port.protocol === proxy.protocol,
    );
    if (at?.family !== family || isServed || proxy.protocol === 'sctp') return [];
    const to = { kind: proxy.protocol, port: proxy.hostPort } as const;
    if (!isUnspecified(at)) return [{ ...to, from: isLoopback(at) ? 'host' : outsideName(state), dst: at }];
    const own = uplink === undefined ? [] : [outsideName(state), 'host'];
    return [
      ...own.map((from): Flow => ({ ...to, from, dst: uplink })),
      { ...to, from: 'host', dst: loopback },
    ];
  });
}

/** The host's own services from outside: whether that is wanted nobody says, and a repair that opens them says so. */
function serviceFlows(family: Family, host: Namespace, state: HostState): Flow[] {
  const dst = uplinkAddress(host, family);
  if (dst === undefined) return [];
  const ports = (host.sockets ?? []).flatMap((socket) =>
    socket.protocol === 'tcp' && isOpenService(socket, family) ? [socket.port] : [],
  );
  return [...new Set(ports)].map((port) => ({ from: outsideName(state), kind: 'tcp', dst, port }));
}

/** Without the userland proxy a container reaches its own published port by a turn at its bridge port, or not at all. */
function selfFlows(place: Place, host: Namespace): Flow[] {
  const dst = uplinkAddress(host, place.address.family);
  return place.endpoint.ports.flatMap(({ protocol, hostPort, hostAddress }) =>
    dst === undefined || hostPort === 0 || protocol !== 'tcp' || !isAny(hostAddress)
      ? []
      : [{ from: place.container, kind: 'tcp' as const, dst, port: hostPort }],
  );
}

function isHairpin(expected: Expected | undefined): boolean {
  return expected?.options.settings['userland-proxy'].value === false;
}

function isAny(address: Addr | undefined): boolean {
  return address === undefined || isUnspecified(address);
}

/** The host's own address where its default route leaves. */
export function uplinkAddress(host: Namespace, family: Family): Addr | undefined {
  const dev = host.routes.find((r) => r.dst.bits === 0 && r.family === family && r.type === 'unicast')?.dev;
  const link = host.links.find((l) =>
    dev === undefined ? l.kind !== 'bridge' && l.kind !== 'loopback' : l.name === dev,
  );
  return link?.addresses.find((a) => a.prefix.addr.family === family && a.scope === 'global')?.prefix.addr;
}

function listeningPort(state: HostState, container: string): number | undefined {
  return state.namespaces.find((n) => n.name === container)?.sockets?.find((s) => s.protocol === 'tcp')?.port;
}
