/**
 * What a log says about networks, entry by entry. In: lines. Out: LogEvents in order: commands, changes of nftables, phases, what
 * was restored, known messages. Commands are read here and run in run.ts; entries about other things are only counted.
 */
import { parseCommand } from '../firewall/command.ts';
import type { TableKey } from '../firewall/machine.ts';
import type { Command } from '../firewall/operation.ts';
import type { Backend, TableName } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import { type Entry, fieldOf, readEntry } from './entry.ts';
import { LineCutter, type LogLine } from './lines.ts';
import { type KnownMessage, knownMessage } from './messages.ts';
import { type NftChange, nftChange } from './nft-change.ts';
import { type Phase, phaseOf } from './phases.ts';

export interface LoggedCommand {
  readonly key: TableKey;
  readonly command: Command | { readonly op: 'list'; readonly chain: string };
  /** As logged, without --wait. */
  readonly text: string;
  /** `container`: the rules of Docker's DNS in a container's own namespace. */
  readonly place: 'host' | 'container';
  readonly through: 'iptables' | 'firewalld';
}

export type LogEvent = { readonly line: number; readonly time?: string } & (
  | { readonly kind: 'command'; readonly logged: LoggedCommand }
  /** Looks like a command and cannot be read. */
  | { readonly kind: 'unreadable'; readonly text: string; readonly why: string }
  | { readonly kind: 'nft'; readonly change: NftChange }
  | { readonly kind: 'phase'; readonly phase: Phase; readonly message: string }
  /** `id`: the beginning of the network's or endpoint's id. */
  | { readonly kind: 'restored'; readonly id: string }
  | { readonly kind: 'engine'; readonly version: string }
  | { readonly kind: 'message'; readonly known: KnownMessage; readonly level: string; readonly text: string }
  /** A warning or an error that is not about networks, or not known. */
  | { readonly kind: 'other'; readonly level: string; readonly text: string }
);

export interface LogEvents {
  readonly events: readonly LogEvent[];
  readonly entries: number;
  /** Lines that are none of dockerd's. */
  readonly passedOver: number;
  /** It has entries of debug level: where it shows no commands, none were run. */
  readonly debug: boolean;
  /** More happened than is kept. */
  readonly cut: boolean;
}

/** Of a log that goes on and on: some 100 bytes each. */
const mostEvents = 2_000_000;
const mostRemembered = 20_000;
const longestMessage = 1_000;

/** Reads a log in chunks, so that one of any size fits. */
export class EventReader {
  readonly #cutter = new LineCutter();
  readonly #events: LogEvent[] = [];
  /** dockerd repeats itself: each command line is read once. */
  readonly #commands = new Map<string, LoggedCommand | string>();
  readonly #backend: Backend;
  #entries = 0;
  #passedOver = 0;
  #debug = false;
  #cut = false;

  constructor(backend: Backend = 'iptables-nft') {
    this.#backend = backend;
  }

  push(chunk: string): void {
    for (const line of this.#cutter.push(chunk)) this.#read(line);
  }

  end(): LogEvents {
    for (const line of this.#cutter.end()) this.#read(line);
    return {
      events: this.#events,
      entries: this.#entries,
      passedOver: this.#passedOver,
      debug: this.#debug,
      cut: this.#cut,
    };
  }

  #read({ number, text }: LogLine): void {
    const entry = readEntry(text);
    if (entry?.level === undefined) this.#passedOver += text.trim() === '' ? 0 : 1;
    else this.#entries += 1;
    if (entry === undefined) return;
    if (entry.level === 'debug') this.#debug = true;
    const { time } = entry;
    const at = time === undefined ? { line: number } : { line: number, time: detached(time) };
    const put = (event: LogEvent) => {
      if (this.#events.length < mostEvents) this.#events.push(event);
      else this.#cut = true;
    };
    const found = this.#command(entry.message);
    if (found !== undefined) {
      put(
        typeof found === 'string'
          ? { ...at, kind: 'unreadable', text: entry.message.slice(0, longestMessage), why: found }
          : { ...at, kind: 'command', logged: found },
      );
      return;
    }
    for (const event of otherEvents(entry)) put({ ...at, ...event });
  }

  /** A command, why it cannot be read, or undefined where the message is no command. */
  #command(message: string): LoggedCommand | string | undefined {
    if (!message.endsWith(']')) return undefined;
    const remembered = this.#commands.get(message);
    if (remembered !== undefined) return remembered;
    const read = readCommand(message, this.#backend);
    if (read === undefined) return undefined;
    if (this.#commands.size >= mostRemembered) this.#commands.clear();
    this.#commands.set(message, read);
    return read;
  }
}

/** The same text as a string of its own: a part of a long one keeps all of it in memory, and that would be the whole log. */
function detached(text: string): string {
  return ` ${text}`.slice(1);
}

/** Reads a log that is in memory. */
export function readEvents(text: string, backend?: Backend): LogEvents {
  const reader = new EventReader(backend);
  reader.push(text);
  return reader.end();
}

const commandLine =
  /^(?:\/\S*\/)?(ip6?tables)(?:-(nft|legacy))?, \[(.*)\]$|^Firewalld passthrough: (ipv[46]), \[(.*)\]$/;

/** Docker answers names in a container by rules of its own there; chains with these names are never on the host. */
const inContainer = /\bDOCKER_(?:OUTPUT|POSTROUTING)\b/;

function readCommand(message: string, usual: Backend): LoggedCommand | string | undefined {
  const found = commandLine.exec(message);
  if (found === null) return undefined;
  const [, program, variant, direct, passed, passthrough] = found;
  const family: Family = program === 'ip6tables' || passed === 'ipv6' ? 'ipv6' : 'ipv4';
  const backend: Backend =
    variant === undefined ? usual : variant === 'legacy' ? 'iptables-legacy' : 'iptables-nft';
  const args = (direct ?? passthrough ?? '').split(' ').filter((word) => word !== '' && word !== '--wait');
  const text = args.join(' ');
  const common = {
    text,
    place: inContainer.test(text) ? 'container' : 'host',
    through: program === undefined ? 'firewalld' : 'iptables',
  } as const;
  const listed = /^(?:-t (raw|mangle|nat|filter|security) )?(?:-n )?-L (\S+)(?: -n)?$/.exec(text);
  if (listed !== null) {
    const table = tableNames.find((name) => name === listed[1]) ?? 'filter';
    return {
      ...common,
      key: { backend, family, table },
      command: { op: 'list', chain: listed[2] ?? '' },
    };
  }
  const parsed = parseCommand(args, { backend, family });
  return 'error' in parsed
    ? parsed.error
    : {
        ...common,
        key: { backend: parsed.backend, family: parsed.family, table: parsed.table },
        command: parsed.command,
      };
}

const tableNames: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter', 'security'];

const lastWords = /^(?:failed to start daemon|Error starting daemon|unable to configure the Docker daemon)\b/;

type Unplaced<T> = T extends unknown ? Omit<T, 'line' | 'time'> : never;

function otherEvents(entry: Entry): readonly Unplaced<LogEvent>[] {
  const { message, level } = entry;
  const change = nftChange(entry);
  if (change !== undefined) return [{ kind: 'nft', change }];
  const events: Unplaced<LogEvent>[] = [];
  const phase = phaseOf(message);
  if (phase !== undefined) events.push({ kind: 'phase', phase, message });
  if (phase === 'restore') {
    const id = /\(([0-9a-f]+)\)/.exec(message)?.[1];
    if (id !== undefined) events.push({ kind: 'restored', id });
  }
  if (message === 'Docker daemon') {
    const version = fieldOf(entry, 'version');
    if (version !== undefined) events.push({ kind: 'engine', version });
  }
  const text = messageText(entry);
  if (text === undefined) return events;
  const known = knownMessage(text);
  if (known !== undefined) events.push({ kind: 'message', known, level: level ?? 'fatal', text });
  else if (level === 'warning' || level === 'error' || level === 'fatal')
    events.push({ kind: 'other', level, text });
  return events;
}

/** What an entry says, with the error behind it; undefined for those that are not for people. */
export function messageText(entry: Entry): string | undefined {
  const { message, level } = entry;
  if (level === 'debug' && !message.includes('firewall')) return undefined;
  // Without a logger the daemon only says why it gave up; other such lines are not its own.
  if (level === undefined && !lastWords.test(message)) return undefined;
  // Since 29 what a request failed with is a field of its own.
  const error = fieldOf(entry, 'error') ?? fieldOf(entry, 'error-response');
  return (error === undefined ? message : `${message}: ${error}`).slice(0, longestMessage);
}
