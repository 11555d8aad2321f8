/**
 * The story of a finding: what its text speaks of beside its parameters, taken from the walks and the changes of the
 * repair. In: a finding and its diagnosis. Out: plain values without words. The words are the catalogues' subject.
 */
import type { Diagnosis, Finding } from '../diagnosis/finding.ts';
import { formatRule } from '../firewall/args.ts';
import { diffRulesets, type RuleAt } from '../firewall/diff.ts';
import type { HostState } from '../host/state.ts';
import { type Addr, compareAddr, formatAddr, sameAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import { containsAddr, formatPrefix } from '../net/prefix.ts';
import type { Because } from '../net/reason.ts';
import type { Hop, RuleHit, Trace } from '../packet/trace.ts';

export interface Story {
  /** A parameter of the finding; empty where it has none of that name. */
  readonly param: (name: string) => string;
  /** The setting that decided; absent where no setting did. */
  readonly because: Because | undefined;
  /** How the failing requests left the host, where they did. */
  readonly exit: Exit | undefined;
  /** Subnets whose masquerade the repair brings back, and the rules that do it. */
  readonly masquerade: { readonly subnets: readonly string[]; readonly rules: readonly string[] };
}

export interface Exit {
  readonly dev: string;
  /** Source addresses as the outside sees them, each once, in order. */
  readonly sources: readonly string[];
}

/** Where a packet died. */
export interface Death {
  readonly way: 'request' | 'reply';
  readonly namespace: string;
  readonly where: string;
  readonly why: string;
  readonly detail?: string;
  readonly rule?: RuleHit;
  /** What the sender of that packet wanted to reach, where it was sent at all. */
  readonly dst?: Addr;
}

export function storyOf(finding: Finding, diagnosis: Diagnosis): Story {
  const traces = tracesOf(finding.flows, diagnosis);
  const exits = exitsOf(traces, diagnosis.state);
  return {
    param: (name) => finding.params[name] ?? '',
    because: finding.because[0],
    exit: exits === undefined ? undefined : { dev: exits.dev, sources: exits.sources.map(formatAddr) },
    masquerade: masqueradeOf(addedRules(finding), exits?.sources ?? []),
  };
}

function tracesOf(flows: readonly Flow[], diagnosis: Diagnosis): readonly Trace[] {
  const wanted = new Set(flows);
  return diagnosis.asked.filter((trace) => wanted.has(trace.flow));
}

/** The host's last link before the outside, and the sources that arrived there; of the first link, where there are several. */
function exitsOf(
  traces: readonly Trace[],
  state: HostState,
): { readonly dev: string; readonly sources: readonly Addr[] } | undefined {
  const host = state.namespaces.find((n) => n.kind === 'host')?.name;
  const known = new Set(state.namespaces.map((n) => n.name));
  const exits = traces.flatMap(({ hops }) =>
    hops.flatMap((hop, i) => {
      const next = hops[i + 1];
      if (hop.namespace !== host || next === undefined || known.has(next.namespace)) return [];
      const dev = hop.steps.findLast((step) => step.kind === 'transmit')?.dev;
      const source = next.steps.find((step) => step.kind === 'receive')?.header.src;
      return dev === undefined || source === undefined ? [] : [{ dev, source }];
    }),
  );
  const [first] = exits;
  if (first === undefined) return undefined;
  const sources = exits.filter((exit) => exit.dev === first.dev).map((exit) => exit.source);
  const distinct = sources.filter((addr, i) => sources.findIndex((other) => sameAddr(addr, other)) === i);
  return { dev: first.dev, sources: distinct.sort(compareAddr) };
}

function addedRules(finding: Finding): readonly RuleAt[] {
  return finding.changes.flatMap((change) =>
    change.kind === 'ruleset' ? diffRulesets(change.to, change.from).missing : [],
  );
}

/** Of the added rules those that give a source address; where some are for the sources that left, only these. */
function masqueradeOf(added: readonly RuleAt[], sources: readonly Addr[]): Story['masquerade'] {
  const all = added.filter(
    // With a destination it is the rule of a published port, for a container that asks itself.
    ({ key, rule }) =>
      key.table === 'nat' &&
      rule.destination === undefined &&
      ['MASQUERADE', 'SNAT'].includes(rule.target?.name ?? ''),
  );
  const serves = ({ rule }: RuleAt) => {
    const from = rule.source?.value;
    return typeof from === 'object' && sources.some((source) => containsAddr(from, source));
  };
  const fitting = all.some(serves) ? all.filter(serves) : all;
  const subnets = fitting.flatMap(({ rule }) =>
    typeof rule.source?.value === 'object' ? [formatPrefix(rule.source.value)] : [],
  );
  return { subnets: [...new Set(subnets)], rules: fitting.map(lineOf) };
}

function lineOf({ chain, rule }: RuleAt): string {
  return `-A ${chain} ${formatRule(rule)}`.trimEnd();
}

/** The first drop on the way there or back; undefined for a walk without one. */
export function deathOf(trace: Trace): Death | undefined {
  return deathIn(trace.hops, 'request') ?? deathIn(trace.reply, 'reply');
}

function deathIn(hops: readonly Hop[], way: Death['way']): Death | undefined {
  let dst: Addr | undefined;
  for (const { namespace, steps } of hops) {
    for (const step of steps) {
      if (step.kind === 'send' || step.kind === 'receive') dst = step.header.dst;
      if (step.kind === 'nat') dst = step.after.dst;
      if (step.kind !== 'drop') continue;
      const { kind: _, ...place } = step;
      return { way, namespace, ...place, ...(dst === undefined ? {} : { dst }) };
    }
  }
  return undefined;
}
