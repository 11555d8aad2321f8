/**
 * IP protocol names as iptables reads and prints them, and their numbers. Values only; no /etc/protocols is read.
 */
import type { Protocol } from '../net/flow.ts';

/**
 * Names that libxtables itself knows (its `xtables_chain_protos`), then those of Debian's /etc/protocols that
 * iptables-save prints where that file exists.
 */
const numbers: ReadonlyMap<string, number> = new Map([
  ['all', 0],
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['sctp', 132],
  ['udplite', 136],
  ['ipv6-mh', 135],
  ['mh', 135],
  ['mobility-header', 135],
  ['igmp', 2],
  ['ipencap', 4],
  ['dccp', 33],
  ['ipv6', 41],
  ['gre', 47],
  ['ospf', 89],
  ['pim', 103],
  ['vrrp', 112],
  ['l2tp', 115],
]);

/** What iptables-save prints for these numbers on every machine. */
const printed: ReadonlyMap<number, string> = new Map([
  [0, 'all'],
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'ipv6-icmp'],
  [132, 'sctp'],
  [136, 'udplite'],
]);

/** The number of a protocol given by name (any case) or number; undefined if it is neither. */
export function protocolNumber(text: string): number | undefined {
  if (/^[0-9]{1,3}$/.test(text)) {
    const value = Number(text);
    return value <= 255 ? value : undefined;
  }
  return numbers.get(text.toLowerCase());
}

/** The name that iptables-save prints; a protocol without a certain name stays as it was given, lower case. */
export function printedProtocol(text: string): string {
  const number = protocolNumber(text);
  const name = number === undefined ? undefined : printed.get(number);
  return name ?? text.toLowerCase();
}

/** The number of a flow's protocol. */
export function flowProtocolNumber(protocol: Protocol): number {
  switch (protocol) {
    case 'tcp':
      return 6;
    case 'udp':
      return 17;
    case 'icmp':
      return 1;
    case 'icmpv6':
      return 58;
    case 'sctp':
      return 132;
    default: {
      const impossible: never = protocol;
      return impossible;
    }
  }
}
