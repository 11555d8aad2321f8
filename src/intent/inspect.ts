/**
 * Intent from `docker network inspect` and `docker inspect`, and from a file of networks whose Containers carry PortBindings.
 * In: parsed JSON of any engine from 17.06, and what else is known about order. Out: an Intent and what could not be used.
 * Everything that `inspect` does not say in order (networks, endpoints, ports) is ordered here as the engine did it.
 */
import type { FactProblem, Parsed } from '../host/facts.ts';
import { elements } from '../host/json.ts';
import { compareAddr, parseAddr } from '../net/addr.ts';
import { containsAddr, maskPrefix, type Prefix, parsePrefix, parsePrefixOrAddr } from '../net/prefix.ts';
import {
  containerSchema,
  type InspectedContainer,
  type InspectedNetwork,
  networkSchema,
} from './inspect-schema.ts';
import type { Intent, IpamConfig, Network, Sandbox } from './intent.ts';
import { type Evidence, inOrder } from './order.ts';
import type { PortOrder } from './port-order.ts';
import { sandboxFromAttachments, sandboxFromContainer } from './sandbox.ts';

export interface InspectInput {
  /** What `docker network inspect $(docker network ls -q)` printed, or a file of the same shape. */
  readonly networks: { readonly json: unknown; readonly file: string };
  /** What `docker inspect $(docker ps -aq)` printed. */
  readonly containers?: { readonly json: unknown; readonly file: string };
  readonly portOrder: PortOrder;
  readonly evidence?: Evidence;
}

/** Reads an Intent; wrong entries are reported and left out. */
export function intentFromInspect(input: InspectInput): Parsed<Intent> {
  const networks = elements(input.networks.json, networkSchema, input.networks.file);
  const containers =
    input.containers === undefined
      ? { value: [], problems: [] }
      : elements(input.containers.json, containerSchema, input.containers.file);
  const gateways = reportedGateways(containers.value);
  const converted = networks.value.map((inspected) =>
    toNetwork(inspected, gateways.get(inspected.Id) ?? [], input.networks.file),
  );
  const sandboxes = toSandboxes(networks.value, containers.value, input);
  return {
    value: inOrder(
      {
        networks: converted.map((entry) => entry.value),
        // What does not tell when it started, was given its address in that order.
        sandboxes: sandboxes.value.toSorted(compareFirstAddress),
      },
      input.evidence,
    ),
    problems: [
      ...networks.problems,
      ...containers.problems,
      ...converted.flatMap((entry) => entry.problems),
      ...sandboxes.problems,
    ],
  };
}

function toNetwork(inspected: InspectedNetwork, gateways: readonly string[], file: string): Parsed<Network> {
  const problems: FactProblem[] = [];
  const ipam: IpamConfig[] = [];
  for (const config of inspected.IPAM?.Config ?? []) {
    const subnet = parsePrefix(config.Subnet ?? '');
    if (subnet === undefined) {
      problems.push({
        file,
        message: `network ${inspected.Name}: subnet ${config.Subnet ?? ''} is malformed`,
      });
      continue;
    }
    // An address that only the allocator chose is not in IPAM.Config; then its containers know it, unless
    // default-gateway gave them another one.
    const hasOwnGateway = config.AuxiliaryAddresses.DefaultGatewayIPv4 !== undefined;
    const told = config.Gateway || (hasOwnGateway ? undefined : gateways.find((text) => isIn(subnet, text)));
    const gateway = parsePrefixOrAddr(told ?? '')?.addr;
    const ipRange = parsePrefix(config.IPRange ?? '');
    ipam.push({
      subnet: maskPrefix(subnet),
      ...(gateway === undefined ? {} : { gateway }),
      ...(ipRange === undefined ? {} : { ipRange }),
    });
  }
  return {
    value: {
      id: inspected.Id,
      name: inspected.Name,
      driver: inspected.Driver,
      internal: inspected.Internal === true,
      ipv4: inspected.EnableIPv4 !== false,
      ipv6: inspected.EnableIPv6 === true,
      options: inspected.Options,
      ipam,
      ...(inspected.Created ? { created: inspected.Created } : {}),
    },
    problems,
  };
}

function isIn(subnet: Prefix, text: string): boolean {
  const addr = parseAddr(text);
  return addr !== undefined && containsAddr(subnet, addr);
}

function reportedGateways(containers: readonly InspectedContainer[]): ReadonlyMap<string, readonly string[]> {
  const gateways = new Map<string, readonly string[]>();
  for (const [, endpoint] of containers.flatMap((container) => container.NetworkSettings.Networks)) {
    if (!endpoint?.NetworkID) continue;
    const told = [endpoint.Gateway, endpoint.IPv6Gateway].filter((text) => typeof text === 'string');
    gateways.set(endpoint.NetworkID, [...(gateways.get(endpoint.NetworkID) ?? []), ...told]);
  }
  return gateways;
}

function toSandboxes(
  networks: readonly InspectedNetwork[],
  containers: readonly InspectedContainer[],
  input: InspectInput,
): Parsed<readonly Sandbox[]> {
  const context = {
    networks,
    containers,
    portOrder: input.portOrder,
    proxies: input.evidence?.proxies ?? [],
    file: input.containers?.file ?? input.networks.file,
  };
  const known = new Set(containers.map((container) => container.Id));
  const attached = new Set(networks.flatMap((network) => [...network.Containers.keys()]));
  const results = [
    ...containers.map((container) => sandboxFromContainer(container, context)),
    ...[...attached].filter((id) => !known.has(id)).map((id) => sandboxFromAttachments(id, context)),
  ];
  return {
    value: results.map((result) => result.value),
    problems: results.flatMap((result) => result.problems),
  };
}

function compareFirstAddress(a: Sandbox, b: Sandbox): number {
  const left = a.endpoints[0]?.addresses[0]?.addr;
  const right = b.endpoints[0]?.addresses[0]?.addr;
  if (left === undefined || right === undefined)
    return Number(left === undefined) - Number(right === undefined);
  return compareAddr(left, right);
}
