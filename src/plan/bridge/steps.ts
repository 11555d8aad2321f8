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

/** libnetwork's EnsureJumpRule: away with the jump wherever it is, and in again at the top. */
export function jumpFirst(why: Reason, from: string, to: string): readonly Step[] {
  return [remove(why, '-D', from, '-j', to), always(why, '-I', from, '-j', to)];
}

/** Turns steps into operations. Arguments are made of checked values, so one that iptables cannot read is a bug. */
export function toOperations(
  steps: readonly Step[],
  defaults: { readonly backend: Backend; readonly family: Family },
): readonly Operation[] {
  return steps.map(({ args, when, reason: why }) => {
    const parsed = parseCommand(args, defaults);
    if (!('command' in parsed)) throw new Error(`bad step ${args.join(' ')}: ${JSON.stringify(parsed)}`);
    return { ...defaults, table: parsed.table, command: withReason(parsed.command, why), when, reason: why };
  });
}

function withReason(command: Command, why: Reason): Command {
  return 'rule' in command ? { ...command, rule: { ...command.rule, reason: why } } : command;
}
