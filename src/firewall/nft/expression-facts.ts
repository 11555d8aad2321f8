/**
 * What would decide an expression whose value no packet view tells. In: nft's word for it, and its key. Out: a fact in a short
 * phrase, and the one command that shows it.
 */
import type { UnknownTruth } from '../packet-view.ts';

const ipsec: UnknownTruth = { unknown: 'whether IPsec handles the packet', command: 'ip xfrm policy' };
const clock: UnknownTruth = { unknown: 'time of day', command: 'date -u' };

const byKind: Readonly<Record<string, UnknownTruth>> = {
  numgen: { unknown: 'chance (numgen)' },
  jhash: { unknown: 'hash of the packet (jhash)' },
  symhash: { unknown: 'hash of the packet (symhash)' },
  osf: { unknown: 'operating system of the sender (osf)' },
  socket: { unknown: 'whether a local socket owns the packet', command: 'ss -tuan' },
  rt: { unknown: 'route of the packet', command: 'ip route get' },
  ipsec,
  tunnel: { unknown: 'tunnel that the packet came from' },
  payload: { unknown: 'contents of the packet' },
};

const byMeta: Readonly<Record<string, UnknownTruth>> = {
  secpath: ipsec,
  ipsec,
  day: clock,
  hour: clock,
  time: clock,
  random: { unknown: 'chance (meta random)' },
  cpu: { unknown: 'which processor handles the packet' },
  cgroup: { unknown: 'control group of the sending process', command: 'ss -tupn --cgroup' },
  iifgroup: { unknown: 'group of the device', command: 'ip link' },
  oifgroup: { unknown: 'group of the device', command: 'ip link' },
  iiftype: { unknown: 'type of the device', command: 'ip link' },
  oiftype: { unknown: 'type of the device', command: 'ip link' },
  rtclassid: { unknown: 'realm of the route', command: 'ip route show table all' },
};

/** The fact behind an expression that is kept as its JSON; `name` is nft's word. */
export function expressionFact(name: string): UnknownTruth {
  return byKind[name] ?? { unknown: 'an expression that is not understood', command: 'nft list ruleset' };
}

/** The fact behind a key of `meta`. */
export function metaFact(key: string): UnknownTruth {
  return byMeta[key] ?? { unknown: `meta ${key} of the packet` };
}
