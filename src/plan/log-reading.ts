/**
 * A log, read to the end: the starts it shows, the ruleset its commands make, the settings that can be seen in it, and what it complains
 * about. In: LogEvents, the engine's version where the log does not say it. Out: a LogReading. It compares with nothing;
 * log-difference.ts does.
 */
import type { OptionName } from '../options/options.ts';
import type { LogEvent, LogEvents } from '../replay/events.ts';
import type { KnownMessage } from '../replay/messages.ts';
import { type NftTableText, nftTablesOf } from '../replay/nft-listing.ts';
import { type Replayed, runLog } from '../replay/run.ts';
import { type Start, startsOf } from '../replay/timeline.ts';
import { lastEngineOf } from './generation.ts';
import { nativeLinesOfLog } from './log-native.ts';
import { ipv4Shapes, type LogReference, logReference, type Switch } from './log-reference.ts';
import { recogniseGeneration } from './recognise.ts';

export interface LogReading {
  readonly engine: { readonly version: string; readonly from: 'log' | 'asked' | 'rules' } | undefined;
  /** Undefined for versions that have no plan. */
  readonly reference: LogReference | undefined;
  readonly starts: readonly Start[];
  readonly replayed: Replayed;
  /** Of an engine with the nftables backend. */
  readonly nftTables: readonly NftTableText[];
  /** As the default network shows them; none where the log does not show it being set up. */
  readonly settings: readonly SeenSetting[];
  readonly messages: readonly MessageGroup[];
  /** Warnings and errors that are not known to be about networks. */
  readonly others: readonly OtherMessages[];
  readonly commands: CommandCount;
  readonly entries: number;
  readonly passedOver: number;
  readonly debug: boolean;
  readonly cut: boolean;
}

export interface CommandCount {
  readonly host: number;
  readonly container: number;
  readonly throughFirewalld: number;
  readonly nft: number;
  readonly unreadable: number;
}

export interface SeenSetting {
  readonly option: OptionName;
  readonly value: boolean;
  readonly isDefault: boolean;
}

/** One known message, however often it came. */
export interface MessageGroup {
  readonly known: KnownMessage;
  readonly level: string;
  /** The first of them. */
  readonly text: string;
  readonly line: number;
  readonly time?: string;
  readonly count: number;
}

/** Messages that differ in numbers and ids alone. */
export interface OtherMessages {
  readonly level: string;
  readonly text: string;
  readonly line: number;
  readonly count: number;
}

/** Reads what a log says. */
export function readingOf(log: LogEvents, asked?: string): LogReading {
  const { events } = log;
  const engine = engineOfLog(events, asked);
  const nftTables = nftTablesOf(events);
  const isNative = nftTables.length > 0;
  const reference = engine === undefined ? undefined : logReference(engine.version, isNative);
  // With its nftables backend an engine asks iptables only for what other versions left.
  const afterCheck = isNative ? undefined : reference?.afterCheck;
  const replayed = runLog(events, afterCheck ?? (() => undefined));
  return {
    engine,
    reference,
    starts: startsOf(events),
    replayed,
    nftTables,
    settings: settingsSeen(
      reference?.switches ?? [],
      ipv4Shapes(replayed.ruleset, nativeLinesOfLog(nftTables)),
    ),
    messages: messagesOf(events),
    others: othersOf(events),
    commands: commandsOf(events),
    entries: log.entries,
    passedOver: log.passedOver,
    debug: log.debug,
    cut: log.cut,
  };
}

/** What was asked for, else what the log says, else what its rules show: of a log that was cut, or of a start that failed. */
function engineOfLog(events: readonly LogEvent[], asked: string | undefined): LogReading['engine'] {
  const said = events.findLast((event) => event.kind === 'engine');
  if (said?.kind === 'engine' && (asked ?? said.version) === said.version)
    return { version: said.version, from: 'log' };
  if (asked !== undefined) return { version: asked, from: 'asked' };
  const { ruleset } = runLog(events, () => undefined);
  const { generations, evidence } = recogniseGeneration(ruleset, undefined);
  const newest = generations.at(-1);
  return newest === undefined || evidence.length === 0
    ? undefined
    : { version: lastEngineOf(newest), from: 'rules' };
}

/**
 * A switch shows if rules are there that only one of its positions makes, or if all are missing that only the other one makes. What
 * iptables itself is set to shows in whether there are rules at all, and is not concluded from their absence here.
 */
function settingsSeen(switches: readonly Switch[], shapes: ReadonlySet<string>): readonly SeenSetting[] {
  if (![...shapes].some((shape) => /\bdocker0\b/.test(shape))) return [];
  return switches.flatMap(({ option, default: byDefault, onlyByDefault, onlyTurned }) => {
    const usual = [...onlyByDefault].some((shape) => shapes.has(shape));
    const turned = [...onlyTurned].some((shape) => shapes.has(shape));
    if (usual && turned) return [];
    const isDefault = usual || (!turned && onlyByDefault.size === 0);
    return [{ option, value: isDefault ? byDefault : !byDefault, isDefault }];
  });
}

function messagesOf(events: readonly LogEvent[]): readonly MessageGroup[] {
  const groups = new Map<string, MessageGroup>();
  for (const event of events) {
    if (event.kind !== 'message') continue;
    const { known, level, text, line, time } = event;
    const group = groups.get(known.slug);
    groups.set(
      known.slug,
      group === undefined
        ? { known, level, text, line, count: 1, ...(time === undefined ? {} : { time }) }
        : { ...group, count: group.count + 1 },
    );
  }
  return [...groups.values()];
}

/** The gravest first. */
function othersOf(events: readonly LogEvent[]): readonly OtherMessages[] {
  const groups = new Map<string, OtherMessages>();
  for (const event of events) {
    if (event.kind !== 'other') continue;
    const { level, text, line } = event;
    const key = `${level} ${text.replace(/[0-9a-f]{12,}|\d+/g, '#')}`;
    const group = groups.get(key);
    groups.set(
      key,
      group === undefined ? { level, text, line, count: 1 } : { ...group, count: group.count + 1 },
    );
  }
  const rank = ({ level }: OtherMessages) => ['fatal', 'error', 'warning'].indexOf(level);
  return [...groups.values()].toSorted((a, b) => rank(a) - rank(b));
}

function commandsOf(events: readonly LogEvent[]): CommandCount {
  const count = { host: 0, container: 0, throughFirewalld: 0, nft: 0, unreadable: 0 };
  for (const event of events) {
    if (event.kind === 'unreadable') count.unreadable += 1;
    if (event.kind === 'nft') count.nft += 1;
    if (event.kind !== 'command') continue;
    count[event.logged.place] += 1;
    if (event.logged.through === 'firewalld') count.throughFirewalld += 1;
  }
  return count;
}
