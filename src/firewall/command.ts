/**
 * An iptables command line, as dockerd logs it or a person types it, into a Command for the machine.
 * In: an argument array, with or without the program's name. Out: table and Command, or why not.
 * Commands that change no rule (-L, -S, -Z) and those that the model does not have (-R, -E) are refused by name.
 */
import type { Family } from '../net/addr.ts';
import { normaliseRule } from './normalise.ts';
import type { Command } from './operation.ts';
import { type Backend, builtinChains, type Rule, type TableName } from './ruleset.ts';
import { isRuleError, type RuleError, scanRule } from './scan.ts';

export interface ParsedCommand {
  readonly backend: Backend;
  readonly family: Family;
  readonly table: TableName;
  readonly command: Command;
}

export interface CommandDefaults {
  readonly backend: Backend;
  readonly family: Family;
}

type Verb = 'append' | 'check' | 'delete' | 'insert' | 'flush' | 'new-chain' | 'delete-chain' | 'policy';

const verbs: ReadonlyMap<string, Verb> = new Map([
  ['-A', 'append'],
  ['--append', 'append'],
  ['-C', 'check'],
  ['--check', 'check'],
  ['-D', 'delete'],
  ['--delete', 'delete'],
  ['-I', 'insert'],
  ['--insert', 'insert'],
  ['-F', 'flush'],
  ['--flush', 'flush'],
  ['-N', 'new-chain'],
  ['--new-chain', 'new-chain'],
  ['--new', 'new-chain'],
  ['-X', 'delete-chain'],
  ['--delete-chain', 'delete-chain'],
  ['-P', 'policy'],
  ['--policy', 'policy'],
]);

const refused: ReadonlySet<string> = new Set([
  ...['-L', '--list', '-S', '--list-rules', '-Z', '--zero', '-R', '--replace', '-E', '--rename-chain'],
  ...['-h', '--help', '-V', '--version'],
]);

const ignored: ReadonlySet<string> = new Set([
  ...['-v', '--verbose', '-n', '--numeric', '-x', '--exact', '--line-numbers'],
]);

/** Parses a command line; `defaults` hold unless the program's name says otherwise (`ip6tables-legacy`). */
export function parseCommand(args: readonly string[], defaults: CommandDefaults): ParsedCommand | RuleError {
  const program = args[0] === undefined || args[0].startsWith('-') ? undefined : args[0];
  const target = program === undefined ? defaults : programMeaning(program, defaults);
  if (target === undefined) return { error: `not an iptables command: ${program}`, index: 0 };
  const skipped = program === undefined ? 0 : 1;
  const line = new CommandLine();
  const rule = scanRule(args.slice(skipped), target.family, (all, index) => line.take(all, index));
  if (isRuleError(rule)) return { error: rule.error, index: rule.index + skipped };
  const command = line.command(normaliseRule(rule, target.family));
  return 'error' in command ? command : { ...target, table: line.table, command };
}

function programMeaning(program: string, defaults: CommandDefaults): CommandDefaults | undefined {
  const [, six, variant] = /(?:^|\/)ip(6?)tables(?:-(nft|legacy))?$/.exec(program) ?? [];
  if (six === undefined) return undefined;
  const backend =
    variant === undefined ? defaults.backend : variant === 'nft' ? 'iptables-nft' : 'iptables-legacy';
  return { family: six === '6' ? 'ipv6' : 'ipv4', backend };
}

/** Collects the arguments that are not the rule's. */
class CommandLine {
  table: TableName = 'filter';
  private verb: Verb | undefined;
  private chain: string | undefined;
  /** Rule number, or the policy. */
  private extra: string | undefined;

  take(args: readonly string[], index: number): number | RuleError {
    const flag = args[index] ?? '';
    const fail = (error: string): RuleError => ({ error, index });
    const verb = verbs.get(flag);
    if (verb !== undefined) {
      if (this.verb !== undefined) return fail(`Cannot use ${flag} with another command`);
      this.verb = verb;
      return this.verbArguments(verb, args, index);
    }
    if (refused.has(flag)) return fail(`${flag} is no change of chains and rules that is modelled`);
    if (ignored.has(flag)) return 1;
    if (flag === '-t' || flag === '--table') {
      const name = args[index + 1];
      if (name === undefined) return fail(`option "${flag}" requires an argument`);
      if (!Object.hasOwn(builtinChains, name)) return fail(`table '${name}' does not exist`);
      this.table = name as TableName;
      return 2;
    }
    if (flag === '-M' || flag === '--modprobe') return 2;
    // The seconds are optional, and only a word of its own.
    if (/^(-w|--wait|-W|--wait-interval)$/.test(flag)) return /^[0-9]+$/.test(args[index + 1] ?? '') ? 2 : 1;
    return /^(-w[0-9]+|-W[0-9]+)$/.test(flag) ? 1 : 0;
  }

  private verbArguments(verb: Verb, args: readonly string[], index: number): number | RuleError {
    const words: string[] = [];
    while (words.length < 2) {
      const next = args[index + 1 + words.length];
      if (next === undefined || next.startsWith('-') || next === '!') break;
      words.push(next);
    }
    [this.chain, this.extra] = words;
    const optionalChain = verb === 'flush' || verb === 'delete-chain';
    if (this.chain === undefined && !optionalChain) {
      return { error: `option "${args[index]}" requires an argument`, index };
    }
    const takesExtra = verb === 'insert' || verb === 'delete' || verb === 'policy';
    if (this.extra !== undefined && !takesExtra) {
      return { error: `Bad argument \`${this.extra}'`, index: index + 2 };
    }
    return 1 + words.length;
  }

  command(rule: Rule): Command | RuleError {
    const { verb, chain, extra } = this;
    if (verb === undefined) return { error: 'no command specified', index: 0 };
    if (verb === 'flush' || verb === 'delete-chain')
      return { op: verb, ...(chain === undefined ? {} : { chain }) };
    if (chain === undefined) return { error: 'no chain specified', index: 0 };
    switch (verb) {
      case 'append':
      case 'check':
        return { op: verb, chain, rule };
      case 'insert': {
        const at = ruleNumber(extra ?? '1');
        return typeof at === 'number' ? { op: 'insert', chain, at, rule } : at;
      }
      case 'delete': {
        if (extra === undefined) return { op: 'delete', chain, rule };
        const at = ruleNumber(extra);
        return typeof at === 'number' ? { op: 'delete-at', chain, at } : at;
      }
      case 'new-chain':
        return { op: 'new-chain', chain };
      case 'policy':
        return extra === 'ACCEPT' || extra === 'DROP'
          ? { op: 'policy', chain, policy: extra }
          : { error: "Bad policy name. Run `dmesg' for more information.", index: 0 };
      default: {
        const impossible: never = verb;
        return impossible;
      }
    }
  }
}

function ruleNumber(text: string): number | RuleError {
  return /^[1-9][0-9]{0,8}$/.test(text)
    ? Number(text)
    : { error: `Invalid rule number \`${text}'`, index: 0 };
}
