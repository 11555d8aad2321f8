/**
 * Rule arguments: from an iptables command line to a Rule and back, and whether two rules are the same.
 * In: arguments without the command and chain. Out: a Rule in the form that iptables-save prints, or a RuleError.
 */
import type { Family } from '../net/addr.ts';
import { formatRule, ruleToArgs } from './format.ts';
import { normaliseRule } from './normalise.ts';
import { protocolNumber } from './protocols.ts';
import type { Rule } from './ruleset.ts';
import { isRuleError, type RuleError, scanRule } from './scan.ts';

export { formatRule, isRuleError, type RuleError, ruleToArgs };

/**
 * Parses rule arguments as `iptables -A CHAIN` takes them and brings them to the form that iptables-save prints:
 * `-p tcp --dport 80` gains `-m tcp`, `-d 0/0` disappears. `-s a,b`, which iptables makes into two rules, is refused.
 */
export function parseRuleArgs(args: readonly string[], family: Family): Rule | RuleError {
  const rule = scanRule(args, family);
  return isRuleError(rule) ? rule : normaliseRule(rule, family);
}

const keys = new WeakMap<Rule, string>();

/** Whether `iptables -C` takes the two for the same: all but counters, reason and place, matches in their order. */
export function sameRule(a: Rule, b: Rule): boolean {
  return a === b || ruleKey(a) === ruleKey(b);
}

/** A text that is equal for rules that `sameRule` holds equal. */
export function ruleKey(rule: Rule): string {
  const known = keys.get(rule);
  if (known !== undefined) return known;
  const normal = normaliseRule(rule);
  const { protocol } = normal;
  const number = protocol === undefined ? undefined : protocolNumber(protocol.value);
  const key = formatRule(
    protocol === undefined || number === undefined
      ? normal
      : { ...normal, protocol: { not: protocol.not, value: `${number}` } },
  );
  keys.set(rule, key);
  return key;
}
