/**
 * Conditions of a rule joined three-valued. In: single conditions. Out: one matcher.
 * False decides at once; unknown stands only where nothing is false.
 */
import type { PacketView, Truth, UnknownTruth } from './packet-view.ts';
import type { ModuleMatch, RuleOption } from './ruleset.ts';

/** A compiled condition, or a whole rule. */
export type Matcher = (view: PacketView) => Truth;

/** All must hold; true for none. */
export function allOf(conditions: readonly Matcher[]): Matcher {
  const [first, second, ...rest] = conditions;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (rest.length === 0) {
    return (view) => {
      const truth = first(view);
      return truth === true ? second(view) : truth === false || second(view) === false ? false : truth;
    };
  }
  return (view) => {
    let unknown: UnknownTruth | undefined;
    for (const condition of conditions) {
      const truth = condition(view);
      if (truth === false) return false;
      if (truth !== true) unknown ??= truth;
    }
    return unknown ?? true;
  };
}

/** All options of a module must hold; `compile` gives undefined for one that it does not understand. */
export function allOptions(
  match: ModuleMatch,
  compile: (option: RuleOption) => Matcher | undefined,
): Matcher {
  return allOf(
    match.options.map((option): Matcher => {
      const condition = compile(option);
      if (condition !== undefined) return condition;
      const truth = unknownOption(match.module, option);
      return () => truth;
    }),
  );
}

/** What an option that is not understood comes to. */
export function unknownOption(module: string, { not, name, values }: RuleOption): UnknownTruth {
  return { unknown: ['-m', module, ...(not ? ['!'] : []), name, ...values].join(' ') };
}
