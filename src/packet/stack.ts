/**
 * The stack: moves one packet through namespaces until it is delivered, dies, or causes an error.
 * In: a packet and where it starts. Out: its fate, and the steps for the trace. Order of things as in
 * net/ipv4/ip_output.c, ip_input.c, ip_forward.c, net/bridge/br_netfilter_hooks.c. What the receiver does with a
 * delivered packet is `exchange.ts`'s subject.
 */
import { type Addr, formatAddr, sameAddr } from '../net/addr.ts';
import { Conntrack } from './conntrack.ts';
import type { Decisions } from './decisions.ts';
import { type Hook, type HookContext, type HookDevices, runHook, type Verdict } from './hooks.ts';
import { type IcmpProblem, icmpNumbers, rejectProblem } from './icmp.ts';
import {
  type LinkLayer,
  macvlanChildren,
  Neighbours,
  portFlags,
  portFor,
  resolveNeighbour,
} from './link-layer.ts';
import { runNftChain } from './nft-chain.ts';
import {
  answerTo,
  defaultZone,
  familyOf,
  headerOf,
  isIcmpError,
  makePacket,
  type Packet,
  tcpFlag,
  tupleOf,
} from './packet.ts';
import type { Recorder } from './recorder.ts';
import { routeInput, routeOutput } from './route.ts';
import { linkChains } from './stages.ts';
import type { RuleHit } from './trace.ts';
import { HookView } from './view.ts';
import { type Node, sysctlNumber, type Wire, type World } from './world.ts';

export type SendError = 'net-unreachable' | 'host-unreachable' | 'EACCES' | 'EINVAL' | 'EPERM' | 'EMSGSIZE';

export type Fate =
  | { readonly kind: 'delivered'; readonly node: Node; readonly wire: Wire; readonly packet: Packet }
  /** Died without a word. */
  | { readonly kind: 'lost' }
  /** The sending kernel refused; `connecting`: so early that a TCP connect hears of it too. */
  | { readonly kind: 'send-error'; readonly error: SendError; readonly connecting: boolean }
  /** Somebody sent an ICMP error about it; what became of that is `error`'s own fate. */
  | {
      readonly kind: 'icmp';
      readonly type: number;
      readonly code: number;
      readonly mtu: number | undefined;
      readonly error: Fate;
    }
  /** Somebody answered with a TCP reset (REJECT). */
  | { readonly kind: 'reset'; readonly reset: Fate }
  /** The next hop's link address is not known; `atSender` when that was the sending kernel itself. */
  | { readonly kind: 'unresolved'; readonly atSender: boolean; readonly error: Fate | undefined };

const lost: Fate = { kind: 'lost' };

/** A frame on a link. */
interface Frame {
  readonly packet: Packet;
  readonly srcMac: string | undefined;
  readonly dstMac: string;
  /** Its IP packet was sent by this namespace itself, so a failure is its own to notice. */
  readonly local: boolean;
}

const noDevices: HookDevices = {
  inDev: undefined,
  outDev: undefined,
  physIn: undefined,
  physOut: undefined,
  nexthop: undefined,
};

/** A routing loop ends with the TTL; a frame that bridges send in circles has none. */
const maxCrossings = 256;

export interface SendOptions {
  /** Take the route's source address, as an unbound socket does. */
  readonly chooseSource: boolean;
  /** Called with the packet as its socket knows it, before any rule. */
  readonly onSource?: (packet: Packet) => void;
}

/** IP and TCP headers without options. */
function headerBytes(packet: Packet): number {
  return familyOf(packet) === 'ipv4' ? 40 : 60;
}

export class Stack {
  readonly world: World;
  readonly decisions: Decisions;
  private readonly recorder: Recorder;
  private readonly tables = new Map<Node, Conntrack>();
  private readonly layer: LinkLayer;
  /** Links that the packet on its way has crossed so far. */
  private crossings = 0;

  constructor(world: World, decisions: Decisions, recorder: Recorder) {
    this.world = world;
    this.decisions = decisions;
    this.recorder = recorder;
    this.layer = { nodes: world.nodes, decisions, learned: new Neighbours() };
  }

  /** Sends a packet from a namespace. Without a source, the route's is taken. */
  send(node: Node, packet: Packet, options: SendOptions): Fate {
    // An error about a packet is sent while that packet is still on its way.
    const outer = this.crossings;
    this.crossings = 0;
    const fate = this.originate(node, packet, options);
    this.crossings = outer;
    return fate;
  }

  private originate(node: Node, packet: Packet, options: SendOptions): Fate {
    this.recorder.enter(node.name);
    const key = {
      dst: packet.dst,
      src: options.chooseSource ? undefined : packet.src,
      mark: packet.mark,
      inDev: undefined,
    };
    let route = routeOutput(node, key, this.decisions);
    if (route.kind === 'error') return this.refuse(packet, route.error, 'route', route.why, true);
    packet.src = route.src;
    if (packet.mss !== undefined)
      packet.mss = Math.min(packet.mss, route.wire.link.mtu - headerBytes(packet));
    options.onSource?.(packet);
    this.recorder.step({ kind: 'send', header: headerOf(packet) });
    this.recordRoute(route);
    const before = { dst: packet.dst, mark: packet.mark };
    const verdict = this.hook(node, 'OUTPUT', packet, {
      ...noDevices,
      outDev: route.wire,
      nexthop: route.nexthop,
    });
    if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, true);
    if (!sameAddr(before.dst, packet.dst) || before.mark !== packet.mark) {
      // ip_route_me_harder: the source stays, the way is chosen anew.
      route = routeOutput(
        node,
        { dst: packet.dst, src: packet.src, mark: packet.mark, inDev: undefined },
        this.decisions,
      );
      if (route.kind === 'error')
        return this.refuse(packet, route.error, 'route after OUTPUT', route.why, false);
      this.recordRoute(route);
    }
    return this.output(node, packet, route.wire, route.nexthop, undefined);
  }

  /** POSTROUTING, size, and out. `from` is the device of a forwarded packet. */
  private output(node: Node, packet: Packet, wire: Wire, nexthop: Addr, from: Wire | undefined): Fate {
    // Since Linux 5.7 the hook knows the input device too (net/ipv4/ip_output.c).
    const verdict = this.hook(node, 'POSTROUTING', packet, {
      ...noDevices,
      inDev: from,
      outDev: wire,
      nexthop,
    });
    if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, from === undefined);
    if (from === undefined && packet.dontFragment && packet.length > wire.link.mtu && !packet.offloaded) {
      return this.refuse(
        packet,
        'EMSGSIZE',
        wire.link.name,
        `${packet.length} bytes do not fit the MTU of ${wire.link.mtu}`,
        false,
      );
    }
    return this.transmit(node, packet, wire, nexthop, from === undefined);
  }

  private transmit(node: Node, packet: Packet, wire: Wire, nexthop: Addr, local: boolean): Fate {
    if (wire.link.kind === 'loopback') {
      this.recorder.step({ kind: 'transmit', dev: wire.link.name });
      return this.receive(wire, packet, undefined, undefined, false);
    }
    if (!wire.link.up) return this.die(wire.link.name, 'link is down');
    const resolved = resolveNeighbour(this.layer, wire, nexthop, packet.src);
    if (resolved.kind === 'unresolved') {
      this.recorder.step({
        kind: 'drop',
        where: wire.link.name,
        why: `no neighbour ${formatAddr(nexthop)}`,
        detail: resolved.why,
      });
      const error = local ? undefined : this.icmpError(node, packet, 'host-unreachable', undefined);
      return { kind: 'unresolved', atSender: local, error };
    }
    this.recorder.step({ kind: 'transmit', dev: wire.link.name, nexthop });
    return this.sendFrame(wire, { packet, srcMac: wire.link.mac, dstMac: resolved.mac, local });
  }

  /** Puts a frame on a device. */
  private sendFrame(wire: Wire, frame: Frame): Fate {
    if (!wire.link.up) return this.die(wire.link.name, 'link is down');
    const filtered = this.linkFilter(wire.node, 'netdev', 'egress', { outDev: wire }, frame);
    if (filtered !== undefined) return filtered;
    if (wire.link.kind === 'bridge') return this.bridge(wire, frame, undefined);
    if (wire.link.kind === 'macvlan') return this.sendMacvlan(wire, frame);
    const peer = wire.peer;
    if (peer === undefined) return this.die(wire.link.name, 'nothing is known beyond this link');
    return this.cross(wire, peer, frame);
  }

  private sendMacvlan(wire: Wire, frame: Frame): Fate {
    const parent = wire.peer;
    if (parent === undefined || !parent.link.up)
      return this.die(wire.link.name, 'the parent link is down or not known');
    const sibling = macvlanChildren(parent, this.world.nodes).find(
      (c) => c !== wire && c.link.mac === frame.dstMac,
    );
    if (sibling !== undefined && (wire.link.mode ?? 'bridge') === 'bridge')
      return this.cross(wire, sibling, frame);
    if (parent.peer === undefined) return this.die(parent.link.name, 'nothing is known beyond this link');
    return this.cross(parent, parent.peer, frame);
  }

  private cross(from: Wire, to: Wire, frame: Frame): Fate {
    const { packet } = frame;
    this.crossings += 1;
    if (this.crossings > maxCrossings) return this.die(from.link.name, 'the frame goes in circles');
    // __dev_forward_skb: a veth drops what exceeds its peer's MTU (and room for a VLAN tag), unless it is cut later.
    if (from.link.kind === 'veth' && !packet.offloaded && packet.length > to.link.mtu + 4) {
      return this.die(
        to.link.name,
        'frame is larger than the MTU',
        `${packet.length} bytes, MTU ${to.link.mtu}`,
      );
    }
    packet.tracking = undefined;
    packet.zone = defaultZone;
    if (from.node !== to.node) {
      packet.mark = 0;
      packet.owner = undefined;
    }
    return this.receiveFrame(to, frame);
  }

  private receiveFrame(wire: Wire, frame: Frame): Fate {
    this.recorder.enter(wire.node.name);
    if (!wire.link.up) return this.die(wire.link.name, 'link is down');
    const filtered = this.linkFilter(wire.node, 'netdev', 'ingress', { inDev: wire }, frame);
    if (filtered !== undefined) return filtered;
    const child = macvlanChildren(wire, this.world.nodes).find((c) => c.link.mac === frame.dstMac);
    if (child !== undefined) return this.receiveFrame(child, frame);
    if (wire.master !== undefined) return this.receiveAtPort(wire, wire.master, frame);
    if (frame.dstMac !== wire.link.mac)
      return this.die(wire.link.name, 'frame is for another MAC', frame.dstMac);
    this.recorder.step({ kind: 'receive', dev: wire.link.name, header: headerOf(frame.packet) });
    return this.receive(wire, frame.packet, frame.srcMac, undefined, false);
  }

  /** A frame comes in at a bridge port (br_handle_frame): to the host itself, or on to another port. */
  private receiveAtPort(port: Wire, bridge: Wire, frame: Frame): Fate {
    const flags = portFlags(port);
    if (flags.state !== 'forwarding')
      return this.die(port.link.name, 'bridge port does not forward', flags.state);
    if (!bridge.link.up) return this.die(bridge.link.name, 'link is down');
    this.recorder.step({ kind: 'receive', dev: port.link.name, header: headerOf(frame.packet) });
    const filtered = this.linkFilter(bridge.node, 'bridge', 'prerouting', { inDev: port }, frame);
    if (filtered !== undefined) return filtered;
    let { dstMac } = frame;
    const called = callsIptables(bridge, frame.packet);
    if (called) {
      const { packet } = frame;
      const before = packet.dst;
      const at = { ...noDevices, inDev: bridge, physIn: port };
      const verdict = this.hook(bridge.node, 'PREROUTING', packet, at, frame.srcMac);
      if (verdict.kind !== 'accept') return this.stop(bridge.node, packet, verdict, false);
      if (!sameAddr(before, packet.dst)) {
        const next = this.redirectBridged(bridge, packet);
        if (next === undefined) return this.die(bridge.link.name, 'no route after DNAT of a bridged frame');
        dstMac = next;
      }
    }
    if (dstMac === bridge.link.mac || bridge.ports.some((p) => p.link.mac === dstMac)) {
      const input = this.linkFilter(bridge.node, 'bridge', 'input', { inDev: bridge }, frame);
      if (input !== undefined) return input;
      return this.receive(bridge, frame.packet, frame.srcMac, port, called);
    }
    return this.bridge(bridge, { ...frame, dstMac }, port);
  }

  /** br_nf_pre_routing_finish: where a bridged packet goes after its destination was rewritten; the MAC to send it to. */
  private redirectBridged(bridge: Wire, packet: Packet): string | undefined {
    const key = { dst: packet.dst, src: packet.src, mark: packet.mark, inDev: bridge.link.name };
    const routed = routeInput(bridge.node, key, this.decisions);
    if (routed.kind === 'forward' && routed.wire === bridge) {
      const resolved = resolveNeighbour(this.layer, bridge, routed.nexthop, packet.src);
      return resolved.kind === 'mac' ? resolved.mac : undefined;
    }
    return routed.kind === 'local' || routed.kind === 'forward' ? bridge.link.mac : undefined;
  }

  /** Sends a frame out of the port that its destination is behind. */
  private bridge(bridge: Wire, frame: Frame, from: Wire | undefined): Fate {
    const { packet } = frame;
    const port = portFor(this.layer, bridge, frame.dstMac, from);
    if ('why' in port) return this.die(bridge.link.name, port.why, port.detail);
    const filtered = this.linkFilter(
      bridge.node,
      'bridge',
      from === undefined ? 'output' : 'forward',
      { inDev: from, outDev: port },
      frame,
    );
    if (filtered !== undefined) return filtered;
    if (from !== undefined && callsIptables(bridge, packet)) {
      const at = { ...noDevices, inDev: bridge, outDev: bridge, physIn: from, physOut: port };
      for (const hook of ['FORWARD', 'POSTROUTING'] as const) {
        const verdict = this.hook(
          bridge.node,
          hook,
          packet,
          hook === 'FORWARD' ? at : { ...at, inDev: undefined },
          frame.srcMac,
        );
        if (verdict.kind !== 'accept') return this.stop(bridge.node, packet, verdict, false);
      }
    }
    if (packet.length > port.link.mtu + 4 && !packet.offloaded) {
      return this.die(
        port.link.name,
        'frame is larger than the MTU',
        `${packet.length} bytes, MTU ${port.link.mtu}`,
      );
    }
    this.recorder.step({
      kind: 'bridge',
      bridge: bridge.link.name,
      to: port.link.name,
      ...(from === undefined ? {} : { from: from.link.name }),
    });
    const leaving = this.linkFilter(port.node, 'netdev', 'egress', { outDev: port }, frame);
    if (leaving !== undefined) return leaving;
    const peer = port.peer;
    if (peer === undefined) return this.die(port.link.name, 'nothing is known beyond this link');
    return this.cross(port, peer, frame);
  }

  /** nftables chains that see frames: of the bridge family, or of one device. A frame that they stop dies without a word. */
  private linkFilter(
    node: Node,
    family: 'bridge' | 'netdev',
    hook: string,
    devices: { readonly inDev?: Wire | undefined; readonly outDev?: Wire | undefined },
    frame: Frame,
  ): Fate | undefined {
    for (const chain of node.facts.unmodelledHooks) {
      if (chain.family !== family || chain.hook !== hook) continue;
      const fact = `nftables chain ${chain.name} (${family}, hook ${hook}) lets the frame pass`;
      if (!this.decisions.decide(fact, 'nft list ruleset'))
        return this.die(chain.name, `nftables ${family} chain, contents not evaluated`);
    }
    const families = family === 'bridge' ? (['bridge'] as const) : (['netdev', 'inet'] as const);
    const dev = family === 'bridge' ? undefined : (devices.inDev ?? devices.outDev)?.link.name;
    for (const chain of linkChains(node, families, hook, dev)) {
      const { packet } = frame;
      const at = { ...noDevices, ...devices };
      const context = this.contextOf(node, packet, at, frame.srcMac, frame.dstMac);
      const verdict = runNftChain(context, { ...chain, hook: 'link', packet, at });
      if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, false);
    }
    return undefined;
  }

  /** An IP packet comes in on a device (ip_rcv). `prerouted`: br_netfilter has run PREROUTING already. */
  private receive(
    wire: Wire,
    packet: Packet,
    srcMac: string | undefined,
    port: Wire | undefined,
    prerouted: boolean,
  ): Fate {
    const node = wire.node;
    if (!prerouted) {
      const verdict = this.hook(
        node,
        'PREROUTING',
        packet,
        { ...noDevices, inDev: wire, physIn: port },
        srcMac,
      );
      if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, false);
    }
    const key = { dst: packet.dst, src: packet.src, mark: packet.mark, inDev: wire.link.name };
    const routed = routeInput(node, key, this.decisions);
    switch (routed.kind) {
      case 'drop':
        return this.die('routing', routed.why, routed.detail);
      case 'error':
        this.recorder.step({ kind: 'drop', where: 'routing', why: routed.why });
        return this.answerWith(node, packet, routed.problem);
      case 'local': {
        this.recorder.step({ kind: 'route', result: 'local' });
        const verdict = this.hook(node, 'INPUT', packet, { ...noDevices, inDev: wire, physIn: port }, srcMac);
        if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, false);
        return { kind: 'delivered', node, wire, packet };
      }
      case 'forward':
        this.recorder.step({
          kind: 'route',
          result: 'forward',
          table: routed.table,
          dev: routed.wire.link.name,
          ...(routed.gateway === undefined ? {} : { gateway: routed.gateway }),
        });
        return this.forward(node, wire, packet, routed.wire, routed.nexthop, port, srcMac);
    }
  }

  private forward(
    node: Node,
    wire: Wire,
    packet: Packet,
    out: Wire,
    nexthop: Addr,
    port: Wire | undefined,
    srcMac: string | undefined,
  ): Fate {
    if (packet.ttl <= 1) {
      this.recorder.step({ kind: 'drop', where: 'forwarding', why: 'TTL used up' });
      return this.answerWith(node, packet, 'ttl-exceeded');
    }
    packet.ttl -= 1;
    if (packet.length > out.link.mtu && (packet.dontFragment || familyOf(packet) === 'ipv6')) {
      const why = `${packet.length} bytes do not fit the MTU of ${out.link.mtu} of ${out.link.name}, and DF is set`;
      this.recorder.step({ kind: 'drop', where: 'forwarding', why });
      return this.answerWith(node, packet, 'too-big', out.link.mtu);
    }
    const verdict = this.hook(
      node,
      'FORWARD',
      packet,
      { ...noDevices, inDev: wire, outDev: out, physIn: port, nexthop },
      srcMac,
    );
    if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, false);
    return this.output(node, packet, out, nexthop, wire);
  }

  private hook(node: Node, hook: Hook, packet: Packet, at: HookDevices, srcMac?: string): Verdict {
    return runHook(this.contextOf(node, packet, at, srcMac), hook, packet, at);
  }

  private contextOf(
    node: Node,
    packet: Packet,
    at: HookDevices,
    srcMac: string | undefined,
    dstMac?: string,
  ): HookContext {
    return {
      node,
      conntrack: this.conntrackOf(node),
      decisions: this.decisions,
      view: new HookView(node, packet, at, srcMac, this.decisions, dstMac),
      record: (step) => this.recorder.step(step),
    };
  }

  private conntrackOf(node: Node): Conntrack {
    const known = this.tables.get(node);
    if (known !== undefined) return known;
    const fresh = new Conntrack();
    this.tables.set(node, fresh);
    return fresh;
  }

  /** A rule stopped the packet. A local sender learns of a drop (EPERM); a reject answers. */
  private stop(
    node: Node,
    packet: Packet,
    verdict: Exclude<Verdict, { kind: 'accept' }>,
    local: boolean,
  ): Fate {
    this.recordStop(
      verdict.where,
      verdict.kind === 'drop' ? verdict.why : `REJECT with ${verdict.with}`,
      verdict.rule,
    );
    if (verdict.kind === 'drop')
      return local ? { kind: 'send-error', error: 'EPERM', connecting: false } : lost;
    if (verdict.with === 'tcp-reset') return this.reset(node, packet);
    return this.answerWith(node, packet, rejectProblem(verdict.with));
  }

  private recordStop(where: string, why: string, rule: RuleHit | undefined): void {
    this.recorder.step({ kind: 'drop', where, why, ...(rule === undefined ? {} : { rule }) });
  }

  /** nf_send_reset: a reset in the name of the destination; never about another reset. */
  private reset(node: Node, about: Packet): Fate {
    if (about.protocol !== 'tcp' || (about.tcpFlags & tcpFlag.rst) !== 0) return lost;
    const reset = makePacket({
      ...answerTo(about),
      tcpFlags: tcpFlag.rst | tcpFlag.ack,
      length: 40,
      tracking: attached(about, 'ESTABLISHED'),
    });
    return {
      kind: 'reset',
      reset: this.recorder.aside(() => this.send(node, reset, { chooseSource: false })),
    };
  }

  /** Nobody listens on the port of a datagram that was delivered here. */
  reportPortUnreachable(node: Node, about: Packet): Fate {
    this.recorder.step({ kind: 'drop', where: node.name, why: 'nobody listens on this port' });
    return this.answerWith(node, about, 'port-unreachable');
  }

  private answerWith(node: Node, about: Packet, problem: IcmpProblem, mtu?: number): Fate {
    const error = this.icmpError(node, about, problem, mtu);
    return error === undefined
      ? lost
      : { kind: 'icmp', ...icmpNumbers(familyOf(about), problem), mtu, error };
  }

  /** icmp_send: an error goes back to the source; never about another error. Undefined when none is sent. */
  private icmpError(
    node: Node,
    about: Packet,
    problem: IcmpProblem,
    mtu: number | undefined,
  ): Fate | undefined {
    if (isIcmpError(about)) return undefined;
    const own = node.links.some((w) => w.link.addresses.some((a) => sameAddr(a.prefix.addr, about.dst)));
    const family = familyOf(about);
    const error = makePacket({
      ...answerTo(about),
      protocol: family === 'ipv4' ? 'icmp' : 'icmpv6',
      icmp: icmpNumbers(family, problem),
      sport: 0,
      dport: 0,
      length: Math.min(about.length + 28, 576),
      quoted: tupleOf(about),
      mtu,
      tracking: attached(about, 'RELATED'),
    });
    return this.recorder.aside(() => this.send(node, error, { chooseSource: !own }));
  }

  private refuse(packet: Packet, error: SendError, where: string, why: string, connecting: boolean): Fate {
    this.recorder.step({ kind: 'send', header: headerOf(packet) });
    this.recorder.step({ kind: 'drop', where, why });
    return { kind: 'send-error', error, connecting };
  }

  private die(where: string, why: string, detail?: string): Fate {
    this.recorder.step({ kind: 'drop', where, why, ...(detail === undefined ? {} : { detail }) });
    return lost;
  }

  private recordRoute(route: {
    readonly wire: Wire;
    readonly table: string;
    readonly gateway: Addr | undefined;
    readonly src: Addr;
  }): void {
    this.recorder.step({
      kind: 'route',
      result: 'output',
      table: route.table,
      dev: route.wire.link.name,
      src: route.src,
      ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
    });
  }
}

/** nf_conntrack_attach: what the kernel sends about a packet belongs to its connection, in the other direction. */
function attached(about: Packet, state: 'RELATED' | 'ESTABLISHED'): Packet['tracking'] {
  const tracking = about.tracking;
  if (tracking?.connection === undefined) return undefined;
  return {
    connection: tracking.connection,
    direction: tracking.direction === 'original' ? 'reply' : 'original',
    state,
  };
}

/** br_netfilter is asked for by the namespace's sysctl or by the bridge's own switch. */
function callsIptables(bridge: Wire, packet: Packet): boolean {
  const ipv4 = familyOf(packet) === 'ipv4';
  const own = ipv4 ? bridge.link.bridge?.callIptables : bridge.link.bridge?.callIp6tables;
  const key = ipv4 ? 'net.bridge.bridge-nf-call-iptables' : 'net.bridge.bridge-nf-call-ip6tables';
  // Without br_netfilter the sysctl does not exist, and bridged frames skip iptables.
  return own === true || sysctlNumber(bridge.node, key, 0) !== 0;
}
