/**
 * History as a function: what an engine makes of a host when it starts, restarts, restores its containers, is reloaded or upgraded.
 * In: what the engine and the host hold, the engine that follows with its options, and how. Out: the plan made over what was there,
 * the state afterwards, what became of each changed option, and what stays behind. It reads no facts and changes nothing.
 */
import { runOperations } from '../firewall/machine.ts';
import type { NftRuleset } from '../firewall/nft/model.ts';
import type { Backend, Ruleset } from '../firewall/ruleset.ts';
import { type Intent, isDefaultBridge, type Network } from '../intent/intent.ts';
import type { Family } from '../net/addr.ts';
import { type BridgePlanInput, planBridge, stopBridge } from './bridge/plan.ts';
import { type Engine, intentAfter, runsContainers } from './intent-after.ts';
import { type LeftBehind, leftBehind } from './left-behind.ts';
import type { Plan } from './plan.ts';
import type { ResolverPorts } from './sandbox.ts';
import { type How, type SettingOutcome, settle } from './settle.ts';

export interface EngineState extends Engine {
  /** What the engine holds: networks with the options in force, containers. */
  readonly intent: Intent;
  readonly backend: Backend;
  /** All of the host's. Rules that an engine made carry their reason. */
  readonly ruleset: Ruleset;
  /** The engine's own tables of native nftables. */
  readonly nft: NftRuleset;
  /** net.ipv4.ip_forward and net.ipv6.conf.all.forwarding; undefined counts as off. */
  readonly forwarding: Readonly<Record<Family, boolean | undefined>>;
  /** False: the kernel has no IPv6 to listen on (ipv6.disable). */
  readonly listensOnIpv6: boolean;
  /** True: a WSL2 guest with mirrored networking. */
  readonly mirroredLoopback: boolean;
  /** True: firewalld runs. */
  readonly firewalld?: boolean;
  /** Where the resolver of a container listens in its namespace. */
  readonly resolverPorts?: (container: string) => ResolverPorts;
}

export interface Transition {
  /** What the engine has done, and what there is then. */
  readonly plan: Plan;
  readonly state: EngineState;
  /** What became of each option that changed. */
  readonly settings: readonly SettingOutcome[];
  /** Worked out when asked: it takes a second plan, that of a fresh start. */
  readonly leftBehind: () => readonly LeftBehind[];
  /** Containers that stopped with the engine and that their restart policy does not bring back: `then` has them started by hand. */
  readonly waiting: readonly string[];
}

/**
 * An upgrade is a restart, or a live restore, with a later engine. `then` is what the engine holds in the end, marked with what
 * it restored; without it all containers that ran are started again, and an automatic subnet is chosen anew where options changed.
 */
export function transition(state: EngineState, next: Engine, how: How, then?: Intent): Transition {
  const effective = how === 'live-restore' && !runsContainers(state.intent) ? 'restart' : how;
  const { options, outcomes } = settle(state.options, next.options, effective);
  const engine = { ...next, options };
  const intent = then ?? intentAfter(state, engine, effective);
  const found = effective === 'restart' ? rulesAfterStop(state) : state.ruleset;
  const input: BridgePlanInput = {
    ...engine,
    intent,
    backend: state.backend,
    before: {
      ruleset: found,
      nft: state.nft,
      ipForward: state.forwarding.ipv4,
      ip6Forward: state.forwarding.ipv6,
      listensOnIpv6: state.listensOnIpv6,
      mirroredLoopback: state.mirroredLoopback,
      firewalld: state.firewalld,
      resolverPorts: state.resolverPorts,
      ...(effective === 'restart' ? oldDefaultNetwork(state) : {}),
    },
  };
  const made = planBridge(input);
  const plan =
    effective === 'reload'
      ? { ...made, operations: [], ruleset: state.ruleset, nftTransactions: [], nft: state.nft }
      : made;
  return {
    plan,
    state: {
      ...state,
      ...engine,
      intent,
      ruleset: plan.ruleset,
      nft: plan.nft,
      forwarding: forwardingAfter(state, plan),
    },
    settings: outcomes,
    leftBehind: () => leftBehind(plan.ruleset, freshRules(input), options),
    waiting: effective === 'restart' ? notStartedByEngine(state.intent) : [],
  };
}

/** Before any engine ran. */
export function pristine(engine: Engine, host: Omit<EngineState, 'intent' | keyof Engine>): EngineState {
  return { ...engine, ...host, intent: { networks: [], sandboxes: [] } };
}

function notStartedByEngine({ sandboxes }: Intent): readonly string[] {
  return sandboxes.flatMap(({ name, running, restarts }) => (running && restarts === false ? [name] : []));
}

/** The rules that a clean end of the engine leaves, when its containers end with it. Under live restore it changes nothing. */
export function rulesAfterStop(state: EngineState): Ruleset {
  const { options, generation, intent, backend, listensOnIpv6 } = state;
  const stop = stopBridge({
    options,
    generation,
    intent,
    backend,
    before: { ipForward: undefined, listensOnIpv6 },
  });
  return runOperations(state.ruleset, stop).ruleset;
}

function oldDefaultNetwork({
  options,
  intent,
}: EngineState): Pick<NonNullable<BridgePlanInput['before']>, 'defaultNetwork'> {
  const network = intent.networks.find(isDefaultBridge);
  return network === undefined ? {} : { defaultNetwork: { network, options } };
}

/** An engine that dropped what it forwards turned forwarding on. */
function forwardingAfter({ forwarding }: EngineState, plan: Plan): EngineState['forwarding'] {
  const turnedOn = (family: Family) =>
    plan.operations.some((operation) => operation.family === family && operation.command.op === 'policy');
  return {
    ipv4: forwarding.ipv4 === true || turnedOn('ipv4'),
    ipv6: forwarding.ipv6 === true || turnedOn('ipv6'),
  };
}

/** As on a new host, where networks have come from elsewhere: no rules, and no forwarding, so that every policy is set that is asked for. */
function freshRules(input: BridgePlanInput): Ruleset {
  const { networks, sandboxes } = input.intent;
  const isMade = (network: Network) => isDefaultBridge(network) || network.driver !== 'bridge';
  const intent = {
    networks: networks.map((network) => (isMade(network) ? { ...network, restored: false } : network)),
    sandboxes: sandboxes.map((sandbox) => ({ ...sandbox, restored: false })),
  };
  const { ruleset: _, nft: __, defaultNetwork: ___, ...before } = input.before ?? { ipForward: false };
  return planBridge({ ...input, intent, before: { ...before, ipForward: false, ip6Forward: false } }).ruleset;
}
