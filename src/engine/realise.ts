/**
 * From a plan to a change of the kernel: what of the plan is not there yet. In: the plan, the host as observed, the
 * endpoints. Out: Changes. Pure. Asked again after they were applied, it gives changes without steps: that is what
 * makes bringing up safe to repeat.
 */

import { nftCommands } from '../firewall/nft/commands.ts';
import { emptyNftRuleset, findNftTable } from '../firewall/nft/model.ts';
import type { Namespace } from '../host/state.ts';
import { type Change, firewallSteps, type Step } from '../kernel/change.ts';
import type { NamespacePath } from '../kernel/namespace.ts';
import { restoreBlocks } from '../kernel/restore.ts';
import type { Addr } from '../net/addr.ts';
import { ipv4 } from '../net/addr.ts';
import { formatPrefix, type Prefix } from '../net/prefix.ts';
import type { Plan, PlannedLink } from '../plan/plan.ts';

/** Bridges, rules and sysctls of the host. Forwarding is turned on and bridges go up when their rules are there. */
export function hostChange(plan: Plan, host: Namespace, netns: NamespacePath): Change {
  const at = netns === undefined ? {} : { netns };
  const bridges = plan.links.filter((link) => link.kind === 'bridge');
  const sysctls = [...plan.sysctls].flatMap(([name, { value }]): Step[] => {
    const before = host.sysctls.get(name)?.value;
    if (before === value) return [];
    return [{ ...at, kind: 'sysctl', name, value, ...(before === undefined ? {} : { before }) }];
  });
  const rules = firewallSteps(host.firewall, plan.ruleset, netns).filter(
    (step) => step.kind !== 'firewall' || restoreBlocks(step.from, step.to).length > 0,
  );
  return {
    steps: [
      ...bridges.flatMap((link) => makeBridge(link, host).map((step) => ({ ...at, ...step }))),
      ...rules,
      ...nativeSteps(plan, host).map((step) => ({ ...at, ...step })),
      ...sysctls,
      ...bridges
        .filter((link) => link.up && host.links.find(({ name }) => name === link.name)?.up !== true)
        .map(
          (link): Step => ({
            ...at,
            kind: 'set-link',
            name: link.name,
            set: { up: true },
            before: { up: false },
          }),
        ),
    ],
  };
}

/** The plan's own tables in place of those of their names; no step where that changes nothing. */
function nativeSteps({ nft }: Plan, host: Namespace): readonly Step[] {
  const from = host.nft ?? emptyNftRuleset;
  const others = from.tables.filter((table) => findNftTable(nft, table) === undefined);
  const to = { ...from, tables: [...others, ...nft.tables] };
  return nftCommands(from, to).length === 0 ? [] : [{ kind: 'nft', from, to }];
}

function makeBridge(link: PlannedLink, host: Namespace): readonly Step[] {
  const existing = host.links.find(({ name }) => name === link.name);
  const present = new Set(existing?.addresses.map((address) => formatPrefix(address.prefix)));
  return [
    ...(existing === undefined
      ? [{ kind: 'add-link', name: link.name, link: { type: 'bridge' } } as const]
      : []),
    ...(existing?.mtu === link.mtu
      ? []
      : [
          {
            kind: 'set-link',
            name: link.name,
            set: { mtu: link.mtu },
            ...(existing === undefined ? {} : { before: { mtu: existing.mtu } }),
          } as const,
        ]),
    ...link.addresses
      .filter((address) => !present.has(formatPrefix(address.prefix)))
      .map(({ prefix }) => ({ kind: 'add-address', dev: link.name, prefix }) as const),
  ];
}

/** One container's way onto a bridge. */
export interface EndpointLink {
  /** The host's end: `veth` and seven hex digits. */
  readonly hostName: string;
  readonly bridge: string;
  readonly mtu: number;
  readonly hairpin: boolean;
  readonly mac: string;
  readonly address: Prefix;
  readonly gateway: Addr;
  /** The container's namespace. */
  readonly container: string;
}

/**
 * Veth pairs from a bridge to eth0 in each container, with address and default route; all ends up. The host's ends
 * come first, so that they are one batch.
 */
export function endpointsChange(endpoints: readonly EndpointLink[], netns: NamespacePath): Change {
  const at = netns === undefined ? {} : { netns };
  return {
    steps: [
      ...endpoints.flatMap((endpoint) => hostEnd(endpoint).map((step) => ({ ...at, ...step }))),
      ...endpoints.flatMap((endpoint) =>
        containerEnd(endpoint).map((step) => ({ ...step, netns: endpoint.container })),
      ),
    ],
  };
}

function hostEnd({ hostName, bridge, mtu, hairpin, mac, container }: EndpointLink): readonly Step[] {
  const peer = { name: 'eth0', netns: container, mac };
  return [
    { kind: 'add-link', name: hostName, link: { type: 'veth', peer } },
    { kind: 'set-link', name: hostName, set: { mtu, master: bridge, up: true } },
    ...(hairpin ? [{ kind: 'set-link', name: hostName, set: { port: { hairpin } } } as const] : []),
  ];
}

function containerEnd({ mtu, address, gateway }: EndpointLink): readonly Step[] {
  return [
    { kind: 'set-link', name: 'lo', set: { up: true } },
    { kind: 'set-link', name: 'eth0', set: { mtu, up: true } },
    { kind: 'add-address', dev: 'eth0', prefix: address },
    { kind: 'add-route', route: { dst: { addr: ipv4(0), bits: 0 }, gateway, dev: 'eth0' } },
  ];
}
