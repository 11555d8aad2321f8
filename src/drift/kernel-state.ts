/**
 * Links, addresses, routes, sysctls and proxies: what is planned against what is there. In: a host and its plan. Out:
 * differences, each with the changes that would mend it. Firewall rules are `firewall.ts`'s subject.
 */
import type { StateChange } from '../host/change.ts';
import type { MissingFact, Namespace } from '../host/state.ts';
import { sameAddr } from '../net/addr.ts';
import { formatPrefix, samePrefix } from '../net/prefix.ts';
import { linkText, proxyText, routeText } from '../plan/part-text.ts';
import type { PlannedLink } from '../plan/plan.ts';
import type { Difference } from './difference.ts';
import {
  addAddress,
  bringBackBridge,
  joinBridge,
  linkNamed,
  lostAddresses,
  lostBridges,
  lostProxies,
  renamedBridges,
  strayPorts,
} from './lost.ts';
import type { PlannedHost } from './networks.ts';
import { startProxies } from './proxies.ts';

/** Everything of the plan that is no firewall rule and not as planned. What the facts do not hold is no difference. */
export function kernelStateDifferences(whole: PlannedHost, host: Namespace): readonly Difference[] {
  const knows = (part: MissingFact['part']) => !(host.missing ?? []).some((m) => m.part === part);
  return [
    ...(knows('links') ? linkDifferences(whole, host) : []),
    ...(knows('links') && knows('addresses') ? addressDifferences(whole, host) : []),
    ...(knows('routes') ? routeDifferences(whole, host) : []),
    ...sysctlDifferences(whole, host),
    ...proxyDifferences(whole, host),
  ];
}

function linkDifferences(whole: PlannedHost, host: Namespace): readonly Difference[] {
  const place = { in: 'links' } as const;
  return [
    ...lostBridges(whole, host).map(
      (planned): Difference => ({
        kind: 'missing',
        place,
        text: linkText(planned),
        reason: planned.reason,
        changes: bringBackBridge(whole, host, planned),
      }),
    ),
    ...renamedBridges(whole, host).map(
      ({ planned, link }): Difference => ({
        kind: 'changed',
        place,
        text: planned.name,
        observed: link.name,
        reason: planned.reason,
        changes: [{ namespace: host.name, kind: 'rename-link', dev: link.name, name: planned.name }],
      }),
    ),
    ...whole.expected.plan.links.flatMap((planned) => bridgeDifferences(host, planned)),
    ...strayPorts(whole, host).map(
      ({ link, bridge }): Difference => ({
        kind: 'changed',
        place,
        text: `${link.name} master ${bridge}`,
        observed: link.master === undefined ? 'no master' : `master ${link.master}`,
        changes: [joinBridge(host, link, bridge)],
      }),
    ),
  ];
}

function bridgeDifferences(host: Namespace, { name, up, mtu, reason }: PlannedLink): readonly Difference[] {
  const link = linkNamed(host, name);
  if (link === undefined) return [];
  const changed = (text: string, observed: string, change: StateChange): Difference => ({
    kind: 'changed',
    place: { in: 'links' },
    text: `${name} ${text}`,
    observed,
    reason,
    changes: [change],
  });
  const at = { namespace: host.name, dev: name };
  return [
    ...(up && !link.up ? [changed('up', 'down', { ...at, kind: 'link-up' })] : []),
    ...(link.mtu === mtu ? [] : [changed(`mtu ${mtu}`, `mtu ${link.mtu}`, { ...at, kind: 'link-mtu', mtu })]),
  ];
}

/** IPv6 link-local addresses are the kernel's own, made when the bridge goes up. */
function addressDifferences(whole: PlannedHost, host: Namespace): readonly Difference[] {
  const place = { in: 'links' } as const;
  const foreign = whole.expected.plan.links.flatMap((planned) =>
    (linkNamed(host, planned.name)?.addresses ?? [])
      .filter(({ scope }) => scope === 'global')
      .filter(({ prefix }) => !planned.addresses.some((own) => sameAddr(own.prefix.addr, prefix.addr)))
      .map(
        ({ prefix }): Difference => ({
          kind: 'foreign',
          place,
          text: `${planned.name} ${formatPrefix(prefix)}`,
        }),
      ),
  );
  const missing = lostAddresses(whole, host).map(
    ({ planned, address }): Difference => ({
      kind: 'missing',
      place,
      text: `${planned.name} ${formatPrefix(address.prefix)}`,
      reason: address.reason ?? planned.reason,
      changes: [addAddress(host, planned.name, address.prefix)],
    }),
  );
  return [...missing, ...foreign];
}

/** Routes of bridges that are up and have their address; the kernel makes the others itself when they do. */
function routeDifferences({ expected }: PlannedHost, host: Namespace): readonly Difference[] {
  return expected.plan.routes.flatMap((route): readonly Difference[] => {
    const link = route.dev === undefined ? undefined : linkNamed(host, route.dev);
    const hasAddress = link?.addresses.some(({ prefix }) => samePrefix(prefix, route.dst));
    const isThere = host.routes.some(
      ({ dst, dev, table }) => dev === route.dev && table === route.table && samePrefix(dst, route.dst),
    );
    if (link?.up !== true || hasAddress !== true || isThere) return [];
    return [
      {
        kind: 'missing',
        place: { in: 'routes' },
        text: routeText(route),
        ...(route.reason === undefined ? {} : { reason: route.reason }),
        changes: [{ namespace: host.name, kind: 'add-route', route }],
      },
    ];
  });
}

/** A sysctl that the facts do not hold is unknown; that of a bridge that is gone comes with it. */
function sysctlDifferences({ expected }: PlannedHost, host: Namespace): readonly Difference[] {
  return [...expected.plan.sysctls].flatMap(([name, { value, reason }]): readonly Difference[] => {
    const before = host.sysctls.get(name)?.value;
    if (before === undefined || before === value) return [];
    return [
      {
        kind: 'changed',
        place: { in: 'sysctls' },
        text: `${name} = ${value}`,
        observed: before,
        ...(reason === undefined ? {} : { reason }),
        changes: [{ namespace: host.name, kind: 'sysctl', name, value, before }],
      },
    ];
  });
}

function proxyDifferences(whole: PlannedHost, host: Namespace): readonly Difference[] {
  return lostProxies(whole).map((planned) => ({
    kind: 'missing',
    place: { in: 'proxies' },
    text: proxyText(planned),
    reason: planned.reason,
    changes: startProxies(host, [planned]),
  }));
}
