/**
 * What a native rule asks of a packet, read off its statements. In: a rule. Out: the addresses that it names.
 * Only plain conditions are read: sets, maps and what is inverted say nothing here.
 */
import { type Prefix, parsePrefixOrAddr } from '../../net/prefix.ts';
import type { Expression, NftRule } from './model.ts';

/** The source or destination that a rule wants; undefined where it wants none, or more than one. */
export function addressOf({ statements }: NftRule, field: 'saddr' | 'daddr'): Prefix | undefined {
  for (const statement of statements) {
    if (statement.kind !== 'match' || statement.operator !== '==' || statement.left.kind !== 'payload')
      continue;
    if (statement.left.field === field) return prefixOf(statement.right);
  }
  return undefined;
}

function prefixOf(expression: Expression): Prefix | undefined {
  switch (expression.kind) {
    case 'literal':
      return parsePrefixOrAddr(String(expression.value));
    case 'prefix':
      return expression.address.kind === 'literal'
        ? parsePrefixOrAddr(`${expression.address.value}/${expression.bits}`)
        : undefined;
    default:
      return undefined;
  }
}
