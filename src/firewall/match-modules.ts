/**
 * What the match modules ask of a packet, one compiler per module. In: `-m MODULE options`. Out: a matcher.
 * A module or option that is not understood gives "unknown" with the fact that would decide it, never true or false.
 * Semantics are the kernel's net/netfilter/xt_*.c; quirks are noted where they are kept.
 */

import { formatAddr } from '../net/addr.ts';
import { allOptions, type Matcher } from './conditions.ts';
import { parseIcmpType } from './icmp.ts';
import { addrtypeMatcher } from './match-addrtype.ts';
import { conntrackMatcher, stateMatcher } from './match-conntrack.ts';
import { addressRangeTest, deviceTest, idTest, negateIf, rangeListTest, rangeTest } from './match-values.ts';
import { parseMasked } from './numbers.ts';
import type { PacketView, Truth, UnknownTruth } from './packet-view.ts';
import type { ModuleMatch, RuleOption } from './ruleset.ts';
import { defaultBurst, slowBurst } from './token-bucket.ts';
import { tcpFlagNames } from './value-names.ts';

/** The matcher of one `-m MODULE options`. */
export function compileModule(match: ModuleMatch): Matcher {
  switch (match.module) {
    case 'comment':
      return () => true;
    case 'tcp':
      return withProtocol(
        6,
        allOptions(match, (option) => portOption(option) ?? tcpOption(option)),
      );
    case 'udp':
      return withProtocol(17, allOptions(match, portOption));
    case 'sctp':
      return withProtocol(132, allOptions(match, portOption));
    case 'icmp':
    case 'icmp6':
      return withProtocol(match.module === 'icmp' ? 1 : 58, allOptions(match, icmpOption(match.module)));
    case 'multiport':
      return withPorts(allOptions(match, multiportOption));
    case 'conntrack':
      return conntrackMatcher(match);
    case 'state':
      return stateMatcher(match);
    case 'addrtype':
      return addrtypeMatcher(match);
    case 'mark':
      return allOptions(match, (option) => markOption(option, (view) => view.mark));
    case 'connmark':
      return allOptions(match, (option) => markOption(option, (view) => view.connmark));
    case 'mac':
      return allOptions(match, macOption);
    case 'iprange':
      return allOptions(match, iprangeOption);
    case 'length':
      return allOptions(match, ({ not, values: [text = ''] }) => {
        const test = rangeTest(text);
        return test && ((view) => test(view.length) !== not);
      });
    case 'ttl':
    case 'hl':
      return allOptions(match, ttlOption);
    case 'pkttype':
      return allOptions(
        match,
        ({ not, values: [type] }) =>
          (view) =>
            (view.packetType === type) !== not,
      );
    case 'owner':
      return ownerMatcher(match);
    case 'physdev':
      return physdevMatcher(match);
    case 'set':
      return allOptions(match, setOption);
    case 'limit':
    case 'hashlimit':
      return rateMatcher(match);
    case 'connlimit':
      return connlimitMatcher(match);
    case 'rt':
    case 'frag':
    case 'hbh':
    case 'dst':
      // IPv6 extension headers: these ask for one that must be there, and a PacketView has none.
      return () => false;
    default: {
      const truth = undecided(match);
      return () => truth;
    }
  }
}

/** Transport matches do not look into another protocol, nor into a later fragment, whose header is missing. */
function withProtocol(protocol: number, matcher: Matcher): Matcher {
  return (view) => view.protocol === protocol && !view.fragment && matcher(view);
}

function withPorts(matcher: Matcher): Matcher {
  return (view) => view.dport !== undefined && !view.fragment && matcher(view);
}

function portOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  if (name !== '--sport' && name !== '--dport') return undefined;
  const test = rangeTest(text);
  if (test === undefined) return undefined;
  return name === '--sport'
    ? (view) => test(view.sport ?? -1) !== not
    : (view) => test(view.dport ?? -1) !== not;
}

function tcpOption({ name, not, values }: RuleOption): Matcher | undefined {
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

function icmpOption(module: 'icmp' | 'icmp6'): (option: RuleOption) => Matcher | undefined {
  return ({ not, values: [text = ''] }) => {
    const wanted = parseIcmpType(module, text);
    if (wanted === undefined) return undefined;
    if (wanted === 'any') return () => !not;
    const { type, code } = wanted;
    return ({ icmp }) => (icmp?.type === type && (code === undefined || icmp.code === code)) !== not;
  };
}

function multiportOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
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

function markOption(
  { not, values: [text = ''] }: RuleOption,
  pick: (view: PacketView) => number | undefined,
): Matcher | undefined {
  const wanted = parseMasked(text);
  if (wanted === undefined) return undefined;
  const { value, mask } = wanted;
  return (view) => {
    const mark = pick(view);
    // Without a connection connmark never matches, "!" or not.
    return mark !== undefined && ((mark & mask) >>> 0 === value) !== not;
  };
}

function macOption({ not, values: [text = ''] }: RuleOption): Matcher {
  const wanted = text.toLowerCase();
  // Without an Ethernet header it never matches, "!" or not.
  return ({ srcMac }) => srcMac !== undefined && (srcMac === wanted) !== not;
}

function iprangeOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  const test = addressRangeTest(text);
  if (test === undefined) return undefined;
  if (name === '--src-range') return (view) => test(view.src) !== not;
  return name === '--dst-range' ? (view) => test(view.dst) !== not : undefined;
}

function ttlOption({ name, not, values: [text = ''] }: RuleOption): Matcher | undefined {
  if (!/^[0-9]{1,3}$/.test(text)) return undefined;
  const wanted = Number(text);
  switch (name.replace(/^--(ttl|hl)-/, '')) {
    case 'eq':
      return (view) => (view.ttl === wanted) !== not;
    case 'lt':
      return (view) => view.ttl < wanted;
    case 'gt':
      return (view) => view.ttl > wanted;
    default:
      return undefined;
  }
}

/** xt_owner: without a socket it matches only where every condition is inverted. */
function ownerMatcher(match: ModuleMatch): Matcher {
  const allInverted = match.options.every((option) => option.not);
  const unknown: UnknownTruth = { unknown: 'user and group of the sending process', command: 'ss -tupne' };
  const withSocket = allOptions(match, ({ name, not, values: [text = ''] }) => {
    if (name === '--socket-exists') return () => !not;
    const test = idTest(text);
    if (test === undefined || (name !== '--uid-owner' && name !== '--gid-owner')) return undefined;
    return ({ owner }) => {
      if (owner === undefined || owner === 'none') return unknown;
      return test(name === '--uid-owner' ? owner.uid : owner.gid) !== not;
    };
  });
  return (view) =>
    view.owner === 'none' ? allInverted : view.owner === undefined ? unknown : withSocket(view);
}

/** xt_physdev: off a bridged path it matches only where every condition is inverted. */
function physdevMatcher(match: ModuleMatch): Matcher {
  const allInverted = match.options.every((option) => option.not);
  const onBridge = allOptions(match, ({ name, not, values: [pattern = ''] }) => {
    const test = deviceTest(pattern);
    switch (name) {
      case '--physdev-is-bridged':
      case '--physdev-is-out':
        return (view) => (view.physOut !== undefined) !== not;
      case '--physdev-is-in':
        return (view) => (view.physIn !== undefined) !== not;
      case '--physdev-in':
        // A packet that came in by no port passes this condition in the kernel, "!" or not.
        return (view) => view.physIn === undefined || test(view.physIn) !== not;
      case '--physdev-out':
        return (view) => view.physOut !== undefined && test(view.physOut) !== not;
      default:
        return undefined;
    }
  });
  return (view) => (view.bridged ? onBridge(view) : allInverted);
}

function setOption({ name, not, values: [set = '', dimensions = ''] }: RuleOption): Matcher | undefined {
  if (name !== '--match-set') return name === '--return-nomatch' ? () => true : undefined;
  const unknown: UnknownTruth = { unknown: `members of ipset ${set}`, command: `ipset list ${set}` };
  return (view): Truth => {
    const contains = view.setContains?.(set, dimensions);
    return contains === undefined ? unknown : negateIf(not, contains);
  };
}

/** `limit` and `--hashlimit-upto` match while there are tokens, `--hashlimit-above` when there are none. */
function rateMatcher(match: ModuleMatch): Matcher {
  const option = (name: string) => match.options.find((given) => given.name === name);
  const limit = option('--limit') ?? option('--hashlimit-upto') ?? option('--hashlimit-above');
  const above = limit?.name === '--hashlimit-above' ? !limit.not : limit?.not === true;
  const burst = (option('--limit-burst') ?? option('--hashlimit-burst'))?.values[0];
  const size = slowBurst(limit?.values[0] ?? '', burst === undefined ? defaultBurst : Number(burst));
  if (size === undefined) return () => !above;
  const mode = option('--hashlimit-mode')?.values[0];
  return (view) => {
    const bucket = mode === undefined ? match : `${JSON.stringify(match)} ${bucketKey(mode, view)}`;
    return (view.takeToken?.(bucket, size) ?? true) !== above;
  };
}

/** `--hashlimit-mode srcip,dstport`: each has a bucket of its own; masks are taken for whole addresses, as a flow has only its own. */
function bucketKey(mode: string, view: PacketView): string {
  const parts: Readonly<Record<string, string>> = {
    srcip: formatAddr(view.src),
    dstip: formatAddr(view.dst),
    srcport: `${view.sport}`,
    dstport: `${view.dport}`,
  };
  return mode
    .split(',')
    .map((part) => parts[part] ?? '')
    .join(' ');
}

/**
 * A connection that is counted is one itself: above none is always true, and up to none never (xt_connlimit.c). How many there are else
 * is not in the facts.
 */
function connlimitMatcher(match: ModuleMatch): Matcher {
  const limit = match.options.find(({ name }) => name === '--connlimit-above' || name === '--connlimit-upto');
  if (limit?.values[0] === '0') {
    const above = (limit.name === '--connlimit-above') !== limit.not;
    return () => above;
  }
  const truth: UnknownTruth = {
    unknown: 'how many connections the address has',
    command: 'conntrack -L',
  };
  return () => truth;
}

/** What would decide a module that depends on more than the packet. */
function undecided(match: ModuleMatch): UnknownTruth {
  const value = (name: string) => match.options.find((option) => option.name === name)?.values[0];
  switch (match.module) {
    case 'recent': {
      const list = value('--name') ?? 'DEFAULT';
      return { unknown: `entries of the recent list ${list}`, command: `cat /proc/net/xt_recent/${list}` };
    }
    case 'statistic':
      return { unknown: 'chance (-m statistic)' };
    case 'string':
    case 'u32':
    case 'bpf':
      return { unknown: `contents of the packet (-m ${match.module})` };
    case 'time':
      return { unknown: 'time of day (-m time)', command: 'date -u' };
    case 'cgroup':
      return { unknown: 'control group of the sending process', command: 'ss -tupn --cgroup' };
    case 'socket':
      return { unknown: 'whether a local socket owns the packet (-m socket)', command: 'ss -tuan' };
    case 'rpfilter':
      return {
        unknown: 'whether the route back leaves by the same device (-m rpfilter)',
        command: 'ip route get',
      };
    case 'policy':
      return { unknown: 'whether IPsec handles the packet (-m policy)', command: 'ip xfrm policy' };
    default:
      return { unknown: `what -m ${match.module} matches` };
  }
}
