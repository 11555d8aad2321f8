/**
 * What should be on the host of a bundle: its configuration, its networks, and the plan of its engine.
 * In: Facts. Out: Options, Intent and Plan with what could not be used, or why nothing can be said.
 * One way from a bundle to its plan, for the reader, the doctor and the judge alike; it compares nothing.
 */
import {
  type Backend,
  builtinChains,
  type Ruleset,
  type Table,
  type TableName,
} from '../firewall/ruleset.ts';
import { type FactProblem, type Facts, text } from '../host/facts.ts';
import { parseJson } from '../host/json.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import { intentFromInspect } from '../intent/inspect.ts';
import type { Intent } from '../intent/intent.ts';
import { compareInstants } from '../intent/time.ts';
import { type Family, formatAddr } from '../net/addr.ts';
import type { Options } from '../options/options.ts';
import { type Resolution, resolveOptions } from '../options/resolve.ts';
import { newestEngine } from '../options/version.ts';
import { planBridge } from './bridge/plan.ts';
import { type EngineLog, readEngineLog } from './engine-log.ts';
import { engineOf, engineOfRules, type KnownEngine } from './engine-version.ts';
import { generationFor, portOrderOf, unsupportedEngine } from './generation.ts';
import { type NotInForce, optionsInForce } from './in-force.ts';
import type { Generation, Plan } from './plan.ts';

export interface Expected {
  /** In force; where that differs from the configuration, `notInForce` says so. */
  readonly options: Options;
  readonly notInForce: readonly NotInForce[];
  /** The configuration as dockerd reads it: with what it would refuse and warn about. */
  readonly configuration: Resolution;
  readonly intent: Intent;
  readonly plan: Plan;
  /** How it is known which engine's plan this is: the version itself is in the options. */
  readonly engine: KnownEngine;
  readonly generation: Generation;
  readonly backend: Backend;
  readonly problems: readonly FactProblem[];
  /** The plan that other options or another intent would give on the same host, with the same history. */
  readonly replan: (options: Options, intent: Intent) => Plan;
}

export interface CannotExpect {
  /** One line. */
  readonly cannot: string;
  /** Where it got that far: the configuration, whose errors may be the reason. */
  readonly configuration?: Resolution;
}

export interface ExpectOptions {
  /** Spares a second reading of the facts where the caller has it. */
  readonly state?: HostState;
  /** Plan as this engine would, in place of the one that runs. */
  readonly engine?: string;
}

/** The plan for a bundle. */
export function expectedFromFacts(facts: Facts, given: ExpectOptions = {}): Expected | CannotExpect {
  const state = given.state ?? hostStateFromFacts(facts).state;
  const host = state.namespaces.find(({ kind }) => kind === 'host');
  const engine = engineFor(facts, host, given.engine);
  if (engine === undefined) {
    return {
      // A daemon that refuses to start tells no version; what it refuses is mostly the same in all.
      configuration: configurationOf(facts, newestEngine, []),
      cannot:
        'the engine version is unknown: docker-version.json is missing or names none, and no rules show it',
    };
  }
  const problems: FactProblem[] = [];
  const configuration = configurationOf(facts, engine.version, problems);
  const generation = generationFor(configuration.options);
  if (generation === undefined) return { cannot: unsupportedEngine(engine.version) };
  const read = readJson(facts, problems);
  const networks = read('docker-network-inspect.json');
  if (networks === undefined) {
    const refusal = configuration.errors[0];
    return {
      configuration,
      cannot:
        refusal === undefined
          ? 'the networks are unknown: docker-network-inspect.json is missing or unreadable'
          : `dockerd refuses to start: ${refusal.message}`,
    };
  }
  const containers = read('docker-container-inspect.json');
  const log = readEngineLog(text(facts, 'dockerd.log') ?? '');
  const engineStarted = log.starts.at(-1);
  const intent = intentFromInspect({
    networks: { json: networks, file: 'docker-network-inspect.json' },
    ...(containers === undefined
      ? {}
      : { containers: { json: containers, file: 'docker-container-inspect.json' } }),
    portOrder: portOrderOf(generation),
    evidence: {
      linkIndexes: linkIndexes(state),
      ...(state.proxies === undefined ? {} : { proxies: state.proxies }),
      ...(engineStarted === undefined ? {} : { engineStarted }),
      restored: log.restored,
    },
  });
  const { options, notInForce } = optionsInForce(configuration.options, intent.value, log);
  const backend = backendOf(host?.firewall);
  const replan = (otherOptions: Options, otherIntent: Intent): Plan => {
    const chosen = generationFor(otherOptions) ?? generation;
    return planHistory(
      { options: otherOptions, intent: otherIntent, generation: chosen, backend },
      log,
      host,
    );
  };
  return {
    options,
    notInForce,
    configuration,
    intent: intent.value,
    plan: replan(options, intent.value),
    replan,
    engine,
    generation,
    backend,
    problems: [...problems, ...intent.problems],
  };
}

/** What was asked for, else what the files tell, else what the rules show. */
function engineFor(
  facts: Facts,
  host: Namespace | undefined,
  asked: string | undefined,
): KnownEngine | undefined {
  if (asked !== undefined) return { version: asked, by: 'given' };
  const told = engineOf(facts);
  if (told !== undefined || host === undefined) return told;
  return engineOfRules(host, (engine) => configurationOf(facts, engine, []).options);
}

function readJson(facts: Facts, problems: FactProblem[]): (file: string) => unknown {
  return (file) => {
    const content = text(facts, file);
    if (content === undefined) return undefined;
    const parsed = parseJson(content, file);
    problems.push(...parsed.problems);
    return parsed.value;
  };
}

function configurationOf(facts: Facts, engine: string, problems: FactProblem[]): Resolution {
  const file = facts.files.get('daemon.json');
  const command = readJson(facts, problems)('dockerd.argv');
  const { argv, env } = commandOf(command);
  return resolveOptions({
    engine,
    ...(file === undefined ? {} : { file: { path: 'daemon.json', text: file } }),
    ...(argv === undefined ? {} : { argv }),
    env,
  });
}

/** `{"argv": [...], "env": {...}}`; other shapes say nothing. */
function commandOf(json: unknown): {
  readonly argv?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  if (typeof json !== 'object' || json === null) return { env: {} };
  const argv =
    'argv' in json && Array.isArray(json.argv)
      ? json.argv.filter((word) => typeof word === 'string')
      : undefined;
  const entries =
    'env' in json && typeof json.env === 'object' && json.env !== null ? Object.entries(json.env) : [];
  const env = Object.fromEntries(entries.filter(([, value]) => typeof value === 'string'));
  return argv === undefined ? { env } : { argv, env };
}

/** The host's end of each container's veth, by the container's address. */
function linkIndexes(state: HostState): ReadonlyMap<string, number> {
  const indexes = new Map<string, number>();
  for (const namespace of state.namespaces) {
    if (namespace.kind !== 'container') continue;
    for (const link of namespace.links) {
      if (link.kind !== 'veth' || link.peer === undefined) continue;
      for (const { prefix } of link.addresses) indexes.set(formatAddr(prefix.addr), link.peer.index);
    }
  }
  return indexes;
}

/** The backend that holds Docker's chains, else the one that holds any table. */
function backendOf(ruleset: Ruleset | undefined): Backend {
  const tables = ruleset?.tables.filter(({ family }) => family === 'ipv4') ?? [];
  const docker = tables.find(({ chains }) =>
    chains.some(({ name }) => name === 'DOCKER' || name === 'DOCKER-USER'),
  );
  return (docker ?? tables[0])?.backend ?? 'iptables-nft';
}

const families: readonly Family[] = ['ipv4', 'ipv6'];

type PlanInput = Pick<Parameters<typeof planBridge>[0], 'options' | 'intent' | 'generation' | 'backend'>;

/**
 * The plan of an engine that restarted on the same boot begins with the rules that its earlier run left: the engine
 * flushes its own chains, but rules in built-in ones stay where they are. Of the earlier run only what was restored is
 * known, and it is planned as made in the order of creation. After a reboot, or with one start in the log, there is nothing before.
 */
function planHistory(input: PlanInput, log: EngineLog, host: Namespace | undefined): Plan {
  const forwarding = {
    ipForward: forwardingBefore(log, host, 'ipv4'),
    ip6Forward: forwardingBefore(log, host, 'ipv6'),
    listensOnIpv6: listensOnIpv6(host),
    mirroredLoopback: host?.links.some(({ name }) => name === 'loopback0') ?? false,
  };
  const ruleset = {
    tables:
      input.backend === 'iptables-nft'
        ? families.flatMap((f) => log.tables[f].map((t) => emptyTable(f, t)))
        : [],
  };
  const { intent } = input;
  const sandboxes = intent.sandboxes.filter(({ restored }) => restored === true);
  if (sandboxes.length === 0 && log.starts.length < 2)
    return planBridge({ ...input, before: { ...forwarding, ruleset } });
  const networks = intent.networks
    .filter(({ restored }) => restored === true)
    .toSorted((a, b) => compareInstants(a.created, b.created));
  const earlier = planBridge({
    ...input,
    intent: {
      networks: networks.map((network) => ({ ...network, restored: false })),
      sandboxes: sandboxes.map((sandbox) => ({ ...sandbox, restored: false })),
    },
    before: { ...forwarding, ruleset },
  });
  // Where the earlier run is not known to have set the policy (its default network is gone), this one does it.
  const setPolicy = (family: Family) =>
    earlier.operations.some((operation) => operation.family === family && operation.command.op === 'policy');
  return planBridge({
    ...input,
    before: {
      ...forwarding,
      ruleset: earlier.ruleset,
      nft: earlier.nft,
      ipForward: forwarding.ipForward === true || setPolicy('ipv4'),
      ip6Forward: forwarding.ip6Forward === true || setPolicy('ipv6'),
    },
  });
}

/** What an nft table is after its last rule went. */
function emptyTable(family: Family, name: TableName): Table {
  const chains = builtinChains[name].map((chain) => ({ name: chain, policy: 'ACCEPT' as const, rules: [] }));
  return { backend: 'iptables-nft', family, name, chains };
}

/** Forwarding before the engine's first start: off if it set FORWARD's policy, which it does in that case alone. */
function forwardingBefore(log: EngineLog, host: Namespace | undefined, family: Family): boolean | undefined {
  const said = log.setForwardPolicy[family];
  if (said !== undefined) return !said;
  const filter = host?.firewall.tables.find((table) => table.family === family && table.name === 'filter');
  const policy = filter?.chains.find(({ name }) => name === 'FORWARD')?.policy;
  return policy === undefined ? undefined : policy === 'ACCEPT';
}

/** The engine tries to listen on ::1, which loopback has unless the kernel was started with ipv6.disable. */
function listensOnIpv6(host: Namespace | undefined): boolean {
  const loopback = host?.links.find(({ kind }) => kind === 'loopback');
  if (loopback === undefined || loopback.addresses.length === 0) return true;
  return loopback.addresses.some(({ prefix }) => prefix.addr.family === 'ipv6');
}
