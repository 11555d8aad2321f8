import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addr } from '../../test/fixtures/host.ts';
import { applyNat, bindNat, Conntrack } from './conntrack.ts';
import {
  answerTo,
  type Connection,
  invert,
  makePacket,
  type Packet,
  type Tuple,
  tcpFlag,
  tupleOf,
  type Zone,
} from './packet.ts';

const { syn, ack, rst, fin } = tcpFlag;
const [web, server, uplink] = ['172.17.0.2', '198.51.100.7', '203.0.113.2'].map(addr) as [
  Tuple['src'],
  Tuple['src'],
  Tuple['src'],
];

function tcp(flags: number, more: Partial<Packet> = {}): Packet {
  return makePacket({
    src: web,
    dst: server,
    protocol: 'tcp',
    sport: 40_000,
    dport: 443,
    tcpFlags: flags,
    ...more,
  });
}

function udp(more: Partial<Packet> = {}): Packet {
  return makePacket({ src: web, dst: server, protocol: 'udp', sport: 40_000, dport: 53, ...more });
}

function icmp(type: number, more: Partial<Packet> = {}): Packet {
  return makePacket({
    src: web,
    dst: server,
    protocol: 'icmp',
    icmp: { type, code: 0 },
    sport: 7,
    dport: 7,
    ...more,
  });
}

function answer(packet: Packet, more: Partial<Packet> = {}): Packet {
  return makePacket({ ...answerTo(packet), ...more });
}

/** Tracks and confirms; gives the state. */
function passed(table: Conntrack, packet: Packet): string {
  const { state } = table.track(packet);
  table.confirm(packet);
  return state;
}

function connectionOf(packet: Packet): Connection {
  const connection = packet.tracking?.connection;
  if (connection === undefined) throw new Error('not tracked');
  return connection;
}

describe('state of a connection', () => {
  test('new until an answer came, then established in both directions', () => {
    const table = new Conntrack();
    expect(passed(table, tcp(syn))).toBe('NEW');
    expect(passed(table, tcp(syn))).toBe('NEW');
    const reply = answer(tcp(syn), { tcpFlags: syn | ack });
    expect(passed(table, reply)).toBe('ESTABLISHED');
    expect(reply.tracking?.direction).toBe('reply');
    const next = tcp(ack);
    expect(passed(table, next)).toBe('ESTABLISHED');
    expect(next.tracking?.direction).toBe('original');
  });

  test('an entry that is not confirmed is not found: its packet was dropped', () => {
    const table = new Conntrack();
    table.track(udp());
    expect(table.track(answer(udp())).state).toBe('NEW');
    expect(table.track(udp()).state).toBe('NEW');
  });

  test('all packets of a connection share one entry; other ports, addresses and protocols are another', () => {
    const table = new Conntrack();
    const [first, again] = [udp(), udp()];
    passed(table, first);
    passed(table, again);
    expect(connectionOf(again)).toBe(connectionOf(first));
    for (const more of [
      { sport: 1 },
      { dport: 1 },
      { src: uplink },
      { dst: uplink },
      { protocol: 'sctp' as const },
    ]) {
      const other = udp(more);
      passed(table, other);
      expect(connectionOf(other)).not.toBe(connectionOf(first));
    }
  });

  test('what a packet has already (sent over loopback) it keeps', () => {
    const table = new Conntrack();
    const packet = udp();
    const had = table.track(packet);
    expect(new Conntrack().track(packet)).toBe(had);
  });
});

describe('what may begin a connection', () => {
  test.each<[string, Packet, string]>([
    ['SYN', tcp(syn), 'NEW'],
    ['ACK in mid-stream (tcp_loose)', tcp(ack), 'NEW'],
    ['SYN/ACK', tcp(syn | ack), 'INVALID'],
    ['RST', tcp(rst), 'INVALID'],
    ['RST/ACK', tcp(rst | ack), 'INVALID'],
    ['FIN/ACK', tcp(fin | ack), 'INVALID'],
    ['a datagram', udp(), 'NEW'],
    ['an echo request', icmp(8), 'NEW'],
    ['an echo reply', icmp(0), 'INVALID'],
    ['an ICMPv6 echo request', icmp(128, { protocol: 'icmpv6' }), 'NEW'],
    ['an ICMPv6 echo reply', icmp(129, { protocol: 'icmpv6' }), 'INVALID'],
    ['an ICMP error about nothing known', icmp(3, { quoted: tupleOf(udp()) }), 'INVALID'],
    ['an ICMP error that quotes nothing', icmp(11), 'INVALID'],
  ])('%s: %s', (_, packet, state) => {
    const table = new Conntrack();
    expect(table.track(packet).state).toBe(state);
    table.confirm(packet);
    expect(packet.tracking?.connection === undefined).toBe(state === 'INVALID');
  });

  test('an echo reply belongs to its request', () => {
    const table = new Conntrack();
    passed(table, icmp(8));
    expect(table.track(answer(icmp(8), { icmp: { type: 0, code: 0 } })).state).toBe('ESTABLISHED');
    expect(table.track(answer(icmp(8), { icmp: { type: 0, code: 0 }, sport: 8, dport: 8 })).state).toBe(
      'INVALID',
    );
  });
});

describe('ICMP errors', () => {
  const about = (quoted: Tuple) =>
    makePacket({ src: server, dst: quoted.src, protocol: 'icmp', icmp: { type: 3, code: 1 }, quoted });

  test('related, and in the direction opposite to what they quote', () => {
    const table = new Conntrack();
    const sent = udp();
    passed(table, sent);
    expect(table.track(about(tupleOf(sent)))).toMatchObject({ state: 'RELATED', direction: 'reply' });
    expect(table.track(about(tupleOf(answer(sent))))).toMatchObject({
      state: 'RELATED',
      direction: 'original',
    });
  });

  test('they do not make a connection answered', () => {
    const table = new Conntrack();
    passed(table, udp());
    table.track(about(tupleOf(udp())));
    expect(table.track(udp()).state).toBe('NEW');
  });
});

describe('zones', () => {
  const zone = (id: number, original = true, reply = true): Zone => ({ id, original, reply });

  test('each has its own entries', () => {
    const table = new Conntrack();
    passed(table, udp({ zone: zone(5) }));
    expect(table.track(answer(udp())).state).toBe('NEW');
    expect(table.track(answer(udp(), { zone: zone(6) })).state).toBe('NEW');
    expect(table.track(answer(udp(), { zone: zone(5) })).state).toBe('ESTABLISHED');
  });

  test('a zone of the original direction: the reply is looked up in the default one', () => {
    const table = new Conntrack();
    passed(table, udp({ zone: zone(5, true, false) }));
    expect(table.track(answer(udp())).state).toBe('ESTABLISHED');
    expect(table.track(udp()).state).toBe('NEW');
    expect(table.track(udp({ zone: zone(5, true, false) })).state).toBe('ESTABLISHED');
  });

  test('a zone of the reply direction', () => {
    const table = new Conntrack();
    passed(table, udp({ zone: zone(5, false, true) }));
    expect(table.track(answer(udp())).state).toBe('NEW');
    expect(table.track(answer(udp(), { zone: zone(5, false, true) })).state).toBe('ESTABLISHED');
  });
});

/** The header after both manipulations of one hook traversal: destination first, then source. */
function translated(packet: Packet): Tuple {
  applyNat(packet, 'dst');
  applyNat(packet, 'src');
  return tupleOf(packet);
}

describe('NAT', () => {
  const bound = (table: Conntrack, packet: Packet, bind: (c: Connection) => void): Tuple => {
    table.track(packet);
    bind(connectionOf(packet));
    const after = translated(packet);
    table.confirm(packet);
    return after;
  };

  test('a source binding rewrites the request and is undone on the reply', () => {
    const table = new Conntrack();
    const after = bound(table, tcp(syn), (c) => bindNat(c, 'src', { address: uplink, port: undefined }));
    expect(after).toEqual({ ...tupleOf(tcp(syn)), src: uplink });
    const reply = makePacket({ ...invert(after), tcpFlags: syn | ack });
    expect(table.track(reply).state).toBe('ESTABLISHED');
    expect(translated(reply)).toEqual(invert(tupleOf(tcp(syn))));
  });

  test('a destination binding, with a port', () => {
    const table = new Conntrack();
    const request = () => tcp(syn, { src: server, dst: uplink, dport: 8080 });
    const after = bound(table, request(), (c) => bindNat(c, 'dst', { address: web, port: 80 }));
    expect(after).toEqual({ ...tupleOf(request()), dst: web, dport: 80 });
    const reply = makePacket({ ...invert(after), tcpFlags: syn | ack });
    table.track(reply);
    expect(translated(reply)).toEqual(invert(tupleOf(request())));
  });

  test('what is said of the connection', () => {
    const flags = (bind: (c: Connection) => void) => {
      const packet = tcp(syn);
      new Conntrack().track(packet);
      bind(connectionOf(packet));
      const { snat, dnat, srcDone, dstDone } = connectionOf(packet);
      return { snat, dnat, srcDone, dstDone };
    };
    const none = { snat: false, dnat: false, srcDone: false, dstDone: false };
    expect(flags((c) => bindNat(c, 'src', { address: uplink, port: undefined }))).toEqual({
      ...none,
      snat: true,
      srcDone: true,
    });
    expect(flags((c) => bindNat(c, 'dst', { address: uplink, port: undefined }))).toEqual({
      ...none,
      dnat: true,
      dstDone: true,
    });
    expect(flags((c) => bindNat(c, 'src', undefined))).toEqual({ ...none, srcDone: true });
    expect(flags((c) => bindNat(c, 'dst', undefined))).toEqual({ ...none, dstDone: true });
    // The same address again changes nothing (nf_nat_setup_info sets IPS_SRC_NAT only on a changed tuple).
    expect(flags((c) => bindNat(c, 'src', { address: web, port: undefined }))).toEqual({
      ...none,
      srcDone: true,
    });
  });

  test('a ping keeps its identifier whatever the ports of the range', () => {
    const table = new Conntrack();
    const after = bound(table, icmp(8), (c) => bindNat(c, 'src', { address: uplink, port: 1024 }));
    expect(after).toEqual({ ...tupleOf(icmp(8)), src: uplink });
  });

  test('an untracked packet is not touched', () => {
    const packet = tcp(syn | ack);
    new Conntrack().track(packet);
    expect([applyNat(packet, 'src'), applyNat(packet, 'dst')]).toEqual([false, false]);
  });

  const ends = fc.record({
    src: fc.constantFrom(web, server, uplink),
    dst: fc.constantFrom(web, server, uplink),
    sport: fc.integer({ min: 1, max: 65_535 }),
    dport: fc.integer({ min: 1, max: 65_535 }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  });
  const range = fc.option(
    fc.record({
      address: fc.option(
        fc.nat(0xffffffff).map((value) => ({ family: 'ipv4' as const, value })),
        { nil: undefined },
      ),
      port: fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
    }),
    { nil: undefined },
  );

  test('any pair of bindings is undone on the reply, and in the error about the request', () => {
    fc.assert(
      fc.property(ends, range, range, (tuple, dst, src) => {
        const table = new Conntrack();
        const request = makePacket({ ...tuple, tcpFlags: syn });
        const after = bound(table, request, (c) => {
          bindNat(c, 'dst', dst);
          bindNat(c, 'src', src);
        });
        expect(after).toEqual({
          ...tuple,
          dst: dst?.address ?? tuple.dst,
          dport: dst?.port ?? tuple.dport,
          src: src?.address ?? tuple.src,
          sport: src?.port ?? tuple.sport,
        });
        const reply = makePacket({ ...invert(after), tcpFlags: syn | ack });
        table.track(reply);
        expect(translated(reply)).toEqual(invert(tuple));
        const router = addr('192.0.2.1');
        const error = makePacket({
          src: router,
          dst: after.src,
          protocol: 'icmp',
          icmp: { type: 3, code: 4 },
          quoted: after,
        });
        table.track(error);
        expect(error.tracking?.state).toBe('RELATED');
        translated(error);
        expect(error.quoted).toEqual(tuple);
        expect(error.dst).toEqual(tuple.src);
        expect([error.sport, error.dport]).toEqual([0, 0]);
      }),
    );
  });
});
