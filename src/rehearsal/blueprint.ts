/**
 * The links of a host and its surroundings as a change of an empty kernel. In: the observed state, the outside as the simulator assumes
 * it, and where each namespace is. Out: changes that make links and raise them, and what cannot be made as it was. Pure.
 * Every name and address of the facts is checked here or left out: nothing of them reaches a tool as it came.
 */
import type { BridgePort, BridgeSettings, HostState, Link, LinkAddress, Namespace } from '../host/state.ts';
import type { LinkSettings, Step } from '../kernel/change.ts';
import { formatAddr, isLoopback } from '../net/addr.ts';
import { formatPrefix, hostPrefix } from '../net/prefix.ts';
import type { OutsideNode } from '../packet/world.ts';
import type { Unbuilt } from '../report/rehearsal.ts';

/** Where a namespace of the rebuilt host is, by its name. */
export type Where = (namespace: string) => string;

export interface Blueprint {
  /** In this order: links, then what is made of others, each on its own since a kernel may lack the kind. */
  readonly pairs: readonly Step[];
  readonly children: readonly Step[];
  /** Addresses and settings, and links up; the far ends before the host's. */
  readonly raise: readonly Step[];
  readonly unbuilt: readonly Unbuilt[];
}

/** What wires that lead to nobody end in. */
export const nowhereName = 'nowhere';

/** An unanswered neighbour question waits this long, in milliseconds, instead of the kernel's second: most flows that fail wait for three. */
const neighbourRetry = 100;

/** Works out how the links of a state are made. */
export function blueprint(state: HostState, outside: OutsideNode | undefined, where: Where): Blueprint {
  const builder = new Builder(state, outside, where);
  for (const namespace of state.namespaces) for (const link of namespace.links) builder.add(namespace, link);
  if (outside !== undefined) builder.finishOutside(outside);
  const { pairs, children, unbuilt } = builder;
  const far = state.namespaces.filter(({ kind }) => kind !== 'host');
  const near = state.namespaces.filter(({ kind }) => kind === 'host');
  const raise = [
    ...builder.outsideRaise,
    ...[...far, ...near].flatMap((namespace) => builder.raise(namespace)),
  ];
  return { pairs, children, raise, unbuilt };
}

/** A name that a link can have and that no tool takes for something else (net/core/dev.c, dev_valid_name). */
export function isLinkName(name: string): boolean {
  return /^[A-Za-z0-9_.:@+=][A-Za-z0-9_.:@+=-]{0,14}$/.test(name) && name !== '.' && name !== '..';
}

const macPattern = /^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/i;

/** A MAC that a station can have: not a group's, and not all zero. */
export function isStationMac(mac: string | undefined): mac is string {
  return mac !== undefined && macPattern.test(mac) && !/^[0:]+$/.test(mac);
}

class Builder {
  readonly pairs: Step[] = [];
  readonly children: Step[] = [];
  readonly outsideRaise: Step[] = [];
  readonly unbuilt: Unbuilt[] = [];
  /** `namespace link` of every link that is made. */
  readonly #made = new Set<string>();
  #wires = 0;
  readonly #state: HostState;
  readonly #outside: OutsideNode | undefined;
  readonly #where: Where;

  constructor(state: HostState, outside: OutsideNode | undefined, where: Where) {
    this.#state = state;
    this.#outside = outside;
    this.#where = where;
  }

  /** Makes a link, and with it the one at its other end. */
  add(namespace: Namespace, link: Link): void {
    const key = `${namespace.name} ${link.name}`;
    if (this.#made.has(key)) return;
    if (!isLinkName(link.name)) {
      this.#leave(namespace, link, 'not-writable');
      return;
    }
    this.#made.add(key);
    const netns = this.#where(namespace.name);
    switch (link.kind) {
      case 'loopback':
        if (link.name !== 'lo') this.#leave(namespace, link, 'not-writable');
        return;
      case 'bridge':
        this.pairs.push({ kind: 'add-link', netns, name: link.name, link: { type: 'bridge' } });
        return;
      case 'macvlan':
      case 'ipvlan':
        this.#addChild(namespace, link, link.kind);
        return;
      case 'vrf':
        this.#leave(namespace, link, 'stand-in');
        return;
      default:
        this.#addWire(namespace, link);
    }
  }

  #leave(namespace: Namespace, link: Link, why: Unbuilt['why']): void {
    this.unbuilt.push({ namespace: namespace.name, what: `${link.kind} ${link.name}`, why });
  }

  #addWire(namespace: Namespace, link: Link): void {
    const netns = this.#where(namespace.name);
    const known = ['veth', 'ether'].includes(link.kind);
    if (!known) this.#leave(namespace, link, 'stand-in');
    const end = this.#otherEnd(namespace, link);
    this.pairs.push({
      kind: 'add-link',
      netns,
      name: link.name,
      link: { type: 'veth', peer: { name: end.name, netns: this.#where(end.namespace) } },
    });
    // What is beyond has a carrier to give, or not.
    const raised = link.up && !link.carrier ? [] : [end];
    for (const { namespace: far, name } of end.known ? [] : raised)
      this.outsideRaise.push({ kind: 'set-link', netns: this.#where(far), name, set: { up: true } });
  }

  /** A link of another namespace of the facts, of the outside, or one that nobody is behind. */
  #otherEnd(namespace: Namespace, link: Link): { namespace: string; name: string; known: boolean } {
    const peer = link.peer;
    const other = this.#state.namespaces.find(({ name }) => name === peer?.namespace);
    const far = other?.links.find(({ index }) => index === peer?.index);
    if (link.kind === 'veth' && other !== undefined && far !== undefined && isLinkName(far.name)) {
      const key = `${other.name} ${far.name}`;
      if (!this.#made.has(key)) {
        this.#made.add(key);
        return { namespace: other.name, name: far.name, known: true };
      }
    }
    const wire = [...(this.#outside?.wires ?? [])].find(([, near]) => near === link.name);
    if (namespace.kind === 'host' && wire !== undefined && this.#outside !== undefined)
      return { namespace: this.#outside.facts.name, name: outsideLinkName(wire[0]), known: false };
    this.#wires += 1;
    return { namespace: nowhereName, name: `w${this.#wires}`, known: false };
  }

  #addChild(namespace: Namespace, link: Link, type: 'macvlan' | 'ipvlan'): void {
    const home = this.#state.namespaces.find(({ name }) => name === link.peer?.namespace);
    const parent = home?.links.find(({ index }) => index === link.peer?.index);
    if (home === undefined || parent === undefined || !isLinkName(parent.name)) {
      this.#leave(namespace, link, 'not-in-facts');
      return;
    }
    const modes: readonly string[] = ['bridge', 'private', 'vepa', 'passthru', 'l2', 'l3', 'l3s'];
    const mode = modes.find((known) => known === link.mode);
    this.children.push({
      kind: 'add-link',
      netns: this.#where(home.name),
      name: link.name,
      link: {
        type,
        parent: parent.name,
        netns: this.#where(namespace.name),
        ...(mode === undefined ? {} : { mode }),
      },
    });
  }

  /** Settings and addresses of a namespace's links, then the links that are up. */
  raise(namespace: Namespace): readonly Step[] {
    const netns = this.#where(namespace.name);
    const links = namespace.links.filter(({ name }) => this.#made.has(`${namespace.name} ${name}`));
    const set = (name: string, settings: LinkSettings): Step => ({
      kind: 'set-link',
      netns,
      name,
      set: settings,
    });
    const settings = links.flatMap((link) => [
      set(link.name, ownSettings(link)),
      ...bridgeSettings(link).map((bridge) => set(link.name, { bridge })),
    ]);
    const masters = links.flatMap((link) => {
      const bridge = links.find(({ name, kind }) => name === link.master && kind === 'bridge');
      return bridge === undefined ? [] : [set(link.name, { master: bridge.name })];
    });
    const addresses = links.flatMap((link) => this.#addresses(namespace, link));
    const up = links.flatMap(({ name, kind, up: isUp }): Step[] => [
      ...(kind === 'loopback'
        ? []
        : [{ kind: 'neighbour-retry', netns, dev: name, milliseconds: neighbourRetry } as const]),
      ...(isUp ? [set(name, { up: true })] : []),
    ]);
    const ports = links.flatMap((link) => {
      const flags = portFlags(link);
      return flags === undefined || link.master === undefined ? [] : [set(link.name, { port: flags })];
    });
    return [...settings, ...masters, ...addresses, ...up, ...ports];
  }

  #addresses(namespace: Namespace, link: Link): readonly Step[] {
    return link.addresses.filter(isGiven(link)).flatMap((address): Step[] => {
      if (address.tentative === true) {
        const what = `${formatPrefix(address.prefix)} dev ${link.name} tentative`;
        this.unbuilt.push({ namespace: namespace.name, what, why: 'stand-in' });
        return [];
      }
      const { prefix, scope } = address;
      return [{ kind: 'add-address', netns: this.#where(namespace.name), dev: link.name, prefix, scope }];
    });
  }

  /** The outside's own addresses; what has no wire of its own stands on its loopback. */
  finishOutside({ facts, wires }: OutsideNode): void {
    const netns = this.#where(facts.name);
    const steps: Step[] = [];
    for (const link of facts.links) {
      const wired = wires.has(link.name);
      const dev = wired ? outsideLinkName(link.name) : 'lo';
      if (wired && !this.pairs.some((step) => endsAt(step, netns, dev))) continue;
      if (wired && isStationMac(link.mac))
        steps.push({ kind: 'set-link', netns, name: dev, set: { mac: link.mac } });
      for (const { prefix } of link.addresses.filter(({ prefix: p }) => !isLoopback(p.addr)))
        steps.push({ kind: 'add-address', netns, dev, prefix: wired ? prefix : hostPrefix(prefix.addr) });
      if (wired) steps.push({ kind: 'neighbour-retry', netns, dev, milliseconds: neighbourRetry });
    }
    this.outsideRaise.unshift({ kind: 'set-link', netns, name: 'lo', set: { up: true } }, ...steps);
  }
}

/** Names of the outside are made up where nothing describes it, and may be longer than a link's can be. */
export function outsideLinkName(name: string): string {
  return isLinkName(name)
    ? name
    : `far-${[...name].reduce((sum, c) => (sum * 31 + (c.codePointAt(0) ?? 0)) % 1e9, 7)}`;
}

function endsAt(step: Step, netns: string, name: string): boolean {
  if (step.kind !== 'add-link' || step.link.type !== 'veth') return false;
  return step.link.peer.netns === netns && step.link.peer.name === name;
}

function ownSettings({ kind, mtu, mac }: Link): LinkSettings {
  if (kind === 'loopback') return {};
  const fits = mtu >= 68 && mtu <= 65_535;
  return {
    ...(fits ? { mtu } : {}),
    ...(isStationMac(mac) && kind !== 'ipvlan' ? { mac } : {}),
  };
}

/** What a new bridge has not; a kernel may lack the setting. Each by itself, so that one that is refused is all that is missing. */
function bridgeSettings({ bridge }: Link): readonly Partial<BridgeSettings>[] {
  if (bridge === undefined) return [];
  const { vlanFiltering, callIptables, callIp6tables } = bridge;
  return [
    ...(vlanFiltering ? [{ vlanFiltering }] : []),
    ...(callIptables ? [{ callIptables }] : []),
    ...(callIp6tables ? [{ callIp6tables }] : []),
  ];
}

/** Addresses that somebody gave the link; the kernel makes those of loopback and of the link itself. */
function isGiven({ kind }: Link): (address: LinkAddress) => boolean {
  return ({ prefix, scope }) => {
    if (kind === 'loopback') return !['127.0.0.1', '::1'].includes(formatAddr(prefix.addr));
    return prefix.addr.family === 'ipv4' || scope !== 'link';
  };
}

/** The state is the kernel's own, except where somebody has set another than a live port has. */
function portFlags({ port, up, carrier }: Link): Partial<BridgePort> | undefined {
  if (port === undefined) return undefined;
  const { state, ...flags } = port;
  const set = up && carrier && state !== 'forwarding';
  return set ? { ...flags, state } : flags;
}
