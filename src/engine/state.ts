/**
 * The engine's state as plain data, in the shapes of `docker network inspect` and `docker inspect`. In: what bring-up
 * decided. Out: the same files that a capture of a real daemon holds, so that whoever can read those (capture,
 * doctor, rules) can read our engine. Only fields that have to do with networks are kept.
 */
import { type Addr, formatAddr } from '../net/addr.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';

export interface EngineState {
  /** Version whose behaviour this engine follows: `28.5.2`. */
  readonly version: string;
  /** Where the configuration was read, and its bytes; absent without one. */
  readonly config?: { readonly path: string; readonly bytes: Uint8Array };
  readonly argv: readonly string[];
  readonly networks: readonly NetworkRecord[];
  readonly containers: readonly ContainerRecord[];
}

/** As `docker network inspect` prints one. */
export interface NetworkRecord {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: 'local';
  readonly Driver: string;
  readonly EnableIPv4: boolean;
  readonly EnableIPv6: boolean;
  readonly Internal: boolean;
  readonly IPAM: {
    readonly Driver: 'default';
    readonly Config: readonly {
      readonly Subnet: string;
      readonly Gateway?: string;
      readonly IPRange?: string;
      readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
    }[];
  };
  readonly Containers: Readonly<
    Record<
      string,
      {
        readonly Name: string;
        readonly EndpointID: string;
        readonly MacAddress: string;
        readonly IPv4Address: string;
        readonly IPv6Address: string;
      }
    >
  >;
  readonly Options: Readonly<Record<string, string>>;
}

type PortMap = Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[]>>;

/** As `docker inspect` prints one. */
export interface ContainerRecord {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly State: { readonly Running: boolean; readonly Pid: number; readonly StartedAt: string };
  readonly Config: { readonly ExposedPorts: Readonly<Record<string, object>> };
  readonly HostConfig: {
    readonly NetworkMode: string;
    readonly PortBindings: PortMap;
    readonly PublishAllPorts: boolean;
    readonly Links: null;
  };
  readonly NetworkSettings: {
    readonly SandboxKey: string;
    readonly Ports: PortMap;
    readonly Networks: Readonly<Record<string, EndpointRecord>>;
  };
}

export interface EndpointRecord {
  readonly NetworkID: string;
  readonly EndpointID: string;
  readonly Gateway: string;
  readonly IPAddress: string;
  readonly IPPrefixLen: number;
  readonly MacAddress: string;
}

/** A port that a container publishes. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
  /** Absent: the network's default binding address. */
  readonly hostAddress?: Addr;
  /** 1 to 65535; automatic host ports are not given out yet. */
  readonly hostPort: number;
}

export interface NewNetwork {
  readonly name: string;
  readonly id: string;
  readonly created: string;
  readonly driver: 'bridge' | 'host' | 'null';
  readonly subnet?: { readonly prefix: Prefix; readonly gateway: Addr; readonly range?: Prefix };
  /** The containers' default route, where it is not the bridge. */
  readonly router?: Addr;
  readonly options: Readonly<Record<string, string>>;
}

/** A network without containers. */
export function networkRecord(network: NewNetwork): NetworkRecord {
  const { subnet, router } = network;
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    Internal: false,
    IPAM: {
      Driver: 'default',
      Config:
        subnet === undefined
          ? []
          : [
              {
                Subnet: formatPrefix(subnet.prefix),
                Gateway: formatAddr(subnet.gateway),
                ...(subnet.range === undefined ? {} : { IPRange: formatPrefix(subnet.range) }),
                ...(router === undefined
                  ? {}
                  : { AuxiliaryAddresses: { DefaultGatewayIPv4: formatAddr(router) } }),
              },
            ],
    },
    Containers: {},
    Options: network.options,
  };
}

export interface NewContainer {
  readonly name: string;
  readonly id: string;
  readonly started: string;
  readonly pid: number;
  readonly mode: 'bridge' | 'host';
  readonly ports: readonly PublishedPort[];
  /** The address that ports without one are bound to. */
  readonly defaultBinding: string;
  readonly endpoint: EndpointRecord;
}

/** A running container with its one endpoint. */
export function containerRecord(container: NewContainer): ContainerRecord {
  const key = (port: PublishedPort) => `${port.containerPort}/${port.protocol}`;
  const map = (fallback: string): PortMap => {
    const result: Record<string, { HostIp: string; HostPort: string }[]> = {};
    for (const port of container.ports) {
      const address = port.hostAddress === undefined ? fallback : formatAddr(port.hostAddress);
      result[key(port)] = [...(result[key(port)] ?? []), { HostIp: address, HostPort: `${port.hostPort}` }];
    }
    return result;
  };
  return {
    Id: container.id,
    Name: `/${container.name}`,
    Created: container.started,
    State: { Running: true, Pid: container.pid, StartedAt: container.started },
    Config: { ExposedPorts: Object.fromEntries(container.ports.map((port) => [key(port), {}])) },
    HostConfig: {
      NetworkMode: container.mode,
      PortBindings: map(''),
      PublishAllPorts: false,
      Links: null,
    },
    NetworkSettings: {
      SandboxKey: `/proc/${container.pid}/ns/net`,
      Ports: map(container.defaultBinding),
      Networks: { [container.mode]: container.endpoint },
    },
  };
}

/** The network with one more container on it. */
export function withContainer(network: NetworkRecord, container: ContainerRecord): NetworkRecord {
  const endpoint = container.NetworkSettings.Networks[network.Name];
  if (endpoint === undefined) return network;
  const address = endpoint.IPAddress === '' ? '' : `${endpoint.IPAddress}/${endpoint.IPPrefixLen}`;
  return {
    ...network,
    Containers: {
      ...network.Containers,
      [container.Id]: {
        Name: container.Name.slice(1),
        EndpointID: endpoint.EndpointID,
        MacAddress: endpoint.MacAddress,
        IPv4Address: address,
        IPv6Address: '',
      },
    },
  };
}

/** The state as the files of a bundle: what a capture would have asked a daemon for. */
export function engineFacts(state: EngineState): ReadonlyMap<string, Uint8Array> {
  const encoder = new TextEncoder();
  const json = (value: unknown) => encoder.encode(`${JSON.stringify(value, null, 1)}\n`);
  return new Map([
    ...(state.config === undefined ? [] : [['daemon.json', state.config.bytes] as const]),
    ['dockerd.argv', json({ argv: state.argv, env: {} })],
    ['docker-version.json', json({ Version: state.version, Os: 'linux' })],
    ['docker-network-inspect.json', json(state.networks)],
    ['docker-container-inspect.json', json(state.containers)],
  ]);
}
