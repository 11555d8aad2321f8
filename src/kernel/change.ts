/**
 * Change: what should happen to a kernel, as a value. In: whoever computes a change (engine, repair, lab). Out:
 * `render.ts` makes the invocations of it, `apply.ts` runs them. Steps happen in order; each knows its reverse where
 * there is one. Reading the kernel is not here: that is a capture, parsed (bundle/, host/).
 */
import type { NftRuleset } from '../firewall/nft/model.ts';
import type { Backend, Ruleset } from '../firewall/ruleset.ts';
import type { BridgePort, BridgeSettings, LinkAddress, PolicyRule, RouteType } from '../host/state.ts';
import type { Addr, Family } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';
import type { NamespacePath } from './namespace.ts';

export interface Change {
  readonly steps: readonly Step[];
}

/** Where a step happens; absent: the caller's own network namespace. */
interface Place {
  readonly netns?: NamespacePath;
}

export type NewLink =
  | { readonly type: 'bridge' }
  /** The peer is made in its own namespace at once: it never exists in the wrong one. */
  | {
      readonly type: 'veth';
      readonly peer: { readonly name: string; readonly netns?: NamespacePath; readonly mac?: string };
    }
  /** A child of a link of the step's namespace, made in a namespace of its own at once. */
  | {
      readonly type: 'macvlan' | 'ipvlan';
      readonly parent: string;
      /** The kernel's default when absent. */
      readonly mode?: string;
      readonly netns?: NamespacePath;
    };

/** What `set-link` sets; absent fields are left alone. */
export interface LinkSettings {
  readonly up?: boolean;
  /** Bytes. */
  readonly mtu?: number;
  /** `02:42:ac:11:00:02` */
  readonly mac?: string;
  /** The bridge to be a port of; null: of none. */
  readonly master?: string | null;
  /** Settings of the link as a port of its bridge. */
  readonly port?: Partial<BridgePort>;
  /** Settings of the link as a bridge. */
  readonly bridge?: Partial<BridgeSettings>;
}

export interface RouteSpec {
  /** unicast when absent. */
  readonly type?: RouteType;
  readonly dst: Prefix;
  readonly gateway?: Addr;
  readonly dev?: string;
  readonly preferredSource?: Addr;
  /** 0 or absent: the kernel's default. */
  readonly metric?: number;
  /** Of packets by this route, in bytes. */
  readonly mtu?: number;
  /** The gateway is on the link, whatever the addresses say. */
  readonly onlink?: boolean;
  /** Beside another with the same destination, table and metric: which of them is asked first. Absent: there may be none. */
  readonly beside?: 'before' | 'after';
  /** `main` when absent. */
  readonly table?: string;
}

export type Step = Place &
  (
    | { readonly kind: 'add-link'; readonly name: string; readonly link: NewLink }
    | { readonly kind: 'delete-link'; readonly name: string }
    /** `before` makes it reversible. */
    | {
        readonly kind: 'set-link';
        readonly name: string;
        readonly set: LinkSettings;
        readonly before?: LinkSettings;
      }
    /** While the link is up this needs Linux 6.2; an older kernel refuses. */
    | { readonly kind: 'rename-link'; readonly name: string; readonly to: string }
    | {
        readonly kind: 'add-address';
        readonly dev: string;
        readonly prefix: Prefix;
        /** `global` when absent. */
        readonly scope?: LinkAddress['scope'];
      }
    | { readonly kind: 'delete-address'; readonly dev: string; readonly prefix: Prefix }
    | { readonly kind: 'add-route'; readonly route: RouteSpec }
    | { readonly kind: 'delete-route'; readonly route: RouteSpec }
    /** An entry that the kernel believes until it is told otherwise, or only until it is not confirmed. */
    | {
        readonly kind: 'add-neighbour';
        readonly dev: string;
        readonly addr: Addr;
        readonly mac: string;
        readonly state: 'permanent' | 'reachable';
      }
    | { readonly kind: 'delete-neighbour'; readonly dev: string; readonly addr: Addr }
    | { readonly kind: 'add-policy-rule'; readonly rule: PolicyRule }
    /** A rule of policy routing, by its preference. */
    | { readonly kind: 'delete-policy-rule'; readonly family: Family; readonly priority: number }
    /** How long an unanswered neighbour question waits before the next one, in milliseconds (ip-ntable(8)). */
    | { readonly kind: 'neighbour-retry'; readonly dev: string; readonly milliseconds: number }
    /** `before` makes it reversible. */
    | {
        readonly kind: 'sysctl';
        readonly name: string;
        readonly value: string;
        readonly before?: string;
      }
    /** One transaction: the tables of this backend and family in `from`, as observed, become those in `to`. */
    | {
        readonly kind: 'firewall';
        readonly backend: Backend;
        readonly family: Family;
        readonly from: Ruleset;
        readonly to: Ruleset;
      }
    /** One transaction: the native tables in `from`, as observed, become those in `to`. */
    | { readonly kind: 'nft'; readonly from: NftRuleset; readonly to: NftRuleset }
  );

/** Changes one after the other. */
export function inOrder(...changes: readonly Change[]): Change {
  return { steps: changes.flatMap((change) => change.steps) };
}

/** The step that takes back this one; undefined where what was there before is not known, or nothing is left to do. */
function reverseStep(step: Step): Step | undefined {
  const place = step.netns === undefined ? {} : { netns: step.netns };
  switch (step.kind) {
    case 'add-link':
      return { ...place, kind: 'delete-link', name: step.name };
    case 'add-address':
      return { ...place, kind: 'delete-address', dev: step.dev, prefix: step.prefix };
    case 'delete-address':
      return { ...place, kind: 'add-address', dev: step.dev, prefix: step.prefix };
    case 'add-route':
      return { ...place, kind: 'delete-route', route: step.route };
    case 'delete-route':
      return { ...place, kind: 'add-route', route: step.route };
    case 'rename-link':
      return { ...step, name: step.to, to: step.name };
    case 'set-link':
      return step.before === undefined ? undefined : { ...step, set: step.before, before: step.set };
    case 'sysctl':
      return step.before === undefined ? undefined : { ...step, value: step.before, before: step.value };
    case 'firewall':
      return { ...step, from: step.to, to: step.from };
    case 'nft':
      return { ...step, from: step.to, to: step.from };
    case 'add-neighbour':
      return { ...place, kind: 'delete-neighbour', dev: step.dev, addr: step.addr };
    case 'add-policy-rule':
      return { ...place, kind: 'delete-policy-rule', family: step.rule.family, priority: step.rule.priority };
    case 'delete-link':
    case 'delete-neighbour':
    case 'delete-policy-rule':
    case 'neighbour-retry':
      return undefined;
  }
}

/** The change that takes back this one, last step first, as far as its steps can be taken back. */
export function reverse(change: Change): Change {
  return {
    steps: [...change.steps]
      .reverse()
      .map(reverseStep)
      .filter((step) => step !== undefined),
  };
}

/** Firewall steps for every backend and family that either ruleset holds; those without a difference render to nothing. */
export function firewallSteps(from: Ruleset, to: Ruleset, netns?: NamespacePath): readonly Step[] {
  const keys = new Map<string, { readonly backend: Backend; readonly family: Family }>();
  for (const { backend, family } of [...from.tables, ...to.tables])
    keys.set(`${backend} ${family}`, { backend, family });
  const only = (ruleset: Ruleset, backend: Backend, family: Family): Ruleset => ({
    tables: ruleset.tables.filter((table) => table.backend === backend && table.family === family),
  });
  return [...keys.values()].map(({ backend, family }) => ({
    kind: 'firewall',
    backend,
    family,
    from: only(from, backend, family),
    to: only(to, backend, family),
    ...(netns === undefined ? {} : { netns }),
  }));
}
