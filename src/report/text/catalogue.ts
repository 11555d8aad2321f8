/**
 * Catalogue: the words of a report in one language, as a type that every language has to fill completely. In: values of a
 * report. Out: sentences and labels. Names that people search for (causes, settings, rules, commands) are never translated.
 */
import type { Cause } from '../../diagnosis/causes.ts';
import type { Repair, Severity } from '../../diagnosis/finding.ts';
import type { Origin } from '../../net/reason.ts';
import type { Outcome, Step } from '../../packet/trace.ts';
import type { Death, Story } from '../story.ts';

export type Language = 'en' | 'zh';

/** What stands left of a row. */
export type Label =
  | 'because'
  | 'evidence'
  | 'diesAt'
  | 'repair'
  | 'or'
  | 'proof'
  | 'price'
  | 'together'
  | 'unknown'
  | 'decide'
  | 'whatIf'
  | 'engine'
  | 'networks'
  | 'drops'
  | 'supposed';

export interface Catalogue {
  readonly language: Language;
  /** One or two sentences: what happens to the packet, and why. */
  readonly causes: Readonly<Record<Cause, (story: Story) => string>>;
  /** The summary, with the rules and policies with which the same firewall stops more. */
  readonly stopsAlso: (summary: string, rules: readonly string[]) => string;
  readonly labels: Readonly<Record<Label, string>>;
  readonly steps: Readonly<Record<Step['kind'], string>>;
  readonly severity: Readonly<Record<Severity, string>>;
  readonly outcome: (outcome: Outcome) => string;
  /** Where a setting was made: `daemon.json, line 2`. */
  readonly origin: (origin: Origin) => string;
  /** How long a repair of this kind lasts. */
  readonly lasts: Readonly<Record<Repair['kind'], string>>;
  /** A phrase that the core makes in English (why a packet died, what is unknown, what to edit) in this language. */
  readonly phrase: (text: string) => string;
  readonly failing: (failing: number, asked: number) => string;
  readonly notDecided: (flows: number, asked: number) => string;
  readonly healthy: (asked: number) => string;
  readonly healthyBut: (ok: number, asked: number) => string;
  readonly undecided: (unknown: number, asked: number) => string;
  readonly undecidedFacts: string;
  readonly nothingAsked: string;
  readonly faults: (findings: number, failing: number, asked: number) => string;
  readonly unexplained: (flows: number) => string;
  readonly unknownFlows: (flows: number) => string;
  readonly expectedUnknown: (why: string) => string;
  /** Of a host of which only rules are known. */
  readonly rulesAlone: string;
  readonly noEngine: string;
  /** Rules like those of engines of these versions. */
  readonly engineLike: (first: string, last: string) => string;
  readonly driftedRules: (count: number) => string;
  readonly rulesLetPass: (asked: number) => string;
  readonly rulesNothingAsked: string;
  /** What the facts of a namespace do not hold, though a walk rests on it. */
  readonly notInFacts: (what: string) => string;
  readonly planned: string;
  readonly death: (way: Death['way'], namespace: string, where: string) => string;
  /** Another cause, without whose repair this one does not heal so many of the flows; undefined: none of them. */
  readonly onlyWith: (cause: Cause, flows: number | undefined) => string;
  readonly proved: (flows: number) => string;
  /** An outcome `ok` that is none: somebody else answered. */
  readonly wrongReceiver: string;
  readonly alsoAllowed: (flows: number) => string;
  readonly nothingElse: string;
  readonly routedThere: string;
  readonly more: (count: number) => string;
  readonly request: string;
  readonly reply: string;
  /** What is sent after the handshake. */
  readonly data: string;
  readonly noReply: string;
  /** One of several. */
  readonly either: (texts: readonly string[]) => string;
  /** What an unknown outcome may be; of one kind where only the addresses are not known. */
  readonly possible: (outcomes: string, kinds: number) => string;
  /** The outcomes that are left if a fact holds, and if it does not. */
  readonly bounds: (ifSo: string, ifNot: string) => string;
  readonly doesNotMatter: string;
  readonly policy: (chain: string) => string;
  readonly packets: (count: number) => string;
  readonly seenAs: (address: string) => string;
  readonly deliveredTo: (namespace: string, place: string) => string;
  /** How the engine takes a changed option up. */
  readonly transition: Readonly<Record<'restart' | 'live-restore', string>>;
  readonly changesNothing: string;
  /** What a name was answered with. */
  readonly answers: (addresses: string) => string;
  readonly assumed: (what: string) => string;
}

/** Rewrites of English phrases; the first that matches is taken. `$1` are the parts that stay as they are. */
export type Phrases = readonly (readonly [pattern: RegExp, text: string])[];

/** Rewrites a phrase, or leaves it as it is. */
export function rewrite(phrases: Phrases, text: string): string {
  for (const [pattern, replacement] of phrases) {
    if (pattern.test(text)) return text.replace(pattern, replacement);
  }
  return text;
}
