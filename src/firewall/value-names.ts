/**
 * The names that option values of modules may have, in the order in which iptables prints them.
 * Lists only; their bits and meaning are in the `match-*.ts` files.
 */

export const ctStates = ['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'UNTRACKED', 'SNAT', 'DNAT'] as const;
export const ctStatuses = ['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'NONE'] as const;
export const addrTypes = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const;
export const tcpFlagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] as const;

/** Classes of the DS field (RFC 2474, 2597, 3246) and their six bits. */
const dscpClasses: ReadonlyMap<string, number> = new Map([
  ['BE', 0x00],
  ['EF', 0x2e],
  ...Array.from({ length: 8 }, (_, n): [string, number] => [`CS${n}`, n << 3]),
  ...[1, 2, 3, 4].flatMap((n) => [1, 2, 3].map((m): [string, number] => [`AF${n}${m}`, (n << 3) | (m << 1)])),
]);

/** The six bits of a class; undefined if there is none of that name. */
export function dscpOfClass(name: string): number | undefined {
  return dscpClasses.get(name.toUpperCase());
}

const tosNames: ReadonlyMap<string, number> = new Map([
  ['minimize-delay', 0x10],
  ['maximize-throughput', 0x08],
  ['maximize-reliability', 0x04],
  ['minimize-cost', 0x02],
  ['normal-service', 0x00],
]);

/** The bits of a type of service by its old name (RFC 1349); undefined if there is none. */
export function tosOfName(name: string): number | undefined {
  return tosNames.get(name.toLowerCase());
}

/** Names of /etc/services that people write into rules; any other must be given as a number. */
const services: ReadonlyMap<string, number> = new Map([
  ['ftp-data', 20],
  ['ftp', 21],
  ['ssh', 22],
  ['telnet', 23],
  ['smtp', 25],
  ['domain', 53],
  ['bootps', 67],
  ['bootpc', 68],
  ['tftp', 69],
  ['http', 80],
  ['www', 80],
  ['kerberos', 88],
  ['pop3', 110],
  ['sunrpc', 111],
  ['ntp', 123],
  ['netbios-ns', 137],
  ['netbios-dgm', 138],
  ['netbios-ssn', 139],
  ['imap2', 143],
  ['snmp', 161],
  ['snmp-trap', 162],
  ['bgp', 179],
  ['ldap', 389],
  ['https', 443],
  ['microsoft-ds', 445],
  ['syslog', 514],
  ['submission', 587],
  ['ldaps', 636],
  ['domain-s', 853],
  ['imaps', 993],
  ['pop3s', 995],
  ['nfs', 2049],
  ['mysql', 3306],
  ['postgresql', 5432],
  ['http-alt', 8080],
]);

/** The port of a service by name; undefined if it is not known. */
export function servicePort(name: string): number | undefined {
  return services.get(name.toLowerCase());
}
