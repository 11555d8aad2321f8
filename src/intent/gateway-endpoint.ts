/**
 * Which of a container's endpoints gives it its way out: the engine maps published ports there and nowhere else.
 * In: the endpoints' networks. Out: one of them. It follows libnetwork's endpoint order, the same from 17.06 to 28.
 */

export interface GatewayCandidate {
  readonly networkName: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly hasGateway4: boolean;
  readonly hasGateway6: boolean;
  /** `--gw-priority` (28.0); 0 before. */
  readonly priority: number;
}

/**
 * Higher priority first, internal networks last, dual-stack gateways before single ones, then the network's name;
 * of these the first that has an IPv4 gateway, else (networks without IPv4, since 28.0) the first with an IPv6 one. Networks of
 * the drivers null and host never count.
 */
export function gatewayEndpoint<T extends GatewayCandidate>(candidates: readonly T[]): T | undefined {
  const ordered = candidates
    .filter((candidate) => candidate.driver !== 'null' && candidate.driver !== 'host')
    .sort(compare);
  return ordered.find(({ hasGateway4 }) => hasGateway4) ?? ordered.find(({ hasGateway6 }) => hasGateway6);
}

function compare(a: GatewayCandidate, b: GatewayCandidate): number {
  return (
    b.priority - a.priority ||
    Number(a.internal) - Number(b.internal) ||
    gatewayCount(b) - gatewayCount(a) ||
    (a.networkName < b.networkName ? -1 : a.networkName > b.networkName ? 1 : 0)
  );
}

function gatewayCount(candidate: GatewayCandidate): number {
  return Number(candidate.hasGateway4) + Number(candidate.hasGateway6);
}
