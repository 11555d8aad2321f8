/**
 * Data types of nftables expressions and what their symbols stand for (nft(8), DATA TYPES; `nft describe`).
 * In: an expression, or a literal as nft's JSON prints it. Out: its type, or its value. No packet is looked at here.
 */
import { parseIpv4, parseIpv6 } from '../../net/addr.ts';
import { protocolNumber } from '../protocols.ts';
import { dscpOfClass } from '../value-names.ts';
import type { Expression } from './model.ts';

/** A value of the packet: text for names of devices, a number for everything else (addresses and MACs too). */
export type Value = string | bigint;

export type DataType =
  | 'device'
  | 'ipv4'
  | 'ipv6'
  | 'ether'
  | 'number'
  | 'protocol'
  | 'nfproto'
  | 'ethertype'
  | 'packet type'
  | 'ct state'
  | 'ct status'
  | 'ct direction'
  | 'icmp type'
  | 'icmpv6 type'
  | 'icmp code'
  | 'icmpv6 code'
  | 'tcp flags'
  | 'dscp'
  | 'ecn'
  | 'address type';

type Symbols = Readonly<Record<string, number>>;

const symbols: Partial<Readonly<Record<DataType, Symbols>>> = {
  nfproto: { ipv4: 2, ipv6: 10 },
  ethertype: { ip: 0x0800, arp: 0x0806, ip6: 0x86dd, vlan: 0x8100 },
  'packet type': { host: 0, unicast: 0, broadcast: 1, multicast: 2, other: 3 },
  'ct state': { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 },
  'ct status': {
    expected: 1,
    'seen-reply': 2,
    assured: 4,
    confirmed: 8,
    snat: 16,
    dnat: 32,
    dying: 512,
  },
  'ct direction': { original: 0, reply: 1 },
  'icmp type': {
    'echo-reply': 0,
    'destination-unreachable': 3,
    'source-quench': 4,
    redirect: 5,
    'echo-request': 8,
    'router-advertisement': 9,
    'router-solicitation': 10,
    'time-exceeded': 11,
    'parameter-problem': 12,
    'timestamp-request': 13,
    'timestamp-reply': 14,
    'info-request': 15,
    'info-reply': 16,
    'address-mask-request': 17,
    'address-mask-reply': 18,
  },
  'icmpv6 type': {
    'destination-unreachable': 1,
    'packet-too-big': 2,
    'time-exceeded': 3,
    'parameter-problem': 4,
    'echo-request': 128,
    'echo-reply': 129,
    'mld-listener-query': 130,
    'mld-listener-report': 131,
    'mld-listener-done': 132,
    'mld-listener-reduction': 132,
    'nd-router-solicit': 133,
    'nd-router-advert': 134,
    'nd-neighbor-solicit': 135,
    'nd-neighbor-advert': 136,
    'nd-redirect': 137,
    'router-renumbering': 138,
    'ind-neighbor-solicit': 141,
    'ind-neighbor-advert': 142,
    'mld2-listener-report': 143,
  },
  'icmp code': {
    'net-unreachable': 0,
    'host-unreachable': 1,
    'prot-unreachable': 2,
    'port-unreachable': 3,
    'frag-needed': 4,
    'net-prohibited': 9,
    'host-prohibited': 10,
    'admin-prohibited': 13,
  },
  'icmpv6 code': {
    'no-route': 0,
    'admin-prohibited': 1,
    'addr-unreachable': 3,
    'port-unreachable': 4,
    'policy-fail': 5,
    'reject-route': 6,
  },
  ecn: { 'not-ect': 0, ect1: 1, ect0: 2, ce: 3 },
  'tcp flags': { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 },
  'address type': {
    unspec: 0,
    unicast: 1,
    local: 2,
    broadcast: 3,
    anycast: 4,
    multicast: 5,
    blackhole: 6,
    unreachable: 7,
    prohibit: 8,
  },
};

/** The number of a symbol; undefined if the type has none of that name. */
export function symbolValue(type: DataType, name: string): bigint | undefined {
  if (type === 'dscp') {
    const bits = name === 'lephb' ? 1 : name === 'va' ? 0x2c : dscpOfClass(name);
    return bits === undefined ? undefined : BigInt(bits);
  }
  const table = symbols[type];
  const number = table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined;
  return number === undefined ? undefined : BigInt(number);
}

/** The value of a literal where one of this type is expected; undefined where the text is not understood. */
export function literalValue(type: DataType, literal: string | number | boolean): Value | undefined {
  if (typeof literal === 'boolean') return undefined;
  if (typeof literal === 'number') {
    // A device that is gone is printed by its index.
    return type === 'device' || !Number.isSafeInteger(literal) || literal < 0 ? undefined : BigInt(literal);
  }
  switch (type) {
    case 'device':
      return literal;
    case 'ipv4': {
      const addr = parseIpv4(literal);
      return addr === undefined ? undefined : BigInt(addr.value);
    }
    case 'ipv6':
      return parseIpv6(literal)?.value;
    case 'ether':
      return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(literal)
        ? BigInt(`0x${literal.replaceAll(':', '')}`)
        : undefined;
    case 'protocol': {
      const number = protocolNumber(literal);
      return number === undefined ? undefined : BigInt(number);
    }
    default:
      return symbolValue(type, literal) ?? numberText(literal);
  }
}

function numberText(text: string): bigint | undefined {
  return /^(0x[0-9a-f]{1,32}|[0-9]{1,39})$/i.test(text) ? BigInt(text) : undefined;
}

/** Bits of a value of this type, for prefixes. */
export function typeBits(type: DataType): number {
  return type === 'ipv6' ? 128 : type === 'ether' ? 48 : 32;
}

const metaTypes: Readonly<Record<string, DataType>> = {
  iifname: 'device',
  oifname: 'device',
  iif: 'device',
  oif: 'device',
  ibrname: 'device',
  obrname: 'device',
  nfproto: 'nfproto',
  l4proto: 'protocol',
  protocol: 'ethertype',
  pkttype: 'packet type',
};

const payloadTypes: Readonly<Record<string, DataType>> = {
  'ip saddr': 'ipv4',
  'ip daddr': 'ipv4',
  'ip protocol': 'protocol',
  'ip dscp': 'dscp',
  'ip6 dscp': 'dscp',
  'ip ecn': 'ecn',
  'ip6 ecn': 'ecn',
  'ip6 saddr': 'ipv6',
  'ip6 daddr': 'ipv6',
  'ip6 nexthdr': 'protocol',
  'tcp flags': 'tcp flags',
  'icmp type': 'icmp type',
  'icmp code': 'icmp code',
  'icmpv6 type': 'icmpv6 type',
  'icmpv6 code': 'icmpv6 code',
  'ether saddr': 'ether',
  'ether daddr': 'ether',
  'ether type': 'ethertype',
};

const ctTypes: Readonly<Record<string, DataType>> = {
  state: 'ct state',
  status: 'ct status',
  direction: 'ct direction',
  protocol: 'protocol',
  l3proto: 'nfproto',
  'ip saddr': 'ipv4',
  'ip daddr': 'ipv4',
  'ip6 saddr': 'ipv6',
  'ip6 daddr': 'ipv6',
};

/** Types of what an expression gives, one for each part of a concatenation. */
export function typesOf(expression: Expression): readonly DataType[] {
  switch (expression.kind) {
    case 'meta':
      return [metaTypes[expression.key] ?? 'number'];
    case 'payload':
      return [payloadTypes[`${expression.protocol} ${expression.field}`] ?? 'number'];
    case 'ct':
      return [
        ctTypes[expression.key] ?? ctTypes[`${expression.family ?? 'ip'} ${expression.key}`] ?? 'number',
      ];
    case 'fib':
      return [expression.result === 'type' ? 'address type' : 'device'];
    case 'bits': {
      const [first] = expression.operands;
      return first === undefined ? ['number'] : typesOf(first);
    }
    case 'concat':
      return expression.parts.flatMap(typesOf);
    default:
      return ['number'];
  }
}
