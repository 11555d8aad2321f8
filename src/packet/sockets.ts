/**
 * Sockets: who in a namespace answers a delivered packet. In: a namespace and a packet. Out: the listener.
 * Where a container's sockets are not in the facts, every port listens, and the caller is told so.
 */

import type { PortProxy, Socket } from '../host/state.ts';
import { isUnspecified, sameAddr } from '../net/addr.ts';
import { resolverAddress } from '../plan/sandbox.ts';
import { familyOf, type Packet } from './packet.ts';
import type { Node, World } from './world.ts';

export type Listener =
  | {
      readonly kind: 'socket';
      readonly name: string;
      readonly socket: Socket | undefined;
      readonly assumed: boolean;
    }
  | { readonly kind: 'proxy'; readonly proxy: PortProxy; readonly socket: Socket }
  /** The engine's own, in a container's namespace. */
  | { readonly kind: 'resolver'; readonly assumed: boolean }
  | { readonly kind: 'none' };

/** The listener for a packet that reached local delivery, as the kernel scores them: an exact address before any. */
export function listenerFor(world: World, node: Node, packet: Packet): Listener {
  const sockets = node.facts.sockets;
  const resolver = resolverFor(node, packet);
  if (resolver !== undefined) return resolver;
  if (node.answersAnything) return { kind: 'socket', name: 'anything', socket: undefined, assumed: false };
  if (sockets === undefined) return { kind: 'socket', name: 'assumed', socket: undefined, assumed: true };
  const fitting = onPort(socketsByPort, sockets, packet.dport, ({ port }) => port).filter(
    (s) => s.protocol === packet.protocol && s.families.includes(familyOf(packet)),
  );
  const exact = fitting.find((s) => s.address !== undefined && sameAddr(s.address, packet.dst));
  const any = fitting.find((s) => s.address === undefined || isUnspecified(s.address));
  const socket = exact ?? any;
  if (socket === undefined) return { kind: 'none' };
  const proxy = socket.process === 'docker-proxy' ? proxyOf(world, socket, packet) : undefined;
  if (proxy !== undefined) return { kind: 'proxy', proxy, socket };
  return { kind: 'socket', name: socket.process ?? 'socket', socket, assumed: false };
}

/**
 * The engine's resolver listens on a port of its own, to which rules of the container's namespace lead. Undefined where another socket
 * decides. A listing without any socket of it does not say that it is gone: the engine made the rules after it listened.
 */
function resolverFor({ facts }: Node, packet: Packet): Listener | undefined {
  if (facts.kind !== 'container' || packet.protocol === 'icmp' || !sameAddr(packet.dst, resolverAddress))
    return undefined;
  const own = facts.sockets?.filter(
    ({ protocol, address }) =>
      protocol === packet.protocol && address !== undefined && sameAddr(address, resolverAddress),
  );
  if (own?.some(({ port }) => port === packet.dport)) return { kind: 'resolver', assumed: false };
  if (packet.dport === dnsPort) return facts.sockets === undefined ? { kind: 'none' } : undefined;
  return own === undefined || own.length === 0 ? { kind: 'resolver', assumed: true } : undefined;
}

type ByPort<T> = WeakMap<readonly T[], ReadonlyMap<number, readonly T[]>>;

const socketsByPort: ByPort<Socket> = new WeakMap();
const proxiesByPort: ByPort<PortProxy> = new WeakMap();

/** Those of a list that are on one port; the list is sorted once. */
function onPort<T>(
  sorted: ByPort<T>,
  list: readonly T[],
  port: number,
  portOf: (one: T) => number,
): readonly T[] {
  const byPort = sorted.get(list) ?? Map.groupBy(list, portOf);
  sorted.set(list, byPort);
  return byPort.get(port) ?? [];
}

/** Where it is asked; it never listens there itself. */
const dnsPort = 53;

function proxyOf(world: World, socket: Socket, packet: Packet): PortProxy | undefined {
  const proxies = world.state.proxies ?? [];
  const fitting = onPort(proxiesByPort, proxies, socket.port, ({ hostPort }) => hostPort).filter(
    (p) => p.protocol === packet.protocol,
  );
  return (
    fitting.find((p) => sameAddr(p.hostAddress, packet.dst)) ??
    fitting.find((p) => isUnspecified(p.hostAddress) && p.hostAddress.family === packet.dst.family) ??
    // dockerd before 20.10.? starts one proxy for 0.0.0.0 whose socket serves both families.
    fitting.find((p) => isUnspecified(p.hostAddress))
  );
}
