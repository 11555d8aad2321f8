/**
 * What an engine holds after its next start: which networks came back from its store, which it made anew, what the containers have.
 * In: what it held, the engine that starts, and how. Out: an Intent, marked as that start marks it.
 * Where only chance decides an order (that of a Go map), networks and endpoints come by their ids.
 */
import { type Endpoint, type Intent, isDefaultBridge, type Network, type Sandbox } from '../intent/intent.ts';
import { gatewayOf, nextAddress } from '../intent/ipam.ts';
import { orderPorts, type PortOrder } from '../intent/port-order.ts';
import type { Addr } from '../net/addr.ts';
import type { OptionName, Options } from '../options/options.ts';
import { defaultNetwork } from './bridge/default-network.ts';
import { portOrderOf } from './generation.ts';
import type { Generation } from './plan.ts';
import { type How, sameValue } from './settle.ts';

export interface Engine {
  /** For its version. */
  readonly options: Options;
  readonly generation: Generation;
}

/** Whether live restore finds containers; one in another's namespace does not count (daemon/daemon.go, activeSandboxes). */
export function runsContainers({ sandboxes }: Intent): boolean {
  return sandboxes.some(({ running, mode }) => running && mode.kind !== 'container');
}

/** What the engine holds after this, if all containers that ran run again. */
export function intentAfter(held: Engine & { readonly intent: Intent }, next: Engine, how: How): Intent {
  switch (how) {
    case 'start':
    case 'reload':
      return held.intent;
    case 'live-restore':
      return liveRestored(held.intent);
    case 'restart':
      return restarted(held, next);
  }
}

function liveRestored({ networks, sandboxes }: Intent): Intent {
  return {
    networks: restoredNetworks(networks),
    sandboxes: sandboxes.map((sandbox) => (sandbox.running ? { ...sandbox, restored: true } : sandbox)),
  };
}

function restarted(held: Engine & { readonly intent: Intent }, next: Engine): Intent {
  const others = held.intent.networks.filter((network) => !isDefaultBridge(network));
  const old = held.intent.networks.find(isDefaultBridge);
  const made = nextDefault(held, next, old, others);
  const order = portOrderOf(next.generation);
  const networks = [
    ...restoredNetworks(others),
    ...(made === undefined ? [] : [{ ...made, restored: false }]),
  ];
  const sandboxes = startedAgain(held.intent.sandboxes, old, made);
  return {
    networks,
    sandboxes: portOrderOf(held.generation) === order ? sandboxes : portsInOrder(sandboxes, order),
  };
}

/** As they come back from the store, which has `none` and `host` since the first start. */
function restoredNetworks(networks: readonly Network[]): readonly Network[] {
  const missing = predefined.filter(({ driver }) => !networks.some((network) => network.driver === driver));
  return [...missing, ...networks].toSorted(byId).map((network) => ({ ...network, restored: true }));
}

const predefined: readonly Network[] = (
  [
    ['none', 'null'],
    ['host', 'host'],
  ] as const
).map(([name, driver]) => ({
  id: name,
  name,
  driver,
  internal: false,
  ipv4: true,
  ipv6: false,
  options: {},
  ipam: [],
}));

function byId(a: Network, b: Network): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Options from which the engine works out the addresses of its default network. */
const addressOptions: readonly OptionName[] = [
  'bridge',
  'bip',
  'bip6',
  'fixed-cidr',
  'fixed-cidr-v6',
  'ipv6',
  'default-address-pools',
];

/** The same addresses unless an option that decides them changed; where the engine could not make it, as it was. */
function nextDefault(
  held: Engine,
  next: Engine,
  old: Network | undefined,
  others: readonly Network[],
): Network | undefined {
  const same = addressOptions.every((name) => sameValue(held.options, next.options, name));
  if (old !== undefined && same) return old;
  const taken = others.flatMap(({ ipam }) => ipam.map(({ subnet }) => subnet));
  const sameBridge = sameValue(held.options, next.options, 'bridge');
  const bridgeAddresses = (sameBridge ? (old?.ipam ?? []) : []).flatMap((config) => {
    const addr = gatewayOf(config);
    return addr?.family === 'ipv4' ? [{ addr, bits: config.subnet.bits }] : [];
  });
  const made = defaultNetwork(next.options, next.generation, { taken, bridgeAddresses });
  switch (made.kind) {
    case 'none':
      return undefined;
    case 'impossible':
      return old;
    case 'network':
      return old === undefined ? made.network : { ...made.network, id: old.id, name: old.name };
  }
}

/** Containers on the default network get the next addresses of it, in the order in which they ran, if its subnet changed. */
function startedAgain(
  sandboxes: readonly Sandbox[],
  old: Network | undefined,
  made: Network | undefined,
): readonly Sandbox[] {
  const taken: Addr[] = [];
  const endpointAgain = ({ restoredAt: _, ...endpoint }: Endpoint): readonly Endpoint[] => {
    if (endpoint.network !== old?.id || made === old) return [endpoint];
    if (made === undefined) return [];
    const addresses = made.ipam.flatMap((config) => nextAddress(config, taken) ?? []);
    taken.push(...addresses.map(({ addr }) => addr));
    const { gateway: __, ...rest } = endpoint;
    return [{ ...rest, addresses }];
  };
  return sandboxes.map(({ restored: _, ...sandbox }) => ({
    ...sandbox,
    endpoints: sandbox.endpoints.flatMap(endpointAgain),
  }));
}

/** Ports as an engine with another order maps them; which of them were asked for as ranges is not known any more. */
function portsInOrder(sandboxes: readonly Sandbox[], order: PortOrder): readonly Sandbox[] {
  const inOrder = ({ ports, addresses }: Endpoint) =>
    orderPorts(
      ports.map((binding) => ({ binding, first: binding.hostPort, last: binding.hostPort })),
      order,
      addresses.map(({ addr }) => addr),
    ).map(({ binding }) => binding);
  return sandboxes.map((sandbox) => ({
    ...sandbox,
    endpoints: sandbox.endpoints.map((endpoint) => ({ ...endpoint, ports: inOrder(endpoint) })),
  }));
}
