/**
 * The world beyond the uplink, as the simulator assumes it: its routes, and where nothing describes it, a machine that answers to every
 * address. In: the outside and the flows. Out: routes and sysctls in its namespace. Its links are the blueprint's.
 */
import type { HostState, Route } from '../host/state.ts';
import { processKernel } from '../kernel/apply.ts';
import type { RouteSpec, Step } from '../kernel/change.ts';
import { type Addr, formatAddr, ipv4, ipv6, sameAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import { containsAddr, hostPrefix, maskPrefix, type Prefix, samePrefix } from '../net/prefix.ts';
import { withDirectRoute } from '../packet/outside.ts';
import type { OutsideNode } from '../packet/world.ts';
import type { Unbuilt } from '../report/rehearsal.ts';
import { applyAsFar } from './apply-as-far.ts';
import { outsideLinkName } from './blueprint.ts';

/** The table that says what is an own address; where the outside answers to all, its other routes stand there too. */
const localTable = 'local';

/** Lays the outside's routes. */
export async function layOutside(
  outside: OutsideNode,
  state: HostState,
  netns: string,
  flows: readonly Flow[],
): Promise<readonly Unbuilt[]> {
  const { facts, answersAnything, wires } = outside;
  const forwards = facts.sysctls.get('net.ipv4.ip_forward')?.value === '1';
  const any = [
    ...(forwards ? ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'] : []),
    ...(answersAnything ? ['net.ipv4.ip_nonlocal_bind=1', 'net.ipv6.ip_nonlocal_bind=1'] : []),
  ].map((text): Step => {
    const [name = '', value = ''] = text.split('=');
    return { kind: 'sysctl', netns, name, value };
  });
  const routes = facts.routes
    .filter(
      ({ type, dev, table }) => type === 'unicast' && table === 'main' && dev !== undefined && wires.has(dev),
    )
    .filter(({ dst, gateway }) => gateway !== undefined || dst.bits === 0 || !isConnected(outside, dst))
    .map((route): Step => ({ kind: 'add-route', netns, route: routeSpec(route, outside) }));
  const unbuilt = await applyAsFar([...any, ...routes], () => facts.name);
  if (answersAnything) await answerAll(outside, state, netns, flows);
  const words = state.outside?.notes ?? [];
  return [...unbuilt, ...words.map((what): Unbuilt => ({ namespace: facts.name, what, why: 'only-words' }))];
}

/** The kernel makes the routes of a link's own prefixes by itself. */
function isConnected({ facts }: OutsideNode, dst: Prefix): boolean {
  return facts.links.some(({ addresses }) =>
    addresses.some(({ prefix }) => samePrefix(maskPrefix(prefix), dst)),
  );
}

/**
 * Every address is local, except those on the wire and behind routes: they stand in the same table, and a longer prefix wins. An
 * asked address on the wire that nobody has is the outside's own.
 */
async function answerAll(
  { facts, wires }: OutsideNode,
  state: HostState,
  netns: string,
  flows: readonly Flow[],
): Promise<void> {
  const steps: Step[] = [
    {
      kind: 'add-route',
      netns,
      route: { type: 'local', dst: { addr: ipv4(0), bits: 0 }, dev: 'lo', table: localTable },
    },
    {
      kind: 'add-route',
      netns,
      route: { type: 'local', dst: { addr: ipv6(0n), bits: 0 }, dev: 'lo', table: localTable },
    },
  ];
  const held = (addr: Addr) =>
    [...state.namespaces, facts].some(({ links }) =>
      links.some(({ addresses }) => addresses.some(({ prefix }) => sameAddr(prefix.addr, addr))),
    );
  for (const link of facts.links.filter(({ name }) => wires.has(name))) {
    const dev = outsideLinkName(link.name);
    for (const { prefix } of link.addresses) {
      steps.push({ kind: 'add-route', netns, route: { dst: maskPrefix(prefix), dev, table: localTable } });
      const asked = flows.flatMap(({ dst }) =>
        dst !== undefined && containsAddr(prefix, dst) && !held(dst) ? [dst] : [],
      );
      const own = new Map(asked.map((addr) => [formatAddr(addr), addr]));
      for (const addr of own.values())
        steps.push({ kind: 'add-address', netns, dev, prefix: hostPrefix(addr) });
    }
  }
  await processKernel.apply({ steps });
}

/** For one flow the outside has a host route to an address through the host; gives back how to take it away. */
export async function addDirectRoute(
  outside: OutsideNode,
  state: HostState,
  netns: string,
  dst: Addr,
): Promise<() => Promise<void>> {
  const { routes } = withDirectRoute(outside, dst, state).facts;
  const steps = routes
    .slice(outside.facts.routes.length)
    .map((route): Step => ({ kind: 'add-route', netns, route: routeSpec(route, outside) }));
  const { undo } = await processKernel.apply({ steps });
  return async () => {
    await processKernel.apply(undo);
  };
}

/** A gateway is on the wire even where the host has lost its address. */
function routeSpec(
  { dst, dev, gateway, preferredSource }: Route,
  { answersAnything }: OutsideNode,
): RouteSpec {
  return {
    dst: maskPrefix(dst),
    ...(dev === undefined ? {} : { dev: outsideLinkName(dev) }),
    ...(gateway === undefined ? {} : { gateway, onlink: true }),
    ...(preferredSource === undefined ? {} : { preferredSource }),
    ...(answersAnything ? { table: localTable } : {}),
  };
}
