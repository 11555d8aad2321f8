/**
 * Hosts for tests of the plan: a daemon.json, networks and containers in few words, and a plan as readable lines.
 * In: a HostSpec. Out: Intent, Plan, and text. Ids of networks are their names, so that bridges are called `br-NAME`.
 */
import { formatRule } from '../../src/firewall/args.ts';
import type { Command } from '../../src/firewall/operation.ts';
import type { Ruleset } from '../../src/firewall/ruleset.ts';
import { parseSave } from '../../src/firewall/save.ts';
import type { Endpoint, Intent, Network, PortBinding, Sandbox } from '../../src/intent/intent.ts';
import { type Addr, type Family, parseAddr } from '../../src/net/addr.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import type { Options } from '../../src/options/options.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { type BridgePlanInput, planBridge } from '../../src/plan/bridge/plan.ts';
import { generationFor } from '../../src/plan/generation.ts';
import type { Plan } from '../../src/plan/plan.ts';

export interface NetworkSpec {
  readonly name: string;
  /** `bridge` unless told. */
  readonly driver?: string;
  readonly subnet?: string;
  /** Its IPv6 subnet; then the network has IPv6. */
  readonly subnet6?: string;
  readonly internal?: boolean;
  readonly ipv6?: boolean;
  readonly options?: Readonly<Record<string, string>>;
  readonly restored?: boolean;
}

export interface ContainerSpec {
  readonly name: string;
  /** Network name to addresses: `{ bridge: '172.17.0.2/16 fd00::2/64' }`; the first one has the ports. */
  readonly on: Readonly<Record<string, string>>;
  /** As `docker run -p`: `[ADDRESS:]HOST:CONTAINER/PROTOCOL`. */
  readonly ports?: readonly string[];
  readonly links?: NonNullable<Endpoint['links']>;
  readonly aliases?: readonly string[];
  readonly dns?: readonly Addr[];
  readonly restored?: boolean;
  readonly running?: boolean;
  /** Place of its endpoints in the order in which the engine made them. */
  readonly sequence?: number;
}

export interface HostSpec {
  readonly engine: string;
  /** The text of daemon.json. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The default bridge with 172.17.0.0/16 unless told. */
  readonly networks?: readonly NetworkSpec[];
  readonly containers?: readonly ContainerSpec[];
  /** iptables-save text. */
  readonly before?: string;
  readonly ipForward?: boolean;
  readonly ip6Forward?: boolean;
  readonly listensOnIpv6?: boolean;
  readonly mirroredLoopback?: boolean;
  readonly firewalld?: boolean;
}

export const defaultBridge: NetworkSpec = { name: 'bridge', subnet: '172.17.0.0/16' };

/** Hosts of one engine with one container, `web`, on the default bridge. */
export function webHosts(
  engine: string,
): (config?: string, ports?: readonly string[], more?: Partial<HostSpec>) => HostSpec {
  return (config = '{}', ports = ['8080:80/tcp'], more = {}) => ({
    engine,
    config,
    containers: [{ name: 'web', on: { bridge: '172.17.0.2/16' }, ports }],
    ...more,
  });
}

/** The default bridge, two networks and an internal one between them; a container with ports, one on two networks. */
export function severalNetworks(engine: string): HostSpec {
  return {
    engine,
    networks: [
      defaultBridge,
      { name: 'neta', subnet: '172.18.0.0/16' },
      { name: 'int', subnet: '172.19.0.0/16', internal: true },
      { name: 'netb', subnet: '172.20.0.0/16' },
    ],
    containers: [
      { name: 'a', on: { neta: '172.18.0.2/16' }, ports: ['8080:80/tcp', '127.0.0.1:5353:53/udp'] },
      { name: 'b', on: { netb: '172.20.0.2/16', int: '172.19.0.2/16' } },
    ],
  };
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`bad prefix ${text}`);
  return parsed;
}

export function optionsOf(
  engine: string,
  config = '{}',
  env: Readonly<Record<string, string>> = {},
): Options {
  return resolveOptions({ engine, file: { path: 'daemon.json', text: config }, env }).options;
}

function networkOf(spec: NetworkSpec): Network {
  return {
    id: spec.name,
    name: spec.name,
    driver: spec.driver ?? 'bridge',
    internal: spec.internal ?? false,
    ipv4: spec.subnet !== undefined,
    ipv6: spec.ipv6 ?? spec.subnet6 !== undefined,
    options: spec.options ?? {},
    ipam: [spec.subnet, spec.subnet6].flatMap((subnet) =>
      subnet === undefined ? [] : [{ subnet: prefix(subnet) }],
    ),
    ...(spec.restored === undefined ? {} : { restored: spec.restored }),
  };
}

function bindingOf(text: string): PortBinding {
  const found = /^(?:\[?(.*?)\]?:)?([0-9]*):([0-9]+)\/(tcp|udp|sctp)$/.exec(text);
  if (found === null) throw new Error(`bad port ${text}`);
  const hostAddress = parseAddr(found[1] ?? '');
  const protocol = found[4];
  return {
    protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
    containerPort: Number(found[3]),
    hostPort: Number(found[2]),
    ...(hostAddress === undefined ? {} : { hostAddress }),
  };
}

function sandboxOf(spec: ContainerSpec): Sandbox {
  return {
    id: spec.name,
    name: spec.name,
    mode: { kind: 'own' },
    running: spec.running ?? true,
    ...(spec.restored === undefined ? {} : { restored: spec.restored }),
    ...(spec.dns === undefined ? {} : { dns: spec.dns }),
    endpoints: Object.entries(spec.on).map(([network, address], index) => ({
      network,
      id: `${spec.name}-${network}`,
      addresses: address.split(' ').map(prefix),
      names: [spec.name, ...(spec.aliases ?? [])],
      ports: index === 0 ? (spec.ports ?? []).map(bindingOf) : [],
      ...(spec.links === undefined ? {} : { links: spec.links }),
      ...(spec.sequence === undefined ? {} : { sequence: spec.sequence }),
    })),
  };
}

export function intentOf(spec: Pick<HostSpec, 'networks' | 'containers'>): Intent {
  return {
    networks: (spec.networks ?? [defaultBridge]).map(networkOf),
    sandboxes: (spec.containers ?? []).map(sandboxOf),
  };
}

export function rulesetOf(text: string): Ruleset {
  return { tables: parseSave(text, { backend: 'iptables-nft', family: 'ipv4', file: 'before' }).tables };
}

export function planOf(spec: HostSpec): Plan {
  const options = optionsOf(spec.engine, spec.config, spec.env);
  const generation = generationFor(options);
  if (generation === undefined) throw new Error(`no plan for ${spec.engine}`);
  const input: BridgePlanInput = {
    options,
    intent: intentOf(spec),
    generation,
    backend: 'iptables-nft',
    before: {
      ipForward: spec.ipForward ?? false,
      ip6Forward: spec.ip6Forward,
      listensOnIpv6: spec.listensOnIpv6 ?? true,
      mirroredLoopback: spec.mirroredLoopback ?? false,
      firewalld: spec.firewalld ?? false,
      ...(spec.before === undefined ? {} : { ruleset: rulesetOf(spec.before) }),
    },
  };
  return planBridge(input);
}

/** Rules of one family. `filter -P FORWARD DROP` and `filter -A FORWARD ...`: policies that are not ACCEPT, chains that are empty, and rules. */
export function rulesOf(plan: Pick<Plan, 'ruleset'>, family: Family = 'ipv4'): readonly string[] {
  const tables = plan.ruleset.tables.filter((table) => table.family === family);
  return tables.flatMap(({ name, chains }) =>
    chains.flatMap((chain) => [
      ...(chain.policy === 'DROP' ? [`${name} -P ${chain.name} DROP`] : []),
      ...(chain.policy === undefined && chain.rules.length === 0 ? [`${name} -N ${chain.name}`] : []),
      ...chain.rules.map((rule) => `${name} -A ${chain.name} ${formatRule(rule)}`),
    ]),
  );
}

/** IPv4 rules that `spec` has and `plain` has not (`come`), and the other way round (`gone`). */
export function ruleChanges(
  plain: HostSpec,
  spec: HostSpec,
): { readonly gone: readonly string[]; readonly come: readonly string[] } {
  const [before, after] = [rulesOf(planOf(plain)), rulesOf(planOf(spec))];
  return {
    gone: before.filter((rule) => !after.includes(rule)),
    come: after.filter((rule) => !before.includes(rule)),
  };
}

/** Every operation of one family, with how it is guarded: `+` if absent, `?` errors ignored, `!` always. */
export function commandsOf(plan: Plan, family: Family = 'ipv4'): readonly string[] {
  const marks = { 'if-absent': '+', 'ignore-errors': '?', always: '!' } as const;
  return plan.operations
    .filter((operation) => operation.family === family)
    .map(({ when, table, command }) => `${marks[when]} ${table} ${commandText(command)}`);
}

function commandText(command: Command): string {
  switch (command.op) {
    case 'append':
      return `-A ${command.chain} ${formatRule(command.rule)}`.trimEnd();
    case 'insert':
      return `-I ${command.chain} ${formatRule(command.rule)}`.trimEnd();
    case 'delete':
      return `-D ${command.chain} ${formatRule(command.rule)}`.trimEnd();
    case 'policy':
      return `-P ${command.chain} ${command.policy}`;
    case 'new-chain':
      return `-N ${command.chain}`;
    case 'flush':
      return `-F ${command.chain}`;
    case 'delete-chain':
      return `-X ${command.chain}`;
    default:
      return JSON.stringify(command);
  }
}

/** Splits an indented block into its lines. */
export function lines(block: string): readonly string[] {
  return block
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
