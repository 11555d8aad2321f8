/**
 * A log, read to the end: the starts it shows, the ruleset its commands make, the settings that can be seen in it, and what it complains
 * about. In: LogEvents, the engine's version where the log does not say it. Out: a LogReading. It compares with nothing;
 * log-difference.ts does.
 */
import type { Ruleset } from '../firewall/ruleset.ts';
import type { OptionName } from '../options/options.ts';
import type { LogEvent, LogEvents } from '../replay/events.ts';
import type { KnownMessage } from '../replay/messages.ts';
import { type Replayed, runLog } from '../replay/run.ts';
import { shapesOf } from '../replay/shape.ts';
import { type Start, startsOf } from '../replay/timeline.ts';
import { type LogReference, logReference, type Switch } from './log-reference.ts';

export interface LogReading {
  readonly engine: { readonly version: string; readonly from: 'log' | 'asked' | 'rules' } | undefined;
  /** Undefined for versions that have no plan. */
  readonly reference: LogReference | undefined;
  readonly starts: readonly Start[];
  readonly replayed: Replayed;
  /** As the default network shows them; none where the log does not show it being set up. */
  readonly settings: readonly SeenSetting[];
  readonly messages: readonly MessageGroup[];
  /** Warnings and errors about other things than networks. */
  readonly others: number;
  readonly commands: CommandCount;
  readonly entries: number;
  readonly passedOver: number;
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

/** Reads what a log says. */
export function readingOf(log: LogEvents, asked?: string): LogReading {
  const { events } = log;
  const engine = engineOfLog(events, asked);
  const reference = engine === undefined ? undefined : logReference(engine.version);
  const replayed = runLog(events, reference?.afterCheck ?? (() => undefined));
  return {
    engine,
    reference,
    starts: startsOf(events),
    replayed,
    settings: settingsSeen(reference?.switches ?? [], replayed.ruleset),
    messages: messagesOf(events),
    others: events.filter(({ kind }) => kind === 'other').length,
    commands: commandsOf(events),
    entries: log.entries,
    passedOver: log.passedOver,
    cut: log.cut,
  };
}

/** Chains by which one knows an engine that does not say its version: a log that was cut, or a start that failed. */
const chainsOf: readonly (readonly [chain: string, version: string])[] = [
  ['DOCKER-INTERNAL', '29.0.0'],
  ['DOCKER-FORWARD', '28.5.2'],
  ['DOCKER-ISOLATION-STAGE-1', '20.10.24'],
  ['DOCKER-ISOLATION', '17.06.2'],
];

function engineOfLog(events: readonly LogEvent[], asked: string | undefined): LogReading['engine'] {
  if (asked !== undefined) return { version: asked, from: 'asked' };
  const said = events.findLast((event) => event.kind === 'engine');
  if (said?.kind === 'engine') return { version: said.version, from: 'log' };
  const made = new Set(
    events.flatMap((event) =>
      event.kind === 'command' && event.logged.command.op === 'list' ? [event.logged.command.chain] : [],
    ),
  );
  const known = chainsOf.find(([chain]) => made.has(chain));
  return known === undefined ? undefined : { version: known[1], from: 'rules' };
}

/**
 * A switch shows if rules are there that only one of its positions makes, or if all are missing that only the other one makes. What
 * iptables itself is set to shows in whether there are rules at all, and is not concluded from their absence here.
 */
function settingsSeen(switches: readonly Switch[], ruleset: Ruleset): readonly SeenSetting[] {
  const shapes = new Set(
    ruleset.tables
      .filter(({ family }) => family === 'ipv4')
      .flatMap(({ name, chains }) =>
        chains.flatMap(({ name: chain, rules }) =>
          rules.map((rule) => shapesOf({ table: name }, chain, rule)[0]),
        ),
      ),
  );
  if (![...shapes].some((shape) => shape.includes(' docker0 '))) return [];
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
