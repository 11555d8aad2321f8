/**
 * The bridge driver's plan: rules, links, routes, sysctls and proxies of one host, for one generation.
 * In: Options, Intent and what was there before. Out: a Plan. A pure function: another setting is another call.
 * It knows no facts of a host; `plan/expected.ts` finds out what a bundle's host was asked for.
 */
import { runOperations } from '../../firewall/machine.ts';
import { runNftTransactions } from '../../firewall/nft/machine.ts';
import { emptyNftRuleset, type NftRuleset } from '../../firewall/nft/model.ts';
import { type Backend, emptyRuleset, type Ruleset } from '../../firewall/ruleset.ts';
import type { Intent } from '../../intent/intent.ts';
import type { Options } from '../../options/options.ts';
import type { Generation, Plan } from '../plan.ts';
import { g1Steps } from './g1.ts';
import { g6Steps } from './g6.ts';
import { g7Steps, g8Steps, g9Steps } from './g9.ts';
import { g10Steps } from './g10.ts';
import { plannedLinks, plannedProxies, plannedRoutes, plannedSysctls } from './kernel-state.ts';
import { n1Transactions } from './n1.ts';
import { bridgeNetworks } from './network.ts';
import type { Script } from './script.ts';
import { g2Steps, g3Steps, g4Steps } from './stages.ts';
import { type FamilyStep, toOperations } from './steps.ts';

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
    /** True: a WSL2 guest with mirrored networking. */
    readonly mirroredLoopback?: boolean;
  };
  readonly backend: Backend;
}

const stepsOf: Readonly<Record<Generation, (script: Script) => readonly FamilyStep[]>> = {
  G1: g1Steps,
  G2: g2Steps,
  G3: g3Steps,
  G4: g4Steps,
  // What 27 adds to the steps of 23 are network options.
  G5: g4Steps,
  G6: g6Steps,
  G7: g7Steps,
  G8: g8Steps,
  G9: g9Steps,
  G10: g10Steps,
  N1: () => [],
};

/** Plans the bridge networks of a host. */
export function planBridge(input: BridgePlanInput): Plan {
  const { options, intent, generation, before } = input;
  const { networks, endpoints, notes } = bridgeNetworks(options, intent);
  const script: Script = {
    options,
    networks,
    endpoints,
    forwardingBefore: { ipv4: before?.ipForward, ipv6: before?.ip6Forward },
    predefinedMade: predefinedMade(intent),
    listensOnIpv6: before?.listensOnIpv6 ?? true,
    mirroredLoopback: before?.mirroredLoopback ?? false,
  };
  const operations = toOperations(stepsOf[generation](script), input.backend);
  const { ruleset, log } = runOperations(before?.ruleset ?? emptyRuleset, operations);
  const failed = log.find(({ result }) => result === 'failed');
  const nftTransactions = generation === 'N1' ? n1Transactions(script) : [];
  const native = runNftTransactions(before?.nft ?? emptyNftRuleset, nftTransactions);
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
    unmodelled: [
      ...notes,
      ...(failed === undefined
        ? []
        : [`what follows "${failed.operation.reason.step}": iptables says ${failed.error?.message}`]),
      ...(native.failed === undefined
        ? []
        : [`what follows "${native.failed.operation.reason.step}": ${native.failed.error.message}`]),
    ],
  };
}

/** An engine always has `none` and `host`; an intent that names neither is of a fresh one. */
function predefinedMade(intent: Intent): number {
  const predefined = intent.networks.filter(({ driver }) => driver === 'null' || driver === 'host');
  return predefined.length === 0 ? 2 : predefined.filter(({ restored }) => restored !== true).length;
}
