/**
 * What a dockerd log says, as text for a terminal: starts with their phases, settings, complaints with what to do, the difference to
 * what should be there. In: a LogReading, a difference if one was asked for. Out: lines ending in a line feed.
 */
import { formatRule } from '../../firewall/args.ts';
import { parseInstant } from '../../intent/time.ts';
import type {
  Difference,
  LogDifference,
  NativeDifference,
  RuleDifference,
} from '../../plan/log-difference.ts';
import { isDifferent } from '../../plan/log-difference.ts';
import type { LogReading, MessageGroup } from '../../plan/log-reading.ts';
import type { PhaseSpan, Start } from '../../replay/timeline.ts';
import { displayWidth, type Paint, padTo, printable, wrap } from './layout.ts';
import type { ReplayWords } from './replay-words.ts';

export interface ReplayTextOptions {
  readonly words: ReplayWords;
  readonly paint: Paint;
  readonly width: number;
}

export interface ComparedLog {
  /** The file that it was compared with; absent: the plan. */
  readonly expected?: string;
  readonly difference: LogDifference;
  /** Where the other one is a log of another engine. */
  readonly otherEngine?: string;
}

/** Of a daemon that was started many times the last ones. */
const mostStarts = 4;
const mostRules = 30;
const mostOthers = 3;
const longestMessage = 300;

/** The whole report. */
export function replayText(
  name: string,
  reading: LogReading,
  compared: ComparedLog | undefined,
  options: ReplayTextOptions,
): string {
  const { starts } = reading;
  const left = Math.max(0, starts.length - mostStarts);
  const engines = new Set(starts.flatMap(({ engine }) => engine ?? []));
  const blocks = [
    overview(name, reading, options),
    ...(left > 0 ? [[options.words.more(left)]] : []),
    ...starts.slice(left).map((start, index) => startBlock(start, left + index + 1, engines, options)),
    rulesBlock(reading, options),
    ...reading.messages.map((message) => messageBlock(message, options)),
    othersBlock(reading, options),
    ...(compared === undefined ? [] : [differenceBlock(reading, compared, options)]),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

function overview(
  name: string,
  { engine, starts, entries, cut }: LogReading,
  options: ReplayTextOptions,
): readonly string[] {
  const { words, paint } = options;
  const version = engine === undefined ? words.unknownEngine : words.engine(engine.version, engine.from);
  return [
    paint('title', printable(`${name}: ${words.head(starts.length, entries, version)}`)),
    ...(cut ? [words.cut] : []),
  ];
}

/** `engines`: the versions of all starts; where there are several each start tells its own. */
function startBlock(
  start: Start,
  number: number,
  engines: ReadonlySet<string>,
  options: ReplayTextOptions,
): readonly string[] {
  const { words, paint } = options;
  const state = [
    start.completed ? words.completed : paint('bad', words.failed),
    ...(engines.size < 2 || start.engine === undefined ? [] : [printable(start.engine)]),
    ...(start.whole ? [] : [words.beginMissing]),
    ...(start.liveRestore ? [words.liveRestore] : []),
  ].join(', ');
  const rows = [words.columns, ...start.phases.map((span) => phaseRow(span, words))];
  const widths = words.columns.map((_, column) =>
    Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  const lines = rows.map((row) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? padTo(cell, width) : ' '.repeat(width - displayWidth(cell)) + cell;
    }),
  );
  return [
    words.start(number, start.line, state),
    ...lines.map((cells, index) => {
      const line = cells.join('  ').trimEnd();
      return `  ${index === 0 ? paint('faint', line) : line}`;
    }),
  ];
}

function phaseRow({ phase, line, began, ended, commands }: PhaseSpan, words: ReplayWords): readonly string[] {
  return [
    words.phases[phase],
    `${line}`,
    began === undefined ? '' : (/T([0-9:]{8}(?:\.[0-9]{1,3})?)/.exec(began)?.[1] ?? ''),
    tookText(began, ended),
    commands === 0 ? '' : `${commands}`,
  ];
}

/** `1.234 s`; blank where a time is not known. */
function tookText(began: string | undefined, ended: string | undefined): string {
  const [from, to] = [parseInstant(began), parseInstant(ended)];
  if (from === undefined || to === undefined) return '';
  return `${(Number(to - from) / 1e9).toFixed(3)} s`;
}

function rulesBlock(
  { debug, starts, commands, settings, replayed }: LogReading,
  options: ReplayTextOptions,
): readonly string[] {
  const { words, width } = options;
  const { host, container, nft, throughFirewalld, unreadable } = commands;
  if (host + nft === 0) {
    // A daemon that refuses its configuration says nothing else.
    if (!debug && starts.length === 0) return [];
    return wrap(debug ? words.noRules : words.noCommands, width);
  }
  const named = (isDefault: boolean) =>
    settings
      .filter((setting) => setting.isDefault === isDefault)
      .map(({ option, value }) => `${option}=${value}`)
      .join(', ') || words.none;
  const concluded = (kind: 'found' | 'vanished') =>
    replayed.conclusions.filter((of) => of.kind === kind).length;
  const [found, vanished] = [concluded('found'), concluded('vanished')];
  return [
    words.commands(host, container, nft, throughFirewalld),
    ...(settings.length === 0 ? [] : [words.settings(named(false), named(true))]),
    ...(found > 0 ? [words.found(found)] : []),
    ...(vanished > 0 ? [words.vanished(vanished)] : []),
    ...(unreadable > 0 ? [words.unreadable(unreadable)] : []),
    ...replayed.refused
      .slice(0, mostRules)
      .map(({ text, line, why }) => printable(words.refused(text, line, why))),
  ].flatMap((line) => wrap(line, width));
}

function messageBlock(
  { known, text, line, count }: MessageGroup,
  options: ReplayTextOptions,
): readonly string[] {
  const { words, paint, width } = options;
  const { means, remedy } = words.messages[known.slug];
  const isProblem = known.weight === 'problem';
  const head = `${isProblem ? '✗' : 'i'} ${known.slug}`;
  const labels = [words.means, words.remedy];
  const indent = Math.max(...labels.map(displayWidth)) + 2;
  const row = (label: string, said: string) =>
    wrap(said, width - indent - 2).map(
      (part, index) => `  ${index === 0 ? paint('faint', padTo(label, indent)) : ' '.repeat(indent)}${part}`,
    );
  return [
    `${paint(isProblem ? 'bad' : 'title', head)}, ${words.line(line, count)}`,
    ...wrap(printable(`"${shorten(text)}"`), width - 2).map((part) => `  ${part}`),
    ...row(words.means, means),
    ...(remedy === undefined ? [] : row(words.remedy, remedy)),
  ];
}

/** What is not known may be about networks all the same, so errors are shown. */
function othersBlock({ others }: LogReading, { words, width }: ReplayTextOptions): readonly string[] {
  const total = others.reduce((sum, { count }) => sum + count, 0);
  const errors = others.filter(({ level }) => level !== 'warning').slice(0, mostOthers);
  if (total === 0) return [];
  return [
    words.others(total),
    ...errors.flatMap(({ level, text, line, count }) => [
      `  ${level}, ${words.line(line, count)}`,
      ...wrap(printable(`"${shorten(text)}"`), width - 4).map((part) => `    ${part}`),
    ]),
  ];
}

function shorten(text: string): string {
  return text.length > longestMessage ? `${text.slice(0, longestMessage)}...` : text;
}

function differenceBlock(
  { engine }: LogReading,
  { expected, difference, otherEngine }: ComparedLog,
  options: ReplayTextOptions,
): readonly string[] {
  const { words, paint } = options;
  const name = expected === undefined ? words.thePlan : printable(expected);
  const engines =
    otherEngine === undefined || engine === undefined || otherEngine === engine.version
      ? []
      : [printable(words.otherEngines(engine.version, otherEngine))];
  if (!isDifferent(difference)) return [...engines, paint('good', words.same(name))];
  const all = [...difference.rules, ...difference.native];
  const requests = (kind: Difference['kind']) =>
    all.filter((rule) => rule.ofRequest && rule.kind === kind).length;
  const ofSettings = [
    ...difference.rules.filter(({ ofRequest }) => !ofRequest).map((rule) => ruleLine(rule, words)),
    ...difference.native.filter(({ ofRequest }) => !ofRequest).map((line) => nativeLine(line, words)),
  ];
  const [missing, extra] = [requests('missing'), requests('extra')];
  return [
    ...engines,
    paint('title', words.differs(name)),
    ...[
      ...difference.deciding.map(({ setting, value, missing: less, extra: more }) =>
        words.decides(`${setting}=${value}`, less, more),
      ),
      ...ofSettings.slice(0, mostRules),
      ...(ofSettings.length > mostRules ? [words.more(ofSettings.length - mostRules)] : []),
      ...(missing + extra > 0 ? [words.requests(missing, extra)] : []),
      ...difference.missingChains.map(words.chainMissing),
      ...difference.extraChains.map(words.chainExtra),
      ...difference.policies.map((policy) => words.policy(policy.chain, policy.expected, policy.observed)),
      ...(difference.misordered > 0 ? [words.misordered(difference.misordered)] : []),
      ...(difference.isCut && all.some(({ kind }) => kind === 'missing') ? [words.mayBeThere] : []),
    ].map((line) => `  ${printable(line)}`),
  ];
}

function ruleLine({ at, mention, ...difference }: RuleDifference, words: ReplayWords): string {
  const family = at.key.family === 'ipv6' ? 'ip6tables ' : '';
  const rule = `${family}-t ${at.key.table} -A ${at.chain} ${formatRule(at.rule)}`.trimEnd();
  const notes = [
    ...settingNotes(difference),
    ...(mention === undefined ? [] : [words.lastSeen(mention.op, mention.line)]),
  ];
  return differenceLine(difference.kind, rule, notes, words);
}

function nativeLine({ table, block, text, ...difference }: NativeDifference, words: ReplayWords): string {
  const place = text === block ? `${table} ${text}` : `${table} ${block}: ${text}`;
  return differenceLine(difference.kind, place, settingNotes(difference), words);
}

function settingNotes({ decidedBy, reason }: Pick<Difference, 'decidedBy' | 'reason'>): readonly string[] {
  const settings = decidedBy === undefined ? (reason?.because.slice(0, 1) ?? []) : [decidedBy];
  return settings.map(({ setting, value }) => `${setting}=${value}`);
}

function differenceLine(
  kind: Difference['kind'],
  text: string,
  notes: readonly string[],
  words: ReplayWords,
): string {
  const head = kind === 'missing' ? `- ${words.missing}` : `+ ${words.extra}`;
  return `${head}  ${text}${notes.length === 0 ? '' : `  # ${notes.join('; ')}`}`;
}
