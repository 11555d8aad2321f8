/**
 * The rules of one chain: which it has, one more, one less. In: a chain, which is never changed. Out: an answer, or another chain.
 * How often a chain has each rule is counted once and handed on from a chain to the one made from it, so that of a
 * long list of commands each takes the same time, however long the chain has become.
 */
import { ruleKey } from './args.ts';
import type { Chain, Rule } from './ruleset.ts';

/** Of the newest chain in each line of descent alone: whoever asks an older one again has it counted again. */
const counts = new WeakMap<Chain, Map<string, number>>();

/** Whether `iptables -C` finds the rule in the chain. */
export function hasRule(chain: Chain, rule: Rule): boolean {
  return countsOf(chain).has(ruleKey(rule));
}

/** Index of the first rule that `iptables -D` takes for this one; -1 if there is none. */
export function findRule(chain: Chain, rule: Rule): number {
  if (!hasRule(chain, rule)) return -1;
  const key = ruleKey(rule);
  return chain.rules.findIndex((other) => ruleKey(other) === key);
}

/** The chain with one rule more; what stood at the index follows it. */
export function insertRule(chain: Chain, index: number, rule: Rule): Chain {
  return handOn(chain, { ...chain, rules: chain.rules.toSpliced(index, 0, rule) }, rule, 1);
}

/** The chain without the rule at the index. */
export function removeRule(chain: Chain, index: number): Chain {
  const rule = chain.rules[index];
  if (rule === undefined) return chain;
  return handOn(chain, { ...chain, rules: chain.rules.toSpliced(index, 1) }, rule, -1);
}

function countsOf(chain: Chain): Map<string, number> {
  const known = counts.get(chain);
  if (known !== undefined) return known;
  const counted = new Map<string, number>();
  for (const rule of chain.rules) count(counted, rule, 1);
  counts.set(chain, counted);
  return counted;
}

function handOn(from: Chain, to: Chain, rule: Rule, by: 1 | -1): Chain {
  const counted = counts.get(from);
  if (counted === undefined) return to;
  counts.delete(from);
  count(counted, rule, by);
  counts.set(to, counted);
  return to;
}

function count(counted: Map<string, number>, rule: Rule, by: 1 | -1): void {
  const key = ruleKey(rule);
  const now = (counted.get(key) ?? 0) + by;
  if (now > 0) counted.set(key, now);
  else counted.delete(key);
}
