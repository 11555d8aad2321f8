/**
 * Explanations: how one daemon option becomes kernel state, worked out from the option table and from plans.
 * In: the option's name, an engine version, optionally the user's own daemon.json. Out: facts, the operations that the option
 * decides, and what another value would change. Nothing is written per option: an option explains itself by its effect.
 */
import { runOperations } from '../firewall/machine.ts';
import type { Operation } from '../firewall/operation.ts';
import { emptyRuleset } from '../firewall/ruleset.ts';
import type { Reason } from '../net/reason.ts';
import type { OptionName, OptionValues, Setting } from '../options/options.ts';
import type { ConfigProblem } from '../options/problem.ts';
import { type Resolution, resolveOptions } from '../options/resolve.ts';
import {
  type OptionFlag,
  type OptionSpec,
  optionNames,
  optionTable,
  type ValueType,
} from '../options/table.ts';
import { spans, valueFor } from '../options/version.ts';
import { planBridge } from './bridge/plan.ts';
import { differenceOfPlans, type PlanDifference, type PlanPart, planParts } from './difference.ts';
import { generationFor, unsupportedEngine } from './generation.ts';
import { keptByNetwork } from './in-force.ts';
import type { Plan } from './plan.ts';
import { sampleIntent } from './sample.ts';
import { type Fate, fateOf } from './settle.ts';

export interface ExplainInput {
  readonly option: OptionName;
  /** One that `generationOf` knows. */
  readonly engine: string;
  /** The user's own configuration. */
  readonly file?: { readonly path: string; readonly text: string };
}

export interface Explanation {
  readonly option: OptionName;
  readonly engine: string;
  readonly type: ValueType;
  readonly default: OptionValues[OptionName];
  readonly effect: string;
  readonly scope: OptionSpec['scope'];
  /** The option of user-defined networks that does the same for them. */
  readonly networkOption?: string;
  readonly flags: readonly string[];
  /** SIGHUP applies a change; else it waits for a restart. */
  readonly reloadable: boolean;
  /** What becomes of a change when the engine restarts while live restore keeps containers running. */
  readonly underLiveRestore: Fate;
  /** Other options that this one cannot be combined with, with dockerd's words, found by trying. */
  readonly refusedWith: readonly RefusedPair[];
  /** False: this engine does not know the option. */
  readonly known: boolean;
  readonly configured: Variant;
  /** The same host with another value; undefined where no other value is at hand to try. */
  readonly changed?: Variant;
  readonly difference?: PlanDifference;
}

export interface RefusedPair {
  /** The value of the explained option that was tried. */
  readonly value: OptionValues[OptionName];
  readonly option: OptionName;
  readonly otherValue: OptionValues[OptionName];
  readonly message: string;
}

/** One value of the option, and what follows from it on a host with one published container. */
export interface Variant {
  readonly setting: Setting<OptionValues[OptionName]>;
  /** What dockerd says about the configuration with this value. */
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
  /** The iptables commands that take effect and that the option decides, in the engine's order. */
  readonly operations: readonly Operation[];
  /** What it decides besides: native nftables, links, routes, sysctls, proxies. */
  readonly parts: readonly PlanPart[];
  /** Undefined: the engine does not start with this value, or cannot make its default network. */
  readonly plan?: Plan;
  readonly impossible?: string;
}

/** Explains one option. */
export function explainOption(input: ExplainInput): Explanation {
  const spec: OptionSpec = optionTable[input.option];
  const known = spans(spec, input.engine);
  const configured = variantOf(input, input.file?.text);
  const other = otherValue(input.option, configured.setting.value);
  const changed =
    other === undefined || !known
      ? undefined
      : variantOf(input, withValue(input.file?.text, input.option, other));
  const difference =
    changed?.plan === undefined || configured.plan === undefined
      ? undefined
      : differenceOfPlans(configured.plan, changed.plan);
  const networkOption = keptByNetwork.find(({ option }) => option === input.option)?.label;
  return {
    option: input.option,
    engine: input.engine,
    type: valueFor(spec.type, input.engine),
    default: valueFor(spec.default, input.engine),
    effect: spec.effect,
    scope: spec.scope,
    ...(networkOption === undefined ? {} : { networkOption }),
    flags: spec.flags.filter((flag) => spans(flag, input.engine)).map(spellFlag),
    reloadable: spec.reloadable,
    underLiveRestore: fateOf(input.option, 'live-restore'),
    refusedWith: known ? refusedWith(input) : [],
    known,
    configured,
    ...(changed === undefined ? {} : { changed }),
    ...(difference === undefined ? {} : { difference }),
  };
}

function spellFlag({ name, shorthand }: OptionFlag): string {
  return shorthand === undefined ? `--${name}` : `-${shorthand}, --${name}`;
}

function variantOf(input: ExplainInput, text: string | undefined): Variant {
  const path = input.file?.path ?? 'daemon.json';
  const resolution = resolveOptions({
    engine: input.engine,
    ...(text === undefined ? {} : { file: { path, text } }),
  });
  return { ...planSample(input, resolution), ...problemsOf(resolution, input.option) };
}

/** A new value may break another option's rules, so every error counts; warnings only where they name the option. */
function problemsOf(resolution: Resolution, option: OptionName): Pick<Variant, 'errors' | 'warnings'> {
  return {
    errors: resolution.errors,
    warnings: resolution.warnings.filter(({ options }) => options.includes(option)),
  };
}

function planSample(
  { option, engine }: ExplainInput,
  { options, errors }: Resolution,
): Omit<Variant, 'errors' | 'warnings'> {
  const setting = options.settings[option];
  if (errors[0] !== undefined) return { setting, operations: [], parts: [], impossible: errors[0].message };
  const generation = generationFor(options);
  if (generation === undefined)
    return { setting, operations: [], parts: [], impossible: unsupportedEngine(engine) };
  const intent = sampleIntent(options, generation);
  if (typeof intent === 'string') return { setting, operations: [], parts: [], impossible: intent };
  const plan = planBridge({
    options,
    intent,
    generation,
    before: { ipForward: false },
    backend: 'iptables-nft',
  });
  const { log } = runOperations(emptyRuleset, plan.operations);
  const operations = log
    .filter(({ operation, result }) => result === 'done' && decides(option, operation.reason))
    .map(({ operation }) => operation);
  const parts = planParts(plan).filter(
    ({ table, backend, reason }) =>
      (table === undefined || backend === 'nftables') && reason !== undefined && decides(option, reason),
  );
  return { setting, plan, operations, parts };
}

function decides(option: OptionName, { because }: Reason): boolean {
  return because.some(({ setting }) => setting === option);
}

/** Every pair of this option's other value with another's: what is refused only together. */
function refusedWith({ option, engine }: ExplainInput): readonly RefusedPair[] {
  const errorsOf = (values: Readonly<Record<string, unknown>>) =>
    resolveOptions({ engine, file: { path: 'daemon.json', text: JSON.stringify(values) } }).errors;
  const tried = (name: OptionName) => otherValue(name, valueFor<unknown>(optionTable[name].default, engine));
  const own = tried(option);
  if (own === undefined || errorsOf({ [option]: own }).length > 0) return [];
  return optionNames.flatMap((name) => {
    const value = name === option || !spans(optionTable[name], engine) ? undefined : tried(name);
    if (value === undefined || errorsOf({ [name]: value }).length > 0) return [];
    const [error] = errorsOf({ [option]: own, [name]: value });
    return error === undefined
      ? []
      : [{ value: own, option: name, otherValue: value, message: error.message }];
  });
}

/** Values to try for options that are not booleans, the first that differs from what is configured. */
const alternatives: Partial<{ readonly [K in OptionName]: readonly OptionValues[K][] }> = {
  bip: ['192.168.200.1/24', '192.168.201.1/24'],
  'fixed-cidr-v6': ['2001:db8:1::/64', ''],
  'fixed-cidr': ['172.17.128.0/17', '192.168.200.128/25'],
  bridge: ['none', ''],
  ip: ['127.0.0.1', '0.0.0.0'],
  mtu: [1400, 1500],
  'firewall-backend': ['nftables', 'iptables'],
  'default-address-pools': [[{ base: '10.99.0.0/16', size: 24 }], []],
};

function otherValue(option: OptionName, current: unknown): OptionValues[OptionName] | undefined {
  if (typeof current === 'boolean') return !current;
  return alternatives[option]?.find((value) => JSON.stringify(value) !== JSON.stringify(current));
}

/** The same daemon.json with one key changed; text that is no JSON object is left to resolveOptions to refuse. */
export function withValue(text: string | undefined, option: OptionName, value: unknown): string {
  const parsed = text === undefined || text.trim() === '' ? {} : tryParse(text);
  if (typeof parsed !== 'object' || parsed === null) return text ?? '';
  return JSON.stringify({ ...parsed, [option]: value }, null, 2);
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
