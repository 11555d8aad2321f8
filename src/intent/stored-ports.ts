/**
 * The ports of an endpoint as the store has them: what was mapped, told by what was asked for.
 * In: the driver's PortMapping and the PortBindings that were requested. Out: bindings in the order in which the engine mapped them.
 */
import { isUnspecified, parseAddr, sameAddr } from '../net/addr.ts';
import type { PortBinding } from './intent.ts';
import type { StoredBinding } from './store-schema.ts';

/** IANA protocol numbers that ports can be published for. */
export function protocolOf(number: number): PortBinding['protocol'] | undefined {
  if (number === 6) return 'tcp';
  if (number === 17) return 'udp';
  return number === 132 ? 'sctp' : undefined;
}

/** One binding for each request that is mapped: what names no host address is mapped on 0.0.0.0 and on :: since 20.10. */
export function portsFromStore(
  mapped: readonly StoredBinding[],
  asked: readonly StoredBinding[],
): readonly PortBinding[] {
  const taken = new Map<StoredBinding, number>();
  return mapped.flatMap((mapping) => {
    const protocol = protocolOf(mapping.Proto);
    const candidates = asked.filter((request) => answers(mapping, request)).toSorted(narrowerFirst);
    const port = (request: StoredBinding) => (isExact(request) ? request.HostPort : mapping.HostPort);
    const isTwin = candidates.some(
      (request) => request.HostIP === '' && taken.get(request) === port(request),
    );
    const request = candidates.find((candidate) => !taken.has(candidate));
    if (protocol === undefined || isTwin || request === undefined) return [];
    const hostPort = port(request);
    taken.set(request, hostPort);
    const hostAddress = parseAddr(request.HostIP);
    return [
      {
        protocol,
        containerPort: mapping.Port,
        ...(hostAddress === undefined ? {} : { hostAddress }),
        hostPort,
      },
    ];
  });
}

/** A request for any port would answer to every mapping of its container port. */
function narrowerFirst(a: StoredBinding, b: StoredBinding): number {
  return Number(isExact(b)) - Number(isExact(a)) || Number(b.HostIP !== '') - Number(a.HostIP !== '');
}

function isExact({ HostPort, HostPortEnd }: StoredBinding): boolean {
  return HostPort !== 0 && (HostPortEnd ?? HostPort) === HostPort;
}

/** A routed network maps to no host port, whichever was asked for. */
function answers(mapping: StoredBinding, request: StoredBinding): boolean {
  const { HostPort: first, HostPortEnd } = request;
  const inRange = mapping.HostPort >= first && mapping.HostPort <= Math.max(first, HostPortEnd ?? first);
  return (
    mapping.Proto === request.Proto &&
    mapping.Port === request.Port &&
    (first === 0 || mapping.HostPort === 0 || inRange) &&
    sameHost(mapping.HostIP, request.HostIP)
  );
}

/** The network's default binding address stands in the mapping where none was asked for. */
function sameHost(mapping: string, request: string): boolean {
  const [given, wanted] = [parseAddr(mapping), parseAddr(request)];
  if (wanted === undefined) return true;
  if (given === undefined) return false;
  return sameAddr(given, wanted) || (isUnspecified(given) && isUnspecified(wanted));
}
