/**
 * Frames: moves a frame over links, bridges and macvlan until a device hands it to the IP stack. In: a device and a frame.
 * Out: a fate. Sources: net/bridge/br_input.c, br_forward.c, br_netfilter_hooks.c, drivers/net/veth.c, macvlan.c.
 * Who hears what is `link-layer.ts`'s subject; what happens above layer 2 is the stack's, reached through `Above`.
 */
import { sameAddr } from '../net/addr.ts';
import type { Fate } from './fate.ts';
import { type Hook, type HookContext, type HookDevices, noDevices, type Verdict } from './hooks.ts';
import { type LinkLayer, portFlags, portFor, resolveNeighbour } from './link-layer.ts';
import { runNftChain } from './nft-chain.ts';
import { defaultZone, familyOf, headerOf, type Packet } from './packet.ts';
import type { Recorder } from './recorder.ts';
import { routeInput } from './route.ts';
import { hasLinkChains, linkChains } from './stages.ts';
import { type Node, sysctlNumber, type Wire } from './world.ts';

/** A frame on a link. */
export interface Frame {
  readonly packet: Packet;
  readonly srcMac: string | undefined;
  readonly dstMac: string;
}

/** Where a packet that a rule stops came from; a bridge's port where br_netfilter knows it. */
export type Whence =
  | 'here'
  | 'elsewhere'
  | { readonly port: Wire; readonly srcMac: string | undefined; readonly dstMac: string | undefined };

/** A routing loop ends with the TTL; a frame that bridges send in circles has none. */
const maxCrossings = 256;

/** The stack above the links. */
export interface Above {
  receive(
    wire: Wire,
    packet: Packet,
    srcMac: string | undefined,
    port: Wire | undefined,
    prerouted: boolean,
  ): Fate;
  hook(node: Node, hook: Hook, packet: Packet, at: HookDevices, srcMac?: string): Verdict;
  stop(node: Node, packet: Packet, verdict: Exclude<Verdict, { kind: 'accept' }>, from: Whence): Fate;
  die(where: string, why: string, detail?: string): Fate;
  contextOf(
    node: Node,
    packet: Packet,
    at: HookDevices,
    srcMac: string | undefined,
    dstMac?: string,
  ): HookContext;
}

export class Frames {
  private readonly above: Above;
  private readonly layer: LinkLayer;
  private readonly recorder: Recorder;
  /** Links that the packet on its way has crossed so far. */
  private crossings = 0;

  constructor(above: Above, layer: LinkLayer, recorder: Recorder) {
    this.above = above;
    this.layer = layer;
    this.recorder = recorder;
  }

  /** Runs `body` for another packet: its crossings are counted for itself. */
  counted<T>(body: () => T): T {
    const before = this.crossings;
    this.crossings = 0;
    try {
      return body();
    } finally {
      this.crossings = before;
    }
  }

  /** Puts a frame on a device. */
  send(wire: Wire, frame: Frame): Fate {
    if (!wire.link.up) return this.above.die(wire.link.name, 'link is down');
    const filtered = this.linkFilter(wire.node, 'netdev', 'egress', { outDev: wire }, frame);
    if (filtered !== undefined) return filtered;
    if (wire.link.kind === 'bridge') return this.bridge(wire, frame, undefined);
    if (wire.link.kind === 'macvlan') return this.sendMacvlan(wire, frame);
    const peer = wire.peer;
    if (peer === undefined) return this.above.die(wire.link.name, 'nothing is known beyond this link');
    return this.cross(wire, peer, frame);
  }

  private sendMacvlan(wire: Wire, frame: Frame): Fate {
    const parent = wire.peer;
    if (parent === undefined || !parent.link.up)
      return this.above.die(wire.link.name, 'the parent link is down or not known');
    const sibling = parent.children.find((c) => c !== wire && c.link.mac === frame.dstMac);
    if (sibling !== undefined && (wire.link.mode ?? 'bridge') === 'bridge')
      return this.cross(wire, sibling, frame);
    if (parent.peer === undefined)
      return this.above.die(parent.link.name, 'nothing is known beyond this link');
    return this.cross(parent, parent.peer, frame);
  }

  private cross(from: Wire, to: Wire, frame: Frame): Fate {
    const { packet } = frame;
    this.crossings += 1;
    if (this.crossings > maxCrossings) return this.above.die(from.link.name, 'the frame goes in circles');
    // __dev_forward_skb: a veth drops what exceeds its peer's MTU (and room for a VLAN tag), unless it is cut later.
    if (from.link.kind === 'veth' && !packet.offloaded && packet.length > to.link.mtu + 4) {
      return this.above.die(
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
    if (!wire.link.up) return this.above.die(wire.link.name, 'link is down');
    const filtered = this.linkFilter(wire.node, 'netdev', 'ingress', { inDev: wire }, frame);
    if (filtered !== undefined) return filtered;
    const child = wire.children.find((c) => c.link.mac === frame.dstMac);
    if (child !== undefined) return this.receiveFrame(child, frame);
    if (wire.master !== undefined) return this.receiveAtPort(wire, wire.master, frame);
    if (frame.dstMac !== wire.link.mac)
      return this.above.die(wire.link.name, 'frame is for another MAC', frame.dstMac);
    this.recordArrival(wire, frame);
    return this.above.receive(wire, frame.packet, frame.srcMac, undefined, false);
  }

  private recordArrival(wire: Wire, { packet }: Frame): void {
    if (this.recorder.isOn)
      this.recorder.step({ kind: 'receive', dev: wire.link.name, header: headerOf(packet) });
  }

  /** A frame comes in at a bridge port (br_handle_frame): to the host itself, or on to another port. */
  private receiveAtPort(port: Wire, bridge: Wire, frame: Frame): Fate {
    const flags = portFlags(port);
    if (flags.state !== 'forwarding')
      return this.above.die(port.link.name, 'bridge port does not forward', flags.state);
    if (!bridge.link.up) return this.above.die(bridge.link.name, 'link is down');
    this.recordArrival(port, frame);
    const filtered = this.linkFilter(bridge.node, 'bridge', 'prerouting', { inDev: port }, frame);
    if (filtered !== undefined) return filtered;
    let { dstMac } = frame;
    const called = callsIptables(bridge, frame.packet);
    if (called) {
      const { packet } = frame;
      const before = packet.dst;
      const at = { ...noDevices, inDev: bridge, physIn: port };
      const verdict = this.above.hook(bridge.node, 'PREROUTING', packet, at, frame.srcMac);
      if (verdict.kind !== 'accept')
        return this.above.stop(bridge.node, packet, verdict, { port, srcMac: frame.srcMac, dstMac });
      if (!sameAddr(before, packet.dst)) {
        const next = this.redirectBridged(bridge, packet);
        if (next === undefined)
          return this.above.die(bridge.link.name, 'no route after DNAT of a bridged frame');
        dstMac = next;
      }
    }
    if (dstMac === bridge.link.mac || bridge.ports.some((p) => p.link.mac === dstMac)) {
      const input = this.linkFilter(bridge.node, 'bridge', 'input', { inDev: bridge }, frame);
      if (input !== undefined) return input;
      // br_netif_receive_skb: what goes up arrives at the bridge as at any device.
      const ingress = this.linkFilter(bridge.node, 'netdev', 'ingress', { inDev: bridge }, frame);
      if (ingress !== undefined) return ingress;
      // Only br_netfilter remembers the port for the hooks above.
      return this.above.receive(bridge, frame.packet, frame.srcMac, called ? port : undefined, called);
    }
    return this.bridge(bridge, { ...frame, dstMac }, port);
  }

  /** br_nf_pre_routing_finish: where a bridged packet goes after its destination was rewritten; the MAC to send it to. */
  private redirectBridged(bridge: Wire, packet: Packet): string | undefined {
    const key = { dst: packet.dst, src: packet.src, mark: packet.mark, inDev: bridge.link.name };
    const routed = routeInput(bridge.node, key, this.layer.decisions);
    if (routed.kind === 'forward' && routed.wire === bridge) {
      const resolved = resolveNeighbour(this.layer, bridge, routed.nexthop, packet.src);
      return resolved.kind === 'mac' ? resolved.mac : undefined;
    }
    // An IPv4 route that refuses is a route: who came so far is told above (ip_error). Of IPv6 the frame ends here.
    const told = routed.kind === 'error' && familyOf(packet) === 'ipv4';
    return told || routed.kind === 'local' || routed.kind === 'forward' ? bridge.link.mac : undefined;
  }

  /** Sends a frame out of the port that its destination is behind. */
  private bridge(bridge: Wire, frame: Frame, from: Wire | undefined): Fate {
    const { packet } = frame;
    const port = portFor(this.layer, bridge, frame.dstMac, from);
    if ('why' in port) return this.above.die(bridge.link.name, port.why, port.detail);
    const filtered = this.linkFilter(
      bridge.node,
      'bridge',
      from === undefined ? 'output' : 'forward',
      { inDev: from, outDev: port },
      frame,
    );
    if (filtered !== undefined) return filtered;
    const called = from !== undefined && callsIptables(bridge, packet);
    const at = { ...noDevices, inDev: bridge, outDev: bridge, physIn: from, physOut: port };
    const asked = (hook: 'FORWARD' | 'POSTROUTING', devices: HookDevices): Fate | undefined => {
      const verdict = this.above.hook(bridge.node, hook, packet, devices, frame.srcMac);
      if (verdict.kind === 'accept' || from === undefined) return undefined;
      const { srcMac, dstMac } = frame;
      return this.above.stop(bridge.node, packet, verdict, { port: from, srcMac, dstMac });
    };
    // br_forward_finish: chains of the bridge family come before br_netfilter, which is the last of the hook.
    const stopped =
      (called ? asked('FORWARD', at) : undefined) ??
      this.linkFilter(bridge.node, 'bridge', 'postrouting', { outDev: port }, frame) ??
      (called ? asked('POSTROUTING', { ...at, inDev: undefined }) : undefined);
    if (stopped !== undefined) return stopped;
    if (packet.length > port.link.mtu + 4 && !packet.offloaded) {
      return this.above.die(
        port.link.name,
        'frame is larger than the MTU',
        `${packet.length} bytes, MTU ${port.link.mtu}`,
      );
    }
    if (this.recorder.isOn)
      this.recorder.step({
        kind: 'bridge',
        bridge: bridge.link.name,
        to: port.link.name,
        ...(from === undefined ? {} : { from: from.link.name }),
      });
    const leaving = this.linkFilter(port.node, 'netdev', 'egress', { outDev: port }, frame);
    if (leaving !== undefined) return leaving;
    const peer = port.peer;
    if (peer === undefined) return this.above.die(port.link.name, 'nothing is known beyond this link');
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
    if (!hasLinkChains(node)) return undefined;
    for (const chain of node.facts.unmodelledHooks) {
      if (chain.family !== family || chain.hook !== hook) continue;
      const fact = `nftables chain ${chain.name} (${family}, hook ${hook}) lets the frame pass`;
      if (!this.layer.decisions.decide(fact, 'nft list ruleset'))
        return this.above.die(chain.name, `nftables ${family} chain, contents not evaluated`);
    }
    const families = family === 'bridge' ? (['bridge'] as const) : (['netdev', 'inet'] as const);
    const dev = family === 'bridge' ? undefined : (devices.inDev ?? devices.outDev)?.link.name;
    for (const chain of linkChains(node, families, hook, dev)) {
      const { packet } = frame;
      const place = `nftables chain ${chain.base.name} of ${chain.table.family} ${chain.table.name}`;
      const here = dev === undefined || chain.base.base?.devices.includes(dev) === true;
      if (!here && !this.layer.decisions.decide(`${place} is at ${dev}`, 'nft list ruleset')) continue;
      const at = { ...noDevices, ...devices };
      const context = this.above.contextOf(node, packet, at, frame.srcMac, frame.dstMac);
      const verdict = runNftChain(context, { ...chain, hook: 'link', packet, at });
      if (verdict.kind !== 'accept') return this.above.stop(node, packet, verdict, 'elsewhere');
    }
    return undefined;
  }
}

/** br_netfilter is asked for by the namespace's sysctl or by the bridge's own switch. */
export function callsIptables(bridge: Wire, packet: Packet): boolean {
  const ipv4 = familyOf(packet) === 'ipv4';
  const own = ipv4 ? bridge.link.bridge?.callIptables : bridge.link.bridge?.callIp6tables;
  const key = ipv4 ? 'net.bridge.bridge-nf-call-iptables' : 'net.bridge.bridge-nf-call-ip6tables';
  // Without br_netfilter the sysctl does not exist, and bridged frames skip iptables.
  return own === true || sysctlNumber(bridge.node, key, 0) !== 0;
}
