/**
 * Brings a rule to the one form in which iptables-save prints it: aliases resolved, lists in the kernel's order,
 * defaults written out or left out. In and out: a Rule. Modules and values that it does not know stay as given.
 * What is here was seen on iptables 1.8.9, both variants; the kernel tests compare it with the installed one.
 */
import type { Family } from '../net/addr.ts';
import { type ModuleSpec, matchSpec, targetSpec } from './modules.ts';
import { completeMatch, printedMatchOption } from './normalise-match.ts';
import { completeTarget, printedTargetOption } from './normalise-target.ts';
import { printedProtocol } from './protocols.ts';
import type { ModuleMatch, Rule, RuleOption, Target } from './ruleset.ts';

/** The rule in canonical form. Without `family`, defaults that depend on it are not written out. */
export function normaliseRule(rule: Rule, family?: Family): Rule {
  const { protocol, target, ...rest } = rule;
  const name = protocol === undefined ? undefined : printedProtocol(protocol.value);
  return {
    ...rest,
    // "all" is what a rule without -p means (`! -p all` stays: it never matches).
    ...(protocol === undefined || name === undefined || (name === 'all' && !protocol.not)
      ? {}
      : { protocol: { not: protocol.not, value: name } }),
    matches: rule.matches.map((match) => normaliseMatch(match, family)),
    ...(target === undefined ? {} : { target: normaliseTarget(target, family) }),
  };
}

function normaliseMatch({ module, options }: ModuleMatch, family: Family | undefined): ModuleMatch {
  const printed = options.flatMap((option) => printedMatchOption(module, option));
  return { module, options: inPrintOrder(completeMatch(module, printed, family), matchSpec(module)) };
}

function normaliseTarget(target: Target, family: Family | undefined): Target {
  if (target.kind === 'goto') return target;
  const printed = target.options.flatMap((option) => printedTargetOption(target.name, option));
  const options = inPrintOrder(completeTarget(target.name, printed, family), targetSpec(target.name));
  return { ...target, options };
}

/** Known options in the table's order. One that is not in it, or that stands there twice (`-m policy --next`), keeps all as given. */
function inPrintOrder(options: readonly RuleOption[], spec: ModuleSpec | undefined): readonly RuleOption[] {
  if (spec === undefined || options.length < 2) return options;
  const rank = new Map(spec.options.map((option, index) => [option.name, index]));
  const names = new Set(options.map((option) => option.name));
  if (names.size < options.length || !options.every((option) => rank.has(option.name))) return options;
  return options.toSorted((a, b) => (rank.get(a.name) ?? 0) - (rank.get(b.name) ?? 0));
}
