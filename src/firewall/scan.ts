/**
 * Reads the arguments of one rule in the order in which iptables reads them, loading match modules as it goes.
 * In: arguments without the command and chain. Out: a Rule with the values as given, or a RuleError.
 * It resolves no host and service names and loads no extensions: what it does not know is kept as given.
 */
import type { Family } from '../net/addr.ts';
import { parseRuleAddress } from './address.ts';
import { type ModuleSpec, matchSpec, type OptionSpec, protocolModule, targetSpec } from './modules.ts';
import { printedProtocol, protocolNumber } from './protocols.ts';
import type { Counters, ModuleMatch, Rule, RuleOption, Target } from './ruleset.ts';

/** Why a rule's arguments were refused. */
export interface RuleError {
  /** One line, as iptables would say it. */
  readonly error: string;
  /** The argument (0-based) at which it was noticed. */
  readonly index: number;
}

export function isRuleError(result: object): result is RuleError {
  return 'error' in result;
}

/**
 * Arguments that belong to the command and not to the rule (`-t nat`, `-A CHAIN`): called where no rule option
 * stands; gives the number of arguments taken, 0 if it does not know them.
 */
export type OtherArguments = (args: readonly string[], index: number) => number | RuleError;

/** Parses without changing values: what iptables-save printed comes back as it was. */
export function scanRule(
  args: readonly string[],
  family: Family,
  other: OtherArguments = () => 0,
): Rule | RuleError {
  return new Scanner(args, family, other).scan();
}

interface Loaded {
  readonly kind: 'match' | 'target';
  readonly name: string;
  readonly spec: ModuleSpec | undefined;
  readonly options: RuleOption[];
}

type BaseOption =
  | 'source'
  | 'destination'
  | 'in'
  | 'out'
  | 'protocol'
  | 'fragment'
  | 'match'
  | 'jump'
  | 'goto'
  | 'counters'
  | 'ipv4'
  | 'ipv6';

const baseOptions: ReadonlyMap<string, BaseOption> = new Map([
  ['-s', 'source'],
  ['--source', 'source'],
  ['--src', 'source'],
  ['-d', 'destination'],
  ['--destination', 'destination'],
  ['--dst', 'destination'],
  ['-i', 'in'],
  ['--in-interface', 'in'],
  ['-o', 'out'],
  ['--out-interface', 'out'],
  ['-p', 'protocol'],
  ['--protocol', 'protocol'],
  ['--proto', 'protocol'],
  ['-f', 'fragment'],
  ['--fragments', 'fragment'],
  ['--fragment', 'fragment'],
  ['-m', 'match'],
  ['--match', 'match'],
  ['-j', 'jump'],
  ['--jump', 'jump'],
  ['-g', 'goto'],
  ['--goto', 'goto'],
  ['-c', 'counters'],
  ['--set-counters', 'counters'],
  ['-4', 'ipv4'],
  ['--ipv4', 'ipv4'],
  ['-6', 'ipv6'],
  ['--ipv6', 'ipv6'],
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Scanner {
  private readonly args: string[];
  private readonly family: Family;
  private readonly other: OtherArguments;
  private readonly base: Mutable<Omit<Rule, 'matches' | 'target'>> = {};
  /** In the order of loading; the newest is asked first for an option. */
  private readonly loaded: Loaded[] = [];
  private targetKind: Target['kind'] = 'jump';
  private index = 0;

  constructor(args: readonly string[], family: Family, other: OtherArguments) {
    this.args = [...args];
    this.family = family;
    this.other = other;
  }

  scan(): Rule | RuleError {
    while (this.index < this.args.length) {
      const error = this.step();
      if (error !== undefined) return error;
    }
    const matches: ModuleMatch[] = [];
    let target: Target | undefined;
    for (const { kind, name, options } of this.loaded) {
      if (kind === 'match') matches.push({ module: name, options });
      else target = { kind: this.targetKind, name, options };
    }
    return { ...this.base, matches, ...(target === undefined ? {} : { target }) };
  }

  private fail(error: string): RuleError {
    return { error, index: Math.min(this.index, this.args.length - 1) };
  }

  private step(): RuleError | undefined {
    const not = this.args[this.index] === '!';
    if (not) this.index++;
    const flag = this.splitJoined(this.args[this.index]);
    if (flag === undefined) return this.fail('an argument is missing after "!"');
    if (flag === '!') return this.fail('multiple consecutive ! not allowed');
    const base = baseOptions.get(flag);
    if (base !== undefined && !this.isModuleOption(flag)) {
      this.index++;
      return this.baseOption(base, flag, not);
    }
    const taken = this.other(this.args, this.index);
    if (typeof taken !== 'number') return taken;
    if (taken > 0) {
      if (not) return this.fail(`unexpected ! flag before ${flag}`);
      this.index += taken;
      return undefined;
    }
    if (!flag.startsWith('-')) return this.fail(`Bad argument \`${flag}'`);
    this.index++;
    return this.moduleOption(flag, not);
  }

  /** getopt takes `-ptcp` and `--dport=80` as two arguments each. */
  private splitJoined(arg: string | undefined): string | undefined {
    const joined =
      arg === undefined ? null : (/^(-[sdiopmjg])([^-].*)$/s.exec(arg) ?? /^(--[a-z0-9-]+)=(.*)$/s.exec(arg));
    if (joined?.[1] === undefined || joined[2] === undefined) return arg;
    this.args.splice(this.index, 1, joined[1], joined[2]);
    return joined[1];
  }

  private take(flag: string): string | RuleError {
    const value = this.args[this.index];
    if (value === undefined) return this.fail(`option "${flag}" requires an argument`);
    this.index++;
    return value;
  }

  private baseOption(option: BaseOption, flag: string, notBefore: boolean): RuleError | undefined {
    if (option === 'ipv4' || option === 'ipv6') {
      return option === this.family ? undefined : this.fail(`a rule for ${option} only (${flag})`);
    }
    if (option === 'fragment') {
      if (this.family === 'ipv6') return this.fail(`unknown option "${flag}"`);
      this.base.fragment = { not: notBefore, value: true };
      return undefined;
    }
    // Before iptables 1.4.3 the inversion stood after the option: `-s ! 10.0.0.0/8`.
    const notAfter = !notBefore && this.args[this.index] === '!' && this.index + 1 < this.args.length;
    if (notAfter) this.index++;
    const not = notBefore || notAfter;
    const value = this.take(flag);
    if (typeof value !== 'string') return value;
    switch (option) {
      case 'source':
      case 'destination':
        return this.address(option, value, not);
      case 'in':
      case 'out':
        return this.device(option, value, not);
      case 'protocol':
        if (this.base.protocol !== undefined) return this.fail('multiple -p flags not allowed');
        if (protocolNumber(value) === undefined && !/^[a-z][a-z0-9.-]*$/i.test(value)) {
          return this.fail(`unknown protocol "${value}" specified`);
        }
        this.base.protocol = { not, value };
        return undefined;
      case 'match':
        if (not) return this.fail(`unexpected ! flag before ${flag}`);
        this.load('match', moduleName(value));
        return undefined;
      case 'jump':
      case 'goto':
        if (not) return this.fail(`unexpected ! flag before ${flag}`);
        if (this.loaded.some((l) => l.kind === 'target'))
          return this.fail(`multiple ${flag} flags not allowed`);
        this.targetKind = option;
        this.load('target', value);
        return undefined;
      case 'counters':
        return this.counters(value, flag);
      default: {
        const impossible: never = option;
        return impossible;
      }
    }
  }

  private address(option: 'source' | 'destination', text: string, not: boolean): RuleError | undefined {
    const flag = option === 'source' ? '-s' : '-d';
    if (this.base[option] !== undefined) return this.fail(`multiple ${flag} flags not allowed`);
    if (text.includes(',')) {
      return this.fail(`${flag} with several addresses makes several rules: give one address`);
    }
    const value = parseRuleAddress(text, this.family);
    if (value === undefined)
      return this.fail(`${flag}: "${text}" is not an ${this.family} address or prefix`);
    // Everything: iptables-save prints no such condition.
    if (typeof value !== 'string' && value.bits === 0 && !not) return undefined;
    this.base[option] = { not, value };
    return undefined;
  }

  private device(option: 'in' | 'out', value: string, not: boolean): RuleError | undefined {
    const field = option === 'in' ? 'inInterface' : 'outInterface';
    if (this.base[field] !== undefined) return this.fail(`multiple -${option[0]} flags not allowed`);
    if (value === '') return this.fail('Empty interface is likely to be undesired');
    if (value.length > 15) return this.fail(`interface name \`${value}' must be shorter than 16 characters`);
    // Any device: iptables-save prints no such condition.
    if (value !== '+' || not) this.base[field] = { not, value };
    return undefined;
  }

  private counters(packets: string, flag: string): RuleError | undefined {
    // `-c 2 3` or `-c 2,3`.
    const [first = '', second, ...more] = packets.split(',');
    const bytes = second ?? this.take(flag);
    if (typeof bytes !== 'string') return bytes;
    const counters = more.length > 0 ? undefined : parseCounters(first, bytes);
    if (counters === undefined) return this.fail(`${flag} packet counter not numeric`);
    this.base.counters = counters;
    return undefined;
  }

  private load(kind: Loaded['kind'], name: string): Loaded {
    const spec = kind === 'match' ? matchSpec(name) : targetSpec(name);
    const loaded: Loaded = { kind, name, spec, options: [] };
    this.loaded.push(loaded);
    return loaded;
  }

  /** An option of a match or target: the newest module that knows it has it. */
  private moduleOption(flag: string, not: boolean): RuleError | undefined {
    const found = this.findOption(flag);
    if (found === undefined) {
      this.index--;
      return this.fail(`unknown option "${flag}"`);
    }
    const { owner, spec } = found;
    if (spec === undefined) {
      owner.options.push({ not, name: flag, values: this.restOfOption() });
      return undefined;
    }
    const wanted = spec.values;
    const notAfter =
      !not &&
      spec.quoting === 'word' &&
      this.args[this.index] === '!' &&
      this.index + wanted < this.args.length;
    if (notAfter && wanted > 0) this.index++;
    const values = this.args.slice(this.index, this.index + wanted);
    if (values.length < wanted) return this.fail(`option "${flag}" requires an argument`);
    this.index += wanted;
    owner.options.push({ not: not || (notAfter && wanted > 0), name: spec.name, values });
    return undefined;
  }

  /** `--proto` is short for `--protocol`, but an option of `-m policy` when that is loaded. */
  private isModuleOption(flag: string): boolean {
    return this.loaded.some(({ spec }) => spec?.bySpelling.has(flag) === true);
  }

  private findOption(flag: string): { owner: Loaded; spec: OptionSpec | undefined } | undefined {
    const newestFirst = this.loaded.toReversed();
    for (const owner of newestFirst) {
      const spec = owner.spec?.bySpelling.get(flag);
      if (spec !== undefined) return { owner, spec };
    }
    const unknown = newestFirst.find((owner) => owner.spec === undefined);
    if (unknown !== undefined) return { owner: unknown, spec: undefined };
    const { protocol } = this.base;
    const module =
      protocol === undefined || protocol.not ? undefined : protocolModule(printedProtocol(protocol.value));
    const implied = module === undefined ? undefined : matchSpec(module);
    if (module !== undefined && !this.loaded.some((l) => l.kind === 'match' && l.name === module)) {
      const spec =
        implied === undefined ? undefined : (implied.bySpelling.get(flag) ?? abbreviated(implied, flag));
      if (spec !== undefined) return { owner: this.load('match', module), spec };
    }
    for (const owner of newestFirst) {
      const spec = owner.spec === undefined ? undefined : abbreviated(owner.spec, flag);
      if (spec !== undefined) return { owner, spec };
    }
    // An option newer than the tables is kept with the module that was named last.
    const [newest] = newestFirst;
    return newest === undefined ? undefined : { owner: newest, spec: undefined };
  }

  /** The values of an option that is not known: all up to the next option. */
  private restOfOption(): string[] {
    const values: string[] = [];
    for (;;) {
      const arg = this.args[this.index];
      const next = this.args[this.index + 1];
      if (arg === undefined || isFlag(arg) || (arg === '!' && next !== undefined && isFlag(next)))
        return values;
      values.push(arg);
      this.index++;
    }
  }
}

function isFlag(arg: string): boolean {
  return /^-{1,2}[a-z]/i.test(arg);
}

/** getopt_long takes any beginning of a long option that only one has. */
function abbreviated(spec: ModuleSpec, flag: string): OptionSpec | undefined {
  if (!/^--[a-z]/.test(flag)) return undefined;
  const found = new Set(
    [...spec.bySpelling].filter(([spelling]) => spelling.startsWith(flag)).map(([, option]) => option),
  );
  const [only, ...more] = found;
  return more.length === 0 ? only : undefined;
}

function moduleName(name: string): string {
  return name === 'icmpv6' || name === 'ipv6-icmp' ? 'icmp6' : name;
}

/** Packet and byte counters; undefined unless both are decimal. Beyond 2**53 they lose their last digits. */
export function parseCounters(packets: string, bytes: string): Counters | undefined {
  return /^[0-9]{1,20}$/.test(packets) && /^[0-9]{1,20}$/.test(bytes)
    ? { packets: Number(packets), bytes: Number(bytes) }
    : undefined;
}
