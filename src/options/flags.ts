/**
 * The flags and configuration keys that one engine version knows: `table.ts` and `passed-flags.ts` cut to it.
 * In: an engine version. Out: look-ups by flag name, shorthand and key. It parses nothing.
 */
import type { OptionName } from './options.ts';
import { keysInBoth, keysWithObject, keysWithoutFlag, passedFlags } from './passed-flags.ts';
import { optionNames, optionTable, type ValueType } from './table.ts';
import { type Span, spans, valueFor } from './version.ts';

export interface KnownFlag {
  readonly name: string;
  readonly shorthand?: string;
  /** How its argument is read. */
  readonly type: ValueType;
  /** Under which key the checks for unknown keys and for conflicts know it (configuration name, or own name). */
  readonly checkedAs: string;
  /** The networking option that it sets. */
  readonly option?: OptionName;
}

/** A key of daemon.json that holds a value. */
export interface KnownKey {
  readonly key: string;
  readonly type: ValueType;
  readonly option?: OptionName;
}

export interface Vocabulary {
  readonly engine: string;
  readonly byName: ReadonlyMap<string, KnownFlag>;
  readonly byShorthand: ReadonlyMap<string, KnownFlag>;
  /** Keys that hold values. */
  readonly keys: ReadonlyMap<string, KnownKey>;
  /** Keys that the check for unknown keys lets pass. */
  readonly accepted: ReadonlySet<string>;
  /** Keys whose objects are values and are not taken apart. */
  readonly objects: ReadonlySet<string>;
  /** Keys that flag and file may both set. */
  readonly both: ReadonlySet<string>;
}

/** Whether the engine has the option, by key or by flag. */
export function hasOption(name: OptionName, engine: string): boolean {
  const spec = optionTable[name];
  const ways: readonly Span[] = [
    spec,
    ...(spec.oldKeys ?? []),
    ...spec.flags.map((flag) => flagSpan(spec, flag)),
  ];
  return ways.some((way) => spans(way, engine));
}

/** A flag that does not say from when exists as long as its option. */
function flagSpan(option: Span, flag: Span): Span {
  return { since: flag.since ?? option.since, until: flag.until ?? option.until };
}

export function vocabularyOf(engine: string): Vocabulary {
  const flags: KnownFlag[] = [];
  const keys: KnownKey[] = [];
  for (const option of optionNames) {
    const spec = optionTable[option];
    const type = valueFor(spec.type, engine);
    if (spans(spec, engine)) keys.push({ key: option, type, option });
    for (const old of spec.oldKeys ?? []) {
      if (spans(old, engine)) keys.push({ key: old.key, type: old.type, option });
    }
    for (const flag of spec.flags) {
      if (!spans(flagSpan(spec, flag), engine)) continue;
      flags.push({
        name: flag.name,
        ...(flag.shorthand === undefined ? {} : { shorthand: flag.shorthand }),
        type: flag.type ?? type,
        checkedAs: flag.named ? option : flag.name,
        option,
      });
    }
  }
  for (const flag of passedFlags) {
    if (!spans(flag, engine)) continue;
    flags.push({
      name: flag.name,
      ...(flag.shorthand === undefined ? {} : { shorthand: flag.shorthand }),
      type: flag.type,
      checkedAs: flag.named ? (flag.key ?? flag.name) : flag.name,
    });
    if (flag.key !== undefined) keys.push({ key: flag.key, type: flag.type });
  }
  const keySet = (list: typeof keysWithObject): Set<string> =>
    new Set(list.filter((key) => spans(key, engine)).map((key) => key.key));
  return {
    engine,
    byName: new Map(flags.map((flag) => [flag.name, flag])),
    byShorthand: new Map(
      flags.flatMap((flag) => (flag.shorthand === undefined ? [] : [[flag.shorthand, flag]])),
    ),
    keys: new Map(keys.map((key) => [key.key, key])),
    accepted: new Set([...flags.flatMap((flag) => [flag.name, flag.checkedAs]), ...keySet(keysWithoutFlag)]),
    objects: keySet(keysWithObject),
    both: keySet(keysInBoth),
  };
}
