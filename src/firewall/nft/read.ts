/**
 * What one nftables expression reads from a packet (net/netfilter/nft_meta.c, nft_payload.c, nft_ct.c, nft_fib*.c).
 * In: an expression that is no constant, and a PacketView. Out: a value, nothing where the packet has no such thing (the
 * kernel then ends the rule), or what is not known.
 */
import type { Addr } from '../../net/addr.ts';
import { networkHeaderBytes } from '../header-bits.ts';
import type { AddrType, CtTuple, PacketView, UnknownTruth } from '../packet-view.ts';
import { symbolValue, type Value } from './data-type.ts';
import { expressionFact, metaFact } from './expression-facts.ts';
import type { Expression } from './model.ts';
import { headerReader, rawReader } from './read-header.ts';

/** `undefined`: the packet has no such thing, and the rule ends without a match. */
export type Read = Value | undefined | UnknownTruth;
export type Reader = (view: PacketView) => Read;

/** The reader of what is read from a packet; undefined for constants and what is made of other expressions. */
export function readerOf(expression: Expression): Reader | undefined {
  switch (expression.kind) {
    case 'meta':
      return metaReader(expression.key);
    case 'payload':
      return payloadReader(expression.protocol, expression.field);
    case 'ct':
      return ctReader(expression);
    case 'fib':
      return fibReader(expression.result, expression.flags);
    case 'raw':
      return rawReader(expression);
    case 'header':
      return headerReader(expression);
    case 'unknown': {
      const fact = expressionFact(expression.name);
      return () => fact;
    }
    default:
      return undefined;
  }
}

function unknownReader(what: string, command?: string): Reader {
  const unknown = { unknown: what, ...(command === undefined ? {} : { command }) };
  return () => unknown;
}

/** Addresses are compared as numbers of their width. */
export function addrValue(addr: Addr): bigint {
  return BigInt(addr.value);
}

function number(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : BigInt(value);
}

function metaReader(key: string): Reader {
  switch (key) {
    // Where the hook has no such device, the name is empty and the index 0 (nft_meta_store_ifname).
    case 'iifname':
    case 'iif':
      return (view) => view.inDev ?? '';
    case 'oifname':
    case 'oif':
      return (view) => view.outDev ?? '';
    case 'ibrname':
      return (view) => view.inBridge;
    case 'obrname':
      return (view) => view.outBridge;
    case 'nfproto':
      return (view) => (view.family === 'ipv4' ? 2n : 10n);
    case 'protocol':
      return (view) => etherType(view);
    case 'l4proto':
      return (view) => BigInt(view.protocol);
    case 'mark':
      return (view) => BigInt(view.mark);
    case 'length':
    case 'len':
      return (view) => BigInt(view.length);
    case 'pkttype':
      return (view) => symbolValue('packet type', view.packetType);
    case 'skuid':
    case 'skgid':
      return ({ owner }) => {
        if (owner === undefined) return { unknown: 'who sent the packet' };
        if (owner === 'none') return undefined;
        return BigInt(key === 'skuid' ? owner.uid : owner.gid);
      };
    case 'iifkind':
    case 'oifkind':
      return unknownReader('kind of the device', 'ip -d link');
    default: {
      const fact = metaFact(key);
      return () => fact;
    }
  }
}

function etherType(view: PacketView): bigint {
  return view.family === 'ipv4' ? 0x0800n : 0x86ddn;
}

function payloadReader(protocol: string, field: string): Reader {
  const what = `${protocol} ${field}`;
  switch (protocol) {
    case 'ip':
      return ofFamily('ipv4', networkReader(what));
    case 'ip6':
      return ofFamily('ipv6', networkReader(what));
    case 'tcp':
      return field === 'flags'
        ? ofProtocol(6, (view) => number(view.tcpFlags) ?? { unknown: 'TCP flags of the packet' })
        : ofProtocol(6, portReader(what));
    case 'udp':
      return field === 'length'
        ? ofProtocol(17, (view) => BigInt(Math.max(0, view.length - networkHeaderBytes(view))))
        : ofProtocol(17, portReader(what));
    case 'sctp':
      return ofProtocol(132, portReader(what));
    case 'udplite':
    case 'dccp':
    case 'ah':
    case 'esp':
    case 'comp':
    case 'igmp':
    case 'gre':
      return ofProtocol(otherProtocols[protocol], unknownReader(`${what} of the packet`));
    case 'th':
      return transportReader(what);
    case 'icmp':
      return ofFamily('ipv4', ofProtocol(1, icmpReader(what)));
    case 'icmpv6':
      return ofFamily('ipv6', ofProtocol(58, icmpReader(what)));
    case 'ether':
      return etherReader(field);
    case 'arp':
      // Walks move IP packets; their neighbours are resolved elsewhere.
      return () => undefined;
    default:
      return unknownReader(`${what} of the packet`);
  }
}

/** Headers that no walked flow has. */
const otherProtocols = { udplite: 136, dccp: 33, ah: 51, esp: 50, comp: 108, igmp: 2, gre: 47 } as const;

/** nft prints no condition for what a field implies: `ip saddr` in an inet table asks for IPv4 first. */
function ofFamily(family: PacketView['family'], reader: Reader): Reader {
  return (view) => (view.family === family ? reader(view) : undefined);
}

function ofProtocol(protocol: number, reader: Reader): Reader {
  return (view) => (view.protocol === protocol && !view.fragment ? reader(view) : undefined);
}

function networkReader(what: string): Reader {
  switch (what) {
    case 'ip saddr':
    case 'ip6 saddr':
      return (view) => addrValue(view.src);
    case 'ip daddr':
    case 'ip6 daddr':
      return (view) => addrValue(view.dst);
    case 'ip protocol':
    case 'ip6 nexthdr':
      return (view) => BigInt(view.protocol);
    case 'ip ttl':
    case 'ip6 hoplimit':
      return (view) => BigInt(view.ttl);
    case 'ip dscp':
    case 'ip6 dscp':
      return ({ tos }) => (tos === undefined ? unknownTos : BigInt(tos >> 2));
    case 'ip ecn':
    case 'ip6 ecn':
      return ({ tos }) => (tos === undefined ? unknownTos : BigInt(tos & 3));
    case 'ip hdrlength':
      return () => 5n;
    case 'ip frag-off':
      return ({ dontFragment, fragment }) =>
        dontFragment === undefined || fragment
          ? { unknown: 'ip frag-off of the packet' }
          : BigInt(dontFragment ? 0x4000 : 0);
    case 'ip version':
      return () => 4n;
    case 'ip6 version':
      return () => 6n;
    case 'ip length':
      return (view) => BigInt(view.length);
    // The length of an IPv6 packet is that of what follows its header of 40 bytes.
    case 'ip6 length':
      return (view) => BigInt(Math.max(0, view.length - 40));
    default:
      return unknownReader(`${what} of the packet`);
  }
}

const unknownTos: UnknownTruth = { unknown: 'type of service of the packet' };
/** No value of a header: what a checksum is, no rule knows beforehand. */
const someChecksum = 65_536n;

/** `th` reads the first bytes of whatever header there is: of ICMP those are type, code and checksum. */
function transportReader(what: string): Reader {
  const ports = portReader(what);
  return (view) => {
    if (view.icmp === undefined) return ports(view);
    if (what.endsWith('sport')) return BigInt((view.icmp.type << 8) | view.icmp.code);
    return what.endsWith('dport') ? someChecksum : ports(view);
  };
}

function portReader(what: string): Reader {
  if (what.endsWith(' sport')) return (view) => number(view.sport);
  if (what.endsWith(' dport')) return (view) => number(view.dport);
  return unknownReader(`${what} of the packet`);
}

function icmpReader(what: string): Reader {
  if (what.endsWith(' type')) return (view) => number(view.icmp?.type);
  if (what.endsWith(' code')) return (view) => number(view.icmp?.code);
  return unknownReader(`${what} of the packet`);
}

function etherReader(field: string): Reader {
  const mac = (text: string | undefined): Read =>
    text !== undefined && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(text)
      ? BigInt(`0x${text.replaceAll(':', '')}`)
      : { unknown: `ether ${field} of the frame` };
  switch (field) {
    case 'saddr':
      return (view) => mac(view.srcMac);
    case 'daddr':
      return (view) => mac(view.dstMac);
    case 'type':
      return etherType;
    default:
      return unknownReader(`ether ${field} of the frame`);
  }
}

function ctReader({ key, direction, family }: Extract<Expression, { kind: 'ct' }>): Reader {
  switch (key) {
    case 'state':
      return (view) => symbolValue('ct state', view.ctState.toLowerCase());
    case 'status':
      return ({ ctStatus }) => {
        if (ctStatus === undefined) return undefined;
        const { expected, seenReply, assured, confirmed, snat, dnat } = ctStatus;
        const bits = [expected, seenReply, assured, confirmed, snat, dnat];
        return bits.reduce((sum, set, bit) => (set ? sum | (1n << BigInt(bit)) : sum), 0n);
      };
    case 'direction':
      return ({ ctDirection }) =>
        ctDirection === undefined ? undefined : symbolValue('ct direction', ctDirection);
    case 'mark':
      return (view) => number(view.connmark);
    case 'zone':
      return ({ ctZone }) => number(ctZone) ?? { unknown: 'conntrack zone of the packet' };
    case 'protocol':
      return (view) => (view.ctOriginal === undefined ? undefined : BigInt(view.protocol));
    case 'l3proto':
      return (view) => (view.ctOriginal === undefined ? undefined : view.family === 'ipv4' ? 2n : 10n);
    default:
      return direction === undefined
        ? unknownReader(`ct ${key} of the connection`, 'conntrack -L')
        : tupleReader(key, direction, family);
  }
}

function tupleReader(asked: string, direction: 'original' | 'reply', family: string | undefined): Reader {
  const tuple = (view: PacketView): CtTuple | undefined =>
    direction === 'original' ? view.ctOriginal : view.ctReply;
  // Newer tools name the family in the key: `ip saddr`.
  const [, own, key = asked] = /^(ip6?) (.+)$/.exec(asked) ?? [];
  const wantedFamily = own ?? family;
  const address =
    (pick: (tuple: CtTuple) => Addr): Reader =>
    (view) => {
      const found = tuple(view);
      const wanted = wantedFamily === undefined || (wantedFamily === 'ip6') === (view.family === 'ipv6');
      return found === undefined || !wanted ? undefined : addrValue(pick(found));
    };
  switch (key) {
    case 'saddr':
      return address((t) => t.src);
    case 'daddr':
      return address((t) => t.dst);
    case 'proto-src':
      return (view) => number(tuple(view)?.sport);
    case 'proto-dst':
      return (view) => number(tuple(view)?.dport);
    default:
      return unknownReader(`ct ${direction} ${key} of the connection`, 'conntrack -L');
  }
}

function fibReader(result: string, flags: readonly string[]): Reader {
  const address = (view: PacketView) => (flags.includes('saddr') ? view.src : view.dst);
  const device = (view: PacketView) =>
    flags.includes('iif') ? view.inDev : flags.includes('oif') ? view.outDev : undefined;
  if (result === 'type') {
    return (view) => {
      const type: AddrType | UnknownTruth = view.addrType(address(view), device(view));
      return typeof type === 'string' ? symbolValue('address type', type.toLowerCase()) : type;
    };
  }
  return (view) =>
    view.routeDevice?.(address(view), { dev: device(view), mark: flags.includes('mark') }) ?? {
      unknown: `fib ${flags.join(' . ')} ${result}`,
      command: 'ip route get',
    };
}
