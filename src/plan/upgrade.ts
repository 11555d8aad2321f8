/**
 * Upgrades: what another engine version makes of the rules of these networks, and what it leaves behind.
 * In: the state under the engine that runs, and the engine that follows with its options. Out: what goes and what comes, with reasons,
 * and which changed default brought it. An upgrade ends the old engine with its containers and starts the new one over what is left.
 */
import { withSetting } from '../options/implied.ts';
import type { OptionName, Options, OptionValues } from '../options/options.ts';
import { optionNames } from '../options/table.ts';
import { differenceOfPlans, type PlanDifference } from './difference.ts';
import type { Engine } from './intent-after.ts';
import type { LeftBehind } from './left-behind.ts';
import type { Plan } from './plan.ts';
import { type EngineState, transition } from './transition.ts';

export interface Upgrade extends PlanDifference {
  readonly leftBehind: readonly LeftBehind[];
  /** Options that nobody set, whose default differs between the two engines, and that change something here. */
  readonly defaults: readonly ChangedDefault[];
  /** What the new engine would do and is not planned. */
  readonly unmodelled: readonly string[];
}

export interface ChangedDefault {
  readonly option: OptionName;
  readonly from: OptionValues[OptionName];
  readonly to: OptionValues[OptionName];
  /** What the new default takes away and brings, against the new engine with the old default. */
  readonly difference: PlanDifference;
}

/** `plan` is what the old engine made. */
export function upgradeOf(plan: Plan, held: EngineState, next: Engine): Upgrade {
  const after = transition(held, next, 'restart');
  const defaults = changedDefaults(held.options, next.options).flatMap(
    (option): readonly ChangedDefault[] => {
      const { value, origin } = held.options.settings[option];
      const options = withSetting(next.options, option, value, origin);
      const difference = differenceOfPlans(
        transition(held, { ...next, options }, 'restart').plan,
        after.plan,
      );
      if (difference.removed.length + difference.added.length === 0) return [];
      return [{ option, from: value, to: next.options.settings[option].value, difference }];
    },
  );
  return {
    ...differenceOfPlans(plan, after.plan),
    leftBehind: after.leftBehind(),
    defaults,
    unmodelled: after.plan.unmodelled,
  };
}

function changedDefaults(from: Options, to: Options): readonly OptionName[] {
  return optionNames.filter((option) => {
    const [before, after] = [from.settings[option], to.settings[option]];
    return (
      before.origin.kind === 'default' &&
      after.origin.kind === 'default' &&
      JSON.stringify(before.value) !== JSON.stringify(after.value)
    );
  });
}
