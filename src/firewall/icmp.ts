/**
 * ICMP type names of iptables (`iptables -p icmp -h`, `ip6tables -p icmpv6 -h`) and what they stand for.
 * In: a name or `TYPE[/CODE]`. Out: numbers, or the text that iptables-save prints.
 */

/** A type, and a code where only that one is meant. */
export interface IcmpType {
  readonly type: number;
  readonly code?: number;
}

const v4: ReadonlyMap<string, string> = new Map([
  ['echo-reply', '0'],
  ['pong', '0'],
  ['destination-unreachable', '3'],
  ['network-unreachable', '3/0'],
  ['host-unreachable', '3/1'],
  ['protocol-unreachable', '3/2'],
  ['port-unreachable', '3/3'],
  ['fragmentation-needed', '3/4'],
  ['source-route-failed', '3/5'],
  ['network-unknown', '3/6'],
  ['host-unknown', '3/7'],
  ['network-prohibited', '3/9'],
  ['host-prohibited', '3/10'],
  ['tos-network-unreachable', '3/11'],
  ['tos-host-unreachable', '3/12'],
  ['communication-prohibited', '3/13'],
  ['host-precedence-violation', '3/14'],
  ['precedence-cutoff', '3/15'],
  ['source-quench', '4'],
  ['redirect', '5'],
  ['network-redirect', '5/0'],
  ['host-redirect', '5/1'],
  ['tos-network-redirect', '5/2'],
  ['tos-host-redirect', '5/3'],
  ['echo-request', '8'],
  ['ping', '8'],
  ['router-advertisement', '9'],
  ['router-solicitation', '10'],
  ['time-exceeded', '11'],
  ['ttl-exceeded', '11'],
  ['ttl-zero-during-transit', '11/0'],
  ['ttl-zero-during-reassembly', '11/1'],
  ['parameter-problem', '12'],
  ['ip-header-bad', '12/0'],
  ['required-option-missing', '12/1'],
  ['timestamp-request', '13'],
  ['timestamp-reply', '14'],
  ['address-mask-request', '17'],
  ['address-mask-reply', '18'],
]);

const v6: ReadonlyMap<string, string> = new Map([
  ['destination-unreachable', '1'],
  ['no-route', '1/0'],
  ['communication-prohibited', '1/1'],
  ['beyond-scope', '1/2'],
  ['address-unreachable', '1/3'],
  ['port-unreachable', '1/4'],
  ['failed-policy', '1/5'],
  ['reject-route', '1/6'],
  ['packet-too-big', '2'],
  ['time-exceeded', '3'],
  ['ttl-exceeded', '3'],
  ['ttl-zero-during-transit', '3/0'],
  ['ttl-zero-during-reassembly', '3/1'],
  ['parameter-problem', '4'],
  ['bad-header', '4/0'],
  ['unknown-header-type', '4/1'],
  ['unknown-option', '4/2'],
  ['echo-request', '128'],
  ['ping', '128'],
  ['echo-reply', '129'],
  ['pong', '129'],
  ['mld-listener-query', '130'],
  ['mld-listener-report', '131'],
  ['mld-listener-done', '132'],
  ['mld-listener-reduction', '132'],
  ['router-solicitation', '133'],
  ['router-advertisement', '134'],
  ['neighbour-solicitation', '135'],
  ['neighbor-solicitation', '135'],
  ['neighbour-advertisement', '136'],
  ['neighbor-advertisement', '136'],
  ['redirect', '137'],
]);

/** The text that iptables-save prints for an ICMP type; text that is not a known name stays. */
export function printedIcmpType(module: 'icmp' | 'icmp6', text: string): string {
  // Type 255 is no type: iptables means every one by it.
  if (module === 'icmp' && /^255(?:\/0:255)?$/.test(text)) return 'any';
  return (module === 'icmp' ? v4 : v6).get(text.toLowerCase()) ?? text;
}

/** Type and code of a name or of `TYPE[/CODE]`; `any` for every type; undefined if it is neither. */
export function parseIcmpType(module: 'icmp' | 'icmp6', text: string): IcmpType | 'any' | undefined {
  const printed = printedIcmpType(module, text);
  if (printed === 'any') return 'any';
  const parts = /^([0-9]{1,3})(?:\/([0-9]{1,3}))?$/.exec(printed);
  if (parts === null) return undefined;
  const type = Number(parts[1]);
  return parts[2] === undefined ? { type } : { type, code: Number(parts[2]) };
}
