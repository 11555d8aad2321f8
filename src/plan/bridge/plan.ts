/**
 * The bridge driver's plan: rules, links, routes, sysctls and proxies of one host, for one generation.
 * In: Options, Intent and what was there before. Out: a Plan. A pure function: another setting is another call.
 * It knows no facts of a host; `plan/expected.ts` finds out what a bundle's host was asked for.
 */
import { runOperations } from '../../firewall/machine.ts';
import { type Backend, emptyRuleset, type Ruleset } from '../../firewall/ruleset.ts';
import type { Intent } from '../../intent/intent.ts';
import type { Options } from '../../options/options.ts';
import type { Generation, Plan } from '../plan.ts';
import { g1Steps } from './g1.ts';
import { g9Steps } from './g9.ts';
import { plannedLinks, plannedProxies, plannedRoutes, plannedSysctls } from './kernel-state.ts';
import { bridgeNetworks } from './network.ts';
import type { Script } from './script.ts';
import { toOperations } from './steps.ts';

export interface BridgePlanInput {
  readonly options: Options;
  readonly intent: Intent;
  readonly generation: Generation;
  /** What the engine found when it started; absent: an empty firewall, and forwarding off. */
  readonly before?: {
    readonly ruleset?: Ruleset;
    /** net.ipv4.ip_forward; undefined counts as off. */
    readonly ipForward: boolean | undefined;
  };
  readonly backend: Backend;
}

/** Plans the bridge networks of a host. */
export function planBridge(input: BridgePlanInput): Plan {
  const { options, intent, generation, before } = input;
  const { networks, endpoints, notes } = bridgeNetworks(options, intent, generation);
  const script: Script = {
    options,
    networks,
    endpoints,
    forwardingBefore: before?.ipForward,
    predefinedMade: predefinedMade(intent),
  };
  const operations = toOperations(generation === 'G1' ? g1Steps(script) : g9Steps(script), {
    backend: input.backend,
    family: 'ipv4',
  });
  const { ruleset, log } = runOperations(before?.ruleset ?? emptyRuleset, operations);
  const failed = log.find(({ result }) => result === 'failed');
  return {
    generation,
    operations,
    ruleset,
    links: plannedLinks(script, generation),
    routes: plannedRoutes(script),
    sysctls: plannedSysctls(script, generation),
    proxies: plannedProxies(script),
    unmodelled:
      failed === undefined
        ? notes
        : [
            ...notes,
            `what follows "${failed.operation.reason.step}": iptables says ${failed.error?.message}`,
          ],
  };
}

/** An engine always has `none` and `host`; an intent that names neither is of a fresh one. */
function predefinedMade(intent: Intent): number {
  const predefined = intent.networks.filter(({ driver }) => driver === 'null' || driver === 'host');
  return predefined.length === 0 ? 2 : predefined.filter(({ restored }) => restored !== true).length;
}
