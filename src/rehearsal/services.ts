/**
 * Who listens on a rebuilt host. In: the state, the outside and the flows. Out: sockets to bind in each namespace, proxies among them.
 * Pure. Where the facts do not say what listens, every port that is asked, or led to, does: as the simulator assumes.
 */
import type { HostState, Namespace, PortProxy, Socket } from '../host/state.ts';
import { type Addr, formatAddr, isLinkLocal, isLoopback, isUnspecified, sameAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import type { OutsideNode } from '../packet/world.ts';
import type { Unbuilt } from '../report/rehearsal.ts';
import type { Binding } from './listen.ts';

/** What one namespace listens on. */
export interface Services {
  readonly server: string;
  readonly bindings: readonly Binding[];
  readonly unbuilt: readonly Unbuilt[];
}

/** The namespaces that listen at all. */
export function bindingsOf(
  state: HostState,
  outside: OutsideNode | undefined,
  flows: readonly Flow[],
): readonly Services[] {
  const asked = portsAsked(state, flows);
  // An address that the host has lost may come back with a repair.
  const lost = udpTargets(flows);
  const own = state.namespaces.map((namespace) =>
    services(namespace, state, asked, namespace.kind === 'host' ? lost : []),
  );
  if (outside === undefined) return own;
  // Also what was meant for a container may get there, where the way to it is gone.
  const everywhere = outside.answersAnything ? [...udpTargets(flows), ...containerAddresses(state)] : [];
  const far = services(outside.facts, { namespaces: [] }, asked, everywhere);
  return [...own, far];
}

function udpTargets(flows: readonly Flow[]): readonly Addr[] {
  return flows.flatMap(({ kind, dst }) => (kind === 'udp' && dst !== undefined ? [dst] : []));
}

function containerAddresses({ namespaces }: HostState): readonly Addr[] {
  return namespaces
    .filter(({ kind }) => kind === 'container')
    .flatMap(({ links }) => links.flatMap(({ addresses }) => addresses.map(({ prefix }) => prefix.addr)))
    .filter((addr) => !isLoopback(addr) && !isLinkLocal(addr));
}

interface Port {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** Ports that flows ask for, and those that published ones lead to. */
function portsAsked(state: HostState, flows: readonly Flow[]): readonly Port[] {
  const asked = flows.flatMap(({ kind, port }): Port[] =>
    (kind === 'tcp' || kind === 'udp') && port !== undefined ? [{ protocol: kind, port }] : [],
  );
  const proxied = (state.proxies ?? []).flatMap(({ protocol, containerPort }): Port[] =>
    protocol === 'sctp' ? [] : [{ protocol, port: containerPort }],
  );
  const all = [...asked, ...proxied, ...rewrittenPorts(state)];
  return [...new Map(all.map((each) => [`${each.protocol} ${each.port}`, each])).values()];
}

/** Where rules of destination NAT lead. */
function rewrittenPorts({ namespaces }: HostState): readonly Port[] {
  return namespaces
    .flatMap(({ firewall }) => firewall.tables.filter(({ name }) => name === 'nat'))
    .flatMap(({ chains }) => chains.flatMap(({ rules }) => rules))
    .flatMap(({ protocol, target }): Port[] => {
      const to = target?.options.find(({ name }) => name === '--to-destination' || name === '--to-ports');
      const port = Number(/(?:^|:)(\d{1,5})(?:-\d+)?$/.exec(to?.values[0] ?? '')?.[1] ?? 0);
      const name = protocol?.value === 'tcp' || protocol?.value === 'udp' ? protocol.value : undefined;
      return name === undefined || port < 1 || port > 65_535 ? [] : [{ protocol: name, port }];
    });
}

function services(
  namespace: Namespace,
  state: Pick<HostState, 'proxies' | 'namespaces'>,
  asked: readonly Port[],
  everywhere: readonly Addr[] = [],
): Services {
  const server = namespace.name;
  const addresses = namespace.links
    .flatMap((link) => link.addresses.map(({ prefix }) => prefix.addr))
    .filter((addr) => !isLinkLocal(addr));
  const all = [...addresses, ...everywhere];
  const sockets = namespace.sockets ?? asked.map(anySocket);
  const unbuilt: Unbuilt[] = [];
  const bindings = sockets.flatMap((socket): readonly Binding[] => {
    const { protocol, port, dev } = socket;
    if (dev !== undefined && dev !== 'lo')
      unbuilt.push({ namespace: server, what: socketText(socket), why: 'stand-in' });
    const proxy = socket.process === 'docker-proxy' ? proxyOf(state.proxies ?? [], socket) : undefined;
    if (proxy !== undefined) return proxyBindings(proxy, socket, all);
    if (socket.process === 'docker-proxy' && namespace.kind === 'host')
      unbuilt.push({ namespace: server, what: `docker-proxy ${socketText(socket)}`, why: 'not-in-facts' });
    return socketAddresses(socket, all).map((address) => ({ protocol, address, port }));
  });
  // Of a host whose sockets are not in the facts, its proxies still tell where they listen.
  const own = namespace.sockets !== undefined || namespace.kind !== 'host' ? [] : (state.proxies ?? []);
  const proxied = own.flatMap((proxy): readonly Binding[] =>
    proxy.protocol === 'sctp' ? [] : proxyBindings(proxy, proxySocket(proxy), all),
  );
  const unique = new Map([...bindings, ...proxied].map((b) => [`${b.protocol} ${b.address} ${b.port}`, b]));
  return { server, bindings: [...unique.values()], unbuilt };
}

function anySocket({ protocol, port }: Port): Socket {
  return { protocol, port, families: ['ipv4', 'ipv6'] };
}

function proxySocket({ protocol, hostAddress, hostPort }: PortProxy): Socket {
  return {
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    port: hostPort,
    families: [hostAddress.family],
    ...(isUnspecified(hostAddress) ? {} : { address: hostAddress }),
  };
}

/**
 * A datagram's answer comes for sure from the address that was asked if the socket is bound to it; a connection's does always. An address
 * that comes later has the socket for all.
 */
function socketAddresses(socket: Socket, own: readonly Addr[]): readonly string[] {
  const { protocol, address, families } = socket;
  if (address !== undefined) return [formatAddr(address)];
  const any = families.map(anyAddress);
  if (protocol === 'tcp') return any;
  return [...any, ...own.filter(({ family }) => families.includes(family)).map(formatAddr)];
}

function anyAddress(family: 'ipv4' | 'ipv6'): string {
  return family === 'ipv4' ? '0.0.0.0' : '::';
}

function proxyBindings(proxy: PortProxy, socket: Socket, own: readonly Addr[]): readonly Binding[] {
  const { protocol, port, address, families } = socket;
  const to = { address: formatAddr(proxy.containerAddress), port: proxy.containerPort };
  const listens =
    address === undefined && protocol === 'udp' && !proxy.answersFromAskedAddress
      ? families.map(anyAddress)
      : socketAddresses(socket, own);
  return listens.map((listen) => ({ protocol, address: listen, port, to }));
}

function proxyOf(proxies: readonly PortProxy[], socket: Socket): PortProxy | undefined {
  const fitting = proxies.filter((p) => p.protocol === socket.protocol && p.hostPort === socket.port);
  const { address } = socket;
  if (address !== undefined) return fitting.find((p) => sameAddr(p.hostAddress, address)) ?? fitting[0];
  return (
    fitting.find((p) => isUnspecified(p.hostAddress) && socket.families.includes(p.hostAddress.family)) ??
    fitting[0]
  );
}

function socketText({ protocol, port, address, dev }: Socket): string {
  return `${protocol} ${address === undefined ? '*' : formatAddr(address)}${dev === undefined ? '' : `%${dev}`}:${port}`;
}
