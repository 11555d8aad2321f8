/**
 * The starts of a daemon that a log shows, with the phases of each and what was done in them. In: LogEvents. Out: Starts.
 * A phase lasts until the next one's first message, so what is logged only afterwards (a network's "restored") counts to the one before.
 */
import type { LogEvent } from './events.ts';
import type { Phase } from './phases.ts';

export interface Start {
  /** 1-based lines of the log, and the times of the first and the last event. */
  readonly line: number;
  readonly lastLine: number;
  readonly began?: string;
  readonly ended?: string;
  /** The log shows it from its beginning. */
  readonly whole: boolean;
  /** It came as far as answering requests. */
  readonly completed: boolean;
  /** Running containers were kept, and with them the networks as they were. */
  readonly liveRestore: boolean;
  readonly engine?: string;
  readonly phases: readonly PhaseSpan[];
}

export interface PhaseSpan {
  readonly phase: Phase;
  readonly line: number;
  readonly began?: string;
  readonly ended?: string;
  /** Commands of iptables and ip6tables, and changes of nftables, on the host. */
  readonly commands: number;
}

/** What may still come once a daemon runs: networks are made and containers started then too, in the same words as before. */
const whileRunning: ReadonlySet<Phase> = new Set(['reload', 'running', 'shutdown']);
/** The words of a start before anything was set up. */
const beginning: ReadonlySet<Phase> = new Set(['options', 'containerd', 'graph-driver', 'containers']);

/** Parts a log into starts. */
export function startsOf(events: readonly LogEvent[]): readonly Start[] {
  const starts: StartBuilder[] = [];
  for (const event of events) {
    const current = starts.at(-1);
    if (event.kind === 'phase' && current?.isOverAt(event.phase, event.message) !== false) {
      starts.push(new StartBuilder(event, event.phase === 'options'));
    } else if (current === undefined && isWork(event)) {
      starts.push(new StartBuilder(event, false));
    }
    starts.at(-1)?.take(event);
  }
  return starts.map((start) => start.build());
}

function isWork(event: LogEvent): boolean {
  return (
    (event.kind === 'command' && event.logged.place === 'host') ||
    (event.kind === 'nft' && event.change.place === 'host')
  );
}

interface OpenSpan {
  readonly phase: Phase;
  readonly line: number;
  readonly began: string | undefined;
  commands: number;
}

class StartBuilder {
  readonly #first: LogEvent;
  #last: LogEvent;
  readonly #whole: boolean;
  #liveRestore = false;
  #engine: string | undefined;
  readonly #spans: OpenSpan[] = [];

  constructor(first: LogEvent, whole: boolean) {
    this.#first = first;
    this.#last = first;
    this.#whole = whole;
  }

  /** Whether a phase is of another start: a daemon says `Starting up` once, and older ones make their listeners first. */
  isOverAt(phase: Phase, message: string): boolean {
    return phase === 'options' && (message === 'Starting up' || this.#phase() !== 'options');
  }

  take(event: LogEvent): void {
    this.#last = event;
    const phase = this.#phase();
    if (event.kind === 'phase' && this.#opens(event.phase)) this.#open(event.phase, event);
    if (isWork(event)) {
      if (phase === undefined || beginning.has(phase)) this.#open('firewall', event);
      const span = this.#spans.at(-1);
      if (span !== undefined) span.commands += 1;
    }
    if (event.kind === 'engine') this.#engine = event.version;
    if (event.kind === 'message' && event.known.slug === 'live-restore-keeps-settings')
      this.#liveRestore = true;
  }

  #phase(): Phase | undefined {
    return this.#spans.at(-1)?.phase;
  }

  #opens(phase: Phase): boolean {
    if (phase === this.#phase()) return false;
    if (this.#went('running')) return whileRunning.has(phase);
    // Since 29 the graph driver comes between two messages about containers.
    return phase === 'containers' || !this.#went(phase);
  }

  #went(phase: Phase): boolean {
    return this.#spans.some((span) => span.phase === phase);
  }

  #open(phase: Phase, { line, time }: LogEvent): void {
    this.#spans.push({ phase, line, began: time, commands: 0 });
  }

  build(): Start {
    const [first, last] = [this.#first, this.#last];
    return {
      line: first.line,
      lastLine: last.line,
      ...(first.time === undefined ? {} : { began: first.time }),
      ...(last.time === undefined ? {} : { ended: last.time }),
      whole: this.#whole,
      completed: this.#went('running'),
      liveRestore: this.#liveRestore,
      ...(this.#engine === undefined ? {} : { engine: this.#engine }),
      phases: this.#spans.map(({ phase, line, began, commands }, index) => {
        const ended = this.#spans[index + 1]?.began ?? last.time;
        return {
          phase,
          line,
          commands,
          ...(began === undefined ? {} : { began }),
          ...(ended === undefined ? {} : { ended }),
        };
      }),
    };
  }
}
