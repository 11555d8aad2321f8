/**
 * Which rules of a long native chain one packet may match. In: a chain and a packet. Out: places in it. A rule is found by a
 * condition that only plain ones stand before: what stands there acts also where the condition is false.
 */
import { parseAddr } from '../../net/addr.ts';
import type { PacketView } from '../packet-view.ts';
import { longChain, makeRuleIndex, placesFor, type RuleIndex, type RuleKey } from '../rule-index.ts';
import type { NftChain, NftRule, Statement } from './model.ts';

const indices = new WeakMap<NftChain, RuleIndex>();

/** The places of the rules that this packet may match; undefined for a short chain: ask them all. */
export function placesInNftChain(chain: NftChain, view: PacketView): readonly number[] | undefined {
  if (chain.rules.length < longChain) return undefined;
  const index = indices.get(chain) ?? makeRuleIndex(chain.rules.map(keyOf));
  indices.set(chain, index);
  return placesFor(index, view);
}

function keyOf({ statements }: NftRule): RuleKey | undefined {
  for (const statement of statements) {
    const key = statement.kind === 'match' ? plainKey(statement) : undefined;
    if (key === undefined || statement.kind !== 'match') return undefined;
    if (statement.operator === '==') return key;
  }
  return undefined;
}

/** What is compared with one address, port or device: that is true or false, and does nothing. */
function plainKey({ operator, left, right }: Extract<Statement, { kind: 'match' }>): RuleKey | undefined {
  if ((operator !== '==' && operator !== '!=') || right.kind !== 'literal') return undefined;
  const { value } = right;
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
