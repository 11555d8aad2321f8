/**
 * Layer 2: who hears a frame, which port a bridge sends it to, who answers for an address.
 * In: a wire and a MAC or IP address. Out: stations and ports as data. No packet is changed and no rule is asked here.
 * Sources: net/bridge/br_forward.c, br_input.c, br_fdb.c, drivers/net/macvlan.c, net/ipv4/arp.c.
 */

import type { BridgePort } from '../host/state.ts';
import { type Addr, isLinkLocal, sameAddr } from '../net/addr.ts';
import type { Decisions } from './decisions.ts';
import { answersAsk, selectSource } from './route.ts';
import { ownerOf, usableAddresses, type Wire } from './world.ts';

const plainPort: BridgePort = {
  state: 'forwarding',
  hairpin: false,
  isolated: false,
  learning: true,
  flood: true,
  broadcastFlood: true,
};

/** The flags of a bridge port; the kernel's defaults where the facts have none. */
export function portFlags(port: Wire): BridgePort {
  return port.link.port ?? plainPort;
}

/** Neighbours learned in one walk: device and address to MAC. */
export class Neighbours {
  private readonly entries = new Map<Wire, Map<Addr['value'], string>>();

  learn(device: Wire, { value }: Addr, mac: string): void {
    const known = this.entries.get(device);
    if (known === undefined) this.entries.set(device, new Map([[value, mac]]));
    else known.set(value, mac);
  }

  macOf(device: Wire, { value }: Addr): string | undefined {
    return this.entries.get(device)?.get(value);
  }
}

export interface LinkLayer {
  readonly decisions: Decisions;
  /** What this walk's own questions have taught: asking tells the one who answers where the asker is. */
  readonly learned: Neighbours;
  /** What keeps the question of one device, or the answer of another, from being heard; undefined: nothing. */
  readonly unheard: (question: NeighbourQuestion) => string | undefined;
}

/** A device asks for the owner of `target` in the name of `asker`, and another one is to answer. */
export interface NeighbourQuestion {
  readonly device: Wire;
  readonly answerer: Wire;
  readonly target: Addr;
  readonly asker: Addr;
}

/** Why a frame goes nowhere. */
export interface DeadEnd {
  readonly why: string;
  readonly detail?: string;
}

/** Whether a frame may go from one port of a bridge to another (br_forward.c, should_deliver). */
export function mayCross(from: Wire | undefined, to: Wire): DeadEnd | undefined {
  const out = portFlags(to);
  if (!to.link.up || out.state !== 'forwarding') {
    return {
      why: 'bridge port does not forward',
      detail: `${to.link.name} is ${to.link.up ? out.state : 'down'}`,
    };
  }
  if (from === undefined) return undefined;
  if (from === to && !out.hairpin)
    return { why: 'hairpin off', detail: `${to.link.name} does not send a frame back where it came from` };
  if (from !== to && out.isolated && portFlags(from).isolated) {
    return { why: 'bridge ports isolated', detail: `${from.link.name} and ${to.link.name} are isolated` };
  }
  return undefined;
}

/** The port of a bridge behind which a MAC is heard, and whether the bridge will send to it. */
export function portFor(layer: LinkLayer, bridge: Wire, mac: string, from: Wire | undefined): Wire | DeadEnd {
  const behind = portsTowards(bridge, mac);
  const first = behind[0];
  if (first === undefined)
    return { why: 'no station has this MAC', detail: `${mac} is behind no port of ${bridge.link.name}` };
  const port =
    behind.length === 1
      ? first
      : (behind.find(
          (p) =>
            p !== first &&
            layer.decisions.decide(
              `${bridge.link.name} has learned ${mac} on ${p.link.name}`,
              `bridge fdb show br ${bridge.link.name}`,
            ),
        ) ?? first);
  const flags = portFlags(port);
  if (!flags.learning && !flags.flood && !isInFdb(bridge, port, mac)) {
    return {
      why: 'bridge port neither learns nor floods',
      detail: `${port.link.name} has learning off and flood off`,
    };
  }
  return mayCross(from, port) ?? port;
}

/** Found once for each MAC: frames to the same few stations cross a bridge again and again. */
const towards = new WeakMap<Wire, Map<string, readonly Wire[]>>();

/** The ports of a bridge behind which a station with this MAC is. */
function portsTowards(bridge: Wire, mac: string): readonly Wire[] {
  const byMac = towards.get(bridge) ?? new Map<string, readonly Wire[]>();
  towards.set(bridge, byMac);
  const known = byMac.get(mac);
  if (known !== undefined) return known;
  const ports = bridge.ports.filter((p) => hears(p.peer, mac, new Set([bridge])));
  byMac.set(mac, ports);
  return ports;
}

function isInFdb(bridge: Wire, port: Wire, mac: string): boolean {
  return (bridge.node.facts.fdb ?? []).some(
    (e) => e.mac === mac && e.dev === port.link.name && e.master === bridge.link.name,
  );
}

/** Whether a station with this MAC is at, or beyond, the far end of a wire. */
function hears(wire: Wire | undefined, mac: string, seen: Set<Wire>): boolean {
  if (wire === undefined || !wire.link.up || seen.has(wire)) return false;
  seen.add(wire);
  const bridge = wire.master;
  if (bridge !== undefined) {
    if (bridge.link.mac === mac || wire.link.mac === mac) return true;
    return bridge.ports.some((p) => p !== wire && hears(p.peer, mac, seen));
  }
  return wire.link.mac === mac || wire.children.some((c) => c.link.up && c.link.mac === mac);
}

/** A station that a broadcast reaches: the device that would handle it in its namespace. */
interface Listener {
  readonly device: Wire;
}

/** Everyone who hears a broadcast sent on this device. */
export function broadcastListeners(device: Wire): Wire[] {
  const heard: Listener[] = [];
  if (!device.link.up) return [];
  if (device.link.kind === 'bridge') spread(device, undefined, heard, new Set());
  else if (device.link.kind === 'macvlan') spreadMacvlan(device, heard);
  else arrive(device.peer, heard, new Set());
  return heard.map((l) => l.device);
}

function spreadMacvlan(device: Wire, heard: Listener[]): void {
  const parent = device.peer;
  if (parent === undefined || !parent.link.up) return;
  if ((device.link.mode ?? 'bridge') === 'bridge') {
    for (const sibling of parent.children) {
      if (sibling !== device && sibling.link.up) heard.push({ device: sibling });
    }
  }
  arrive(parent.peer, heard, new Set());
}

function spread(bridge: Wire, from: Wire | undefined, heard: Listener[], seen: Set<Wire>): void {
  if (seen.has(bridge)) return;
  seen.add(bridge);
  for (const port of bridge.ports) {
    if (mayCross(from, port) !== undefined || !portFlags(port).broadcastFlood) continue;
    arrive(port.peer, heard, seen);
  }
}

function arrive(wire: Wire | undefined, heard: Listener[], seen: Set<Wire>): void {
  if (wire === undefined || !wire.link.up) return;
  const bridge = wire.master;
  if (bridge !== undefined) {
    if (portFlags(wire).state !== 'forwarding') return;
    if (bridge.link.up) heard.push({ device: bridge });
    spread(bridge, wire, heard, seen);
    return;
  }
  heard.push({ device: wire });
  for (const child of wire.children) if (child.link.up) heard.push({ device: child });
}

/** Whether a unicast frame sent on `device` reaches `target`: the way an ARP answer takes. */
function reaches(layer: LinkLayer, device: Wire, target: Wire): boolean {
  const mac = target.link.mac;
  if (mac === undefined || !device.link.up) return false;
  let at: Wire | undefined = device;
  let from: Wire | undefined;
  for (let hops = 0; at !== undefined && hops < 16; hops++) {
    if (at === target) return true;
    if (at.link.kind === 'bridge') {
      const port = portFor(layer, at, mac, from);
      if ('why' in port) return false;
      at = port.peer;
    } else if (at.link.kind === 'macvlan' && hops === 0) {
      const parent: Wire | undefined = at.peer;
      const sibling = parent === undefined ? undefined : parent.children.find((c) => c === target);
      at = sibling ?? parent?.peer;
    } else if (hops === 0) {
      at = at.peer;
    }
    if (at?.master !== undefined) {
      from = at;
      at = at.master;
      if (at === target || target.link.mac === at.link.mac) return at === target;
    } else if (at !== undefined && at !== target && at.link.kind !== 'bridge') {
      return at.children.includes(target);
    }
  }
  return false;
}

export type Resolution =
  | { readonly kind: 'mac'; readonly mac: string }
  | { readonly kind: 'unresolved'; readonly why: string };

/** Neighbour states in which the kernel sends without asking (net/core/neighbour.c, NUD_CONNECTED). */
const trusted = new Set(['PERMANENT', 'NOARP', 'REACHABLE']);

/** Finds the MAC of the next hop: from the neighbour table, else by asking everyone on the link. */
export function resolveNeighbour(layer: LinkLayer, device: Wire, nexthop: Addr, sender: Addr): Resolution {
  const node = device.node;
  const entry = node.facts.neighbours.find((n) => n.dev === device.link.name && sameAddr(n.addr, nexthop));
  if (entry?.mac !== undefined && entry.state.some((s) => trusted.has(s))) {
    return { kind: 'mac', mac: entry.mac };
  }
  const learned = layer.learned.macOf(device, nexthop);
  if (learned !== undefined) return { kind: 'mac', mac: learned };
  const asker = askerOf(device, nexthop, sender);
  const answer = askEveryone(layer, device, nexthop, asker);
  if (answer.kind === 'mac') {
    const unheard = layer.unheard({ device, answerer: answer.listener, target: nexthop, asker });
    if (unheard !== undefined) return { kind: 'unresolved', why: unheard };
    if (device.link.mac !== undefined) layer.learned.learn(answer.listener, asker, device.link.mac);
    layer.learned.learn(device, nexthop, answer.mac);
  }
  return answer;
}

/** An answer that the facts alone decide, found once for each question: on a large bridge everybody has to be asked. */
const answers = new WeakMap<Wire, Map<Addr['value'], Map<Addr['value'], Answer>>>();

type Answer =
  | Exclude<Resolution, { kind: 'mac' }>
  | (Extract<Resolution, { kind: 'mac' }> & { readonly listener: Wire });

function askEveryone(layer: LinkLayer, device: Wire, target: Addr, asker: Addr): Answer {
  const known = answers.get(device)?.get(target.value)?.get(asker.value);
  if (known !== undefined) return known;
  const before = layer.decisions.asked;
  const answer = firstAnswer(layer, device, target, asker);
  if (layer.decisions.asked > before) return answer;
  const byTarget = answers.get(device) ?? new Map<Addr['value'], Map<Addr['value'], Answer>>();
  const byAsker = byTarget.get(target.value) ?? new Map<Addr['value'], Answer>();
  answers.set(device, byTarget.set(target.value, byAsker.set(asker.value, answer)));
  return answer;
}

function firstAnswer(layer: LinkLayer, device: Wire, target: Addr, asker: Addr): Answer {
  for (const listener of broadcastListeners(device)) {
    const { mac } = listener.link;
    if (listener === device || mac === undefined) continue;
    if (!answersAsk(listener.node, listener.link.name, target, asker, layer.decisions)) continue;
    if (!reaches(layer, listener, device)) {
      return {
        kind: 'unresolved',
        why: `the answer of ${listener.node.name} does not come back to ${device.link.name}`,
      };
    }
    return { kind: 'mac', mac, listener };
  }
  return { kind: 'unresolved', why: `nobody on ${device.link.name} answers for this address` };
}

/**
 * In whose name a device asks. arp_solicit with arp_announce=0: the packet's source if it is ours, else an address of the device.
 * ndisc_solicit: the packet's source if it is the device's own, else the device's link-local address.
 */
function askerOf(device: Wire, nexthop: Addr, sender: Addr): Addr {
  if (nexthop.family === 'ipv4')
    return ownerOf(device.node, sender) === undefined
      ? (selectSource(device.node, device, nexthop) ?? sender)
      : sender;
  const own = usableAddresses(device.link, 'ipv6').map(({ prefix }) => prefix.addr);
  return own.find((addr) => sameAddr(addr, sender)) ?? own.find(isLinkLocal) ?? sender;
}
