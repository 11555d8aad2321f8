/**
 * What daemon.json says and dockerd silently ignores or takes otherwise. In: the entries of the file and the
 * vocabulary of one engine. Out: warnings. What it refuses is found where the file is read, in `file.ts`.
 */
import type { Origin } from '../net/reason.ts';
import type { FileEntry } from './file.ts';
import type { KnownKey, Vocabulary } from './flags.ts';
import { type ConfigProblem, places, type WarningCode } from './problem.ts';

/** Text after the JSON value, which versions before 23.0 do not look at. */
export function textAfterEnd(at: Extract<Origin, { kind: 'file' }>): ConfigProblem {
  return {
    code: 'config-text-after-end',
    message: `${at.path} line ${at.line}: everything after the first JSON value is ignored`,
    options: [],
    ...places([at]),
    remedy: 'Remove it: dockerd 23.0 and later refuse to start with it.',
  };
}

export function keyRepeated(key: string, last: Origin, before: Origin): ConfigProblem {
  return {
    code: 'config-key-repeated',
    message: `"${key}" stands in the file more than once; the last one counts`,
    options: [key],
    ...places([last, before]),
    remedy: `Keep one "${key}".`,
  };
}

export function keyWarnings(entries: ReadonlyMap<string, FileEntry>, words: Vocabulary): ConfigProblem[] {
  return [...entries.values()].flatMap((entry) => entryWarnings(entry, words));
}

function entryWarnings(entry: FileEntry, words: Vocabulary): ConfigProblem[] {
  const known = words.keys.get(entry.key);
  if (known === undefined) {
    const flag = words.byName.get(entry.key);
    // Proxies are the one object of the configuration that is meant to be taken apart.
    if (flag === undefined || entry.parent === 'proxies') return [];
    const key = flag.checkedAs === flag.name ? undefined : flag.checkedAs;
    return [
      warning(
        'config-key-ignored',
        entry,
        key === undefined
          ? `"${entry.key}" is a flag only: in the file it is accepted and ignored`
          : `"${entry.key}" is the flag's name: in the file it is accepted and ignored`,
        key === undefined ? `Use --${entry.key}.` : `Write "${key}".`,
      ),
    ];
  }
  if (entry.parent !== undefined) return nestedWarnings(entry, known);
  if (entry.node.kind !== 'null') return [];
  if (known.type === 'bool') {
    return [
      warning(
        'config-null-means-false',
        entry,
        `"${entry.key}": null turns it off; it does not mean the default`,
        `Remove "${entry.key}", or write true or false.`,
      ),
    ];
  }
  return [
    warning(
      'config-null-ignored',
      entry,
      `"${entry.key}": null is as if it were not there`,
      `Remove "${entry.key}".`,
    ),
  ];
}

function nestedWarnings(entry: FileEntry, known: KnownKey): ConfigProblem[] {
  const takesEffect = known.type === 'bool';
  return [
    warning(
      'config-key-nested',
      entry,
      takesEffect
        ? `"${entry.key}" inside "${entry.parent}" takes effect as if it stood in the file itself`
        : `"${entry.key}" inside "${entry.parent}" is accepted and ignored`,
      `Move "${entry.key}" out of "${entry.parent}".`,
    ),
  ];
}

function warning(code: WarningCode, entry: FileEntry, message: string, remedy: string): ConfigProblem {
  return { code, message, options: [entry.key], ...places([entry.keyOrigin]), remedy };
}
