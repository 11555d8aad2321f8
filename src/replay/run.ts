/**
 * The commands of a log run in order, for the ruleset that they make. In: LogEvents. Out: a Ruleset, and what the log shows besides:
 * what must have been there before, what must have gone meanwhile, what cannot have worked. The log does not print results, but dockerd's
 * next step tells them: `-C` before `-A` failed, `-C` before `-D` did not.
 */
import { ruleKey } from '../firewall/args.ts';
import { type CommandResult, runCommand, type TableKey } from '../firewall/machine.ts';
import type { Command } from '../firewall/operation.ts';
import { emptyRuleset, findChain, findTable, type Rule, type Ruleset } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import type { LogEvent, LoggedCommand } from './events.ts';

type RuleCommand = Extract<Command, { readonly rule: Rule }>;

/**
 * What the engine does where a check fails: it inserts or appends the rule. Undefined: it asks before it removes the rule, or
 * nobody knows.
 */
export type AfterCheck = (key: TableKey, check: RuleCommand) => 'insert' | 'append' | undefined;

/** A conclusion from a command of the log about something that no command of it made or removed. */
export interface Conclusion {
  readonly line: number;
  /** `found`: it was there before. `vanished`: somebody else, or a reboot, took it away. */
  readonly kind: 'found' | 'vanished';
  readonly key: TableKey;
  readonly chain: string;
  /** Absent: the chain itself. */
  readonly rule?: Rule;
}

/** A command that iptables must have refused, though dockerd counted on it. */
export interface Refused {
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

/** The last command about a rule. */
export interface Mention {
  readonly line: number;
  readonly op: RuleCommand['op'];
}

export interface Replayed {
  readonly ruleset: Ruleset;
  readonly conclusions: readonly Conclusion[];
  readonly refused: readonly Refused[];
  /** By `mentionKey`. */
  readonly mentions: ReadonlyMap<string, Mention>;
}

export function mentionKey({ family, table }: TableKey, chain: string, rule: Rule): string {
  return `${family} ${table} ${chain} ${ruleKey(rule)}`;
}

/** Runs the host's commands; those in containers' namespaces are left out. */
export function runLog(events: readonly LogEvent[], afterCheck: AfterCheck): Replayed {
  const answers = answersOf(events);
  const run = new Run(afterCheck, untouchedFamilies(events, answers));
  for (const [index, event] of events.entries()) {
    if (event.kind !== 'command' || event.logged.place === 'container') continue;
    run.take(event.line, event.logged, answers.get(index));
  }
  return run.result();
}

/** What the next command about the same rule or chain says about a question: it was made (`no`), or removed (`yes`). */
type Answer = 'yes' | 'no';

/** Answers to the questions of a log, by the event's index. A question of one start is not answered in the next. */
function answersOf(events: readonly LogEvent[]): ReadonlyMap<number, Answer> {
  const answers = new Map<number, Answer>();
  const next = new Map<string, Answer>();
  for (let index = events.length - 1; index >= 0; index--) {
    const event = events[index];
    if (event?.kind === 'phase' && event.phase === 'options') next.clear();
    if (event?.kind !== 'command') continue;
    const { key, command } = event.logged;
    const subject = subjectOf(key, command);
    if (subject === undefined) continue;
    if (command.op === 'check' || command.op === 'list') {
      const answer = next.get(subject);
      if (answer !== undefined) answers.set(index, answer);
      next.delete(subject);
    } else {
      next.set(subject, command.op === 'delete' || command.op === 'delete-chain' ? 'yes' : 'no');
    }
  }
  return answers;
}

/**
 * Families in which the first jump from FORWARD to a chain of Docker's had to be made. Docker never takes that jump away, so nothing of
 * an earlier run was there.
 */
function untouchedFamilies(
  events: readonly LogEvent[],
  answers: ReadonlyMap<number, Answer>,
): ReadonlySet<Family> {
  const first = new Map<Family, Answer>();
  for (const [index, answer] of [...answers].toSorted(([a], [b]) => a - b)) {
    const event = events[index];
    if (event?.kind !== 'command') continue;
    const { key, command } = event.logged;
    const isJump =
      command.op === 'check' &&
      command.chain === 'FORWARD' &&
      command.rule.target?.name.startsWith('DOCKER') === true;
    if (isJump && !first.has(key.family)) first.set(key.family, answer);
  }
  return new Set([...first].flatMap(([family, answer]) => (answer === 'no' ? [family] : [])));
}

function subjectOf(key: TableKey, command: LoggedCommand['command']): string | undefined {
  switch (command.op) {
    case 'check':
    case 'append':
    case 'insert':
    case 'delete':
      return mentionKey(key, command.chain, command.rule);
    case 'list':
    case 'new-chain':
    case 'delete-chain':
      return `${key.family} ${key.table} ${command.chain}`;
    default:
      return undefined;
  }
}

class Run {
  readonly #afterCheck: AfterCheck;
  #ruleset: Ruleset = emptyRuleset;
  readonly #conclusions: Conclusion[] = [];
  readonly #refused: Refused[] = [];
  readonly #mentions = new Map<string, Mention>();
  /** Chains that the log made or flushed: what is in them is known. */
  readonly #known = new Set<string>();
  /** Chains that are older than the log: what is in them is not known. */
  readonly #older = new Set<string>();
  readonly #untouched: ReadonlySet<Family>;

  constructor(afterCheck: AfterCheck, untouched: ReadonlySet<Family>) {
    this.#afterCheck = afterCheck;
    this.#untouched = untouched;
  }

  result(): Replayed {
    return {
      ruleset: this.#ruleset,
      conclusions: this.#conclusions,
      refused: this.#refused,
      mentions: this.#mentions,
    };
  }

  take(line: number, { key, command, text }: LoggedCommand, answer: Answer | undefined): void {
    if ('rule' in command)
      this.#mentions.set(mentionKey(key, command.chain, command.rule), { line, op: command.op });
    if (command.op === 'list') {
      this.#listed(line, key, command.chain, answer);
    } else if (command.op === 'check') {
      this.#checked(line, key, command, answer);
    } else {
      if (command.op === 'flush' || command.op === 'new-chain') this.#known.add(chainKey(key, command.chain));
      const result = this.#withChains(line, key, command);
      this.#ruleset = result.ruleset;
      // Removals may find nothing; dockerd does not look at their result.
      const counts = command.op === 'append' || command.op === 'insert' || command.op === 'policy';
      if (!result.ok && counts) this.#refused.push({ line, text, why: result.error.message });
    }
  }

  /** A command that names a chain which no command made: the chain is older than the log. */
  #withChains(line: number, key: TableKey, command: Command): CommandResult {
    let result = runCommand(this.#ruleset, key, command);
    if (command.op !== 'append' && command.op !== 'insert') return result;
    if (!result.ok && result.error.kind === 'no-chain') {
      this.#find(line, key, command.chain);
      result = runCommand(this.#ruleset, key, command);
    }
    if (!result.ok && result.error.kind === 'no-target' && command.rule.target !== undefined) {
      this.#find(line, key, command.rule.target.name);
      result = runCommand(this.#ruleset, key, command);
    }
    return result;
  }

  #find(line: number, key: TableKey, chain: string): void {
    const made = runCommand(this.#ruleset, key, { op: 'new-chain', chain });
    if (!made.ok) return;
    this.#ruleset = made.ruleset;
    this.#older.add(chainKey(key, chain));
    this.#conclusions.push({ line, kind: 'found', key, chain });
  }

  #listed(line: number, key: TableKey, chain: string, answer: Answer | undefined): void {
    const table = findTable(this.#ruleset, key);
    const there = table !== undefined && findChain(table, chain) !== undefined;
    if (!there && answer !== 'no') this.#find(line, key, chain);
    if (there && answer === 'no') {
      const flushed = runCommand(this.#ruleset, key, { op: 'flush', chain });
      const gone = runCommand(flushed.ruleset, key, { op: 'delete-chain', chain });
      // What still jumps to it stays: such a chain cannot have gone alone, and the command that follows is refused.
      if (!gone.ok) return;
      this.#ruleset = gone.ruleset;
      this.#conclusions.push({ line, kind: 'vanished', key, chain });
    }
  }

  #checked(line: number, key: TableKey, check: RuleCommand, answer: Answer | undefined): void {
    const { chain, rule } = check;
    const there = runCommand(this.#ruleset, key, { op: 'check', chain, rule }).ok;
    if (there && answer === 'no') {
      this.#ruleset = runCommand(this.#ruleset, key, { op: 'delete', chain, rule }).ruleset;
      this.#conclusions.push({ line, kind: 'vanished', key, chain, rule });
    }
    if (there || answer === 'no') return;
    const how = this.#foundHow(key, check, answer);
    if (how === undefined) return;
    const command: Command =
      how === 'insert' ? { op: 'insert', chain, at: 1, rule } : { op: 'append', chain, rule };
    const made = this.#withChains(line, key, command);
    if (!made.ok) return;
    this.#ruleset = made.ruleset;
    this.#conclusions.push({ line, kind: 'found', key, chain, rule });
  }

  /** How a rule that is asked for and not known came to be there; undefined if it is asked for before a removal, and is not there. */
  #foundHow(key: TableKey, check: RuleCommand, answer: Answer | undefined): 'insert' | 'append' | undefined {
    const how = this.#afterCheck(key, check);
    if (answer === 'yes') return how ?? 'append';
    const chain = chainKey(key, check.chain);
    const isKnown = this.#known.has(chain) || (this.#untouched.has(key.family) && !this.#older.has(chain));
    return isKnown ? undefined : how;
  }
}

function chainKey({ family, table }: TableKey, chain: string | undefined): string {
  return `${family} ${table} ${chain ?? ''}`;
}
