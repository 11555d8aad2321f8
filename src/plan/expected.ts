/**
 * What should be on the host of a bundle: its configuration, its networks, and the plan of its engine.
 * In: Facts. Out: Options, Intent and Plan with what could not be used, or why nothing can be said.
 * One way from a bundle to its plan, for the reader, the doctor and the judge alike; it compares nothing.
 */
import { emptyNftRuleset } from '../firewall/nft/model.ts';
import {
  type Backend,
  builtinChains,
  type Ruleset,
  type Table,
  type TableName,
} from '../firewall/ruleset.ts';
import { type FactProblem, type Facts, type Parsed, text } from '../host/facts.ts';
import { firewalldMembers } from '../host/firewalld.ts';
import { isRulesAlone } from '../host/rules-alone.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import type { Intent } from '../intent/intent.ts';
import { compareInstants } from '../intent/time.ts';
import { type Family, sameAddr } from '../net/addr.ts';
import type { Options } from '../options/options.ts';
import type { Resolution } from '../options/resolve.ts';
import { newestEngine } from '../options/version.ts';
import { configurationFromFacts } from './configuration-from-facts.ts';
import { type EngineLog, readEngineLog } from './engine-log.ts';
import { engineOf, engineOfRules, type KnownEngine } from './engine-version.ts';
import { generationFor, portOrderOf, unsupportedEngine } from './generation.ts';
import { type NotInForce, optionsInForce } from './in-force.ts';
import type { Engine } from './intent-after.ts';
import { declaredDifferences, type IntentDifference, storeDifferences } from './intent-differences.ts';
import { declaredIntent, type IntentSource, intentFromFacts, storedIntent } from './intent-from-facts.ts';
import type { Generation, Plan } from './plan.ts';
import { runningBackend } from './running-backend.ts';
import { type ResolverPorts, resolverAddress } from './sandbox.ts';
import { networksSeen } from './seen-networks.ts';
import { withSettingsSeen } from './seen-settings.ts';
import { type EngineState, pristine, type Transition, transition } from './transition.ts';

export interface Expected {
  /** In force; where that differs from the configuration, `notInForce` says so. */
  readonly options: Options;
  readonly notInForce: readonly NotInForce[];
  /** The configuration as dockerd reads it: with what it would refuse and warn about. */
  readonly configuration: Resolution;
  readonly intent: Intent;
  readonly intentSource: IntentSource;
  /** Where the engine's store, or a declaration, says otherwise than the engine. */
  readonly intentDifferences: readonly IntentDifference[];
  readonly plan: Plan;
  /** How it is known which engine's plan this is: the version itself is in the options. */
  readonly engine: KnownEngine;
  readonly generation: Generation;
  readonly backend: Backend;
  readonly problems: readonly FactProblem[];
  /** Whether the log shows the engine's commands from a start on; else the order of the networks is a guess. */
  readonly orderKnown: boolean;
  /** What of the plan was taken as the host has it, since nothing else tells; one line each. */
  readonly assumed: readonly string[];
  /** What the engine and the host hold if everything is as planned: where a transition begins. */
  readonly held: EngineState;
  /** The plan that another intent would give on the same host, with the same history. */
  readonly replan: (intent: Intent) => Plan;
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
  const host = hostOf(state);
  const engine = engineFor(facts, host, given.engine);
  if (engine === undefined) {
    return {
      // A daemon that refuses to start tells no version; what it refuses is mostly the same in all.
      configuration: configurationFromFacts(facts, newestEngine).value,
      cannot:
        'the engine version is unknown: docker-version.json is missing or names none, and no rules show it',
    };
  }
  const rulesAlone = host !== undefined && isRulesAlone(state) ? host : undefined;
  const { value: configured0, problems } = configurationFromFacts(facts, engine.version);
  const configuration =
    rulesAlone === undefined
      ? configured0
      : { ...configured0, options: withSettingsSeen(configured0.options, rulesAlone) };
  const configured = generationFor(configuration.options);
  if (configured === undefined) return { cannot: unsupportedEngine(engine.version) };
  const refusal = configuration.errors[0];
  if (refusal !== undefined && !facts.files.has('docker-network-inspect.json'))
    return { configuration, cannot: `dockerd refuses to start: ${refusal.message}` };
  const log = readEngineLog(text(facts, 'dockerd.log') ?? '');
  const intent =
    intentFromFacts(facts, { state, log, portOrder: portOrderOf(configured) }) ??
    (rulesAlone === undefined ? undefined : intentFromRules(rulesAlone));
  if (intent === undefined)
    return {
      configuration,
      cannot:
        'the networks are unknown: docker-network-inspect.json is missing or unreadable, and local-kv.db with it',
    };
  const running = runningBackend(facts, engine, host);
  const { options, notInForce } = optionsInForce(configuration.options, intent.value, log, running);
  const generation = generationFor(options) ?? configured;
  const stored =
    intent.source === 'docker-network-inspect.json' ? storedIntent(facts, { state, log }) : undefined;
  const declared =
    intent.source === 'networks.json'
      ? undefined
      : declaredIntent(facts, { state, log, portOrder: portOrderOf(generation) });
  const before = beforeFirstStart({ options, generation }, log, state);
  const lastStart = (wanted: Intent) => history(before, wanted, log);
  const { plan, state: held } = lastStart(intent.value);
  return {
    options,
    notInForce,
    configuration,
    intent: intent.value,
    intentSource: intent.source,
    intentDifferences: [
      ...(stored === undefined ? [] : storeDifferences(intent.value, stored.value)),
      ...(declared === undefined ? [] : declaredDifferences(intent.value, declared.value)),
    ],
    plan,
    held,
    replan: (other) => lastStart(other).plan,
    engine,
    generation,
    backend: before.backend,
    problems: [...problems, ...intent.problems],
    orderKnown: log.setForwardPolicy.ipv4 !== undefined,
    assumed: [
      ...(intent.guessed ?? []),
      ...families.flatMap((family) => assumedPolicy(held, log, host, family)),
    ],
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
  return engineOfRules(host, (engine) => configurationFromFacts(facts, engine).value.options);
}

/** The networks that the rules themselves tell of. */
function intentFromRules(
  host: Namespace,
): (Parsed<Intent> & { readonly source: IntentSource; readonly guessed: readonly string[] }) | undefined {
  const seen = networksSeen(host);
  return seen === undefined
    ? undefined
    : { value: seen.intent, guessed: seen.guessed, problems: [], source: 'rules' };
}

function hostOf({ namespaces }: HostState): Namespace | undefined {
  return namespaces.find(({ kind }) => kind === 'host');
}

/** Its rules show it; where there is no listing that could hold them, the engine's log does. */
function firewalldRuns({ firewalld }: EngineLog, host: Namespace | undefined): boolean {
  if (host !== undefined && firewalldMembers(host) !== undefined) return true;
  return firewalld && host?.nft === undefined;
}

/** Nobody but the resolver listens on its address. */
function resolverPorts({ namespaces }: HostState): (container: string) => ResolverPorts {
  return (container) => {
    const sockets = namespaces.find(({ kind, name }) => kind === 'container' && name === container)?.sockets;
    const portOf = (wanted: 'tcp' | 'udp') =>
      sockets?.find(
        ({ protocol, address }) =>
          protocol === wanted && address !== undefined && sameAddr(address, resolverAddress),
      )?.port;
    const [tcp, udp] = [portOf('tcp'), portOf('udp')];
    return { ...(tcp === undefined ? {} : { tcp }), ...(udp === undefined ? {} : { udp }) };
  };
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

/** The host as the engine's first start of this boot found it. */
function beforeFirstStart(engine: Engine, log: EngineLog, state: HostState): EngineState {
  const host = hostOf(state);
  const backend = backendOf(host?.firewall);
  const left =
    backend === 'iptables-nft' ? families.flatMap((f) => log.tables[f].map((t) => emptyTable(f, t))) : [];
  return pristine(engine, {
    backend,
    ruleset: { tables: left },
    nft: emptyNftRuleset,
    forwarding: {
      ipv4: forwardingBefore(log, host, 'ipv4'),
      ipv6: forwardingBefore(log, host, 'ipv6'),
    },
    listensOnIpv6: listensOnIpv6(host),
    mirroredLoopback: host?.links.some(({ name }) => name === 'loopback0') ?? false,
    firewalld: firewalldRuns(log, host),
    resolverPorts: resolverPorts(state),
  });
}

/**
 * An engine that restarted on the same boot begins with the rules that its earlier run left. Of that run only what was restored is
 * known, and it is planned as made in the order of creation. After a reboot, or with one start in the log, there is nothing before.
 */
function history(before: EngineState, intent: Intent, log: EngineLog): Transition {
  const sandboxes = intent.sandboxes.filter(({ restored }) => restored === true);
  if (sandboxes.length === 0 && log.starts.length < 2) return transition(before, before, 'start', intent);
  const networks = intent.networks
    .filter(({ restored }) => restored === true)
    .toSorted((a, b) => compareInstants(a.created, b.created));
  const earlier = transition(before, before, 'start', {
    networks: networks.map((network) => ({ ...network, restored: false })),
    sandboxes: sandboxes.map((sandbox) => ({ ...sandbox, restored: false })),
  });
  return transition(earlier.state, before, sandboxes.length > 0 ? 'live-restore' : 'restart', intent);
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

/** The engine sets FORWARD's policy only where it turned forwarding on itself, which its log alone shows once the policy was changed back. */
function assumedPolicy(
  { options, generation, intent }: EngineState,
  log: EngineLog,
  host: Namespace | undefined,
  family: Family,
): readonly string[] {
  const uses = family === 'ipv4' ? options.settings.iptables.value : options.settings.ip6tables.value;
  const has = intent.networks.some(({ ipam }) => ipam.some(({ subnet }) => subnet.addr.family === family));
  if (!uses || !has || !options.settings['ip-forward'].value || generation === 'N1') return [];
  if (log.setForwardPolicy[family] !== undefined || forwardingBefore(log, host, family) !== true) return [];
  return [
    `the policy of ${family} filter FORWARD: no log shows whether dockerd set DROP, so that ACCEPT counts as planned`,
  ];
}

/** The engine tries to listen on ::1, which loopback has unless the kernel was started with ipv6.disable. */
function listensOnIpv6(host: Namespace | undefined): boolean {
  const loopback = host?.links.find(({ kind }) => kind === 'loopback');
  if (loopback === undefined || loopback.addresses.length === 0) return true;
  return loopback.addresses.some(({ prefix }) => prefix.addr.family === 'ipv6');
}
