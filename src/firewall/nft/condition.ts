/**
 * What a native rule is about, read off its statements. In: a rule. Out: the addresses that it asks for, the chains that it leads to.
 * Of conditions only plain ones are read: sets, maps and what is inverted say nothing here.
 */
import { type Prefix, parsePrefixOrAddr } from '../../net/prefix.ts';
import type { Expression, NftRule, NftTable, NftVerdict, SetRef } from './model.ts';

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

/** The chains that a rule of this table may lead to: by a verdict of its own, or by a map. */
export function chainsBehind(table: NftTable, { statements }: NftRule): readonly string[] {
  return statements.flatMap((statement) => {
    switch (statement.kind) {
      case 'verdict':
        return chainOfVerdict(statement.verdict);
      case 'vmap':
        return elementsOf(table, statement.map).flatMap(({ verdict }) => chainOfVerdict(verdict));
      default:
        return [];
    }
  });
}

function elementsOf(table: NftTable, ref: SetRef) {
  if ('elements' in ref) return ref.elements;
  return table.sets.find(({ name }) => name === ref.name)?.elements ?? [];
}

/** The chain of a jump or goto; none for other verdicts. */
export function chainOfVerdict(verdict: NftVerdict | undefined): readonly string[] {
  return verdict !== undefined && 'chain' in verdict ? [verdict.chain] : [];
}
