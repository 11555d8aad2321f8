/**
 * UDP connections that are tracked as if a published port were not there, or led elsewhere. In: conntrack.txt and the published ports.
 * Out: a suspicion for each port; the connections hold on only as long as their clients do not pause.
 */
import { type TrackedUdp, trackedUdp } from '../../host/conntrack.ts';
import type { Endpoint, PortBinding } from '../../intent/intent.ts';
import { type Addr, isLoopback, isUnspecified, parseAddr, sameAddr } from '../../net/addr.ts';
import { labels } from '../../plan/bridge/choices.ts';
import type { Case, Detector } from './case.ts';

export const staleConnections: Detector = (patient) => {
  const tracked = trackedUdp(patient.lines('conntrack.txt') ?? []);
  const running = (patient.expected?.intent.sandboxes ?? []).filter((s) => s.running);
  return running.flatMap(({ endpoints }) =>
    endpoints.flatMap((endpoint) =>
      endpoint.ports.flatMap((port) => {
        if (port.protocol !== 'udp' || port.hostPort === 0) return [];
        const stale = tracked.filter((entry) => isStale(patient, entry, endpoint, port));
        const [first] = stale;
        if (first === undefined) return [];
        return [
          {
            cause: 'stale-conntrack',
            severity: 'warning',
            params: { port: `${port.hostPort}`, count: `${stale.length}` },
            hop: 'conntrack',
            evidence: [{ file: 'conntrack.txt', line: first.line, text: first.text }],
            repairs: [
              { kind: 'command', change: `conntrack -D -p udp --orig-port-dst ${port.hostPort}` } as const,
            ],
            decide: `conntrack -L -p udp --orig-port-dst ${port.hostPort}`,
          } as const,
        ];
      }),
    ),
  );
};

/** Somebody outside asked the host's port, and the answer is not expected from the container that has it now. */
function isStale(
  { host, expected }: Case,
  { original, reply }: TrackedUdp,
  { addresses, network }: Endpoint,
  { hostPort, containerPort, hostAddress }: PortBinding,
): boolean {
  const isHosts = (addr: Addr) =>
    host?.links.some((l) => l.addresses.some((a) => sameAddr(a.prefix.addr, addr))) === true;
  const isContainers = (addr: Addr) =>
    (expected?.intent.sandboxes ?? []).some((s) =>
      s.endpoints.some((e) => e.addresses.some((p) => sameAddr(p.addr, addr))),
    );
  // For the host itself, for containers and for families that the container lacks, the userland proxy answers.
  const { family } = original.dst;
  const byNat =
    addresses.some((p) => p.addr.family === family) && !isHosts(original.src) && !isContainers(original.src);
  const options = expected?.intent.networks.find(({ id }) => id === network)?.options;
  const at = hostAddress ?? parseAddr(options?.[labels.hostBinding] ?? '');
  const bound = at === undefined || isUnspecified(at) || sameAddr(at, original.dst);
  if (original.dport !== hostPort || !byNat || !bound || !isHosts(original.dst) || isLoopback(original.dst))
    return false;
  return !(reply.sport === containerPort && addresses.some((p) => sameAddr(p.addr, reply.src)));
}
