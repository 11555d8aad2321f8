/**
 * Legacy links (`--link`): where containers of a network may not talk, a container may still reach its children's exposed ports.
 * In: an endpoint of a network with icc off. Out: two accepts per port, the same in every iptables generation.
 */
import { formatAddr } from '../../net/addr.ts';
import type { BridgeEndpoint } from './network.ts';
import { becauseEndpoint } from './script.ts';
import { ensure, reason, type Step } from './steps.ts';

/** One rule for the question and one for the answer, appended to DOCKER (libnetwork iptables.ChainInfo.Link). */
export function linkSteps(endpoint: BridgeEndpoint): readonly Step[] {
  const { network } = endpoint;
  const address = endpoint.addresses.ipv4;
  if (network.icc.value || address === undefined) return [];
  const why = reason(
    'let a container reach what it is linked to',
    becauseEndpoint(endpoint),
    network.icc.because,
  );
  const parent = formatAddr(address);
  return (endpoint.endpoint.links ?? []).flatMap(({ address: linked, ports }) => {
    const child = formatAddr(linked);
    const accept = (protocol: string, from: string, to: string, side: '--dport' | '--sport', port: number) =>
      ensure(
        why,
        ...['-t', 'filter', '-A', 'DOCKER', '-i', network.bridge, '-o', network.bridge, '-p', protocol],
        ...['-s', from, '-d', to, side, String(port), '-j', 'ACCEPT'],
      );
    return ports.flatMap(({ protocol, port }) => [
      accept(protocol, parent, child, '--dport', port),
      accept(protocol, child, parent, '--sport', port),
    ]);
  });
}
