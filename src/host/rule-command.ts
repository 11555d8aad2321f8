/**
 * `ip rule` as a person types it, made on the policy rules of a namespace in memory. In: words and the namespace. Out: its rules afterwards,
 * or in one line why not. Selectors that are not known here are refused: they would change what the rule says.
 */
import type { Family } from '../net/addr.ts';
import type { NoChange } from './change-command.ts';
import { parsePolicyRules } from './policy-rules.ts';
import type { Namespace, PolicyRule } from './state.ts';

/** What each word is called in the JSON of `ip -j rule`. */
const members: Readonly<Record<string, string>> = {
  from: 'src',
  to: 'dst',
  iif: 'iif',
  oif: 'oif',
  lookup: 'table',
  table: 'table',
  suppress_prefixlength: 'suppress_prefixlen',
  goto: 'goto',
};

const priorities: ReadonlySet<string> = new Set(['pref', 'priority', 'preference', 'order']);

/** `add from 172.17.0.0/16 lookup main pref 100`, `del pref 100`. */
export function changePolicyRules(
  words: readonly string[],
  { policyRules }: Namespace,
  family: Family,
): readonly PolicyRule[] | NoChange {
  const [verb = '', ...rest] = words;
  const json = ruleJson(rest);
  if (typeof json === 'string') return { error: json };
  const known = withDefaults(policyRules, family);
  const said = new Set(Object.keys(json));
  if (verb === 'del' || verb === 'delete') {
    const [asked] = parsePolicyRules([{ priority: 0, ...json }], family, 'ip rule').value;
    const fitting = known.find(
      (rule) => rule.family === family && asked !== undefined && fits(rule, asked, said),
    );
    return fitting === undefined
      ? { error: 'RTNETLINK answers: No such file or directory' }
      : known.filter((rule) => rule !== fitting);
  }
  if (verb !== 'add') return { error: `ip rule ${verb} cannot be tried: add and del can` };
  // Without one the kernel takes the place before the first that is not 0 (fib_default_rule_pref).
  const first = known.filter((rule) => rule.family === family && rule.priority > 0)[0]?.priority ?? 32_766;
  const [made] = parsePolicyRules([{ priority: first - 1, ...json }], family, 'ip rule').value;
  if (made === undefined) return { error: `not a rule: ${rest.join(' ')}` };
  return [...known, made].toSorted((a, b) => a.priority - b.priority);
}

/** Facts without rules stand for those that every namespace begins with. */
function withDefaults(rules: readonly PolicyRule[], family: Family): readonly PolicyRule[] {
  if (rules.some((rule) => rule.family === family)) return rules;
  const begun = (
    [
      [0, 'local'],
      [32_766, 'main'],
      [32_767, 'default'],
    ] as const
  ).map(
    ([priority, table]): PolicyRule => ({
      family,
      priority,
      table,
      not: false,
      action: 'lookup',
      unknownSelectors: [],
    }),
  );
  return [...rules, ...begun];
}

function ruleJson(words: readonly string[]): Readonly<Record<string, unknown>> | string {
  const json: Record<string, unknown> = {};
  for (let at = 0; at < words.length; at++) {
    const [word = '', value] = words.slice(at, at + 2);
    const member = members[word];
    if (word === 'not') json.not = null;
    else if (['blackhole', 'unreachable', 'prohibit'].includes(word)) json.action = word;
    else if (value === undefined) return `ip rule with ${word} cannot be tried`;
    else if (priorities.has(word)) {
      json.priority = Number(value);
      at++;
    } else if (word === 'fwmark') {
      const [mark, mask] = value.split('/');
      json.fwmark = mark;
      if (mask !== undefined) json.fwmask = mask;
      at++;
    } else if (member !== undefined) {
      if (value !== 'all') json[member] = /^\d+$/.test(value) && member !== 'table' ? Number(value) : value;
      at++;
    } else return `ip rule with ${word} cannot be tried`;
  }
  return json;
}

function fits(rule: PolicyRule, asked: PolicyRule, said: ReadonlySet<string>): boolean {
  const same = (member: string, key: keyof PolicyRule) =>
    !said.has(member) || JSON.stringify(rule[key]) === JSON.stringify(asked[key]);
  return (
    same('priority', 'priority') &&
    same('src', 'from') &&
    same('dst', 'to') &&
    same('fwmark', 'mark') &&
    same('iif', 'inInterface') &&
    same('oif', 'outInterface') &&
    same('table', 'table')
  );
}
