/**
 * From changes of the model to a change of the kernel: a repair that was proved in memory, made real. In: StateChanges and
 * where their namespaces are. Out: a Change with the same effects. Pure.
 */
import { nftCommands } from '../firewall/nft/commands.ts';
import { addedPolicyRule, type StateChange } from '../host/change.ts';
import type { Route } from '../host/state.ts';
import { type Change, firewallSteps, type RouteSpec, type Step } from './change.ts';
import type { NamespacePath } from './namespace.ts';

export interface Translated {
  readonly change: Change;
  /** What is not a matter of links, routes, sysctls and rules, and tables that nobody else may change: an engine's or another tool's work. */
  readonly left: readonly StateChange[];
}

/** `where` gives the path of a namespace by its name in the state. */
export function changeOf(
  changes: readonly StateChange[],
  where: (namespace: string) => NamespacePath,
): Translated {
  const translated = changes.map((change) => ({ change, steps: stepsOf(change, where(change.namespace)) }));
  return {
    change: { steps: translated.flatMap(({ steps }) => steps ?? []) },
    left: translated.flatMap(({ change, steps }) => (steps === undefined ? [change] : [])),
  };
}

function stepsOf(change: StateChange, netns: NamespacePath): readonly Step[] | undefined {
  const at = netns === undefined ? {} : { netns };
  switch (change.kind) {
    case 'ruleset':
      return firewallSteps(change.from, change.to, netns);
    case 'nft':
      return nftCommands(change.from, change.to).length === 0
        ? undefined
        : [{ ...at, kind: 'nft', from: change.from, to: change.to }];
    case 'sysctl': {
      const before = change.before === undefined ? {} : { before: change.before };
      return [{ ...at, kind: 'sysctl', name: change.name, value: change.value, ...before }];
    }
    case 'link-up':
      return [{ ...at, kind: 'set-link', name: change.dev, set: { up: true }, before: { up: false } }];
    case 'link-down':
      return [{ ...at, kind: 'set-link', name: change.dev, set: { up: false }, before: { up: true } }];
    case 'delete-link':
      return [{ ...at, kind: 'delete-link', name: change.dev }];
    case 'rename-link':
      return [{ ...at, kind: 'rename-link', name: change.dev, to: change.name }];
    case 'add-bridge':
      return [
        { ...at, kind: 'add-link', name: change.dev, link: { type: 'bridge' } },
        ...(change.prefix === undefined
          ? []
          : [{ ...at, kind: 'add-address', dev: change.dev, prefix: change.prefix } as const]),
        { ...at, kind: 'set-link', name: change.dev, set: { mtu: change.mtu, up: true } },
      ];
    case 'link-master':
      return [{ ...at, kind: 'set-link', name: change.dev, set: { master: change.master } }];
    case 'link-mtu':
      return [{ ...at, kind: 'set-link', name: change.dev, set: { mtu: change.mtu } }];
    case 'port-flags':
      return [{ ...at, kind: 'set-link', name: change.dev, set: { port: change.flags } }];
    case 'add-address':
    case 'delete-address':
      return [{ ...at, kind: change.kind, dev: change.dev, prefix: change.prefix }];
    case 'add-route':
    case 'delete-route':
      return [{ ...at, kind: change.kind, route: routeSpec(change.route) }];
    case 'delete-neighbour':
      return [{ ...at, kind: 'delete-neighbour', dev: change.dev, addr: change.addr }];
    case 'delete-policy-rule':
      return [{ ...at, kind: 'delete-policy-rule', family: 'ipv4', priority: change.priority }];
    case 'add-policy-rule':
      return [{ ...at, kind: 'add-policy-rule', rule: addedPolicyRule(change) }];
    case 'link-mac':
      return [{ ...at, kind: 'set-link', name: change.dev, set: { mac: change.mac } }];
    case 'listen':
    case 'attach':
    case 'start-proxy':
    case 'stop-proxy':
    case 'delete-nft-chain':
      return undefined;
  }
}

function routeSpec(route: Route): RouteSpec {
  return {
    type: route.type,
    dst: route.dst,
    table: route.table,
    metric: route.metric,
    ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
    ...(route.dev === undefined ? {} : { dev: route.dev }),
    ...(route.preferredSource === undefined ? {} : { preferredSource: route.preferredSource }),
  };
}
