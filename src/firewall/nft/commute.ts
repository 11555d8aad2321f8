/**
 * Whether two native rules may change places without any packet noticing. In: two rules. Out: a boolean, false where it is not sure.
 * They may if they end alike, or if a packet cannot have what both ask for: another device, address or port.
 */
import type { NftRule, Statement } from './model.ts';

/** True only where the order of the two decides nothing. */
export function nftCommute(a: NftRule, b: NftRule): boolean {
  return endAlike(a, b) || a.statements.some((one) => b.statements.some((other) => exclude(one, other)));
}

function endAlike(a: NftRule, b: NftRule): boolean {
  const [left, right] = [a.statements.at(-1), b.statements.at(-1)];
  if (left?.kind !== 'verdict' && left?.kind !== 'nat') return false;
  // What a jump leads to, and what is done on the way to a verdict, can matter to what follows.
  if (left.kind === 'verdict' && 'chain' in left.verdict) return false;
  return [...a.statements, ...b.statements].every(isPlain) && JSON.stringify(left) === JSON.stringify(right);
}

function isPlain({ kind }: Statement): boolean {
  return kind === 'match' || kind === 'verdict' || kind === 'nat' || kind === 'observe';
}

/** The same thing of a packet asked for two values: it has one. */
function exclude(a: Statement, b: Statement): boolean {
  if (a.kind !== 'match' || b.kind !== 'match') return false;
  if (JSON.stringify(a.left) !== JSON.stringify(b.left)) return false;
  if (a.right.kind !== 'literal' || b.right.kind !== 'literal') return false;
  const same = a.right.value === b.right.value;
  if (a.operator === '==' && b.operator === '==') return !same;
  const opposite =
    (a.operator === '==' && b.operator === '!=') || (a.operator === '!=' && b.operator === '==');
  return opposite && same;
}
