/**
 * Whether a rule matches one packet. In: a rule and a PacketView. Out: true, false, or what is not known.
 * A rule is compiled once and remembered by identity. It walks no chains and runs no targets.
 */

import type { Addr } from '../net/addr.ts';
import { containsAddr } from '../net/prefix.ts';
import { allOf, type Matcher } from './conditions.ts';
import { compileModule } from './match-modules.ts';
import { deviceTest } from './match-values.ts';
import type { PacketView, Truth } from './packet-view.ts';
import { protocolNumber } from './protocols.ts';
import type { Negatable, Rule } from './ruleset.ts';

export type { Matcher } from './conditions.ts';
export type { AddrType, CtState, CtStatus, CtTuple, PacketView, Truth, UnknownTruth } from './packet-view.ts';

const compiled = new WeakMap<Rule, Matcher>();

/** The rule's matcher; compiled at the first call and remembered as long as the rule lives. */
export function matcherOf(rule: Rule): Matcher {
  const known = compiled.get(rule);
  if (known !== undefined) return known;
  const matcher = compile(rule);
  compiled.set(rule, matcher);
  return matcher;
}

/** Whether every condition of the rule holds; unknown only where no condition is false. */
export function matchRule(rule: Rule, view: PacketView): Truth {
  return matcherOf(rule)(view);
}

function compile(rule: Rule): Matcher {
  const conditions: Matcher[] = [];
  if (rule.protocol !== undefined) conditions.push(protocolCondition(rule.protocol));
  if (rule.source !== undefined) conditions.push(addressCondition(rule.source, (view) => view.src));
  if (rule.destination !== undefined) conditions.push(addressCondition(rule.destination, (view) => view.dst));
  if (rule.inInterface !== undefined) {
    const { not, value } = rule.inInterface;
    const test = deviceTest(value);
    conditions.push((view) => test(view.inDev) !== not);
  }
  if (rule.outInterface !== undefined) {
    const { not, value } = rule.outInterface;
    const test = deviceTest(value);
    conditions.push((view) => test(view.outDev) !== not);
  }
  if (rule.fragment !== undefined) {
    const { not } = rule.fragment;
    conditions.push((view) => view.fragment !== not);
  }
  for (const match of rule.matches) conditions.push(compileModule(match));
  return allOf(conditions);
}

function protocolCondition({ not, value }: Negatable<string>): Matcher {
  const number = protocolNumber(value);
  if (number === undefined) {
    const unknown = { unknown: `number of protocol ${value}`, command: `getent protocols ${value}` };
    return () => unknown;
  }
  // 0 is "all": true for every packet, and never with "!".
  return number === 0 ? () => !not : (view) => (view.protocol === number) !== not;
}

function addressCondition(
  { not, value }: NonNullable<Rule['source']>,
  pick: (view: PacketView) => Addr,
): Matcher {
  if (typeof value === 'string') {
    const unknown = { unknown: `whether an address matches ${value} (a mask that is no prefix)` };
    return () => unknown;
  }
  if (value.addr.family === 'ipv6') return (view) => containsAddr(value, pick(view)) !== not;
  const network = value.addr.value;
  const mask = value.bits === 0 ? 0 : 0xffffffff << (32 - value.bits);
  return (view) => {
    const addr = pick(view);
    return (addr.family === 'ipv4' && ((addr.value ^ network) & mask) === 0) !== not;
  };
}
