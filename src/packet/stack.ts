/**
 * The stack: moves one packet through namespaces until it is delivered, dies, or causes an error.
 * In: a packet and where it starts. Out: its fate, and the steps for the trace. Order of things as in
 * net/ipv4/ip_output.c, ip_input.c, ip_forward.c. Links and bridges are `frames.ts`'s subject, what the receiver does
 * with a delivered packet is `exchange.ts`'s.
 */
import { type Addr, formatAddr } from '../net/addr.ts';
import { Conntrack } from './conntrack.ts';
import type { Decisions } from './decisions.ts';
import { type Fate, lost, type SendError } from './fate.ts';
import { type Above, Frames, type Whence } from './frames.ts';
import {
  accept,
  asksAnything,
  type Hook,
  type HookContext,
  type HookDevices,
  noDevices,
  runHook,
  type Verdict,
} from './hooks.ts';
import { type IcmpProblem, icmpNumbers, rejectProblem } from './icmp.ts';
import { type LinkLayer, Neighbours, resolveNeighbour } from './link-layer.ts';
import { discoveryUnheard } from './neighbour-discovery.ts';
import {
  answerTo,
  familyOf,
  headerOf,
  isIcmpError,
  makePacket,
  type Packet,
  tcpFlag,
  tcpHeaderBytes,
  tupleOf,
} from './packet.ts';
import type { Recorder } from './recorder.ts';
import { type OutputRoute, type RouteKey, routeInput, routeOutput, selectSource } from './route.ts';
import type { RuleHit } from './trace.ts';
import { HookView } from './view.ts';
import { type Node, ownerOf, reflectedMark, sysctlNumber, type Wire, type World } from './world.ts';

export interface SendOptions {
  /** Take the route's source address, as an unbound socket does. */
  readonly chooseSource: boolean;
  /** Of a socket: what fits the first link is not cut later on, so that a smaller one is learned of (IP_PMTUDISC_WANT). */
  readonly learnsMtu?: boolean;
  /** Called with the packet as its socket knows it, before any rule. */
  readonly onSource?: (packet: Packet) => void;
}

export class Stack implements Above {
  readonly world: World;
  readonly decisions: Decisions;
  private readonly recorder: Recorder;
  private readonly tables = new Map<Node, Conntrack>();
  private readonly layer: LinkLayer;
  private readonly frames: Frames;

  constructor(world: World, decisions: Decisions, recorder: Recorder) {
    this.world = world;
    this.decisions = decisions;
    this.recorder = recorder;
    this.layer = {
      decisions,
      learned: new Neighbours(),
      unheard: (question) =>
        recorder.aside(() => discoveryUnheard(question, (...asked) => this.hook(...asked))),
    };
    this.frames = new Frames(this, this.layer, recorder);
  }

  /** Sends a packet from a namespace. Without a source, the route's is taken. */
  send(node: Node, packet: Packet, options: SendOptions): Fate {
    // An error about a packet is sent while that packet is still on its way.
    return this.frames.counted(() => this.originate(node, packet, options));
  }

  private originate(node: Node, packet: Packet, options: SendOptions): Fate {
    this.recorder.enter(node.name);
    if (familyOf(packet) === 'ipv4') packet.ttl = sysctlNumber(node, 'net.ipv4.ip_default_ttl', packet.ttl);
    const key = {
      dst: packet.dst,
      src: options.chooseSource ? undefined : packet.src,
      mark: packet.mark,
      inDev: undefined,
    };
    const route = this.routeAsSender(node, packet, key, options.chooseSource && !isIcmpError(packet));
    if (route.kind === 'error') return this.refuse(packet, route.error, 'route', route.why, true);
    packet.src = route.src;
    if (packet.mss !== undefined)
      packet.mss = Math.min(packet.mss, route.wire.link.mtu - tcpHeaderBytes(familyOf(packet)));
    // ip_append_data, before any rule.
    if (packet.dontFragment && packet.protocol !== 'tcp' && packet.length > route.wire.link.mtu)
      return this.refuse(packet, 'EMSGSIZE', route.wire.link.name, tooLong(packet, route.wire), false);
    if (options.learnsMtu === true && packet.length <= route.wire.link.mtu)
      packet.dontFragment ||= sysctlNumber(node, 'net.ipv4.ip_no_pmtu_disc', 0) === 0;
    options.onSource?.(packet);
    if (this.recorder.isOn) this.recorder.step({ kind: 'send', header: headerOf(packet) });
    this.recordRoute(route);
    let way = route;
    // ip_route_me_harder: the source stays, the way is chosen anew.
    const reroute = () => {
      const { dst, src, mark } = packet;
      const found = routeOutput(node, { dst, src, mark, inDev: undefined }, this.decisions);
      if (found.kind === 'error') return found;
      way = found;
      return undefined;
    };
    const at = { ...noDevices, outDev: route.wire, nexthop: route.nexthop };
    const verdict = asksAnything(node, familyOf(packet))
      ? runHook({ ...this.contextOf(node, packet, at, undefined), reroute }, 'OUTPUT', packet, at)
      : accept;
    if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, 'here');
    if (way !== route) this.recordRoute(way);
    return this.output(node, packet, way.wire, way.nexthop, undefined);
  }

  /** The way of a packet; `unbound`: its socket has no address yet, and takes that of the way. */
  private routeAsSender(node: Node, packet: Packet, key: RouteKey, unbound: boolean): OutputRoute {
    const route = routeOutput(node, key, this.decisions);
    if (!unbound) return route;
    const again = (src: Addr) => routeOutput(node, { ...key, src }, this.decisions);
    if (familyOf(packet) === 'ipv6') {
      // ip6_dst_lookup_tail: only where there was no way without a source it is asked with one.
      const any = node.loopback === undefined ? undefined : selectSource(node, node.loopback, packet.dst);
      return route.kind === 'ok' || any === undefined ? route : again(any);
    }
    // ip_route_connect asks again with the source that it found. A ping sends on the first answer, but ping(8) tries a connect before.
    if (route.kind === 'error') return route;
    const connected = again(route.src);
    return connected.kind === 'error' || packet.icmp === undefined ? connected : route;
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
    if (verdict.kind !== 'accept') {
      return this.stop(node, packet, verdict, from === undefined ? 'here' : 'elsewhere');
    }
    if (from === undefined && packet.dontFragment && packet.length > wire.link.mtu && !packet.offloaded) {
      return this.refuse(packet, 'EMSGSIZE', wire.link.name, tooLong(packet, wire), false);
    }
    return this.transmit(node, packet, wire, nexthop);
  }

  private transmit(node: Node, packet: Packet, wire: Wire, nexthop: Addr): Fate {
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
      // Also the sending kernel tells itself so, by an error that passes its own rules (ipv4_link_failure, ndisc_error_report).
      const error = this.icmpError(node, packet, 'host-unreachable', undefined);
      return { kind: 'unresolved', error };
    }
    if (this.recorder.isOn) this.recorder.step({ kind: 'transmit', dev: wire.link.name, nexthop });
    return this.frames.send(wire, { packet, srcMac: wire.link.mac, dstMac: resolved.mac });
  }

  /** An IP packet comes in on a device (ip_rcv). `prerouted`: br_netfilter has run PREROUTING already. */
  receive(
    wire: Wire,
    packet: Packet,
    srcMac: string | undefined,
    port: Wire | undefined,
    prerouted: boolean,
  ): Fate {
    const node = wire.node;
    const whence = port === undefined ? 'elsewhere' : { port, srcMac, dstMac: wire.link.mac };
    if (!prerouted) {
      const verdict = this.hook(
        node,
        'PREROUTING',
        packet,
        { ...noDevices, inDev: wire, physIn: port },
        srcMac,
      );
      if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, whence);
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
        if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, whence);
        return { kind: 'delivered', node, wire, packet };
      }
      case 'forward':
        if (this.recorder.isOn)
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
    const whence = port === undefined ? 'elsewhere' : { port, srcMac, dstMac: wire.link.mac };
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
    if (verdict.kind !== 'accept') return this.stop(node, packet, verdict, whence);
    return this.output(node, packet, out, nexthop, wire);
  }

  hook(node: Node, hook: Hook, packet: Packet, at: HookDevices, srcMac?: string): Verdict {
    if (!asksAnything(node, familyOf(packet))) return accept;
    return runHook(this.contextOf(node, packet, at, srcMac), hook, packet, at);
  }

  contextOf(
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
      recorder: this.recorder,
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
  stop(node: Node, packet: Packet, verdict: Exclude<Verdict, { kind: 'accept' }>, whence: Whence): Fate {
    this.recordStop(
      verdict.where,
      verdict.kind === 'drop' ? verdict.why : `REJECT with ${verdict.with}`,
      verdict.rule,
    );
    if (verdict.kind === 'drop')
      return whence === 'here'
        ? { kind: 'send-error', error: verdict.error ?? 'EPERM', connecting: false }
        : lost;
    if (verdict.with === 'tcp-reset') return this.reset(node, packet, whence);
    const answered = this.answerWith(node, packet, rejectProblem(verdict.with));
    // The sender of a datagram or a ping reads the error of its own call before the one that came back (ip_send_skb).
    return whence === 'here' && packet.protocol !== 'tcp'
      ? { kind: 'send-error', error: 'EPERM', connecting: false }
      : answered;
  }

  private recordStop(where: string, why: string, rule: RuleHit | undefined): void {
    this.recorder.step({ kind: 'drop', where, why, ...(rule === undefined ? {} : { rule }) });
  }

  /**
   * nf_send_reset: a reset in the name of the destination; never about another reset. About a packet that came in at a bridge's
   * port under br_netfilter it goes straight back out of that port, past all hooks, so that NAT is not undone.
   */
  private reset(node: Node, about: Packet, whence: Whence): Fate {
    if (about.protocol !== 'tcp' || (about.tcpFlags & tcpFlag.rst) !== 0) return lost;
    const reset = makePacket({
      ...answerTo(about),
      tcpFlags: tcpFlag.rst | tcpFlag.ack,
      length: tcpHeaderBytes(familyOf(about)),
      mark: reflectedMark(node, about),
      tracking: attached(about, 'ESTABLISHED'),
    });
    const send = (): Fate => {
      if (typeof whence === 'string' || whence.srcMac === undefined)
        return this.send(node, reset, { chooseSource: false });
      const { port, srcMac, dstMac } = whence;
      const key = { dst: reset.dst, src: reset.src, mark: reset.mark, inDev: undefined };
      // The route is not taken, but without one there is no reset (ip_route_me_harder).
      if (routeOutput(node, key, this.decisions).kind === 'error') return lost;
      return this.frames.counted(() =>
        this.frames.send(port, { packet: reset, srcMac: dstMac, dstMac: srcMac }),
      );
    };
    return { kind: 'reset', reset: this.recorder.aside(send) };
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
    const own = ownerOf(node, about.dst) !== undefined;
    const family = familyOf(about);
    const error = makePacket({
      ...answerTo(about),
      protocol: family === 'ipv4' ? 'icmp' : 'icmpv6',
      icmp: icmpNumbers(family, problem),
      sport: 0,
      dport: 0,
      length: Math.min(about.length + 28, 576),
      // As icmp_send marks errors of IPv4: internetwork control.
      tos: family === 'ipv4' ? (about.tos & 0x1e) | 0xc0 : 0,
      quoted: tupleOf(about),
      mtu,
      mark: reflectedMark(node, about),
      tracking: attached(about, 'RELATED'),
    });
    return this.recorder.aside(() => this.send(node, error, { chooseSource: !own }));
  }

  private refuse(packet: Packet, error: SendError, where: string, why: string, connecting: boolean): Fate {
    this.recorder.step({ kind: 'send', header: headerOf(packet) });
    this.recorder.step({ kind: 'drop', where, why });
    return { kind: 'send-error', error, connecting };
  }

  die(where: string, why: string, detail?: string): Fate {
    this.recorder.step({ kind: 'drop', where, why, ...(detail === undefined ? {} : { detail }) });
    return lost;
  }

  private recordRoute(route: {
    readonly wire: Wire;
    readonly table: string;
    readonly gateway: Addr | undefined;
    readonly src: Addr;
  }): void {
    if (!this.recorder.isOn) return;
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

function tooLong(packet: Packet, wire: Wire): string {
  return `${packet.length} bytes do not fit the MTU of ${wire.link.mtu}`;
}
