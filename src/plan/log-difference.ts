/**
 * The ruleset of a log against one that should be there: a plan's, or another log's. In: two rulesets, what the log says about each rule,
 * what an engine's settings make. Out: differences, each with the setting that decides it, and the settings that decide most.
 */
import { diffRulesets, type PolicyDifference, type RuleAt } from '../firewall/diff.ts';
import type { Ruleset } from '../firewall/ruleset.ts';
import type { Because, Reason } from '../net/reason.ts';
import { type Mention, mentionKey } from '../replay/run.ts';
import { shapesOf } from '../replay/shape.ts';
import {
  type NativeLine,
  nativeLinesOfLog,
  nativeLinesOfPlan,
  nativeShape,
  nativeWithout,
} from './log-native.ts';
import type { LogReading } from './log-reading.ts';
import type { LogReference } from './log-reference.ts';
import type { Plan } from './plan.ts';

/** Something that only one side has, and why an engine makes it. */
export interface Difference {
  /** `missing`: the log does not make it, or took it away again. `extra`: only the log makes it. */
  readonly kind: 'missing' | 'extra';
  readonly reason?: Reason;
  /** The setting that makes it, where another value would not. */
  readonly decidedBy?: Pick<Because, 'setting' | 'value'>;
  /** Made for one container or link: not a matter of settings. */
  readonly ofRequest: boolean;
}

export interface RuleDifference extends Difference {
  readonly at: RuleAt;
  /** The log's last command about it. */
  readonly mention?: Mention;
}

/** A line of native nftables. */
export interface NativeDifference extends Difference, Omit<NativeLine, 'reason'> {}

/** What should be there. */
export interface ExpectedRules {
  readonly ruleset: Ruleset;
  readonly native: readonly NativeLine[];
}

export interface LogDifference {
  readonly rules: readonly RuleDifference[];
  readonly native: readonly NativeDifference[];
  readonly missingChains: readonly string[];
  readonly extraChains: readonly string[];
  readonly policies: readonly {
    readonly chain: string;
    readonly expected: string;
    readonly observed: string;
  }[];
  readonly misordered: number;
  /** The log shows a later start alone: rules that it lacks may have been left by an earlier one. */
  readonly isCut: boolean;
  /** Settings of the daemon or of networks that decide rules which differ, those of most rules first. */
  readonly deciding: readonly Deciding[];
}

export interface Deciding {
  readonly setting: Because['setting'];
  /** What makes the rules: where they are missing, the log has another value. */
  readonly value: Because['value'];
  readonly missing: number;
  readonly extra: number;
}

/** What the log lacks and what it has besides. */
export function differenceOfLog(expected: ExpectedRules, log: LogReading): LogDifference {
  const { replayed, reference } = log;
  const difference = diffRulesets(expected.ruleset, replayed.ruleset);
  const name = ({ key, chain }: Pick<RuleAt, 'key' | 'chain'>) =>
    `${key.family === 'ipv6' ? 'ip6tables ' : ''}${key.table} ${chain}`;
  // dockerd sets the policy when it turns forwarding on, and does not ask again: of an earlier run that is not in the log.
  const isCut = replayed.conclusions.some(({ kind }) => kind === 'found');
  const isTold = ({ observed }: PolicyDifference) => !isCut || observed === 'DROP';
  const describe = (kind: RuleDifference['kind'], at: RuleAt): RuleDifference => {
    const reason = at.rule.reason ?? reference?.reasonOf(at.key, at.chain, at.rule);
    const ofRequest = isOfRequest(reason);
    const [shape] = shapesOf(at.key, at.chain, at.rule);
    const decidedBy = ofRequest ? undefined : decisive(reference, shape, reason);
    const mention = replayed.mentions.get(mentionKey(at.key, at.chain, at.rule));
    return {
      kind,
      at,
      ofRequest,
      ...(reason === undefined ? {} : { reason }),
      ...(decidedBy === undefined ? {} : { decidedBy }),
      ...(mention === undefined ? {} : { mention }),
    };
  };
  const rules = [
    ...difference.missing.map((at) => describe('missing', at)),
    ...difference.extra.map((at) => describe('extra', at)),
  ];
  const observed = nativeLinesOfLog(log.nftTables);
  const native = [
    ...nativeWithout(expected.native, observed).map((line) => describeNative('missing', line, reference)),
    ...nativeWithout(observed, expected.native).map((line) => describeNative('extra', line, reference)),
  ];
  return {
    rules,
    native,
    missingChains: difference.missingChains.map(name),
    extraChains: difference.extraChains.map(name),
    policies: difference.policies.filter(isTold).map((policy) => ({
      chain: name(policy),
      expected: policy.expected,
      observed: policy.observed,
    })),
    misordered: difference.misordered.length,
    isCut,
    deciding: decidingOf([...rules, ...native]),
  };
}

/** The rules of a plan, to compare a log with. */
export function rulesOfPlan({ ruleset, nft }: Pick<Plan, 'ruleset' | 'nft'>): ExpectedRules {
  return { ruleset, native: nativeLinesOfPlan(nft.tables) };
}

/** The rules of another log. */
export function rulesOfLog({ replayed, nftTables }: LogReading): ExpectedRules {
  return { ruleset: replayed.ruleset, native: nativeLinesOfLog(nftTables) };
}

/** Whether there is any difference. Order alone is one: the first rule that matches decides. */
export function isDifferent({
  rules,
  native,
  missingChains,
  extraChains,
  policies,
  misordered,
}: LogDifference): boolean {
  return (
    rules.length + native.length + missingChains.length + extraChains.length + policies.length + misordered >
    0
  );
}

function describeNative(
  kind: NativeDifference['kind'],
  { reason: planned, ...line }: NativeLine,
  reference: LogReference | undefined,
): NativeDifference {
  const reason = planned ?? reference?.nativeReasonOf(line);
  const ofRequest = isOfRequest(reason);
  const decidedBy = ofRequest ? undefined : decisive(reference, nativeShape(line), reason);
  return {
    kind,
    ...line,
    ofRequest,
    ...(reason === undefined ? {} : { reason }),
    ...(decidedBy === undefined ? {} : { decidedBy }),
  };
}

/** What is asked for one container differs from host to host; so do the rules that it makes. */
const requests = new Set(['publish', 'endpoint', 'container', 'link']);

function isOfRequest(reason: Reason | undefined): boolean {
  return reason?.because.some(({ setting }) => requests.has(setting)) === true;
}

/** That there is a bridge, or an engine, is no setting that somebody chose. */
const given = new Set(['network', 'bridge', 'engine']);

/** A switch of the daemon whose other position would not make the rule; else what the reason names first. */
function decisive(
  reference: LogReference | undefined,
  shape: string,
  reason: Reason | undefined,
): Difference['decidedBy'] {
  const because = (reason?.because ?? []).filter(({ setting }) => !given.has(setting));
  const switches = (reference?.switches ?? []).filter(
    ({ onlyByDefault, onlyTurned }) => onlyByDefault.has(shape) || onlyTurned.has(shape),
  );
  const named = because.flatMap(({ setting }) => switches.find(({ option }) => option === setting) ?? []);
  const chosen = named.find(({ option }) => option !== tables) ?? switches[0];
  if (chosen === undefined) return because[0];
  return {
    setting: chosen.option,
    value: chosen.onlyByDefault.has(shape) ? chosen.default : !chosen.default,
  };
}

/** Decides every rule, so it is told where nothing else decides. */
const tables = 'iptables';

function decidingOf(rules: readonly Difference[]): readonly Deciding[] {
  const found = new Map<string, Deciding>();
  for (const { kind, decidedBy } of rules) {
    if (decidedBy === undefined) continue;
    const { setting, value } = decidedBy;
    const name = `${setting}=${value}`;
    const before = found.get(name) ?? { setting, value, missing: 0, extra: 0 };
    found.set(name, { ...before, [kind]: before[kind] + 1 });
  }
  return [...found.values()].toSorted((a, b) => b.missing + b.extra - (a.missing + a.extra));
}
