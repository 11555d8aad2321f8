/**
 * One container's sandbox: its mode, endpoints, published ports and legacy links.
 * In: checked `docker inspect` of the container, or its entries in the networks. Out: a Sandbox and what could not be used.
 * Orders over several containers are `inspect.ts`'s subject.
 */
import type { FactProblem, Parsed } from '../host/facts.ts';
import type { PortProxy } from '../host/state.ts';
import { parseAddr } from '../net/addr.ts';
import { addressBits, containsAddr, type Prefix, parsePrefix } from '../net/prefix.ts';
import { gatewayEndpoint } from './gateway-endpoint.ts';
import type { InspectedContainer, InspectedEndpoint, InspectedNetwork, PortMap } from './inspect-schema.ts';
import type { Endpoint, PortBinding, Sandbox, SandboxMode } from './intent.ts';
import { orderPorts, type PortOrder } from './port-order.ts';
import { type PublishedPorts, parseContainerPort, portRequests } from './port-requests.ts';

export interface SandboxContext {
  readonly networks: readonly InspectedNetwork[];
  readonly containers: readonly InspectedContainer[];
  readonly portOrder: PortOrder;
  readonly proxies: readonly PortProxy[];
  /** Named in problems. */
  readonly file: string;
}

interface Candidate {
  readonly endpoint: Endpoint;
  readonly networkName: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly hasGateway4: boolean;
  readonly hasGateway6: boolean;
  readonly priority: number;
}

/** The sandbox of an inspected container. */
export function sandboxFromContainer(
  container: InspectedContainer,
  context: SandboxContext,
): Parsed<Sandbox> {
  const running = container.State.Running === true;
  const candidates = container.NetworkSettings.Networks.flatMap(([name, endpoint]) =>
    endpoint ? candidateFromEndpoint(name, endpoint, container, context.networks) : [],
  );
  const ports = orderedPorts(
    {
      bindings: container.HostConfig.PortBindings,
      exposed: container.Config.ExposedPorts,
      publishAll: container.HostConfig.PublishAllPorts === true,
      actual: container.NetworkSettings.Ports,
    },
    candidates,
    context,
  );
  const name = nameOf(container);
  const dns = (container.HostConfig.Dns ?? []).flatMap((text) => parseAddr(text) ?? []);
  const links = legacyLinks(container, context);
  const { Pid: pid, StartedAt: started } = container.State;
  const policy = container.HostConfig.RestartPolicy?.Name;
  const failure = container.State.Error ?? '';
  const publishes = [...container.HostConfig.PortBindings]
    .filter(([, list]) => list.length > 0)
    .map(([port]) => port);
  const addedHosts = (container.HostConfig.ExtraHosts ?? []).map((host) => host.split(/[:=]/)[0] ?? '');
  const image = container.Config.Image ?? '';
  return {
    value: {
      id: container.Id,
      name,
      mode: modeOf(container, context.containers),
      running,
      ...(started ? { started } : {}),
      ...(pid ? { pid } : {}),
      ...(policy == null ? {} : { restarts: policy !== '' && policy !== 'no' }),
      ...(dns.length === 0 ? {} : { dns }),
      ...(failure === '' || running ? {} : { failure }),
      ...(publishes.length === 0 ? {} : { publishes }),
      ...(addedHosts.length === 0 ? {} : { addedHosts }),
      ...(image === '' ? {} : { image }),
      endpoints: withPorts(candidates, running ? ports.value : []).map((endpoint, index) =>
        links.length > 0 && candidates[index]?.networkName === 'bridge' ? { ...endpoint, links } : endpoint,
      ),
    },
    problems: ports.problems.map((message) => ({
      file: context.file,
      message: `container ${name}: ${message}`,
    })),
  };
}

/** The sandbox of a container of which only the networks' Containers entries are known; it counts as running. */
export function sandboxFromAttachments(id: string, context: SandboxContext): Parsed<Sandbox> {
  const problems: FactProblem[] = [];
  const candidates: Candidate[] = [];
  const bindings: PortMap = new Map();
  let name = id;
  for (const network of context.networks) {
    const attachment = network.Containers.get(id);
    if (attachment === undefined) continue;
    name = attachment.Name || name;
    for (const [port, list] of attachment.PortBindings ?? []) bindings.set(port, list);
    const texts = [attachment.IPv4Address, attachment.IPv6Address].filter((text) => text);
    const addresses = texts.map((text) => parsePrefix(text ?? '')).filter((prefix) => prefix !== undefined);
    if (addresses.length < texts.length) {
      problems.push({
        file: context.file,
        message: `container ${name}: malformed address on ${network.Name}`,
      });
    }
    candidates.push({
      ...candidateOf(network, addresses),
      endpoint: {
        network: network.Id,
        id: attachment.EndpointID ?? '',
        addresses,
        ...(attachment.MacAddress ? { mac: attachment.MacAddress } : {}),
        names: [...(attachment.Name ? [attachment.Name] : []), shortId(id)],
        ports: [],
      },
    });
  }
  const ports = orderedPorts(
    { bindings, exposed: [], publishAll: false, actual: undefined },
    candidates,
    context,
  );
  return {
    value: { id, name, mode: { kind: 'own' }, running: true, endpoints: withPorts(candidates, ports.value) },
    problems: [
      ...problems,
      ...ports.problems.map((message) => ({ file: context.file, message: `container ${name}: ${message}` })),
    ],
  };
}

function candidateOf(network: InspectedNetwork, addresses: readonly Prefix[]): Omit<Candidate, 'endpoint'> {
  const has = (family: 'ipv4' | 'ipv6') => addresses.some((prefix) => prefix.addr.family === family);
  return {
    networkName: network.Name,
    driver: network.Driver,
    internal: network.Internal === true,
    hasGateway4: has('ipv4'),
    hasGateway6: has('ipv6'),
    priority: 0,
  };
}

function candidateFromEndpoint(
  name: string,
  inspected: InspectedEndpoint,
  container: InspectedContainer,
  networks: readonly InspectedNetwork[],
): readonly Candidate[] {
  // Names are a fallback: engines before 1.10 wrote no NetworkID, and a name need not be unique.
  const network = networks.find((n) => n.Id === inspected.NetworkID) ?? networks.find((n) => n.Name === name);
  if (network === undefined) return [];
  const addresses = [
    prefixOf(inspected.IPAddress, inspected.IPPrefixLen, network),
    prefixOf(inspected.GlobalIPv6Address, inspected.GlobalIPv6PrefixLen, network),
  ].filter((prefix) => prefix !== undefined);
  if (addresses.length === 0) return [];
  const gateway = parseAddr(inspected.Gateway ?? '');
  return [
    {
      ...candidateOf(network, addresses),
      hasGateway4: gateway !== undefined,
      hasGateway6: Boolean(inspected.IPv6Gateway),
      priority: inspected.GwPriority ?? 0,
      endpoint: {
        network: network.Id,
        id: inspected.EndpointID ?? '',
        addresses,
        ...(inspected.MacAddress ? { mac: inspected.MacAddress } : {}),
        ...(gateway === undefined ? {} : { gateway }),
        // Engines before 25.0 tell no DNSNames, and their Aliases hold the short id.
        names: inspected.DNSNames ?? [nameOf(container), ...(inspected.Aliases ?? [])],
        ports: [],
      },
    },
  ];
}

function nameOf(container: InspectedContainer): string {
  return container.Name.replace(/^\//, '');
}

function shortId(id: string): string {
  return id.slice(0, 12);
}

function prefixOf(
  text: string | null | undefined,
  length: number | null | undefined,
  network: InspectedNetwork,
): Prefix | undefined {
  const addr = parseAddr(text ?? '');
  if (addr === undefined) return undefined;
  const subnets = (network.IPAM?.Config ?? []).map((config) => parsePrefix(config.Subnet ?? ''));
  const subnet = subnets.find((prefix) => prefix !== undefined && containsAddr(prefix, addr));
  return { addr, bits: length || (subnet?.bits ?? addressBits(addr.family)) };
}

function orderedPorts(
  published: PublishedPorts,
  candidates: readonly Candidate[],
  context: SandboxContext,
): { readonly value: readonly PortBinding[]; readonly problems: readonly string[] } {
  const { requests, problems } = portRequests(published);
  const addresses = candidates.flatMap(({ endpoint }) => endpoint.addresses.map(({ addr }) => addr));
  const ordered = orderPorts(requests, context.portOrder, addresses, context.proxies);
  return { value: ordered.map((request) => request.binding), problems };
}

function withPorts(candidates: readonly Candidate[], ports: readonly PortBinding[]): readonly Endpoint[] {
  const chosen = gatewayEndpoint(candidates);
  return candidates.map((candidate) =>
    candidate === chosen ? { ...candidate.endpoint, ports } : candidate.endpoint,
  );
}

function modeOf(container: InspectedContainer, containers: readonly InspectedContainer[]): SandboxMode {
  const mode = container.HostConfig.NetworkMode ?? '';
  if (mode === 'host' || mode === 'none') return { kind: mode };
  if (!mode.startsWith('container:')) return { kind: 'own' };
  const other = mode.slice('container:'.length);
  const known = containers.find((c) => c.Id === other || c.Name === `/${other}`);
  return { kind: 'container', container: known === undefined ? other : nameOf(known) };
}

/** `--link` on the default bridge: `/db:/web/db` says that this container may reach all exposed ports of db. */
function legacyLinks(container: InspectedContainer, context: SandboxContext): NonNullable<Endpoint['links']> {
  return (container.HostConfig.Links ?? []).flatMap((link) => {
    const child = context.containers.find((c) => c.Name === link.split(':')[0]);
    const endpoint = child?.NetworkSettings.Networks.find(([name]) => name === 'bridge')?.[1];
    const address = parseAddr(endpoint?.IPAddress ?? '');
    if (child === undefined || address === undefined) return [];
    const ports = child.Config.ExposedPorts.map(parseContainerPort).filter((port) => port !== undefined);
    return [{ address, ports }];
  });
}
