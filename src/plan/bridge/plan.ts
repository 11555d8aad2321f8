/**
 * The bridge driver's plan: rules, links, routes, sysctls and proxies of one host, for one generation.
 * In: Options, Intent and what was there before. Out: a Plan. A pure function: another setting is another call.
 * It knows no facts of a host; `plan/expected.ts` finds out what a bundle's host was asked for.
 */
import { runOperations } from '../../firewall/machine.ts';
import { runNftTransactions } from '../../firewall/nft/machine.ts';
import { emptyNftRuleset, type NftRuleset } from '../../firewall/nft/model.ts';
import type { NftTransaction } from '../../firewall/nft/operation.ts';
import type { Operation } from '../../firewall/operation.ts';
import { type Backend, emptyRuleset, type Ruleset } from '../../firewall/ruleset.ts';
import type { Intent, Network } from '../../intent/intent.ts';
import type { Options } from '../../options/options.ts';
import type { Generation, Plan } from '../plan.ts';
import { planSandboxes, type ResolverPorts } from '../sandbox.ts';
import { plannedFirewalld } from './firewalld.ts';
import { g1Course } from './g1.ts';
import { g6Course } from './g6.ts';
import { g7Course, g8Course, g9Course } from './g9.ts';
import { g10Course } from './g10.ts';
import { plannedLinks, plannedProxies, plannedRoutes, plannedSysctls } from './kernel-state.ts';
import { n1Transactions } from './n1.ts';
import { bridgeNetworks } from './network.ts';
import { withoutIptables, withoutNftables } from './other-backend.ts';
import type { Script } from './script.ts';
import { g2Course, g3Course, g4Course } from './stages.ts';
import { type Course, toOperations } from './steps.ts';

export interface BridgePlanInput {
  readonly options: Options;
  readonly intent: Intent;
  readonly generation: Generation;
  /** What the engine found when it started; absent: an empty firewall, and forwarding off. */
  readonly before?: {
    readonly ruleset?: Ruleset;
    /** The engine's own tables of native nftables. */
    readonly nft?: NftRuleset;
    /** net.ipv4.ip_forward; undefined counts as off. */
    readonly ipForward: boolean | undefined;
    /** net.ipv6.conf.all.forwarding; undefined counts as off. */
    readonly ip6Forward?: boolean | undefined;
    /** False: the kernel has no IPv6 to listen on (ipv6.disable). */
    readonly listensOnIpv6?: boolean;
    /** The default network as an earlier run made it, where the engine deletes it to make its own. */
    readonly defaultNetwork?: { readonly network: Network; readonly options: Options };
    /** True: a WSL2 guest with mirrored networking. */
    readonly mirroredLoopback?: boolean;
    /** True: firewalld runs. */
    readonly firewalld?: boolean | undefined;
    /** Where the resolver of a container listens in its namespace. */
    readonly resolverPorts?: ((container: string) => ResolverPorts) | undefined;
  };
  readonly backend: Backend;
}

const courseOf: Readonly<Record<Generation, (script: Script) => Course>> = {
  G1: g1Course,
  G2: g2Course,
  G3: g3Course,
  G4: g4Course,
  // What 27 adds to the steps of 23 are network options.
  G5: g4Course,
  G6: g6Course,
  G7: g7Course,
  G8: g8Course,
  G9: g9Course,
  G10: g10Course,
  // A start flushes the native tables, whatever a stop took away before; for iptables see `withoutIptables`.
  N1: () => ({ start: [], stop: [] }),
};

/** Plans the bridge networks of a host. */
export function planBridge(input: BridgePlanInput): Plan {
  const { generation, intent, before } = input;
  const { script, notes } = scriptOf(input);
  const { ruleset: left = emptyRuleset, nft: nativeLeft = emptyNftRuleset } = before ?? {};
  const start = generation === 'N1' ? withoutIptables(script, left) : courseOf[generation](script).start;
  const operations = toOperations(start, input.backend);
  const { ruleset, log } = runOperations(left, operations);
  const failed = log.find(({ result }) => result === 'failed');
  const nftTransactions = transactionsOf(generation, script, nativeLeft);
  const native = runNftTransactions(nativeLeft, nftTransactions);
  return {
    generation,
    operations,
    ruleset,
    nftTransactions,
    nft: native.ruleset,
    links: plannedLinks(script, generation),
    routes: plannedRoutes(script),
    sysctls: plannedSysctls(script, generation),
    proxies: plannedProxies(script),
    ...(before?.firewalld === true ? { firewalld: plannedFirewalld(script) } : {}),
    sandboxes: planSandboxes({
      intent,
      generation,
      backend: input.backend,
      portsOf: before?.resolverPorts,
    }),
    unmodelled: [
      ...notes,
      ...swarmNotes(intent),
      ...(failed === undefined
        ? []
        : [`what follows "${failed.operation.reason.step}": iptables says ${failed.error?.message}`]),
      ...(native.failed === undefined
        ? []
        : [`what follows "${native.failed.operation.reason.step}": ${native.failed.error.message}`]),
    ],
  };
}

/** What the engine does to the rules when it ends and its containers with it. */
export function stopBridge(input: BridgePlanInput): readonly Operation[] {
  return toOperations(courseOf[input.generation](scriptOf(input).script).stop, input.backend);
}

function scriptOf({ options, intent, before }: BridgePlanInput): {
  readonly script: Script;
  readonly notes: readonly string[];
} {
  const { networks, endpoints, notes } = bridgeNetworks(options, intent);
  const old = before?.defaultNetwork;
  const [deleted] =
    old === undefined ? [] : bridgeNetworks(old.options, { networks: [old.network], sandboxes: [] }).networks;
  const script: Script = {
    options,
    networks,
    endpoints,
    deleted,
    forwardingBefore: { ipv4: before?.ipForward, ipv6: before?.ip6Forward },
    predefinedMade: predefinedMade(intent),
    listensOnIpv6: before?.listensOnIpv6 ?? true,
    mirroredLoopback: before?.mirroredLoopback ?? false,
  };
  return { script, notes };
}

/** Engines before 29 know no native tables. */
function transactionsOf(generation: Generation, script: Script, left: NftRuleset): readonly NftTransaction[] {
  if (generation === 'N1') return n1Transactions(script);
  return generation === 'G10' ? withoutNftables(script, left) : [];
}

/** A node of a swarm has the overlay network that leads to its services' ports. */
function swarmNotes({ networks }: Intent): readonly string[] {
  return networks.some(({ driver }) => driver === 'overlay')
    ? ["overlay networks, and swarm's rules for the ports of services (DOCKER-INGRESS)"]
    : [];
}

/** An engine always has `none` and `host`; an intent that names neither is of a fresh one. */
function predefinedMade(intent: Intent): number {
  const predefined = intent.networks.filter(({ driver }) => driver === 'null' || driver === 'host');
  return predefined.length === 0 ? 2 : predefined.filter(({ restored }) => restored !== true).length;
}
