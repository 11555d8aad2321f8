/**
 * Which settings an engine takes up when its configuration changes, and which it does not.
 * In: the options in force, those wanted, and how the change is brought to the engine. Out: the options in force then, and what
 * became of each that differs. It plans nothing.
 * Sources: daemon/daemon_unix.go (initNetworkController) and daemon/reload.go of 17.06 to 29.7.
 */
import type { OptionName, Options, OptionValues, Setting, Settings } from '../options/options.ts';
import { optionNames, optionTable } from '../options/table.ts';

/**
 * `start`: no engine ran. `restart`: containers stop with the engine. `live-restore`: they run on, and the engine finds them.
 * `reload`: SIGHUP, and what comes to the same: a file that was changed and that no engine has read.
 */
export type How = 'start' | 'restart' | 'live-restore' | 'reload';

export type Fate =
  | 'applied'
  /** While containers run the engine does not make its default network anew, and that keeps what it was made with. */
  | 'kept-by-network'
  /** Only a start of the engine reads it. */
  | 'waits-for-restart';

export interface SettingOutcome {
  readonly option: OptionName;
  readonly held: Setting<OptionValues[OptionName]>;
  readonly wanted: Setting<OptionValues[OptionName]>;
  readonly fate: Fate;
}

export interface Settled {
  /** In force afterwards. */
  readonly options: Options;
  /** One for each option that differs, in the order of the option table. */
  readonly outcomes: readonly SettingOutcome[];
}

/** What a change of options comes to. */
export function settle(held: Options, wanted: Options, how: How): Settled {
  const outcomes = optionNames
    .filter((option) => !sameValue(held, wanted, option))
    .map(
      (option): SettingOutcome => ({
        option,
        held: held.settings[option],
        wanted: wanted.settings[option],
        fate: fateOf(option, how),
      }),
    );
  const refused = outcomes.filter(({ fate }) => fate !== 'applied').map(({ option }) => option);
  const kept = Object.fromEntries(refused.map((option) => [option, held.settings[option]]));
  const settings: Settings = { ...wanted.settings, ...kept };
  return { options: { ...wanted, settings }, outcomes };
}

/** What becomes of a changed option. */
export function fateOf(option: OptionName, how: How): Fate {
  const { scope, reloadable } = optionTable[option];
  switch (how) {
    case 'start':
    case 'restart':
      return 'applied';
    case 'live-restore':
      return scope === 'default-bridge' ? 'kept-by-network' : 'applied';
    case 'reload':
      return reloadable ? 'applied' : 'waits-for-restart';
  }
}

/** Whether an option says the same to the engine. */
export function sameValue(a: Options, b: Options, option: OptionName): boolean {
  return valueText(a, option) === valueText(b, option);
}

/** The value as the engine understands it, as JSON: unset names, addresses and sizes take their meaning. */
export function valueText({ settings }: Options, option: OptionName): string {
  const { value } = settings[option];
  if (option === 'bridge' && value === '') return '"docker0"';
  if (option === 'ip' && value === '') return '"0.0.0.0"';
  return option === 'mtu' && value === 0 ? '1500' : JSON.stringify(value);
}
