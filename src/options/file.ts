/**
 * daemon.json as dockerd reads it: the keys that count, and the values that they give. In: the file and the
 * vocabulary of one engine. Out: entries with places, typed values, and problems. The merge with flags is in
 * `merge.ts`.
 */
import type { Origin } from '../net/reason.ts';
import { keyRepeated, keyWarnings, textAfterEnd } from './file-warnings.ts';
import { type OptionValue, parseGoBool } from './flag-value.ts';
import type { KnownKey, Vocabulary } from './flags.ts';
import { type JsonMember, type JsonNode, type Place, parseJson } from './json.ts';
import { decodeValue, printNode } from './json-value.ts';
import type { OptionName } from './options.ts';
import { type ConfigProblem, places } from './problem.ts';
import { decodeConfig } from './text.ts';
import { isAtLeast } from './version.ts';

type FileOrigin = Extract<Origin, { kind: 'file' }>;

/** A key that dockerd sees: of the file itself, or of an object that it takes apart. */
export interface FileEntry {
  readonly key: string;
  readonly node: JsonNode;
  /** Of the value. */
  readonly origin: FileOrigin;
  readonly keyOrigin: FileOrigin;
  /** The key of the object that was taken apart. */
  readonly parent?: string;
}

export interface FileSetting {
  readonly key: string;
  readonly value: OptionValue;
  readonly origin: FileOrigin;
}

export interface ConfigFile {
  readonly path: string;
  /** By key; of repeated keys the last. */
  readonly entries: ReadonlyMap<string, FileEntry>;
  readonly settings: ReadonlyMap<OptionName, readonly FileSetting[]>;
  /** Unreadable JSON: nothing else holds then. */
  readonly syntax: readonly ConfigProblem[];
  readonly unknown: readonly ConfigProblem[];
  readonly types: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** Reads the file. Messages have the prefix that dockerd gives them. */
export function readConfigFile(
  file: { readonly path: string; readonly text: string | Uint8Array },
  words: Vocabulary,
): ConfigFile {
  const empty: ConfigFile = {
    path: file.path,
    entries: new Map(),
    settings: new Map(),
    syntax: [],
    unknown: [],
    types: [],
    warnings: [],
  };
  const refuse = (message: string, at?: Place): ConfigFile => ({
    ...empty,
    syntax: [badJson(file.path, message, at)],
  });
  const decoded = decodeConfig(file.text, words.engine);
  if (!decoded.ok) return refuse(decoded.message);
  const modern = isAtLeast(words.engine, '23.0');
  // Since 23.0 an empty file is an empty configuration; before it is the end of the text where a value should be.
  if (modern && decoded.text.trim() === '') return empty;
  const parsed = parseJson(decoded.text, modern ? 'whole' : 'first');
  const prefix = invalidJson(words.engine);
  if (!parsed.ok) return refuse(`${prefix}${parsed.error.message}`, parsed.error.at);
  const { node } = parsed;
  const rest = parsed.rest === undefined ? [] : [textAfterEnd(placed(file.path, parsed.rest))];
  if (node.kind === 'null') return { ...empty, warnings: rest };
  if (node.kind !== 'object') {
    const message = `json: cannot unmarshal ${node.kind} into Go value of type map[string]interface {}`;
    return refuse(`${prefix}${message}`, node.at);
  }
  const entries = flatten(node.members, file.path, words);
  const fields = readFields(node.members, file.path, words);
  return {
    ...empty,
    entries,
    settings: settingsOf(entries, fields.values, words),
    unknown: unknownKeys(entries, words),
    types: fields.problem === undefined ? [] : [fields.problem],
    warnings: [...rest, ...repeatedKeys(node.members, file.path), ...keyWarnings(entries, words)],
  };
}

/** Since 29.7.2 dockerd says that it is the JSON that is invalid. */
function invalidJson(engine: string): string {
  return isAtLeast(engine, '29.7.2') ? 'invalid JSON: ' : '';
}

function cannotConfigure(path: string, reason: string): string {
  return `unable to configure the Docker daemon with file ${path}: ${reason}`;
}

function placed(path: string, place: Place): FileOrigin {
  return { kind: 'file', path, line: place.line, column: place.column };
}

function badJson(path: string, reason: string, at: Place | undefined): ConfigProblem {
  return {
    code: 'config-json-invalid',
    message: cannotConfigure(path, reason),
    options: [],
    ...places(at === undefined ? [] : [placed(path, at)]),
    remedy: 'Correct the JSON there.',
    cause: 'engine-did-not-start',
  };
}

/** Members of objects count as if they stood in the file itself, unless the object is a known value. */
function flatten(members: readonly JsonMember[], path: string, words: Vocabulary): Map<string, FileEntry> {
  const entries = new Map<string, FileEntry>();
  const add = (member: JsonMember, parent?: string): void => {
    entries.set(member.key, {
      key: member.key,
      node: member.value,
      origin: placed(path, member.value.at),
      keyOrigin: placed(path, member.keyAt),
      ...(parent === undefined ? {} : { parent }),
    });
  };
  // Go takes keys in random order where an object repeats a key of the file; here the file's own key wins.
  const last = new Map(members.map((member) => [member.key, member]));
  for (const member of last.values()) {
    if (!isTakenApart(member, words)) continue;
    for (const inner of membersOf(member)) add(inner, member.key);
  }
  for (const member of last.values()) if (!isTakenApart(member, words)) add(member);
  return entries;
}

function isTakenApart(member: JsonMember, words: Vocabulary): boolean {
  return member.value.kind === 'object' && !words.objects.has(member.key);
}

function membersOf(member: JsonMember): readonly JsonMember[] {
  return member.value.kind === 'object' ? member.value.members : [];
}

function unknownKeys(entries: ReadonlyMap<string, FileEntry>, words: Vocabulary): ConfigProblem[] {
  // dockerd's order is that of a Go map, which is random.
  const unknown = [...entries.values()]
    .filter((entry) => !words.accepted.has(entry.key))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const [first] = unknown;
  if (first === undefined) return [];
  const keys = unknown.map((entry) => entry.key);
  const reason = `the following directives don't match any configuration option: ${keys.join(', ')}`;
  return [
    {
      code: 'config-key-unknown',
      message: cannotConfigure(first.origin.path, reason),
      options: keys,
      ...places(unknown.map((entry) => entry.keyOrigin)),
      remedy: `Remove or correct ${keys.join(', ')}: dockerd ${words.engine} does not know ${keys.length === 1 ? 'it' : 'them'}. Keys are case-sensitive.`,
      cause: 'config-key-unknown',
    },
  ];
}

/** The struct's fields as encoding/json fills them, member by member; of several complaints it reports one. */
function readFields(
  members: readonly JsonMember[],
  path: string,
  words: Vocabulary,
): { values: Map<string, FileSetting>; problem?: ConfigProblem } {
  const values = new Map<string, FileSetting>();
  let wrong: ConfigProblem | undefined;
  for (const member of members) {
    const known = fieldOf(member.key, words);
    if (known === undefined) continue;
    const decoded = decodeValue(member.value, known.type, known.key, words.engine);
    if (decoded.kind === 'wrong') wrong ??= badType(path, member, decoded.message, words);
    if (decoded.kind === 'stop') return { values, problem: badType(path, member, decoded.message, words) };
    if (decoded.kind === 'null' && !isSimple(known)) values.delete(known.key);
    if (decoded.kind !== 'value') continue;
    const before = values.get(known.key)?.value;
    // A repeated object adds to the map that the first one made.
    const value = isMap(before) && isMap(decoded.value) ? { ...before, ...decoded.value } : decoded.value;
    values.set(known.key, {
      key: known.key,
      value: value as OptionValue,
      origin: placed(path, member.value.at),
    });
  }
  return wrong === undefined ? { values } : { values, problem: wrong };
}

function isSimple(known: KnownKey): boolean {
  return ['bool', 'int', 'text', 'ip'].includes(known.type);
}

function isMap(value: OptionValue | undefined): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && !Array.isArray(value);
}

/** encoding/json takes an exact match of a struct's field, else one that differs in case only. */
function fieldOf(key: string, words: Vocabulary): KnownKey | undefined {
  const lower = key.toLowerCase();
  return words.keys.get(key) ?? [...words.keys.values()].find((known) => known.key === lower);
}

function badType(path: string, member: JsonMember, reason: string, words: Vocabulary): ConfigProblem {
  return {
    code: 'config-type-wrong',
    message: cannotConfigure(path, `${invalidJson(words.engine)}${reason}`),
    options: [member.key],
    ...places([placed(path, member.value.at)]),
    remedy: `Give ${member.key} a value of its type.`,
    cause: 'engine-did-not-start',
  };
}

/**
 * The value of each option. dockerd pushes every entry of a boolean option into the flag, as text, so that the
 * flag's default does not win over a false in the file (moby#20289): the value holds although it stands in an object
 * that was taken apart, and what is no boolean, null too, counts as false. The field itself can only add a true.
 */
function settingsOf(
  entries: ReadonlyMap<string, FileEntry>,
  fields: ReadonlyMap<string, FileSetting>,
  words: Vocabulary,
): Map<OptionName, readonly FileSetting[]> {
  const settings = new Map<OptionName, readonly FileSetting[]>();
  for (const known of words.keys.values()) {
    if (known.option === undefined) continue;
    const field = fields.get(known.key);
    const entry = entries.get(known.key);
    const setting: FileSetting | undefined =
      known.type === 'bool' && entry !== undefined
        ? {
            key: known.key,
            value: field?.value === true || parseGoBool(printNode(entry.node)) === true,
            origin: entry.origin,
          }
        : field;
    if (setting === undefined) continue;
    settings.set(known.option, [...(settings.get(known.option) ?? []), setting]);
  }
  return settings;
}

function repeatedKeys(members: readonly JsonMember[], path: string): ConfigProblem[] {
  const seen = new Map<string, JsonMember>();
  const warnings: ConfigProblem[] = [];
  for (const member of members) {
    const before = seen.get(member.key);
    if (before !== undefined) {
      warnings.push(keyRepeated(member.key, placed(path, member.keyAt), placed(path, before.keyAt)));
    }
    seen.set(member.key, member);
  }
  return warnings;
}
