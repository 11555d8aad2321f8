/**
 * The order in which the engine maps a container's published ports; rules and proxies follow it.
 * In: what was requested, and optionally the proxies in the order in which they were started. Out: the same requests, ordered.
 */
import type { PortProxy } from '../host/state.ts';
import { type Addr, compareAddr, sameAddr } from '../net/addr.ts';
import type { PortBinding } from './intent.ts';

/** One requested publication, with the host port that it got. */
export interface PortRequest {
  readonly binding: PortBinding;
  /** The host ports asked for; both 0 when any port would do. */
  readonly first: number;
  readonly last: number;
}

/**
 * `sort-port-map`: up to 27, go-connections' nat.SortPortMap. `compare-bindings`: 28, libnetwork's cmpPortBinding
 * (drivers/bridge/port_mapping_linux.go).
 */
export type PortOrder = 'sort-port-map' | 'compare-bindings';

/** Orders requests as the engine does. Proxies are believed where they name every request of the container. */
export function orderPorts(
  requests: readonly PortRequest[],
  order: PortOrder,
  container: readonly Addr[],
  proxies: readonly PortProxy[] = [],
): readonly PortRequest[] {
  if (order === 'compare-bindings') return [...requests].sort(compareBindings);
  return orderOfProxies(requests, container, proxies) ?? sortPortMap(requests);
}

const protocolNumber = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Exact host ports before ranges, then container port, protocol number, host ports, host address (an absent one first). */
function compareBindings(a: PortRequest, b: PortRequest): number {
  return (
    Number(isRange(a)) - Number(isRange(b)) ||
    a.binding.containerPort - b.binding.containerPort ||
    protocolNumber[a.binding.protocol] - protocolNumber[b.binding.protocol] ||
    a.first - b.first ||
    a.last - b.last ||
    compareHostAddress(a.binding.hostAddress, b.binding.hostAddress)
  );
}

function isRange(request: PortRequest): boolean {
  return request.first === 0 || request.first !== request.last;
}

function compareHostAddress(a: Addr | undefined, b: Addr | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return compareAddr(a, b);
}

/**
 * nat.SortPortMap's comparison is no strict order (of two ports each can come "before" the other) and its input comes out
 * of a Go map, so the real order is chance. Without evidence we do what Go's sort does for few elements, an insertion
 * sort, from the ports in falling order with each port's bindings as requested; then the bindings of one port are gathered
 * where the port first appears.
 */
function sortPortMap(requests: readonly PortRequest[]): readonly PortRequest[] {
  const sorted: PortRequest[] = [];
  for (const request of [...requests].sort(comparePorts)) {
    let at = sorted.length;
    for (; at > 0; at--) {
      const previous = sorted[at - 1];
      if (previous === undefined || !comesBefore(request, previous)) break;
    }
    sorted.splice(at, 0, request);
  }
  const ports = new Map<string, PortRequest[]>();
  for (const request of sorted) {
    const key = `${request.binding.containerPort}/${request.binding.protocol}`;
    ports.set(key, [...(ports.get(key) ?? []), request]);
  }
  return [...ports.values()].flat();
}

function comparePorts(a: PortRequest, b: PortRequest): number {
  return (
    b.binding.containerPort - a.binding.containerPort ||
    protocolNumber[b.binding.protocol] - protocolNumber[a.binding.protocol]
  );
}

function comesBefore(a: PortRequest, b: PortRequest): boolean {
  const left = a.binding.containerPort;
  const right = b.binding.containerPort;
  return a.first > b.first || left > right || (left === right && a.binding.protocol === 'tcp');
}

function orderOfProxies(
  requests: readonly PortRequest[],
  container: readonly Addr[],
  proxies: readonly PortProxy[],
): readonly PortRequest[] | undefined {
  const placed = requests.map((request) => ({
    request,
    at: proxies.findIndex((proxy) => serves(proxy, request.binding, container)),
  }));
  if (placed.some(({ at }) => at < 0)) return undefined;
  return placed.sort((a, b) => a.at - b.at).map(({ request }) => request);
}

function serves(proxy: PortProxy, binding: PortBinding, container: readonly Addr[]): boolean {
  return (
    proxy.protocol === binding.protocol &&
    proxy.containerPort === binding.containerPort &&
    proxy.hostPort === binding.hostPort &&
    container.some((addr) => sameAddr(addr, proxy.containerAddress)) &&
    (binding.hostAddress === undefined || sameAddr(binding.hostAddress, proxy.hostAddress))
  );
}
