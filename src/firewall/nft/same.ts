/**
 * When two native things are the same: a rule planned and one that the kernel lists. In: rules, elements. Out: texts that are equal
 * for what is the same. Counts, handles and reasons do not tell; another spelling of the same condition does.
 */
import type { NftRule, SetElement, SetRef, Statement } from './model.ts';

const keys = new WeakMap<NftRule, string>();

/** A text that is equal for rules that `sameNftRule` holds equal. */
export function nftRuleKey(rule: NftRule): string {
  const known = keys.get(rule);
  if (known !== undefined) return known;
  const key = JSON.stringify([rule.comment ?? '', rule.statements.map(canonical)]);
  keys.set(rule, key);
  return key;
}

export function sameNftRule(a: NftRule, b: NftRule): boolean {
  return a === b || nftRuleKey(a) === nftRuleKey(b);
}

/** A text for the key of an element: no set has two of one. */
export function elementKey({ key }: SetElement): string {
  return key.kind === 'literal' ? String(key.value) : JSON.stringify(key);
}

/** The same key, leading to the same. */
export function sameElement(a: SetElement, b: SetElement): boolean {
  const whole = ({ key, data, verdict }: SetElement) => JSON.stringify([key, data, verdict]);
  return a === b || whole(a) === whole(b);
}

/** Without counts; the order of elements in a rule is nft's, and its versions differ in it. */
function canonical(statement: Statement): Statement {
  switch (statement.kind) {
    case 'observe':
      return statement.name === 'counter' ? { ...statement, json: '' } : statement;
    case 'match': {
      const { right } = statement;
      return right.kind === 'set' ? { ...statement, right: { ...right, set: sorted(right.set) } } : statement;
    }
    case 'vmap':
      return { ...statement, map: sorted(statement.map) };
    default:
      return statement;
  }
}

function sorted(ref: SetRef): SetRef {
  return 'name' in ref ? ref : { elements: ref.elements.toSorted(byElementKey) };
}

/** Orders elements by their keys, as nft 1.1 lists them. */
export function byElementKey(a: SetElement, b: SetElement): number {
  const [left, right] = [elementKey(a), elementKey(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
