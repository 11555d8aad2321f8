/**
 * Rebuilds a host on a stage: namespaces, links, settings, routes, rules, listeners, proxies. In: its observed state, the outside, and the
 * flows that will be asked. Out: actors by namespace, and what is not as it was. When the stage ends, everything does.
 */
import { parsePolicyRules } from '../host/policy-rules.ts';
import { parseRoutes } from '../host/routes.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { processKernel } from '../kernel/apply.ts';
import type { Step } from '../kernel/change.ts';
import { type ModuleIndex, moduleIndex } from '../kernel/modules.ts';
import { inNamespace } from '../kernel/namespace.ts';
import { isInstalled, KernelError, missingTool, mustRun, run } from '../kernel/process.ts';
import type { Flow } from '../net/flow.ts';
import type { OutsideNode } from '../packet/world.ts';
import type { Unbuilt } from '../report/rehearsal.ts';
import { applyAsFar, stepText } from './apply-as-far.ts';
import { blueprint, isLinkName, isStationMac, nowhereName } from './blueprint.ts';
import { linkNeeds } from './needs.ts';
import { layOutside } from './outside.ts';
import { restoreFirewall } from './restore.ts';
import { neighbourSteps, routingPlan } from './routing.ts';
import { bindingsOf, type Services } from './services.ts';
import { type Actor, startActor } from './stand.ts';
import { groundSysctls, sysctlPlan } from './sysctls.ts';

export interface Rebuilt {
  /** By the names that flows use: the host, containers, those that share a namespace, the outside. */
  readonly actors: ReadonlyMap<string, Actor>;
  readonly unbuilt: readonly Unbuilt[];
  readonly namespaces: readonly string[];
  /** Ends the actors; the namespaces go with them. */
  release(): Promise<void>;
}

export interface BuildRequest {
  readonly state: HostState;
  readonly outside: OutsideNode | undefined;
  readonly flows: readonly Flow[];
}

/** More namespaces than anybody's machine holds processes for. */
const maxNamespaces = 400;

/** Builds it. Throws KernelError where the kernel cannot have such a host at all; nothing is left then. */
export async function rebuild({ state, outside, flows }: BuildRequest): Promise<Rebuilt> {
  requireTools(state);
  const modules = moduleIndex();
  for (const kind of ['bridge', 'veth'] as const) requireModule(linkNeeds(kind), modules);
  const names = [
    ...state.namespaces.map(({ name }) => name),
    ...(outside === undefined ? [] : [outside.facts.name]),
    nowhereName,
  ];
  if (names.length > maxNamespaces)
    throw new KernelError(
      'refused',
      'unshare',
      `${names.length} namespaces are more than the ${maxNamespaces} that are rebuilt`,
    );
  const unbuilt: Unbuilt[] = [];
  const actors = new Map<string, Actor>();
  const release = async (): Promise<void> => {
    await Promise.all([...actors.values()].map((actor) => actor.release()));
  };
  const actor = (name: string): Actor => {
    const found = actors.get(name);
    if (found === undefined) throw new Error(`no namespace ${name}`);
    return found;
  };
  try {
    await inParts(names, 8, async (name) => {
      const started = await startActor('new');
      actors.set(name, started);
      // A kernel without IPv6, or an older one, lacks some: then there is nothing to be said of them either.
      await started.do({ kind: 'sysctls', settings: groundSysctls });
    });
    await layLinks({ state, outside, actor, modules, unbuilt });
    if (outside !== undefined)
      unbuilt.push(...(await layOutside(outside, state, actor(outside.facts.name).path, flows)));
    await inParts(state.namespaces, 8, async (namespace) => {
      const netns = actor(namespace.name).path;
      unbuilt.push(...(await layRoutes(namespace, netns)));
      unbuilt.push(...(await restoreFirewall(namespace, netns, modules)));
    });
    for (const services of bindingsOf(state, outside, flows)) {
      unbuilt.push(...services.unbuilt);
      unbuilt.push(...(await openServices(services, actor(services.server), state)));
    }
    await settled(state, actor);
  } catch (error) {
    await release();
    throw error;
  }
  const shared = state.namespaces.flatMap(({ name, sharedBy }) =>
    sharedBy.map((other) => [other, actor(name)] as const),
  );
  return {
    actors: new Map([...actors, ...shared]),
    unbuilt,
    namespaces: names.filter((name) => name !== nowhereName),
    release,
  };
}

/** Also at addresses that the host has not, or not yet: only binding asks whether one is there. */
async function openServices(
  { server, bindings }: Services,
  actor: Actor,
  { namespaces }: HostState,
): Promise<readonly Unbuilt[]> {
  const host = namespaces.find(({ kind, name }) => kind === 'host' && name === server);
  const allow = (version: 4 | 6, value: string) => ({ name: `net.ipv${version}.ip_nonlocal_bind`, value });
  const was = ([4, 6] as const).map((version) =>
    allow(version, host?.sysctls.get(`net.ipv${version}.ip_nonlocal_bind`)?.value ?? '0'),
  );
  if (host !== undefined) await actor.do({ kind: 'sysctls', settings: [allow(4, '1'), allow(6, '1')] });
  const refused = await actor.do({ kind: 'listen', server, bindings });
  if (host !== undefined) await actor.do({ kind: 'sysctls', settings: was });
  return refused.map((what): Unbuilt => ({ namespace: server, what, why: 'refused' }));
}

function requireTools({ namespaces }: HostState): void {
  const tables = namespaces.flatMap(({ firewall }) => firewall.tables);
  const needed = [
    ...['ip', 'ping', 'nsenter', 'unshare'],
    ...(tables.some(({ backend }) => backend === 'iptables-nft') ? ['iptables-nft-restore'] : []),
    ...(tables.some(({ backend }) => backend === 'iptables-legacy') ? ['iptables-legacy-restore'] : []),
    ...(namespaces.some(({ nft }) => (nft?.tables.length ?? 0) > 0) ? ['nft'] : []),
  ];
  for (const tool of needed) if (!isInstalled(tool)) throw missingTool(tool);
}

function requireModule(aliases: readonly string[], modules: ModuleIndex): void {
  const module = aliases.map(modules.missing).find((name) => name !== undefined);
  if (module === undefined) return;
  const text = `the kernel module ${module} is not loaded, and a rehearsal loads none: modprobe ${module}`;
  throw new KernelError('refused', module, text);
}

interface Site {
  readonly state: HostState;
  readonly outside: OutsideNode | undefined;
  readonly actor: (name: string) => Actor;
  readonly modules: ModuleIndex;
  readonly unbuilt: Unbuilt[];
}

async function layLinks({ state, outside, actor, modules, unbuilt }: Site): Promise<void> {
  const places = new Map<string, string>();
  const plan = blueprint(state, outside, (name) => {
    const { path } = actor(name);
    places.set(path, name);
    return path;
  });
  unbuilt.push(...plan.unbuilt);
  const nameOf = (step: Step) => places.get(step.netns ?? '') ?? 'host';
  await processKernel.apply({ steps: plan.pairs });
  for (const step of plan.children) {
    const kind = step.kind === 'add-link' ? step.link.type : 'bridge';
    const module = linkNeeds(kind)
      .map(modules.missing)
      .find((name) => name !== undefined);
    if (module !== undefined)
      unbuilt.push({ namespace: nameOf(step), what: stepText(step), why: 'needs-module', detail: module });
    else unbuilt.push(...(await applyAsFar([step], nameOf)));
  }
  await inParts(state.namespaces, 8, async (namespace) => {
    const { settings, left } = sysctlPlan(namespace);
    const refused = await actor(namespace.name).do({ kind: 'sysctls', settings });
    for (const what of left) unbuilt.push({ namespace: namespace.name, what, why: 'not-allowed' });
    for (const what of refused) unbuilt.push({ namespace: namespace.name, what, why: 'refused' });
  });
  unbuilt.push(...(await applyAsFar(plan.raise, nameOf)));
  for (const namespace of state.namespaces) await layForwarding(namespace, actor(namespace.name).path);
}

/** What a bridge has learned and would not learn again: a port that neither learns nor floods goes by this alone. */
async function layForwarding({ fdb = [], links }: Namespace, netns: string): Promise<void> {
  for (const { mac, dev, master, permanent } of fdb) {
    const port = links.find(({ name }) => name === dev)?.port;
    if (permanent || master === undefined || port === undefined || port.learning) continue;
    if (!isLinkName(dev) || !isStationMac(mac)) continue;
    await run({
      argv: inNamespace(netns, ['bridge', 'fdb', 'replace', mac, 'dev', dev, 'master', 'static']),
    });
  }
}

async function layRoutes(namespace: Namespace, netns: string): Promise<readonly Unbuilt[]> {
  const there = { ...namespace, ...(await routingThere(netns)) };
  const plan = routingPlan(namespace, there, netns);
  const steps = [...plan.steps, ...neighbourSteps(namespace, netns)];
  return [...plan.unbuilt, ...(await applyAsFar(steps, () => namespace.name))];
}

async function routingThere(netns: string): Promise<Pick<Namespace, 'routes' | 'policyRules'>> {
  const listing = async (...argv: readonly string[]): Promise<unknown> => {
    const { stdout } = await mustRun({ argv: inNamespace(netns, ['ip', '-j', ...argv]) });
    return JSON.parse(stdout === '' ? '[]' : stdout);
  };
  const [routes, routes6, rules, rules6] = await Promise.all([
    listing('route', 'show', 'table', 'all'),
    listing('-6', 'route', 'show', 'table', 'all'),
    listing('rule', 'show'),
    listing('-6', 'rule', 'show'),
  ]);
  const six = (value: unknown) =>
    Array.isArray(value) ? value.map((route: object) => ({ pref: 'medium', ...route })) : [];
  return {
    routes: [...parseRoutes(routes, '').value, ...parseRoutes(six(routes6), '').value],
    policyRules: [
      ...parsePolicyRules(rules, 'ipv4', '').value,
      ...parsePolicyRules(rules6, 'ipv6', '').value,
    ],
  };
}

/** The kernel gives links their carrier, and ports their state, a little after they come up (net/core/link_watch.c). */
async function settled(state: HostState, actor: (name: string) => Actor): Promise<void> {
  const host = state.namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined) return;
  const wanted = host.links.filter(
    ({ up, carrier, kind, port }) => up && carrier && kind === 'veth' && port?.state === 'forwarding',
  );
  const argv = inNamespace(actor(host.name).path, ['ip', '-j', '-d', 'link', 'show', 'up']);
  const deadline = Date.now() + 2000;
  while (Date.now() < deadline) {
    const { stdout } = await mustRun({ argv });
    const listed = JSON.parse(stdout) as readonly {
      readonly ifname?: string;
      readonly linkinfo?: { readonly info_slave_data?: { readonly state?: string } };
    }[];
    const forwards = new Set(
      listed
        .filter(({ linkinfo }) => linkinfo?.info_slave_data?.state === 'forwarding')
        .map(({ ifname }) => ifname),
    );
    if (wanted.every(({ name }) => forwards.has(name))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A few at a time: each is a process that starts. */
async function inParts<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
