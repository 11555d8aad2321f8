/**
 * A draft: everything that bringing up will do, decided before anything is done. In: options, the host as it is, the containers
 * asked for. Out: the plan, each endpoint's link, and the records of networks and containers. Pure but for the random
 * ids that it is given a source of.
 */
import type { NftRuleset } from '../firewall/nft/model.ts';
import type { Backend } from '../firewall/ruleset.ts';
import type { Namespace } from '../host/state.ts';
import { intentFromInspect } from '../intent/inspect.ts';
import { macOf, nextAddress } from '../intent/ipam.ts';
import { type Addr, formatAddr } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Options } from '../options/options.ts';
import { nativeTable } from '../plan/bridge/n1-table.ts';
import { planBridge } from '../plan/bridge/plan.ts';
import { portOrderOf } from '../plan/generation.ts';
import type { Generation, Plan } from '../plan/plan.ts';
import type { ContainerRequest } from './bring-up.ts';
import { type BridgeChoice, defaultBridge, type Impossible } from './default-bridge.ts';
import type { EndpointLink } from './realise.ts';
import {
  type ContainerRecord,
  containerRecord,
  type EndpointRecord,
  type NetworkRecord,
  networkRecord,
  withContainer,
} from './state.ts';

export interface DraftInput {
  readonly options: Options;
  readonly generation: Generation;
  readonly host: Namespace;
  /** The one that the host's `iptables` writes to. */
  readonly backend: Backend;
  readonly containers: readonly ContainerRequest[];
  /** RFC 3339. */
  readonly now: string;
  /** A new id of so many hexadecimal digits. */
  readonly newId: (digits: number) => string;
}

export interface Draft {
  readonly kind: 'draft';
  readonly plan: Plan;
  /** `container` is the container's name here; its namespace is known once it runs. */
  readonly endpoints: readonly EndpointLink[];
  /** The records, once the containers' processes are known by container name. */
  records(pids: ReadonlyMap<string, number>): Records;
}

export interface Records {
  readonly networks: readonly NetworkRecord[];
  readonly containers: readonly ContainerRecord[];
}

/** The default network's bridge, or that there is none. */
type Chosen = BridgeChoice | { readonly kind: 'none' };

/** One container's place on its network, with addresses given out. */
interface Placed {
  readonly request: ContainerRequest;
  readonly id: string;
  readonly endpoint: EndpointRecord;
  readonly address?: Prefix;
}

/** dockerd's own words: with its nftables backend it turns nothing on (setup_ip_forwarding.go of 29). */
const forwardingIsOff =
  "IPv4 forwarding is disabled: check your host's firewalling and set sysctl net.ipv4.ip_forward=1, or disable this check " +
  'using daemon option --ip-forward=false';

/** Decides everything; impossible when the configuration leaves no bridge or no address for a container that needs one. */
export function draft(input: DraftInput): Draft | Impossible {
  const { options, generation, host, containers, now, newId } = input;
  const bridge = defaultBridge(options, generation, host);
  if (bridge.kind === 'impossible') return bridge;
  if (bridge.kind === 'none' && containers.some((container) => container.network === 'bridge'))
    return { kind: 'impossible', why: 'containers ask for the default bridge, and option bridge is "none"' };
  if (generation === 'N1' && options.settings['ip-forward'].value && forwards(host) === false)
    return { kind: 'impossible', why: forwardingIsOff };
  const ids = { none: newId(64), host: newId(64), bridge: newId(64) };
  const placed = place(containers, bridge, ids, newId);
  if (placed === undefined) return { kind: 'impossible', why: 'the default bridge has no address left' };

  const records = (pids: ReadonlyMap<string, number>): Records => {
    const running = placed.map(({ request, id, endpoint }) =>
      containerRecord({
        name: request.name,
        id,
        started: now,
        pid: pids.get(request.name) ?? 0,
        mode: request.network,
        ports: request.ports,
        defaultBinding: bridge.kind === 'bridge' ? bridge.hostBinding : '',
        endpoint,
      }),
    );
    const networks = networkRecords(bridge, ids, now);
    return {
      networks: networks.map((network) => running.reduce(withContainer, network)),
      containers: running,
    };
  };
  const drafted = records(new Map());
  const intent = intentFromInspect({
    networks: { json: drafted.networks, file: 'networks' },
    containers: { json: drafted.containers, file: 'containers' },
    portOrder: portOrderOf(generation),
  });
  const plan = planBridge({
    options,
    intent: intent.value,
    generation,
    before: {
      ruleset: host.firewall,
      ...(host.nft === undefined ? {} : { nft: ownTables(host.nft) }),
      ipForward: forwards(host),
    },
    backend: input.backend,
  });
  return { kind: 'draft', plan, endpoints: links(placed, bridge, options, newId), records };
}

/** dockerd's own native tables; what others made is none of the plan's business. */
function ownTables({ tables }: NftRuleset): NftRuleset {
  return { tables: tables.filter(({ name }) => name === nativeTable), twins: [] };
}

function forwards(host: Namespace): boolean | undefined {
  const value = host.sysctls.get('net.ipv4.ip_forward')?.value;
  return value === undefined ? undefined : value !== '0';
}

function networkRecords(
  bridge: Chosen,
  ids: { readonly none: string; readonly host: string; readonly bridge: string },
  created: string,
): readonly NetworkRecord[] {
  const fixed = [
    networkRecord({ name: 'none', id: ids.none, created, driver: 'null', options: {} }),
    networkRecord({ name: 'host', id: ids.host, created, driver: 'host', options: {} }),
  ];
  if (bridge.kind === 'none') return fixed;
  const { subnet: prefix, gateway, range, router } = bridge;
  const subnet = { prefix, gateway, ...(range === undefined ? {} : { range }) };
  return [
    ...fixed,
    networkRecord({
      name: 'bridge',
      id: ids.bridge,
      created,
      driver: 'bridge',
      subnet,
      ...(router === undefined ? {} : { router }),
      options: bridge.driverOptions,
    }),
  ];
}

/** Gives each container its address in turn; undefined when they run out. */
function place(
  containers: readonly ContainerRequest[],
  bridge: Chosen,
  ids: { readonly host: string; readonly bridge: string },
  newId: DraftInput['newId'],
): readonly Placed[] | undefined {
  const placed: Placed[] = [];
  const taken: Addr[] = [];
  for (const request of containers) {
    const common = { request, id: newId(64) };
    const none = { EndpointID: newId(64), Gateway: '', IPAddress: '', IPPrefixLen: 0, MacAddress: '' };
    if (request.network === 'host' || bridge.kind === 'none') {
      placed.push({ ...common, endpoint: { ...none, NetworkID: ids.host } });
      continue;
    }
    const { subnet, gateway, range, router } = bridge;
    const ipam = { subnet, gateway, ...(range === undefined ? {} : { ipRange: range }) };
    const address = nextAddress(ipam, router === undefined ? taken : [...taken, router]);
    if (address?.addr.family !== 'ipv4') return undefined;
    taken.push(address.addr);
    placed.push({
      ...common,
      address,
      endpoint: {
        ...none,
        NetworkID: ids.bridge,
        Gateway: formatAddr(router ?? gateway),
        IPAddress: formatAddr(address.addr),
        IPPrefixLen: address.bits,
        MacAddress: macOf(address.addr),
      },
    });
  }
  return placed;
}

function links(
  placed: readonly Placed[],
  bridge: Chosen,
  options: Options,
  newId: DraftInput['newId'],
): readonly EndpointLink[] {
  if (bridge.kind === 'none') return [];
  return placed.flatMap(({ request, address, endpoint }) =>
    address === undefined
      ? []
      : [
          {
            hostName: `veth${newId(7)}`,
            bridge: bridge.name,
            mtu: bridge.mtu,
            // Without the userland proxy a container reaches its own published port through its own bridge port.
            hairpin: !options.settings['userland-proxy'].value,
            mac: endpoint.MacAddress,
            address,
            gateway: bridge.router ?? bridge.gateway,
            container: request.name,
          },
        ],
  );
}
