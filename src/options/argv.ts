/**
 * dockerd's arguments as pflag reads them. In: the argument list and the vocabulary of one engine. Out: the flags
 * that were given, with values and positions, and the error at which dockerd would stop. Flags that are not
 * networking options are recognised and dropped.
 */
import type { Origin } from '../net/reason.ts';
import { type OptionValue, printFlagValue, quote, setFlag } from './flag-value.ts';
import type { KnownFlag, Vocabulary } from './flags.ts';
import type { ConfigProblem, ErrorCode } from './problem.ts';

/** One flag that was given, once or more. */
export interface GivenFlag {
  readonly flag: KnownFlag;
  readonly value: OptionValue;
  /** Of its last use. */
  readonly origin: Extract<Origin, { kind: 'flag' }>;
  /** As a message shows it. */
  readonly shown: string;
}

export interface Arguments {
  /** By flag name. */
  readonly given: ReadonlyMap<string, GivenFlag>;
  readonly errors: readonly ConfigProblem[];
}

/** Reads an argument list whose first element is the program. On an error, what came before it holds. */
export function parseArguments(argv: readonly string[], words: Vocabulary): Arguments {
  const given = new Map<string, GivenFlag>();
  let stray: number | undefined;
  let index = 1;
  while (index < argv.length) {
    const text = argv[index] ?? '';
    if (text === '--') {
      if (index + 1 < argv.length) stray ??= index + 1;
      break;
    }
    if (!text.startsWith('-') || text === '-') {
      stray ??= index;
      index++;
      continue;
    }
    const read = text.startsWith('--')
      ? readLong(text, argv, index, words)
      : readShort(text.slice(1), argv, index, words);
    for (const use of read.uses) {
      const error = note(given, use, index, words.engine);
      if (error !== undefined) return { given, errors: [error] };
    }
    if (read.error !== undefined) return { given, errors: [read.error] };
    index = read.next;
  }
  return { given, errors: stray === undefined ? [] : [unexpected(argv[stray] ?? '', stray)] };
}

interface Use {
  readonly flag: KnownFlag;
  readonly text: string;
  /** As written: `--icc`, `-b`. */
  readonly written: string;
}

interface Read {
  readonly uses: readonly Use[];
  readonly next: number;
  readonly error?: ConfigProblem;
}

function readLong(text: string, argv: readonly string[], index: number, words: Vocabulary): Read {
  const [, name = '', inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(text) ?? [];
  if (name === '' || name.startsWith('-')) {
    return failed(
      problem('flag-syntax', `bad flag syntax: ${text}`, text, index, 'Write it as --name=value.'),
    );
  }
  const flag = words.byName.get(name);
  const written = `--${name}`;
  if (flag === undefined) {
    return failed(unknown(`unknown flag: ${written}`, written, index, words));
  }
  if (inline !== undefined) return { uses: [{ flag, text: inline, written }], next: index + 1 };
  if (flag.type === 'bool') return { uses: [{ flag, text: 'true', written }], next: index + 1 };
  const value = argv[index + 1];
  if (value === undefined) return failed(missing(`flag needs an argument: ${written}`, written, index));
  return { uses: [{ flag, text: value, written }], next: index + 2 };
}

/** `-Db br0`: every letter but the last must be a flag without argument. */
function readShort(letters: string, argv: readonly string[], index: number, words: Vocabulary): Read {
  const uses: Use[] = [];
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at] ?? '';
    const rest = letters.slice(at);
    const written = `-${letter}`;
    const flag = words.byShorthand.get(letter);
    if (flag === undefined) {
      const message = `unknown shorthand flag: '${letter}' in -${rest}`;
      return { uses, next: index, error: unknown(message, written, index, words) };
    }
    if (rest.length > 2 && rest[1] === '=') {
      return { uses: [...uses, { flag, text: rest.slice(2), written }], next: index + 1 };
    }
    if (flag.type === 'bool') {
      uses.push({ flag, text: 'true', written });
      continue;
    }
    if (rest.length > 1) return { uses: [...uses, { flag, text: rest.slice(1), written }], next: index + 1 };
    const value = argv[index + 1];
    if (value !== undefined) return { uses: [...uses, { flag, text: value, written }], next: index + 2 };
    const message = `flag needs an argument: '${letter}' in -${rest}`;
    return { uses, next: index, error: missing(message, written, index) };
  }
  return { uses, next: index + 1 };
}

function note(
  given: Map<string, GivenFlag>,
  { flag, text, written }: Use,
  index: number,
  engine: string,
): ConfigProblem | undefined {
  const result = setFlag(flag.type, given.get(flag.name)?.value, text, engine);
  if (!result.ok) {
    const full = flag.shorthand === undefined ? `--${flag.name}` : `-${flag.shorthand}, --${flag.name}`;
    const message = `invalid argument ${quote(text)} for ${quote(full)} flag: ${result.reason}`;
    return problem('flag-value-invalid', message, written, index, `Give --${flag.name} a value of its type.`);
  }
  given.set(flag.name, {
    flag,
    value: result.value,
    origin: { kind: 'flag', flag: written, index },
    shown: printFlagValue(flag.type, result.value),
  });
  return undefined;
}

/** dockerd takes flags only; pflag reads all of them before it minds a stray word. */
function unexpected(word: string, index: number): ConfigProblem {
  const message = '"dockerd" accepts no argument(s).';
  const remedy = `Remove ${quote(word)}, or put it behind the flag that it belongs to.`;
  return problem('argument-unexpected', message, word, index, remedy);
}

function failed(error: ConfigProblem): Read {
  return { uses: [], next: 0, error };
}

function unknown(message: string, written: string, index: number, words: Vocabulary): ConfigProblem {
  const remedy = `Remove ${written}: dockerd ${words.engine} does not have it.`;
  return problem('flag-unknown', message, written, index, remedy);
}

function missing(message: string, written: string, index: number): ConfigProblem {
  return problem('flag-value-missing', message, written, index, `Give ${written} a value.`);
}

function problem(
  code: ErrorCode,
  message: string,
  written: string,
  index: number,
  remedy: string,
): ConfigProblem {
  return {
    code,
    message,
    options: [written],
    at: { kind: 'flag', flag: written, index },
    others: [],
    remedy,
    cause: 'engine-did-not-start',
  };
}
