/**
 * Bridges of other programs (libvirt, LXD, Kubernetes, podman), whose traffic passes the FORWARD chain that an engine has set to DROP.
 * Who lives behind them is not in the facts, so each gets a guest of our own. In: the host and what is expected of it. Out: a state
 * with the guests, and what they ask: only what would work but for that policy, for what the other program does not let through
 * or does not translate is its own affair.
 */
import { bridgeNames } from '../../drift/networks.ts';
import type { Expression, NftRule } from '../../firewall/nft/model.ts';
import { ownerOfRule } from '../../firewall/owners.ts';
import {
  type Chain,
  emptyRuleset,
  findChain,
  type Rule,
  type RuleOption,
  type Table,
} from '../../firewall/ruleset.ts';
import { applyChanges, defaultRoute, type StateChange } from '../../host/change.ts';
import type { HostState, Link, Namespace } from '../../host/state.ts';
import { type Addr, addrPlus, type Family, parseAddr, sameAddr } from '../../net/addr.ts';
import type { Flow } from '../../net/flow.ts';
import { containsAddr, maskPrefix, type Prefix } from '../../net/prefix.ts';
import { makeScene, walk } from '../../packet/walk.ts';
import { isDockerBridge } from '../../plan/docker-rules.ts';
import type { Expected } from '../../plan/expected.ts';
import { outsideAddress, outsideName, uplinkAddress } from '../flows.ts';

/** Somebody behind a bridge. */
export interface Guest {
  /** A name that no container can have. */
  readonly name: string;
  readonly bridge: Link;
  readonly flows: readonly Flow[];
}

export interface Guests {
  readonly state: HostState;
  readonly guests: readonly Guest[];
}

const families: readonly Family[] = ['ipv4', 'ipv6'];

/** `outsideRoutes`: what the site routes to this host. */
export function guestsOf(
  state: HostState,
  expected: Expected | undefined,
  outsideRoutes: readonly Prefix[],
): Guests {
  const none = { state, guests: [] };
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined || expected === undefined) return none;
  const closed = families.filter((family) => closedForward(host, expected, family) !== undefined);
  if (closed.length === 0) return none;
  const found = bridgesOfOthers(host, state, expected).flatMap((bridge) => {
    const name = `guest of ${bridge.name}`;
    const changes = arrival(name, bridge, host, closed);
    const flows = questions(name, changes, state, host);
    const scene = makeScene(withGuest(withOpenForward(state, host), name, changes), outsideRoutes);
    const would = flows.filter((flow) => walk(scene, flow).outcome === 'ok');
    return would.length === 0 ? [] : [{ guest: { name, bridge, flows: would }, changes }];
  });
  return {
    state: found.reduce((before, { guest, changes }) => withGuest(before, guest.name, changes), state),
    guests: found.map(({ guest }) => guest),
  };
}

/** Programs that set the policy of FORWARD themselves. */
const closers: ReadonlySet<string | undefined> = new Set(['ufw', 'firewalld', 'shorewall', 'csf']);

/** The filter table in which the engine set FORWARD to DROP; undefined where it is open, or somebody else may have closed it. */
export function closedForward(
  host: Namespace,
  { plan, backend }: Expected,
  family: Family,
): Table | undefined {
  const [planned, table] = [plan.ruleset, host.firewall].map(({ tables }) =>
    tables.find((t) => t.family === family && t.backend === backend && t.name === 'filter'),
  );
  const chain = table === undefined ? undefined : findChain(table, 'FORWARD');
  const wanted = planned === undefined ? undefined : findChain(planned, 'FORWARD');
  if (wanted?.policy !== 'DROP' || chain?.policy !== 'DROP') return undefined;
  return chain.rules.some((rule) => closers.has(ownerOfRule('FORWARD', rule)?.owner)) ? undefined : table;
}

/** In use, and neither the engine's, be it under another name, nor the way out. */
function bridgesOfOthers(host: Namespace, state: HostState, expected: Expected): readonly Link[] {
  const own = bridgeNames({ state, expected });
  const ways = new Set(host.routes.filter((r) => r.dst.bits === 0).map((r) => r.dev));
  const known = new Set(state.namespaces.map((n) => n.name));
  const inhabited = new Set(
    host.links.filter((l) => known.has(l.peer?.namespace ?? '')).map((l) => l.master),
  );
  const wired = new Set(
    host.links.filter((l) => l.kind === 'ether' || l.kind === 'vlan').map((l) => l.master),
  );
  return host.links.filter(
    (l) =>
      l.kind === 'bridge' &&
      l.up &&
      l.carrier &&
      !own.has(l.name) &&
      !isDockerBridge(l.name) &&
      !ways.has(l.name) &&
      !inhabited.has(l.name) &&
      !wired.has(l.name),
  );
}

/** How the guest comes to be there: a link to the bridge, an address that a rule maps a port to if there is one, a default route. */
function arrival(
  name: string,
  bridge: Link,
  host: Namespace,
  closed: readonly Family[],
): readonly StateChange[] {
  const changes: StateChange[] = [];
  for (const { prefix: own, scope } of bridge.addresses) {
    if (scope !== 'global' || !closed.includes(own.addr.family)) continue;
    const mapped = mappings(host).find(({ to }) => containsAddr(own, to))?.to;
    const prefix = { addr: mapped ?? freeAddress(own), bits: own.bits };
    const gateway = own.addr;
    if (!containsAddr(own, prefix.addr)) continue;
    if (changes.length === 0) {
      const link = { dev: 'eth0', mac: `guest:${bridge.name}`, bridge: bridge.name };
      changes.push({ namespace: name, kind: 'attach', ...link, prefix, gateway });
    } else {
      changes.push({ namespace: name, kind: 'add-address', dev: 'eth0', prefix });
      changes.push({ namespace: name, kind: 'add-route', route: defaultRoute('eth0', gateway) });
    }
  }
  return changes;
}

/** Not the bridge's own; whether somebody else has it does not matter for the way that packets take. */
function freeAddress(subnet: Prefix): Addr {
  const network = maskPrefix(subnet).addr;
  const first = addrPlus(network, 1);
  return sameAddr(first, subnet.addr) ? addrPlus(network, 2) : first;
}

function withGuest(state: HostState, name: string, changes: readonly StateChange[]): HostState {
  const empty: Namespace = {
    name,
    kind: 'container',
    sharedBy: [],
    links: [],
    routes: [],
    policyRules: [],
    neighbours: [],
    sysctls: new Map(),
    firewall: emptyRuleset,
    unmodelledHooks: [],
  };
  return applyChanges({ ...state, namespaces: [...state.namespaces, empty] }, changes);
}

function withOpenForward(state: HostState, host: Namespace): HostState {
  const open = (chain: Chain): Chain => (chain.name === 'FORWARD' ? { ...chain, policy: 'ACCEPT' } : chain);
  const tables = host.firewall.tables.map((t) =>
    t.name === 'filter' ? { ...t, chains: t.chains.map(open) } : t,
  );
  const namespaces = state.namespaces.map((ns) => (ns === host ? { ...ns, firewall: { tables } } : ns));
  return { ...state, namespaces };
}

/** The way out, and the ports of the host that rules map to the guest. */
function questions(name: string, changes: readonly StateChange[], state: HostState, host: Namespace): Flow[] {
  return changes.flatMap((change): Flow[] => {
    if (change.kind !== 'attach' && change.kind !== 'add-address') return [];
    const { addr } = change.prefix;
    const uplink = uplinkAddress(host, addr.family);
    if (uplink === undefined) return [];
    const outward: Flow = { from: name, kind: 'ping', dst: outsideAddress(state, host, addr.family) };
    const inward = mappings(host)
      .filter(({ to }) => sameAddr(to, addr))
      .map(({ protocol, port }): Flow => ({ from: outsideName(state), kind: protocol, dst: uplink, port }));
    return [outward, ...inward];
  });
}

interface Mapping {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly to: Addr;
}

/** Ports that rules map to an address. */
function mappings(host: Namespace): readonly Mapping[] {
  const native = (host.nft?.tables ?? []).flatMap(({ chains }) => chains.flatMap(({ rules }) => rules));
  return [...iptablesMappings(host), ...native.flatMap((rule) => nativeMappingOf(rule) ?? [])];
}

function iptablesMappings(host: Namespace): readonly Mapping[] {
  const nat = host.firewall.tables.filter(({ name }) => name === 'nat');
  return nat.flatMap(({ chains }) =>
    chains.flatMap(({ rules }) => rules.flatMap((rule) => mappingOf(rule) ?? [])),
  );
}

function mappingOf({ protocol, matches, target }: Rule): Mapping | undefined {
  const name = protocol?.value;
  if (name !== 'tcp' && name !== 'udp') return undefined;
  const port = Number(optionValue(matches.find(({ module }) => module === name)?.options, '--dport'));
  const to = parseAddr(
    optionValue(target?.options, '--to-destination').replace(/^\[?(.*?)\]?(?::\d+(?:-\d+)?)?$/, '$1'),
  );
  return port > 0 && to !== undefined ? { protocol: name, port, to } : undefined;
}

function optionValue(options: readonly RuleOption[] = [], wanted: string): string {
  return options.find(({ name, not }) => name === wanted && !not)?.values[0] ?? '';
}

/** `tcp dport 8080 dnat ip to 10.88.0.2:80`. */
function nativeMappingOf({ statements }: NftRule): Mapping | undefined {
  const literal = (expression: Expression | undefined) =>
    expression?.kind === 'literal' ? String(expression.value) : '';
  let to: Addr | undefined;
  let asked: { readonly protocol: string; readonly port: number } | undefined;
  for (const statement of statements) {
    if (statement.kind === 'nat' && statement.nat === 'dnat') to = parseAddr(literal(statement.address));
    if (statement.kind !== 'match' || statement.operator !== '==' || statement.left.kind !== 'payload')
      continue;
    const { protocol, field } = statement.left;
    if (field === 'dport') asked = { protocol, port: Number(literal(statement.right)) };
  }
  const name = asked?.protocol;
  if (to === undefined || asked === undefined || !(asked.port > 0)) return undefined;
  return name === 'tcp' || name === 'udp' ? { protocol: name, port: asked.port, to } : undefined;
}
