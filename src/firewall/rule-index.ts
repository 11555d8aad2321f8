/**
 * An index of a long chain: which of its rules one packet may match at all. In: for each rule the one plain condition that
 * it is found by. Out: places in the chain, in order. Sound, because a rule is left out only where that condition is false,
 * and a rule with a false condition does not match, whatever else it asks. Whether the others match is asked of each.
 */
import type { Addr } from '../net/addr.ts';
import { parseRange } from './numbers.ts';
import type { PacketView } from './packet-view.ts';
import type { Chain, Negatable, Rule } from './ruleset.ts';

/** A condition that holds for one value only. */
export interface RuleKey {
  readonly of: 'source' | 'destination' | 'input' | 'output' | 'tcp' | 'udp';
  /** Bits of an address, the name of a device, or a destination port. */
  readonly value: Addr['value'] | string;
}

/** Below this length asking every rule is faster than looking up. */
export const longChain = 24;

type ByValue = ReadonlyMap<RuleKey['value'], readonly number[]>;

export interface RuleIndex {
  /** Rules that no key tells anything of. */
  readonly others: readonly number[];
  readonly keyed: readonly { readonly of: RuleKey['of']; readonly byValue: ByValue }[];
}

export function makeRuleIndex(keys: readonly (RuleKey | undefined)[]): RuleIndex {
  const others: number[] = [];
  const keyed = new Map<RuleKey['of'], Map<RuleKey['value'], number[]>>();
  for (const [place, key] of keys.entries()) {
    if (key === undefined) {
      others.push(place);
      continue;
    }
    const byValue = keyed.get(key.of) ?? new Map<RuleKey['value'], number[]>();
    keyed.set(key.of, byValue);
    const places = byValue.get(key.value);
    if (places === undefined) byValue.set(key.value, [place]);
    else places.push(place);
  }
  return { others, keyed: [...keyed].map(([of, byValue]) => ({ of, byValue })) };
}

/** The places of the rules that this packet may match, in the order of the chain. */
export function placesFor({ others, keyed }: RuleIndex, view: PacketView): readonly number[] {
  let found: readonly number[] = others;
  for (const { of, byValue } of keyed) {
    const value = valueAsked(of, view);
    const places = value === undefined ? undefined : byValue.get(value);
    if (places !== undefined) found = found.length === 0 ? places : [...found, ...places];
  }
  return found === others ? found : found.toSorted((a, b) => a - b);
}

function valueAsked(of: RuleKey['of'], view: PacketView): RuleKey['value'] | undefined {
  switch (of) {
    case 'source':
      return view.src.value;
    case 'destination':
      return view.dst.value;
    case 'input':
      return view.inDev;
    case 'output':
      return view.outDev;
    case 'tcp':
      return view.protocol === 6 ? view.dport : undefined;
    case 'udp':
      return view.protocol === 17 ? view.dport : undefined;
  }
}

const indices = new WeakMap<Chain, RuleIndex>();

/** The places in an iptables chain of the rules that this packet may match; undefined for a short chain: ask them all. */
export function placesInChain(chain: Chain, view: PacketView): readonly number[] | undefined {
  if (chain.rules.length < longChain) return undefined;
  const index = indices.get(chain) ?? makeRuleIndex(chain.rules.map(keyOf));
  indices.set(chain, index);
  return placesFor(index, view);
}

/** The condition of a rule that tells it from most others: one address, else one port, else one device. */
function keyOf(rule: Rule): RuleKey | undefined {
  return (
    addressKey('source', rule.source) ??
    addressKey('destination', rule.destination) ??
    portKey(rule) ??
    deviceKey('input', rule.inInterface) ??
    deviceKey('output', rule.outInterface)
  );
}

function addressKey(of: 'source' | 'destination', condition: Rule['source']): RuleKey | undefined {
  if (condition === undefined || condition.not || typeof condition.value === 'string') return undefined;
  const { addr, bits } = condition.value;
  return bits === (addr.family === 'ipv4' ? 32 : 128) ? { of, value: addr.value } : undefined;
}

/** Of `-m tcp` and `-m udp`, which match no other protocol. What stands before them is asked all the same: a limit counts then. */
function portKey({ matches }: Rule): RuleKey | undefined {
  for (const { module, options } of matches) {
    if (module === 'comment') continue;
    if (module !== 'tcp' && module !== 'udp') return undefined;
    const option = options.find(({ name, not }) => name === '--dport' && !not);
    const range = parseRange(option?.values[0] ?? '');
    if (range !== undefined && range.from === range.to) return { of: module, value: range.from };
  }
  return undefined;
}

function deviceKey(of: 'input' | 'output', condition: Negatable<string> | undefined): RuleKey | undefined {
  if (condition === undefined || condition.not || condition.value.endsWith('+')) return undefined;
  return { of, value: condition.value };
}
