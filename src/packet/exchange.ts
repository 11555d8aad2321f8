/**
 * Exchange: what happens between the two ends of a flow, packet by packet: question, answer, and for TCP the
 * data after the handshake. In: a namespace and a flow. Out: an outcome as the sender would see it.
 * Sources: net/ipv4/tcp_ipv4.c, tcp_input.c, udp.c, ping.c, icmp.c; docker-proxy of moby (cmd/docker-proxy).
 */
import { parseResolvConf } from '../host/resolv-conf.ts';
import { type Addr, formatAddr, ipv4, ipv6, isUnspecified } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import { type NameService, nameAnswer } from '../plan/name-service.ts';
import { errorSeenBy } from './errors.ts';
import type { Fate } from './fate.ts';
import { saysTooBig } from './icmp.ts';
import {
  answerTo,
  invert,
  makePacket,
  type Packet,
  sameTuple,
  type Tuple,
  tcpFlag,
  tcpHeaderBytes,
  tupleOf,
} from './packet.ts';
import type { Recorder } from './recorder.ts';
import { type Listener, listenerFor } from './sockets.ts';
import type { Stack } from './stack.ts';
import type { Hop, Outcome, Trace } from './trace.ts';
import { type Node, nodeOf, reflectedMark, sysctlNumber, type Wire } from './world.ts';

export interface Result {
  readonly outcome: Outcome;
  readonly seenAs?: Addr;
  readonly deliveredTo?: NonNullable<Trace['deliveredTo']>;
  readonly answers?: readonly Addr[];
  readonly request: readonly Hop[];
  readonly reply: readonly Hop[];
  /** The way of a segment after the handshake that did not arrive. */
  readonly data?: readonly Hop[];
  readonly assumed: readonly string[];
  /** The sender's kernel needs seconds to notice the failure: a client of its own gives up before. */
  readonly slow: boolean;
}

/** Where a question stands once its first packet was sent. */
interface Asked {
  readonly node: Node;
  readonly sent: Tuple;
  readonly fate: Fate;
}

/** Ephemeral port of every simulated client: any would do, and one that is always the same keeps traces comparable. */
const clientPort = 40_000;
const pingId = 4_242;

/** Options of a SYN: segment size, selective acknowledgement, timestamps, window scale (tcp_syn_options). */
const handshakeOptionBytes = 20;
/** A small question, with its headers. */
const datagramBytes = { ipv4: 40, ipv6: 60 } as const;

/** Nothing in the facts says who runs a service or asks: root, as daemons and the people who diagnose are. */
const serviceOwner = 0;

const dnsPort = 53;

/** Who asks for it asks only whether a server answers. */
export const rootName = '.';

/** Servers that are tried, by the C library (MAXNS) and by dockerd (maxExtDNS). */
const maxServers = 3;

/** Asked where resolv.conf names no server (resolv.conf(5)). */
const loopback = ipv4(0x7f000001);

const unspecified = { ipv4: ipv4(0), ipv6: ipv6(0n) } as const;

export class Exchange {
  private readonly stack: Stack;
  private readonly recorder: Recorder;
  private readonly names: NameService | undefined;
  private readonly assumed = new Set<string>();
  private nextPort = clientPort;
  /** The last segment that did not arrive. */
  private data: readonly Hop[] | undefined;

  constructor(stack: Stack, recorder: Recorder, names: NameService | undefined) {
    this.stack = stack;
    this.recorder = recorder;
    this.names = names;
  }

  run(flow: Flow): Result {
    const node = nodeOf(this.stack.world, flow.from);
    if (node === undefined) return this.finish('unknown', undefined, [], []);
    if (flow.kind === 'dns') return this.dns(node, flow);
    if (flow.dst === undefined) return this.finish('unknown', undefined, [], []);
    switch (flow.kind) {
      case 'ping':
        return this.ping(node, flow.dst, flow);
      case 'tcp':
        return this.tcp(node, flow.dst, flow.port ?? 0, flow);
      case 'udp':
        return this.udp(node, flow.dst, flow.port ?? 0);
    }
  }

  private ping(node: Node, dst: Addr, flow: Flow): Result {
    const ipv4 = dst.family === 'ipv4';
    const echo = makePacket({
      ...this.unbound(dst, ipv4 ? 'icmp' : 'icmpv6'),
      icmp: { type: ipv4 ? 8 : 128, code: 0 },
      sport: pingId,
      dport: pingId,
      length: (flow.size ?? 56) + (ipv4 ? 28 : 48),
      dontFragment: flow.df === true,
    });
    const asked = this.ask(node, echo);
    const request = this.recorder.take();
    if (asked.fate.kind !== 'delivered') return this.failed('ping', asked, request);
    const { node: far, packet } = asked.fate;
    const silent = ipv4 ? 'net.ipv4.icmp_echo_ignore_all' : 'net.ipv6.icmp.echo_ignore_all';
    if (sysctlNumber(far, silent, 0) !== 0) {
      this.stack.die(far.name, `${silent} is on`);
      return this.finish('timeout', undefined, [...request, ...this.recorder.take()], []);
    }
    const answer = makePacket({
      ...answerTo(packet),
      icmp: { type: ipv4 ? 0 : 129, code: 0 },
      length: packet.length,
      tos: packet.tos,
      mark: reflectedMark(far, packet),
      // A reply leaves from the address that was asked, whatever the route would choose (icmp_reply).
    });
    const back = this.stack.send(far, answer, { chooseSource: false });
    const reply = this.recorder.take();
    const deliveredTo = { namespace: far.name, address: packet.dst };
    return this.finish(
      this.arrives(back, asked) ? 'ok' : 'timeout',
      { seenAs: packet.src, deliveredTo },
      request,
      reply,
    );
  }

  /** A question for the IPv4 address of a name, as the C library asks it: over UDP, one server after the other. */
  private dns(node: Node, { dst, qname = '' }: Flow): Result {
    const listed = parseResolvConf(node.facts.resolvConf ?? '').nameservers.slice(0, maxServers);
    const servers = dst === undefined ? (listed.length > 0 ? listed : [loopback]) : [dst];
    const heard = servers.map((server) => () => this.udp(node, server, dnsPort, qname));
    return firstAnswer(heard) ?? this.finish('timeout', undefined, [], []);
  }

  /** A datagram and its answer; with `qname` it asks for a name, and the outcome is what the answer says. */
  private udp(node: Node, dst: Addr, port: number, qname?: string): Result {
    const length = datagramBytes[dst.family];
    const datagram = makePacket({ ...this.unbound(dst, 'udp'), sport: this.port(), dport: port, length });
    const asked = this.ask(node, datagram);
    const request = this.recorder.take();
    if (asked.fate.kind !== 'delivered') return this.failed('udp', asked, request);
    const { node: far, packet } = asked.fate;
    const listener = this.listen(far, packet);
    if (listener.kind === 'none') return this.portUnreachable(asked, far, packet, request);
    const behind = this.behind(listener, far, qname);
    if (behind !== undefined && !isAnswer(behind.outcome)) {
      return this.finish('timeout', undefined, chained(request, listener, behind), behind.reply);
    }
    const answer = makePacket({ ...answerTo(packet), length, owner: serviceOwner });
    const chooseSource = listener.kind === 'proxy' && choosesSource(listener);
    const back = this.stack.send(far, answer, { chooseSource });
    const reply = this.recorder.take();
    const arrives = this.arrives(back, asked);
    if (behind !== undefined) {
      const outcome = arrives ? behind.outcome : 'timeout';
      return this.finish(outcome, behind, chained(request, listener, behind), [...behind.reply, ...reply]);
    }
    if (!arrives) return this.finish('timeout', received(far, packet), request, reply);
    const said = qname === undefined ? 'ok' : this.saidBy(packet.dst, qname);
    return this.finish(said, received(far, packet), request, reply);
  }

  /** What a listener asks in turn before it answers. */
  private behind(listener: Listener, far: Node, qname: string | undefined): Result | undefined {
    switch (listener.kind) {
      case 'proxy':
        return this.udp(far, listener.proxy.containerAddress, listener.proxy.containerPort, qname);
      case 'resolver':
        return qname === undefined ? undefined : this.resolve(far, qname);
      case 'socket':
      case 'none':
        return undefined;
    }
  }

  /** The engine's resolver in a container: a name that it knows, else what the servers say that it forwards to. */
  private resolve(container: Node, qname: string): Result {
    const resolver = this.names?.get(container.name);
    if (resolver === undefined) {
      const known = this.stack.decisions.decide(
        `which names the engine's resolver in ${container.name} knows`,
        'docker network inspect; docker inspect',
      );
      return this.finish(known ? 'ok' : 'rcode3', undefined, [], []);
    }
    const answers = nameAnswer(resolver, qname);
    if (answers !== undefined) return this.finish(answers.length > 0 ? 'ok' : 'rcode0', { answers }, [], []);
    if (resolver.keepsShortNames && !qname.replace(/\.$/, '').includes('.'))
      return this.finish('rcode0', { answers: [] }, [], []);
    if (resolver.upstreams === undefined) {
      const heard = this.stack.decisions.decide(
        `which servers the engine's resolver in ${container.name} asks`,
        'cat /etc/resolv.conf',
      );
      return this.finish(heard ? 'ok' : 'timeout', undefined, [], []);
    }
    const host = this.stack.world.nodes.find(({ facts }) => facts.kind === 'host') ?? container;
    const heard = resolver.upstreams.slice(0, maxServers).map(
      ({ address, fromHost }) =>
        () =>
          this.udp(fromHost ? host : container, address, dnsPort, qname),
    );
    const last = firstAnswer(heard) ?? this.finish('refused', undefined, [], []);
    if (isAnswer(last.outcome)) return last;
    const waits = last.slow || last.outcome === 'timeout';
    return { ...last, outcome: resolver.tellsFailure && !waits ? 'rcode2' : 'timeout' };
  }

  /** What a server says of a name is known to itself alone, but the root is known to all. */
  private saidBy(server: Addr, qname: string): Outcome {
    if (qname === rootName) return 'ok';
    const text = formatAddr(server);
    return this.stack.decisions.decide(`what ${text} says of ${qname}`, `dig @${text} ${qname}`)
      ? 'ok'
      : 'rcode3';
  }

  private tcp(node: Node, dst: Addr, port: number, flow: Flow): Result {
    const syn = makePacket({
      ...this.unbound(dst, 'tcp'),
      sport: this.port(),
      dport: port,
      tcpFlags: tcpFlag.syn,
      dontFragment: true,
      length: tcpHeaderBytes(dst.family) + handshakeOptionBytes,
      mss: 65_535,
    });
    const asked = this.ask(node, syn);
    const request = this.recorder.take();
    if (asked.fate.kind !== 'delivered') return this.failed('tcp', asked, request);
    const { node: far, packet, wire } = asked.fate;
    const listener = this.listen(far, packet);
    const { syn: S, ack: A, rst: R } = tcpFlag;
    const closed = listener.kind === 'none';
    const synAck = makePacket({
      ...answerTo(packet),
      tcpFlags: closed ? R | A : S | A,
      dontFragment: true,
      length: tcpHeaderBytes(dst.family) + (closed ? 0 : handshakeOptionBytes),
      ...(closed ? { mark: reflectedMark(far, packet) } : { mss: 65_535, owner: serviceOwner }),
    });
    const back = this.stack.send(far, synAck, { chooseSource: false });
    const reply = this.recorder.take();
    const heard = this.arrives(back, asked);
    if (closed) return this.finish(heard ? 'refused' : 'timeout', undefined, request, reply);
    if (!heard || back.kind !== 'delivered')
      return this.finish('timeout', received(far, packet), request, reply);
    const behind =
      listener.kind === 'proxy'
        ? this.tcp(far, listener.proxy.containerAddress, listener.proxy.containerPort, flow)
        : undefined;
    const talk: Talk = {
      near: { node, tuple: asked.sent, wire: back.wire, announced: back.packet.mss ?? 536, asks: true },
      far: { node: far, tuple: answerTo(packet), wire, announced: packet.mss ?? 536, asks: false },
    };
    const outcome = this.converse(talk, flow, behind);
    if (behind !== undefined)
      return this.finish(outcome, behind, chained(request, listener, behind), [...behind.reply, ...reply]);
    return this.finish(outcome, received(far, packet), request, reply);
  }

  /** After the handshake: a small question and answer, then what the flow sends and receives. */
  private converse(talk: Talk, flow: Flow, behind: Result | undefined): Outcome {
    const up = this.pour(talk.near, talk.far, 100);
    if (up !== 'ok') return up;
    if (behind !== undefined && behind.outcome !== 'ok') {
      const { outcome, slow } = behind;
      const waits = slow || outcome === 'timeout' || outcome === 'connected-then-timeout';
      return waits || !this.closes(talk) ? 'connected-then-timeout' : 'connected-then-closed';
    }
    const down = this.pour(talk.far, talk.near, 100);
    if (down !== 'ok') return down;
    if ((flow.up ?? 0) > 0) {
      const sent = this.pour(talk.near, talk.far, flow.up ?? 0);
      if (sent !== 'ok') return sent;
    }
    return (flow.down ?? 0) > 0 ? this.pour(talk.far, talk.near, flow.down ?? 0) : 'ok';
  }

  /** Whether the asking end hears that the other one, which has not read all, gives up. */
  private closes({ near, far }: Talk): boolean {
    const reset = makePacket({
      ...far.tuple,
      tcpFlags: tcpFlag.rst | tcpFlag.ack,
      length: tcpHeaderBytes(far.tuple.dst.family),
      dontFragment: true,
      owner: serviceOwner,
    });
    const fate = this.stack.send(far.node, reset, { chooseSource: false });
    return isTold(fate, near);
  }

  /** Sends so many bytes on an open connection, in segments as large as both ends allow; learns a smaller path MTU. */
  private pour(from: End, to: End, bytes: number): Outcome {
    const headers = tcpHeaderBytes(from.tuple.dst.family);
    let limit = Math.min(from.announced + headers, from.wire.link.mtu);
    for (let tries = 0; tries < 4; tries++) {
      const length = Math.min(bytes + headers + 12, limit);
      const segment = makePacket({
        ...from.tuple,
        tcpFlags: tcpFlag.ack | tcpFlag.psh,
        length,
        dontFragment: true,
        offloaded: bytes > 1000,
        owner: serviceOwner,
      });
      const fate = this.stack.send(from.node, segment, { chooseSource: false });
      const way = this.recorder.take();
      const arrives =
        fate.kind === 'delivered' &&
        fate.node === to.node &&
        sameTuple(tupleOf(fate.packet), invert(to.tuple));
      // What arrives goes the way of the handshake, which the trace has.
      this.data = arrives ? undefined : way;
      if (fate.kind === 'delivered') return arrives ? 'ok' : 'connected-then-timeout';
      // A reset goes to who sent the segment; of one that the answering end gets the asking one hears nothing.
      if (fate.kind === 'reset')
        return from.asks && isTold(fate.reset, from) ? 'connected-then-closed' : 'connected-then-timeout';
      const tooBig =
        fate.kind === 'icmp' &&
        saysTooBig(from.tuple.dst.family, fate.type, fate.code) &&
        fate.mtu !== undefined &&
        fate.error.kind === 'delivered' &&
        fate.error.node === from.node;
      if (!tooBig || fate.mtu === undefined || fate.mtu >= limit) return 'connected-then-timeout';
      limit = fate.mtu;
    }
    return 'connected-then-timeout';
  }

  private ask(node: Node, packet: Packet): Asked {
    packet.owner = serviceOwner;
    // The tuple that the socket knows is the one before any rule of its own namespace rewrote it.
    let sent: Tuple | undefined;
    const fate = this.stack.send(node, packet, {
      chooseSource: true,
      learnsMtu: true,
      onSource: (p) => {
        sent = tupleOf(p);
      },
    });
    return { node, sent: sent ?? tupleOf(packet), fate };
  }

  /** Whether an answer came back to the socket that asked. */
  private arrives(back: Fate, asked: Asked): boolean {
    return (
      back.kind === 'delivered' &&
      back.node === asked.node &&
      sameTuple(tupleOf(back.packet), invert(asked.sent))
    );
  }

  private listen(node: Node, packet: Packet): Listener {
    const listener = listenerFor(this.stack.world, node, packet);
    if ((listener.kind === 'socket' || listener.kind === 'resolver') && listener.assumed)
      this.assumed.add(`listening: ${node.name}`);
    return listener;
  }

  private portUnreachable(asked: Asked, far: Node, packet: Packet, request: readonly Hop[]): Result {
    const fate = this.stack.reportPortUnreachable(far, packet);
    return this.failed('udp', { ...asked, fate }, request);
  }

  /** The first packet was not delivered: what the sender hears of it. */
  private failed(kind: 'ping' | 'tcp' | 'udp', asked: Asked, request: readonly Hop[]): Result {
    const outcome = errorSeenBy(kind, asked.fate, asked.node, asked.sent);
    return { ...this.finish(outcome, undefined, request, []), slow: asked.fate.kind === 'unresolved' };
  }

  private unbound(
    dst: Addr,
    protocol: Packet['protocol'],
  ): { src: Addr; dst: Addr; protocol: Packet['protocol'] } {
    return { src: unspecified[dst.family], dst, protocol };
  }

  private port(): number {
    return this.nextPort++;
  }

  private finish(
    outcome: Outcome,
    seen: Pick<Result, 'seenAs' | 'deliveredTo' | 'answers'> | undefined,
    request: readonly Hop[],
    reply: readonly Hop[],
  ): Result {
    return {
      outcome,
      request,
      reply,
      assumed: [...this.assumed],
      slow: false,
      ...(this.data === undefined ? {} : { data: this.data }),
      ...(seen?.seenAs === undefined ? {} : { seenAs: seen.seenAs }),
      ...(seen?.deliveredTo === undefined ? {} : { deliveredTo: seen.deliveredTo }),
      ...(seen?.answers === undefined ? {} : { answers: seen.answers }),
    };
  }
}

/** docker-proxy answers from an unconnected socket: bound to no address, it leaves with the one that the route chooses. */
function choosesSource({ proxy, socket }: Extract<Listener, { kind: 'proxy' }>): boolean {
  return !proxy.answersFromAskedAddress && (socket.address === undefined || isUnspecified(socket.address));
}

/** A question and what its listener asked in turn. */
function chained(request: readonly Hop[], listener: Listener, behind: Result): readonly Hop[] {
  const [last] = request.slice(-1);
  const [sent] = behind.request.flatMap(({ steps }) => steps);
  if (last === undefined || sent?.kind !== 'send') return [...request, ...behind.request];
  const name = listener.kind === 'resolver' ? "the engine's resolver" : 'docker-proxy';
  const proxy = { kind: 'proxy', listener: name, to: sent.header } as const;
  return [...request.slice(0, -1), { ...last, steps: [...last.steps, proxy] }, ...behind.request];
}

/** Something was heard, be it that there is no such name. */
function isAnswer(outcome: Outcome): boolean {
  return outcome === 'ok' || outcome.startsWith('rcode');
}

/** Asks one server after the other until one has an answer; SERVFAIL and REFUSED send on to the next. The last one's, if none has. */
function firstAnswer(questions: readonly (() => Result)[]): Result | undefined {
  let last: Result | undefined;
  for (const question of questions) {
    last = question();
    if (isAnswer(last.outcome) && last.outcome !== 'rcode2' && last.outcome !== 'rcode5') return last;
  }
  return last;
}

/** One end of an open connection: `tuple` is what it sends, `announced` the segment size that the other end asked for. */
interface End {
  readonly node: Node;
  readonly tuple: Tuple;
  readonly wire: Wire;
  readonly announced: number;
  /** The end that sees the outcome. */
  readonly asks: boolean;
}

/** Whether a packet came to this end of its connection. */
function isTold(fate: Fate, { node, tuple }: End): boolean {
  return fate.kind === 'delivered' && fate.node === node && sameTuple(tupleOf(fate.packet), invert(tuple));
}

interface Talk {
  readonly near: End;
  readonly far: End;
}

function received(
  node: Node,
  packet: Packet,
): { seenAs: Addr; deliveredTo: NonNullable<Trace['deliveredTo']> } {
  return {
    seenAs: packet.src,
    deliveredTo: { namespace: node.name, address: packet.dst, port: packet.dport },
  };
}
