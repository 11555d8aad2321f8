/**
 * Published ports as the driver binds them: one request may give a binding of each family.
 * In: a Script and an endpoint. Out: bindings with both addresses, in the order in which they are mapped.
 * Sources: libnetwork drivers/bridge/port_mapping*.go of 17.06, 20.10 and 28.5; rules and proxies follow elsewhere.
 */
import type { PortBinding } from '../../intent/intent.ts';
import { type Addr, type Family, formatAddr, ipv6, isUnspecified } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import type { BridgeEndpoint, NetworkSide } from './network.ts';
import { engineIsAtLeast, isHairpin, type Script } from './script.ts';

/** One binding of a host address to a container address. */
export interface PublishedPort {
  readonly endpoint: BridgeEndpoint;
  readonly binding: PortBinding;
  /** The container's side of the network: its family is the family of the rules. */
  readonly side: NetworkSide;
  readonly containerAddress: Addr;
  /** Of the other family where only the userland proxy leads to the container. */
  readonly hostAddress: Addr;
  readonly because: Because;
  /** What gave the host address: the request, or the network's default binding. */
  readonly addressBecause: Because;
}

/** The bindings of an endpoint. Without the userland proxy nothing leads from an IPv6 host address to an IPv4 container. */
export function publishedPorts(script: Script, endpoint: BridgeEndpoint): readonly PublishedPort[] {
  if (endpoint.network.internal.value) return [];
  return endpoint.endpoint.ports.flatMap((binding) => [
    ...bindingOn(script, endpoint, binding, 'ipv4'),
    ...bindingOn(script, endpoint, binding, 'ipv6'),
  ]);
}

/** Of the same family on both ends: rules translate it. */
export function isTranslated(port: PublishedPort): boolean {
  return port.hostAddress.family === port.containerAddress.family;
}

/** A port of a routed network is opened but not mapped. */
export function isMapped({ side, binding }: PublishedPort): boolean {
  return side.gatewayMode.value !== 'routed' && binding.hostPort !== 0;
}

function bindingOn(
  script: Script,
  endpoint: BridgeEndpoint,
  binding: PortBinding,
  hostFamily: Family,
): readonly PublishedPort[] {
  const { network, sandbox, addresses } = endpoint;
  const hostAddress = hostAddressOf(script, endpoint, binding, hostFamily);
  const family = containerFamily(script, endpoint, hostFamily);
  const containerAddress = family === undefined ? undefined : addresses[family];
  const side = family === undefined ? undefined : network.sides[family];
  if (hostAddress === undefined || containerAddress === undefined || side === undefined) return [];
  const request: Because = {
    setting: 'publish',
    value: describeBinding(binding),
    origin: { kind: 'container', container: sandbox.name },
  };
  return [
    {
      endpoint,
      binding,
      side,
      containerAddress,
      hostAddress,
      because: request,
      addressBecause: binding.hostAddress === undefined ? network.hostBinding.because : request,
    },
  ];
}

/** Since 20.10 a request without an address is bound on both families, where the default is all addresses. */
function hostAddressOf(
  script: Script,
  { network }: BridgeEndpoint,
  binding: PortBinding,
  family: Family,
): Addr | undefined {
  const asked = binding.hostAddress ?? network.hostBinding.value;
  if (asked.family === family) return asked;
  const both = binding.hostAddress === undefined && isUnspecified(asked) && asked.family === 'ipv4';
  return both && script.listensOnIpv6 && engineIsAtLeast(script, '20.10') ? ipv6(0n) : undefined;
}

/** Where a binding on a host address of this family leads; before 20.10 always to the IPv4 address. */
function containerFamily(
  script: Script,
  { addresses }: BridgeEndpoint,
  hostFamily: Family,
): Family | undefined {
  if (hostFamily === 'ipv4') return 'ipv4';
  if (addresses.ipv6 !== undefined && engineIsAtLeast(script, '20.10')) return 'ipv6';
  return isHairpin(script) ? undefined : 'ipv4';
}

/** As `docker run -p` takes it: `127.0.0.1:8080:80/tcp`, `[::1]:8080:80/tcp`. */
export function describeBinding(binding: PortBinding): string {
  const host = binding.hostAddress === undefined ? '' : `${bracketed(binding.hostAddress)}:`;
  return `${host}${binding.hostPort || ''}:${binding.containerPort}/${binding.protocol}`;
}

/** An address before a port. */
export function bracketed(addr: Addr): string {
  return addr.family === 'ipv4' ? formatAddr(addr) : `[${formatAddr(addr)}]`;
}
