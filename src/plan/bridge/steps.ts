/**
 * Steps: iptables commands as argument arrays with a reason, the form in which the generations are written.
 * In: arguments as the daemon passes them (without --wait). Out: Operations for one backend and family.
 * How the daemon guards a command is part of the step: with -C before it, by ignoring errors, or not at all.
 */
import { parseCommand } from '../../firewall/command.ts';
import type { Command, Operation } from '../../firewall/operation.ts';
import type { Backend } from '../../firewall/ruleset.ts';
import type { Family } from '../../net/addr.ts';
import type { Because, Reason } from '../../net/reason.ts';

export interface Step {
  readonly args: readonly string[];
  readonly when: Operation['when'];
  readonly reason: Reason;
}

/** A step of iptables (ipv4) or of ip6tables. */
export interface FamilyStep extends Step {
  readonly family: Family;
}

/** What an engine does to the rules in one run. */
export interface Course {
  /** From the driver's start to the last container. */
  readonly start: readonly FamilyStep[];
  /** When it ends and takes its containers with it; networks keep their rules. */
  readonly stop: readonly FamilyStep[];
}

/** The same steps for one family. */
export function inFamily(family: Family, steps: readonly Step[]): readonly FamilyStep[] {
  return steps.map((step) => ({ ...step, family }));
}

/** What the engine is doing and the settings that made it so, the deciding one first; one that is named twice counts once. */
export function reason(step: string, ...because: readonly Because[]): Reason {
  return { step, because: [...new Set(because)] };
}

/** A command that is run whatever is there; its failure stops the engine. */
export function always(why: Reason, ...args: readonly string[]): Step {
  return { args, when: 'always', reason: why };
}

/** An addition guarded by -C (or by listing the chain, for -N). */
export function ensure(why: Reason, ...args: readonly string[]): Step {
  return { args, when: 'if-absent', reason: why };
}

/** A removal that may find nothing: guarded by -C, or with its error ignored. */
export function remove(why: Reason, ...args: readonly string[]): Step {
  return { args, when: 'ignore-errors', reason: why };
}

/** What takes away again the rules that these steps add: each is deleted where it is there, as dockerd deletes it. */
export function withdraw(step: string, steps: readonly FamilyStep[]): readonly FamilyStep[] {
  return steps.flatMap(({ args, when, reason: made, family }) => {
    const at = args.findIndex((word) => word === '-A' || word === '-I');
    if (when !== 'if-absent' || at < 0) return [];
    return [{ ...remove({ ...made, step }, ...args.with(at, '-D')), family }];
  });
}

/** A rule of table and chain that is wanted at the end of its chain, or not at all. */
export function appendOrRemove(
  wanted: boolean,
  why: Reason,
  table: string,
  chain: string,
  ...rule: readonly string[]
): Step {
  return wanted
    ? ensure(why, '-t', table, '-A', chain, ...rule)
    : remove(why, '-t', table, '-D', chain, ...rule);
}

/** libnetwork's EnsureJumpRule: away with the jump wherever it is, and in again at the top. */
export function jumpFirst(why: Reason, from: string, to: string): readonly Step[] {
  return [remove(why, '-D', from, '-j', to), always(why, '-I', from, '-j', to)];
}

/** Turns steps into operations. Arguments are made of checked values, so one that iptables cannot read is a bug. */
export function toOperations(steps: readonly FamilyStep[], backend: Backend): readonly Operation[] {
  return steps.map(({ args, when, reason: why, family }) => {
    const parsed = parseCommand(args, { backend, family });
    if (!('command' in parsed)) throw new Error(`bad step ${args.join(' ')}: ${JSON.stringify(parsed)}`);
    const command = withReason(parsed.command, why);
    return { backend, family, table: parsed.table, command, when, reason: why };
  });
}

function withReason(command: Command, why: Reason): Command {
  return 'rule' in command ? { ...command, rule: { ...command.rule, reason: why } } : command;
}
