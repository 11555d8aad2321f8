/**
 * Which rules of a long native chain one packet may match. In: a chain and a packet. Out: places in it. A rule is found by its
 * first statement alone: what stands before a condition acts also where that is false.
 */
import { parseAddr } from '../../net/addr.ts';
import type { PacketView } from '../packet-view.ts';
import { longChain, makeRuleIndex, placesFor, type RuleIndex, type RuleKey } from '../rule-index.ts';
import type { NftChain, NftRule } from './model.ts';

const indices = new WeakMap<NftChain, RuleIndex>();

/** The places of the rules that this packet may match; undefined for a short chain: ask them all. */
export function placesInNftChain(chain: NftChain, view: PacketView): readonly number[] | undefined {
  if (chain.rules.length < longChain) return undefined;
  const index = indices.get(chain) ?? makeRuleIndex(chain.rules.map(keyOf));
  indices.set(chain, index);
  return placesFor(index, view);
}

function keyOf({ statements: [first] }: NftRule): RuleKey | undefined {
  if (first?.kind !== 'match' || first.operator !== '==' || first.right.kind !== 'literal') return undefined;
  const { left } = first;
  const { value } = first.right;
  if (left.kind === 'payload') {
    if ((left.protocol === 'ip' || left.protocol === 'ip6') && typeof value === 'string') {
      const address = parseAddr(value);
      if (address === undefined) return undefined;
      if (left.field === 'saddr') return { of: 'source', value: address.value };
      return left.field === 'daddr' ? { of: 'destination', value: address.value } : undefined;
    }
    if ((left.protocol === 'tcp' || left.protocol === 'udp') && left.field === 'dport')
      return typeof value === 'number' ? { of: left.protocol, value } : undefined;
    return undefined;
  }
  // A name that ends in `*` stands for all with that beginning.
  if (left.kind !== 'meta' || typeof value !== 'string' || value === '' || value.endsWith('*'))
    return undefined;
  if (left.key === 'iifname') return { of: 'input', value };
  return left.key === 'oifname' ? { of: 'output', value } : undefined;
}
