/**
 * IPv6 of the host and its containers: advertisements that a forwarding host ignores, addresses that nobody answers for on the uplink,
 * clients that a proxy hides. In: the case. Out: suspicions.
 */
import { endpointsOf } from '../../drift/networks.ts';
import type { Link, Namespace } from '../../host/state.ts';
import type { Network } from '../../intent/intent.ts';
import { formatAddr, isUnspecified } from '../../net/addr.ts';
import { containsAddr, formatPrefix, parsePrefix } from '../../net/prefix.ts';
import type { Trace } from '../../packet/trace.ts';
import { foundLine } from '../evidence.ts';
import { shellLine } from '../shell.ts';
import type { Case, Detector } from './case.ts';

/** net/ipv6/ndisc.c, ipv6_accept_ra: a forwarding device takes advertisements only with accept_ra 2. */
export const ignoredAdvertisements: Detector = (patient) => {
  const { host } = patient;
  if (host === undefined) return [];
  const defaults = host.routes.filter(
    (r) => r.family === 'ipv6' && r.dst.bits === 0 && r.table === 'main' && r.type === 'unicast',
  );
  return host.links.flatMap((link) => {
    const accept = `net.ipv6.conf.${link.name}.accept_ra`;
    const forwards =
      host.sysctls.get(`net.ipv6.conf.${link.name}.forwarding`)?.value ??
      host.sysctls.get('net.ipv6.conf.all.forwarding')?.value;
    if (host.sysctls.get(accept)?.value !== '1' || forwards !== '1' || !isUplink(link)) return [];
    const advertised = defaults.some((r) => r.dev === link.name && r.flags.includes('ra'));
    const lost = defaults.length === 0 ? patient.unhealed.filter(isOutward) : [];
    if (!advertised && lost.length === 0) return [];
    return [
      {
        cause: 'ipv6-router-advertisements-ignored',
        severity: lost.length > 0 ? 'error' : 'warning',
        params: { link: link.name, sysctl: accept, value: '1' },
        failing: lost,
        hop: link.name,
        evidence: [
          ...[`${accept} `, 'net.ipv6.conf.all.forwarding '].flatMap(
            (name) => foundLine(patient, 'sysctl.txt', name) ?? [],
          ),
          {
            file: 'ip6-route.json',
            text: advertised ? `default dev ${link.name} proto ra` : 'no default route of IPv6',
          },
        ],
        repairs: [{ kind: 'command', change: `sysctl -w ${accept}=2` }],
        decide: `rdisc6 ${link.name}`,
      },
    ];
  });
};

/** A link to others that has an address which the whole internet can answer (2000::/3). */
function isUplink(link: Link): boolean {
  const isHosts = link.kind !== 'loopback' && link.kind !== 'bridge' && link.master === undefined;
  return (
    isHosts &&
    globalUnicast !== undefined &&
    link.addresses.some((a) => containsAddr(globalUnicast, a.prefix.addr))
  );
}

const globalUnicast = parsePrefix('2000::/3');

function isOutward({ flow, outcome }: Trace): boolean {
  return flow.dst?.family === 'ipv6' && (outcome === 'net-unreachable' || outcome.startsWith('icmp6-'));
}

/** Networks whose IPv6 subnet lies within what is on the link of the uplink: its neighbours ask there for the containers. */
export const missingNeighbourProxy: Detector = (patient) => {
  const { host, expected } = patient;
  return (expected?.intent.networks ?? []).flatMap((network) => {
    const shared = host === undefined ? undefined : sharedSubnet(host, network);
    if (host === undefined || shared === undefined) return [];
    const asks = (trace: Trace) => trace.outcome !== 'ok' && asksOnUplink(patient, network, trace);
    // Where masquerading would heal them too, it is one way of two.
    if (!patient.asked.some(asks)) return [];
    const failing = patient.unhealed.filter(asks);
    const proxy = `net.ipv6.conf.${shared.link.name}.proxy_ndp`;
    const addresses = (expected?.intent.sandboxes ?? [])
      .filter((s) => s.running)
      .flatMap((s) => s.endpoints.filter((e) => e.network === network.id))
      .flatMap((e) => e.addresses.filter((p) => p.addr.family === 'ipv6'));
    const commands = [
      ['sysctl', '-w', `${proxy}=1`],
      ...addresses.map((p) => [
        ...['ip', '-6', 'neigh', 'add', 'proxy', formatAddr(p.addr)],
        ...['dev', shared.link.name],
      ]),
    ];
    return [
      {
        cause: 'ipv6-neighbour-proxy-missing',
        severity: failing.length > 0 ? 'error' : 'warning',
        params: { network: network.name, subnet: shared.subnet, link: shared.link.name },
        failing,
        hop: shared.link.name,
        evidence: [
          ...[foundLine(patient, 'sysctl.txt', `${proxy} `) ?? []].flat(),
          { file: 'docker-network-inspect.json', text: `${network.name}: ${shared.subnet}` },
          { file: 'ip-addr.json', text: `${shared.link.name}: ${shared.onLink}` },
        ],
        repairs: [{ kind: 'command', change: commands.map(shellLine).join('\n') }],
        decide: 'ip -6 neigh show proxy',
      },
    ];
  });
};

/** Whether a flow fails since nobody on an uplink answers for the container that sent it. */
export function isAskedOnUplink(patient: Case, trace: Trace): boolean {
  return (patient.expected?.intent.networks ?? []).some(
    (network) =>
      patient.host !== undefined &&
      sharedSubnet(patient.host, network) !== undefined &&
      asksOnUplink(patient, network, trace),
  );
}

function asksOnUplink(patient: Case, network: Network, { flow, reply, hops }: Trace): boolean {
  const sender = endpointsOf(patient, flow.from).some((e) => e.network.id === network.id);
  const isOut = hops.at(-1)?.namespace !== flow.from;
  return sender && flow.dst?.family === 'ipv6' && isOut && reply.length > 0;
}

/** The network's IPv6 subnet, and the uplink on whose link it lies. */
function sharedSubnet(
  host: Namespace,
  network: Network,
): { readonly link: Link; readonly subnet: string; readonly onLink: string } | undefined {
  for (const { subnet } of network.ipam) {
    if (subnet.addr.family !== 'ipv6') continue;
    for (const link of host.links.filter(isUplink)) {
      const on = link.addresses.find(
        ({ prefix }) =>
          prefix.addr.family === 'ipv6' && containsAddr(prefix, subnet.addr) && prefix.bits <= subnet.bits,
      );
      if (on !== undefined) return { link, subnet: formatPrefix(subnet), onLink: formatPrefix(on.prefix) };
    }
  }
  return undefined;
}

/**
 * A port that is published on IPv6 for a container without an IPv6 address. On a host whose containers have no IPv6 at all that is
 * how the engine is made; where somebody wanted IPv6 for containers, or asked for it, it surprises.
 */
export const hiddenClients: Detector = (patient) => {
  const { expected, state } = patient;
  if (expected === undefined) return [];
  const wanted = expected.intent.networks.some((n) => n.ipv6 && n.driver === 'bridge');
  const proxied = new Set(
    patient.asked.flatMap(({ flow, outcome, hops }) => {
      const isProxied = hops.some((h) => h.steps.some((s) => s.kind === 'proxy'));
      const isAsked = !patient.choseFlows && flow.dst?.family === 'ipv6';
      return isAsked && outcome === 'ok' && isProxied ? [flow.port] : [];
    }),
  );
  return expected.intent.sandboxes.flatMap((sandbox) =>
    sandbox.endpoints.flatMap((endpoint) => {
      if (!sandbox.running || endpoint.addresses.some((p) => p.addr.family === 'ipv6')) return [];
      const ports = endpoint.ports.filter((port) =>
        (state.proxies ?? []).some(
          (p) =>
            p.hostPort === port.hostPort &&
            p.protocol === port.protocol &&
            p.hostAddress.family === 'ipv6' &&
            isUnspecified(p.hostAddress),
        ),
      );
      const [first] = ports.filter((port) => wanted || proxied.has(port.hostPort));
      if (first === undefined) return [];
      const line = foundLine(patient, 'docker-proxy.txt', '-host-ip ::', `-host-port ${first.hostPort} `);
      return [
        {
          cause: 'proxy-hides-ipv6-client',
          severity: 'info',
          params: {
            container: sandbox.name,
            port: `${first.hostPort}/${first.protocol}`,
            gateway: endpoint.gateway === undefined ? '' : formatAddr(endpoint.gateway),
          },
          hop: 'docker-proxy',
          evidence: line === undefined ? [] : [line],
          repairs: [
            { kind: 'config', change: `connect ${sandbox.name} to a network with IPv6 in place of this one` },
          ],
        },
      ];
    }),
  );
};
