/**
 * The words of a log's report in one language, as a type that every language has to fill completely. In: values of a LogReading.
 * Out: sentences and labels. Commands, settings and messages of the daemon are never translated.
 */
import type { MessageSlug } from '../../replay/messages.ts';
import type { Phase } from '../../replay/phases.ts';

/** What a message means, and what to do; nothing to do where it is only told. */
export interface Meaning {
  readonly means: string;
  readonly remedy?: string;
}

export interface ReplayWords {
  readonly messages: Readonly<Record<MessageSlug, Meaning>>;
  readonly phases: Readonly<Record<Phase, string>>;
  readonly columns: readonly [phase: string, line: string, time: string, took: string, commands: string];
  readonly head: (starts: number, entries: number, engine: string) => string;
  readonly engine: (version: string, from: 'log' | 'asked' | 'rules') => string;
  readonly unknownEngine: string;
  readonly start: (number: number, line: number, state: string) => string;
  readonly completed: string;
  readonly failed: string;
  readonly beginMissing: string;
  readonly liveRestore: string;
  readonly commands: (host: number, container: number, nft: number, firewalld: number) => string;
  readonly noCommands: string;
  /** Of a log of debug level. */
  readonly noRules: string;
  readonly unreadable: (count: number) => string;
  readonly cut: string;
  readonly settings: (turned: string, usual: string) => string;
  readonly none: string;
  readonly found: (count: number) => string;
  readonly vanished: (count: number) => string;
  readonly refused: (text: string, line: number, why: string) => string;
  readonly means: string;
  readonly remedy: string;
  readonly line: (line: number, count: number) => string;
  readonly others: (count: number) => string;
  readonly thePlan: string;
  readonly same: (expected: string) => string;
  readonly differs: (expected: string) => string;
  readonly missing: string;
  readonly extra: string;
  readonly policy: (chain: string, expected: string, observed: string) => string;
  readonly chainMissing: (chain: string) => string;
  readonly chainExtra: (chain: string) => string;
  readonly misordered: (count: number) => string;
  readonly requests: (missing: number, extra: number) => string;
  readonly decides: (setting: string, missing: number, extra: number) => string;
  readonly lastSeen: (op: string, line: number) => string;
  readonly otherEngines: (log: string, other: string) => string;
  /** Rules that are missing in a log of a later start. */
  readonly mayBeThere: string;
  readonly more: (count: number) => string;
}
