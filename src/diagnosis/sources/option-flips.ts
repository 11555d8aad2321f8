/**
 * Flips of daemon options: to what is configured and not in force, and to the engine's defaults. In: what is expected of the host.
 * Out: for each the plan after the restart that takes it up, and what to do for that. Whether it heals is the search's subject.
 */
import type { StateChange } from '../../host/change.ts';
import type { Intent } from '../../intent/intent.ts';
import type { Because, Origin } from '../../net/reason.ts';
import { withSetting } from '../../options/implied.ts';
import type { OptionName, Options, OptionValues, Setting } from '../../options/options.ts';
import { optionNames, optionTable } from '../../options/table.ts';
import { spans, type Versioned, valueFor } from '../../options/version.ts';
import type { Expected } from '../../plan/expected.ts';
import { generationFor } from '../../plan/generation.ts';
import type { NotInForce } from '../../plan/in-force.ts';
import { runsContainers } from '../../plan/intent-after.ts';
import type { Plan } from '../../plan/plan.ts';
import { sameValue } from '../../plan/settle.ts';
import { transition } from '../../plan/transition.ts';
import { meaningOf, type SettingMeaning } from '../causes.ts';
import type { ProvedBy } from '../finding.ts';

/** A flip of one setting: the plan that it gives, and what to do where. */
export interface Flip {
  readonly setting: string;
  readonly because: Because;
  readonly plan: Plan;
  readonly repair: string;
  /** What brings the change about, and what the plan was made with. */
  readonly transition: ProvedBy;
  readonly network?: string;
  /** More of what the cause's text speaks of. */
  readonly params?: Readonly<Record<string, string>>;
  /** Where the setting's name does not tell. */
  readonly meaning?: SettingMeaning;
  /** Further settings that are put back with it. */
  readonly also?: readonly Because[];
  /** Of a setting that is not in force: the other value, configured or in force. */
  readonly against?: Because;
  /** What follows besides the plan: containers' routes. */
  readonly more?: readonly StateChange[];
}

/**
 * Settings that are configured and that the running engine has not taken up. Where it was restarted and kept the old value all the
 * same, that is the cause; where it only waits for a restart, the cause is what the value in force does.
 */
export function notInForceFlips(expected: Expected): Flip[] {
  return expected.notInForce.map((entry): Flip => {
    const { option } = entry;
    const [configured, inForce] = [becauseOf(option, entry.configured), becauseOf(option, entry.inForce)];
    const changed = restarted(expected, expected.configuration.options);
    const common = {
      setting: option,
      plan: changed.plan,
      repair: changed.howTo(restartAlone).join('\n'),
      transition: changed.transition,
    };
    return entry.why === 'kept-by-network'
      ? {
          ...common,
          because: configured,
          against: inForce,
          params: notInForceParams(entry),
          meaning: { cause: 'config-not-in-force', restriction: false },
        }
      : { ...common, because: inForce, against: configured };
  });
}

export function optionFlips(expected: Expected): Flip[] {
  const { options, notInForce } = expected;
  return optionNames.flatMap((name) => {
    const setting = options.settings[name];
    if (setting.origin.kind === 'default' || meaningOf(name) === undefined) return [];
    const flipped = withDefault(options, name);
    // The same as the flip to what is configured.
    const isAsked = notInForce.some(
      ({ option }) =>
        option === name && flipped !== undefined && sameValue(flipped, expected.configuration.options, name),
    );
    if (flipped === undefined || isAsked) return [];
    const changed = restarted(expected, flipped);
    const repair = describeOptionRepair(name, setting.origin, scalar(flipped.settings[name].value));
    return [
      {
        setting: name,
        because: becauseOf(name, setting),
        plan: changed.plan,
        repair: changed.howTo(repair).join('\n'),
        transition: changed.transition,
      },
    ];
  });
}

/** An option as a Because; values that are no scalar as JSON. */
export function becauseOf(setting: string, { value, origin }: Setting<unknown>): Because {
  return { setting, value: scalar(value), origin };
}

export interface Restarted {
  readonly plan: Plan;
  /** What the engine holds then. */
  readonly intent: Intent;
  readonly transition: 'restart' | 'live-restore';
  /** What to do, in lines: the change itself, and what its restart takes. */
  readonly howTo: (change: string) => readonly string[];
}

/** The plan after the restart that takes these options up, with all that follows from them: under live restore containers may have to stop. */
export function restarted({ held, generation }: Expected, options: Options): Restarted {
  const next = { options, generation: generationFor(options) ?? generation };
  const isLive = held.options.settings['live-restore'].value && runsContainers(held.intent);
  const live = isLive ? transition(held, next, 'live-restore') : undefined;
  if (live?.settings.every(({ fate }) => fate === 'applied'))
    return {
      plan: live.plan,
      intent: live.state.intent,
      transition: 'live-restore',
      howTo: (change) => [change],
    };
  const { plan, waiting, state } = transition(held, next, 'restart');
  return {
    plan,
    intent: state.intent,
    transition: 'restart',
    howTo: (change) => [
      change,
      ...(isLive ? [stopFirst] : []),
      ...(waiting.length > 0 ? [`then start again: ${waiting.join(', ')}`] : []),
    ],
  };
}

/** What the text of `config-not-in-force` speaks of. */
export function notInForceParams({ inForce, why }: NotInForce): Readonly<Record<string, string>> {
  return { inForce: String(scalar(inForce.value)), why };
}

/** The file is right already. */
const restartAlone = 'restart dockerd: the configuration says so already';

const stopFirst =
  'stop all containers before that restart: with live-restore the default network keeps its settings while any runs';

/** The options with this one at the engine's default; undefined when it is there already, or follows from another. */
function withDefault<K extends OptionName>(options: Options, name: K): Options | undefined {
  const { value, origin } = options.settings[name];
  const byVersion: Versioned<OptionValues[K]> = optionTable[name].default;
  const fallback = valueFor(byVersion, options.engine);
  if (origin.kind === 'implied' || JSON.stringify(value) === JSON.stringify(fallback)) {
    return undefined;
  }
  return withSetting(options, name, fallback, { kind: 'default' });
}

function scalar(value: unknown): Because['value'] {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);
}

function describeOptionRepair(name: string, origin: Origin, fallback: Because['value']): string {
  const value = JSON.stringify(fallback);
  switch (origin.kind) {
    case 'file':
      return `${origin.path} line ${origin.line}: "${name}": ${value}, then restart dockerd`;
    case 'flag':
      return `remove ${origin.flag} from dockerd's arguments, then restart dockerd`;
    default:
      return `set ${name} to ${value}, then restart dockerd`;
  }
}

/** From 20.10 to 26 ip6tables is off unless asked for, and takes experimental: containers' IPv6 has no rules at all then. */
export function ip6tablesFlips(expected: Expected): Flip[] {
  const { options } = expected;
  const setting = options.settings.ip6tables;
  if (setting.value || setting.origin.kind !== 'default' || !spans(optionTable.ip6tables, options.engine))
    return [];
  const wanted = withSetting(options, 'experimental', true, { kind: 'default' });
  const changed = restarted(expected, withSetting(wanted, 'ip6tables', true, { kind: 'default' }));
  const repair = ['ip6tables', 'experimental']
    .map((name) => describeOptionRepair(name, { kind: 'default' }, true))
    .join('\n');
  return [
    {
      setting: 'ip6tables',
      because: becauseOf('ip6tables', setting),
      plan: changed.plan,
      repair: changed.howTo(repair).join('\n'),
      transition: changed.transition,
    },
  ];
}

/** Settings that only matter together: without iptables, masquerading is off whatever is said of it. */
export function jointFlips(expected: Expected): Flip[] {
  const { options } = expected;
  const off = optionNames.filter((name) => {
    const given = options.overruled[name] ?? options.settings[name];
    return given.origin.kind !== 'default' && meaningOf(name)?.restriction === false;
  });
  if (off.length < 2) return [];
  const all = off.reduce((o, name) => withDefault(o, name) ?? o, options);
  const because = off.map((name) => becauseOf(name, options.overruled[name] ?? options.settings[name]));
  const [first, ...also] = because;
  if (first === undefined) return [];
  const changed = restarted(expected, all);
  const repair = off
    .map((name, i) =>
      describeOptionRepair(name, because[i]?.origin ?? { kind: 'default' }, scalar(all.settings[name].value)),
    )
    .join('\n');
  return [
    {
      setting: first.setting,
      because: first,
      also,
      plan: changed.plan,
      repair: changed.howTo(repair).join('\n'),
      transition: changed.transition,
    },
  ];
}
