/**
 * What the transport modules ask: ports, TCP flags and options, ICMP types (net/netfilter/xt_tcpudp.c, xt_multiport.c, xt_tcpmss.c).
 * In: options of a module. Out: matchers; undefined for an option that is not understood.
 */
import type { Matcher } from './conditions.ts';
import { parseIcmpType } from './icmp.ts';
import { rangeListTest, rangeTest } from './match-values.ts';
import { parseCNumber } from './numbers.ts';
import type { UnknownTruth } from './packet-view.ts';
import type { RuleOption } from './ruleset.ts';
import { tcpFlagNames } from './value-names.ts';

/** Transport matches do not look into another protocol, nor into a later fragment, whose header is missing. */
export function withProtocol(protocol: number, matcher: Matcher): Matcher {
  return (view) => view.protocol === protocol && !view.fragment && matcher(view);
}

export function withPorts(matcher: Matcher): Matcher {
  return (view) => view.dport !== undefined && !view.fragment && matcher(view);
}

export function portOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  if (name !== '--sport' && name !== '--dport') return undefined;
  const test = rangeTest(text);
  if (test === undefined) return undefined;
  return name === '--sport'
    ? (view) => test(view.sport ?? -1) !== not
    : (view) => test(view.dport ?? -1) !== not;
}

export function tcpOption({ name, not, values }: RuleOption): Matcher | undefined {
  if (name === '--tcp-option') return tcpHeaderOption(values[0] ?? '', not);
  const mask = name === '--syn' ? flagBits('FIN,SYN,RST,ACK') : flagBits(values[0] ?? '');
  const set = name === '--syn' ? flagBits('SYN') : flagBits(values[1] ?? '');
  if ((name !== '--syn' && name !== '--tcp-flags') || mask === undefined || set === undefined)
    return undefined;
  const unknown: UnknownTruth = { unknown: 'TCP flags of the packet' };
  return (view) => (view.tcpFlags === undefined ? unknown : ((view.tcpFlags & mask) === set) !== not);
}

const flagNames: readonly string[] = tcpFlagNames;

/** A comma list of flag names as header bits; undefined if one is none. */
function flagBits(text: string): number | undefined {
  const upper = text.toUpperCase();
  if (upper === 'NONE') return 0;
  if (upper === 'ALL') return 0x3f;
  let bits = 0;
  for (const flag of upper.split(',')) {
    const index = flagNames.indexOf(flag);
    if (index < 0) return undefined;
    bits |= 1 << index;
  }
  return bits;
}

export function icmpOption(module: 'icmp' | 'icmp6'): (option: RuleOption) => Matcher | undefined {
  return ({ not, values: [text = ''] }) => {
    const wanted = parseIcmpType(module, text);
    if (wanted === undefined) return undefined;
    if (wanted === 'any') return () => !not;
    const { type, code } = wanted;
    return ({ icmp }) => (icmp?.type === type && (code === undefined || icmp.code === code)) !== not;
  };
}

export function multiportOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  const test = rangeListTest(text);
  if (test === undefined) return undefined;
  switch (name) {
    case '--sports':
      return (view) => test(view.sport ?? -1) !== not;
    case '--dports':
      return (view) => test(view.dport ?? -1) !== not;
    case '--ports':
      return (view) => (test(view.sport ?? -1) || test(view.dport ?? -1)) !== not;
    default:
      return undefined;
  }
}

/** Number of the TCP option that announces a segment size (RFC 9293). */
const maxSegmentSize = 2;

/** Which other options a segment has depends on settings of its sender and on what the two agreed. */
function tcpHeaderOption(text: string, not: boolean): Matcher | undefined {
  const number = parseCNumber(text);
  if (number === undefined) return undefined;
  const unknown: UnknownTruth = { unknown: 'TCP options of the packet' };
  return ({ mss }) => (number !== maxSegmentSize || mss === undefined ? unknown : (mss !== 'none') !== not);
}

/** `-m tcpmss`: without the option "!" alone decides. */
export function tcpmssOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  const test = rangeTest(text);
  if (test === undefined || name !== '--mss') return undefined;
  const unknown: UnknownTruth = { unknown: 'TCP options of the packet' };
  return ({ mss }) => (mss === undefined ? unknown : (mss !== 'none' && test(mss)) !== not);
}

/** Bits of the TCP header's ECN flags. */
const ecnFlags: Readonly<Record<string, number>> = { '--ecn-tcp-ece': 0x40, '--ecn-tcp-cwr': 0x80 };

/** `-m ecn`: two bits of the type of service, and of TCP its flags. */
export function ecnOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  const flag = ecnFlags[name];
  if (flag !== undefined) {
    const unknown: UnknownTruth = { unknown: 'TCP flags of the packet' };
    return ({ protocol, tcpFlags }) =>
      protocol === 6 && (tcpFlags === undefined ? unknown : ((tcpFlags & flag) !== 0) !== not);
  }
  const wanted = parseCNumber(text);
  if (name !== '--ecn-ip-ect' || wanted === undefined) return undefined;
  return ({ tos }) => (tos === undefined ? unknownTos : ((tos & 3) === wanted) !== not);
}

const unknownTos: UnknownTruth = { unknown: 'type of service of the packet' };

/** `-m tos` and `-m dscp`: the whole byte under a mask, or its six upper bits. */
export function tosOption(module: 'tos' | 'dscp'): (option: RuleOption) => Matcher | undefined {
  return ({ name, not, values: [text = ''] }) => {
    const [value, mask = '0xff'] = text.split('/');
    const [wanted, bits] = [parseCNumber(value ?? ''), parseCNumber(mask)];
    if (name !== `--${module}` || wanted === undefined || bits === undefined) return undefined;
    return ({ tos }) => {
      if (tos === undefined) return unknownTos;
      return (module === 'tos' ? (tos & bits) === wanted : tos >> 2 === wanted) !== not;
    };
  };
}
