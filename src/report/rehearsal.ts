/**
 * What a rehearsal found, as data: a bundle's host rebuilt on a real kernel, and each flow sent there. In: made by rehearsal/. Out: printed
 * by text/rehearsal.ts and rehearsal-json.ts. No text: that is made at the rim.
 */
import type { Cause } from '../diagnosis/causes.ts';
import type { Flow } from '../net/flow.ts';
import type { Agreement, Seen } from '../packet/seen.ts';
import type { Trace } from '../packet/trace.ts';

/**
 * Why a part of the host is not there, or another in its place: its kind needs hardware or a driver, its setting is not among those that
 * are allowed, a kernel module would have to be loaded, a tool or the kernel refused, it cannot be written for the tool that would make
 * it, only words describe it, the facts do not say it.
 */
export type Obstacle =
  | 'stand-in'
  | 'not-allowed'
  | 'needs-module'
  | 'refused'
  | 'not-writable'
  | 'only-words'
  | 'not-in-facts';

/** A part of the host that is not as in the facts. */
export interface Unbuilt {
  readonly namespace: string;
  /** As its own tool writes it: a rule, a route, a link. */
  readonly what: string;
  readonly why: Obstacle;
  /** The tool's words, or the module's name. */
  readonly detail?: string;
}

/** `not rebuilt`: they differ, and the walk agrees with the kernel on the host as it was rebuilt. `not asked`: it cannot be put. */
export type Verdict = Agreement | 'not rebuilt' | 'not asked';

export interface RehearsedFlow {
  readonly flow: Flow;
  readonly trace: Trace;
  /** Absent where it was not asked. */
  readonly kernel?: Seen;
  readonly verdict: Verdict;
}

/** One command of a repair, as the doctor printed it. */
export interface RunCommand {
  readonly line: string;
  /** What the tool said where it failed. */
  readonly failed?: string;
  /** The program that it needs and a rebuilt host has not: a firewall manager, the engine. */
  readonly needs?: string;
}

/** A flow that a finding says is broken: before and after its repair was made on the rebuilt host. */
export interface RepairedFlow {
  readonly flow: Flow;
  /** Absent where it cannot be put. */
  readonly before?: Seen;
  readonly after?: Seen;
  /** What the doctor's proof says of it. */
  readonly promised: string;
  /** Whether the kernel did as promised. */
  readonly kept: boolean;
}

export interface RehearsedRepair {
  readonly cause: Cause;
  /** None where the doctor has no command for it. */
  readonly commands: readonly RunCommand[];
  readonly flows: readonly RepairedFlow[];
}

export interface Rehearsal {
  /** Namespaces that were made, the outside among them. */
  readonly namespaces: readonly string[];
  readonly rules: number;
  readonly proxies: number;
  readonly flows: readonly RehearsedFlow[];
  readonly unbuilt: readonly Unbuilt[];
  /** Only where the doctor's repairs were to be tried. */
  readonly repairs?: readonly RehearsedRepair[];
}

/** What the whole comes to: a disagreement or a repair that did not hold; else something that cannot be decided; else agreement. */
export function conclusion({ flows, repairs }: Rehearsal): 'agree' | 'differ' | 'undecided' {
  const broken = repairs?.some(
    (repair) =>
      repair.commands.some(({ failed }) => failed !== undefined) ||
      (isTried(repair) && repair.flows.some(({ kept }) => !kept)),
  );
  if (broken === true || flows.some(({ verdict }) => verdict === 'wrong')) return 'differ';
  const unsure: readonly Verdict[] = ['unknown', 'not rebuilt', 'not asked'];
  const untried = repairs?.some((repair) => !isTried(repair)) === true;
  return untried || flows.some(({ verdict }) => unsure.includes(verdict)) ? 'undecided' : 'agree';
}

/** Whether all that the doctor says was made on the rebuilt host. */
export function isTried({ commands }: Pick<RehearsedRepair, 'commands'>): boolean {
  return commands.length > 0 && commands.every(({ needs }) => needs === undefined);
}
