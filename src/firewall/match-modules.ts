/**
 * What the match modules ask of a packet, one compiler per module. In: `-m MODULE options`. Out: a matcher.
 * A module or option that is not understood gives "unknown" with the fact that would decide it, never true or false.
 * Semantics are the kernel's net/netfilter/xt_*.c; quirks are noted where they are kept.
 */

import { allOptions, type Matcher } from './conditions.ts';
import { addrtypeMatcher } from './match-addrtype.ts';
import { conntrackMatcher, stateMatcher } from './match-conntrack.ts';
import { connlimitMatcher, rateMatcher } from './match-rate.ts';
import { cgroupMatcher, ownerMatcher, socketMatcher } from './match-socket.ts';
import {
  ecnOption,
  icmpOption,
  multiportOption,
  portOption,
  tcpmssOption,
  tcpOption,
  tosOption,
  withPorts,
  withProtocol,
} from './match-transport.ts';
import { u32Matcher } from './match-u32.ts';
import { addressRangeTest, deviceTest, negateIf, rangeTest } from './match-values.ts';
import { parseMasked } from './numbers.ts';
import type { PacketView, Truth, UnknownTruth } from './packet-view.ts';
import type { ModuleMatch, RuleOption } from './ruleset.ts';

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
    case 'dccp':
      return withProtocol(33, allOptions(match, portOption));
    case 'esp':
    case 'ah':
    case 'ipcomp':
    case 'mh': {
      const truth = undecided(match);
      return withProtocol(headerProtocols[match.module], () => (match.options.length === 0 ? true : truth));
    }
    case 'tcpmss':
      return withProtocol(6, allOptions(match, tcpmssOption));
    case 'ecn':
      return allOptions(match, ecnOption);
    case 'tos':
    case 'dscp':
      return allOptions(match, tosOption(match.module));
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
      return setMatcher(match);
    case 'limit':
    case 'hashlimit':
      return rateMatcher(match);
    case 'connlimit':
      return connlimitMatcher(match);
    case 'cgroup':
      return cgroupMatcher();
    case 'socket':
      return socketMatcher(match);
    case 'rpfilter':
      return rpfilterMatcher(match);
    case 'u32':
      return allOptions(match, ({ not, values: [text = ''] }) => u32Matcher(text, not));
    case 'statistic':
      return statisticMatcher(match);
    case 'recent':
      return recentMatcher(match);
    case 'helper':
      // Only what a helper expected has a connection that it came from, and no walk's connection is that.
      return allOptions(
        match,
        ({ not }) =>
          ({ ctStatus }) =>
            ctStatus?.expected === true ? undecided(match) : not,
      );
    case 'ipv6header':
      return ipv6headerMatcher(match);
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

function setMatcher(match: ModuleMatch): Matcher {
  const reversed = match.options.some(({ name }) => name === '--return-nomatch');
  return allOptions(match, ({ name, not, values: [set = '', dimensions = ''] }) => {
    // Whether a match counts for the element is nothing that a rule sees.
    if (name === '--return-nomatch' || /^--update-(?:sub)?counters$/.test(name)) return () => true;
    if (name !== '--match-set') return undefined;
    const unknown: UnknownTruth = { unknown: `members of ipset ${set}`, command: `ipset list ${set}` };
    return (view): Truth => {
      const contains = view.setContains?.(set, dimensions, reversed);
      return contains === undefined ? unknown : negateIf(not, contains);
    };
  });
}

/** `-m rpfilter`: is the route to the source by the device that the packet came in on? */
function rpfilterMatcher({ options }: ModuleMatch): Matcher {
  const has = (name: string) => options.some((option) => option.name === name);
  const by = { loose: has('--loose'), mark: has('--validmark'), local: has('--accept-local') };
  const unknown: UnknownTruth = {
    unknown: 'whether the route back leaves by the same device (-m rpfilter)',
    command: 'ip route get',
  };
  return (view) => negateIf(has('--invert'), view.reversePath?.(by) ?? unknown);
}

/** A chance of one or none is none. */
function statisticMatcher(match: ModuleMatch): Matcher {
  const probability = match.options.find(({ name }) => name === '--probability');
  const value = Number(probability?.values[0] ?? Number.NaN);
  if (probability !== undefined && (value === 0 || value === 1))
    return () => (value === 1) !== probability.not;
  const unknown: UnknownTruth = { unknown: 'chance (-m statistic)' };
  return () => unknown;
}

/** `--set` writes the address down, and matches; the others ask for what was written before. */
function recentMatcher(match: ModuleMatch): Matcher {
  const set = match.options.find(({ name }) => name === '--set');
  if (set !== undefined) return () => !set.not;
  const list = match.options.find(({ name }) => name === '--name')?.values[0] ?? 'DEFAULT';
  const unknown: UnknownTruth = {
    unknown: `entries of the recent list ${list}`,
    command: `cat /proc/net/xt_recent/${list}`,
  };
  return () => unknown;
}

/** ip6t_ipv6header: a PacketView has no extension headers, so that what follows the IP header is `prot`, the payload, alone. */
function ipv6headerMatcher({ options }: ModuleMatch): Matcher {
  const header = options.find(({ name }) => name === '--header');
  const soft = options.some(({ name }) => name === '--soft');
  const names = (header?.values[0] ?? '').split(',');
  const payload = names.filter((name) => /^prot(?:ocol)?$/.test(name));
  const fits = soft ? payload.length === names.length : payload.length === names.length && names.length === 1;
  return () => fits !== (header?.not ?? false);
}

/** Protocols of headers that no walked flow has. */
const headerProtocols = { esp: 50, ah: 51, ipcomp: 108, mh: 135 } as const;

/** What would decide a module that depends on more than the packet. */
function undecided(match: ModuleMatch): UnknownTruth {
  switch (match.module) {
    case 'connbytes':
      return { unknown: 'how much the connection has carried (-m connbytes)', command: 'conntrack -L' };
    case 'string':
    case 'bpf':
    case 'osf':
      return { unknown: `contents of the packet (-m ${match.module})` };
    case 'time':
      return { unknown: 'time of day (-m time)', command: 'date -u' };
    case 'policy':
      return { unknown: 'whether IPsec handles the packet (-m policy)', command: 'ip xfrm policy' };
    case 'quota':
      return { unknown: 'how much of the quota is left (-m quota)', command: 'iptables-save -c' };
    case 'realm':
      return { unknown: 'realm of the route (-m realm)', command: 'ip route show table all' };
    case 'devgroup':
      return { unknown: 'group of the device (-m devgroup)', command: 'ip link' };
    case 'cpu':
      return { unknown: 'which processor handles the packet (-m cpu)' };
    case 'connlabel':
      return { unknown: 'labels of the connection (-m connlabel)', command: 'conntrack -L -o labels' };
    case 'nfacct':
      return { unknown: 'counts of nfacct (-m nfacct)', command: 'nfacct list' };
    case 'rateest':
      return { unknown: 'the rate that was measured (-m rateest)' };
    case 'helper':
      return { unknown: 'helper of the connection (-m helper)', command: 'conntrack -L' };
    default:
      return { unknown: `what -m ${match.module} matches` };
  }
}
