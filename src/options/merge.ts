/**
 * The merge of daemon.json and flags. In: what each gives. Out: one setting per option with its origin, and the
 * conflicts for which dockerd refuses to start. The rules are those of daemon/config/config.go, the same from 17.06
 * to 29: any option that is given in both places is a conflict, whatever its values.
 */
import type { GivenFlag } from './argv.ts';
import type { ConfigFile, FileEntry } from './file.ts';
import type { OptionValue } from './flag-value.ts';
import { hasOption, type Vocabulary } from './flags.ts';
import { printNode } from './json-value.ts';
import type { OptionName, Setting, Settings } from './options.ts';
import { type ConfigProblem, places } from './problem.ts';
import { optionNames, optionTable } from './table.ts';
import { isAtLeast, type Versioned, valueFor } from './version.ts';

type Given = ReadonlyMap<string, GivenFlag>;

/** Options in flag and file. dockerd lists them by flag name. */
export function findConflicts(given: Given, file: ConfigFile, words: Vocabulary): ConfigProblem[] {
  const conflicts = [...given.values()]
    .sort((a, b) => (a.flag.name < b.flag.name ? -1 : 1))
    .flatMap((flag) => {
      const entry = file.entries.get(flag.flag.checkedAs);
      return entry === undefined || words.both.has(entry.key) ? [] : [{ flag, entry }];
    });
  return [...oldKeyProblems(file, words), ...conflictProblem(file.path, conflicts, given, file, words)];
}

interface Conflict {
  readonly flag: GivenFlag;
  readonly entry: FileEntry;
}

function conflictProblem(
  path: string,
  found: readonly Conflict[],
  given: Given,
  file: ConfigFile,
  words: Vocabulary,
): ConfigProblem[] {
  const conflicts = [...found, ...oldKeyConflicts(given, file, words)];
  if (conflicts.length === 0) return [];
  const shown = conflicts.map(({ flag, entry }) => {
    const [fromFlag, fromFile] = [flag.shown, printNode(entry.node)].map((text) =>
      entry.key === 'http-proxy' || entry.key === 'https-proxy' ? maskCredentials(text) : text,
    );
    return `${entry.key}: (from flag: ${fromFlag}, from file: ${fromFile})`;
  });
  const keys = conflicts.map(({ entry }) => entry.key);
  const reason = `the following directives are specified both as a flag and in the configuration file: ${shown.join(', ')}`;
  return [
    {
      code: 'option-in-flag-and-file',
      message: `unable to configure the Docker daemon with file ${path}: ${reason}`,
      options: keys,
      ...places(conflicts.flatMap(({ flag, entry }) => [entry.origin, flag.origin])),
      remedy: `Keep ${keys.join(', ')} in one place: remove the flag or the key, even where both say the same.`,
      cause: 'option-in-flag-and-file',
    },
  ];
}

const oldHostGateway = 'host-gateway-ip';

/** Since 28.0 host-gateway-ip is the old name of host-gateway-ips in the file (migratedNamedConfig). */
function oldHostGatewayEntry(file: ConfigFile, words: Vocabulary): FileEntry | undefined {
  return isAtLeast(words.engine, '28.0') ? file.entries.get(oldHostGateway) : undefined;
}

function oldKeyConflicts(given: Given, file: ConfigFile, words: Vocabulary): Conflict[] {
  const entry = oldHostGatewayEntry(file, words);
  const flag = given.get(oldHostGateway);
  return entry === undefined || flag === undefined ? [] : [{ flag, entry }];
}

/** Two keys for one value in the file, in the versions where both are known. */
function oldKeyProblems(file: ConfigFile, words: Vocabulary): ConfigProblem[] {
  const old = oldHostGatewayEntry(file, words);
  const current = file.entries.get('host-gateway-ips');
  if (old === undefined || current === undefined) return [];
  const reason = 'host-gateway-ip and host-gateway-ips must not both be specified in the config file';
  return [
    excluded(
      `unable to configure the Docker daemon with file ${file.path}: ${reason}`,
      'host-gateway-ips',
      old,
      current,
    ),
  ];
}

/** `graph` was the old name of data-root: both are one too many, in the file and as flags. */
export function findOldDataRoot(
  given: Given,
  file: ConfigFile | undefined,
  words: Vocabulary,
): ConfigProblem[] {
  const [graphFlag, rootFlag] = [given.get('graph'), given.get('data-root')];
  if (graphFlag !== undefined && rootFlag !== undefined) {
    return [
      excluded('cannot specify both "--graph" and "--data-root" option', 'data-root', graphFlag, rootFlag),
    ];
  }
  const old = file?.entries.get('graph');
  const current = file?.entries.get('data-root');
  if (isAtLeast(words.engine, '23.0')) {
    const origin = old?.origin ?? graphFlag?.origin;
    if (origin === undefined) return [];
    return [
      {
        code: 'config-value-invalid',
        message: 'the "graph" config file option is deprecated; use "data-root" instead',
        options: ['graph'],
        ...places([origin]),
        remedy: 'Rename it to data-root.',
        cause: 'engine-did-not-start',
      },
    ];
  }
  if (file === undefined || old === undefined || current === undefined) return [];
  const reason = 'cannot specify both "graph" and "data-root" config file options';
  return [
    excluded(
      `unable to configure the Docker daemon with file ${file.path}: ${reason}`,
      'data-root',
      old,
      current,
    ),
  ];
}

function excluded(
  message: string,
  name: OptionName,
  old: Pick<FileEntry | GivenFlag, 'origin'>,
  current: Pick<FileEntry | GivenFlag, 'origin'>,
): ConfigProblem {
  return {
    code: 'options-exclude-each-other',
    message,
    options: [name],
    ...places([old.origin, current.origin]),
    remedy: `Keep ${name} and remove its old name.`,
    cause: 'engine-did-not-start',
  };
}

/**
 * One setting per option. mergo lays flags over the file wherever the file's value is Go's zero, since it cannot
 * tell zero from unset: an empty text, 0 and empty lists in the file give way to the flag or its default. Booleans
 * were pushed into their flags before, so that the file's false holds.
 */
export function mergeSettings(given: Given, file: ConfigFile | undefined, words: Vocabulary): Settings {
  const flags = new Map<OptionName, Setting<OptionValue>>();
  for (const { flag, value, origin } of given.values()) {
    if (flag.option !== undefined) flags.set(flag.option, { value, origin });
  }
  const settingOf = (name: OptionName): Setting<OptionValue> => {
    const byDefault: Versioned<OptionValue> = optionTable[name].default;
    const fallback = { value: valueFor(byDefault, words.engine), origin: { kind: 'default' } } as const;
    if (!hasOption(name, words.engine)) return fallback;
    const fromFile = (file?.settings.get(name) ?? []).find(
      ({ value }) => typeof value === 'boolean' || !isZero(value),
    );
    const chosen = fromFile ?? flags.get(name) ?? fallback;
    return { value: shaped(name, chosen.value), origin: chosen.origin };
  };
  return Object.fromEntries(optionNames.map((name) => [name, settingOf(name)])) as unknown as Settings;
}

/** A single host-gateway-ip is a list of one; an MTU of 0, which only a flag can give, leaves it to the default. */
function shaped(name: OptionName, value: OptionValue): OptionValue {
  if (name === 'host-gateway-ips' && typeof value === 'string') return [value];
  return name === 'mtu' && value === 0 ? defaultMtu : value;
}

/** Bytes. */
const defaultMtu = 1500;

function isZero(value: OptionValue): boolean {
  if (typeof value === 'object') return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false;
}

/** Zeros in the file that a default replaces. */
export function zeroWarnings(file: ConfigFile, settings: Settings): ConfigProblem[] {
  const warnings: ConfigProblem[] = [];
  for (const [name, given] of file.settings) {
    const setting = settings[name];
    for (const { key, value, origin } of given) {
      if (typeof value !== 'number' || value !== 0 || setting.value === 0) continue;
      warnings.push({
        code: 'config-zero-ignored',
        message: `"${key}": 0 counts as not set; ${setting.value} is in force`,
        options: [key],
        ...places([origin]),
        remedy: `Remove "${key}", or write the value that you want.`,
      });
    }
  }
  return warnings;
}

/** As dockerd masks what it prints: user and password of a URL. */
function maskCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1xxxxx:xxxxx@');
}
