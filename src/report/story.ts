/**
 * The story of a finding: what its text speaks of beside its parameters, taken from the walks and the changes of the
 * repair. In: a finding and its diagnosis. Out: plain values without words. The words are the catalogues' subject.
 */
import type { Diagnosis, Finding } from '../diagnosis/finding.ts';
import { formatRule } from '../firewall/args.ts';
import { diffRulesets, type RuleAt } from '../firewall/diff.ts';
import { addressOf } from '../firewall/nft/condition.ts';
import { formatNftRule } from '../firewall/nft/format.ts';
import { missingFrom } from '../firewall/nft/merge.ts';
import { type NftChain, type NftRule, type NftTable, tableText } from '../firewall/nft/model.ts';
import type { HostState } from '../host/state.ts';
import { type Addr, compareAddr, formatAddr, sameAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import { containsAddr, formatPrefix, type Prefix } from '../net/prefix.ts';
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
  readonly way: 'request' | 'reply' | 'data';
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
    masquerade: masqueradeOf(addedTranslations(finding), exits?.sources ?? []),
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

/** A rule that gives packets another source. */
interface Translation {
  /** Whose source it changes; undefined where it does not say. */
  readonly source: Prefix | undefined;
  readonly text: string;
}

/** Of the rules that a finding's repair adds. With a destination it is that of a published port, for a container that asks itself. */
function addedTranslations(finding: Finding): readonly Translation[] {
  return finding.changes.flatMap((change) => {
    switch (change.kind) {
      case 'ruleset':
        return diffRulesets(change.to, change.from).missing.flatMap(translationOf);
      case 'nft':
        return missingFrom(change.to, change.from).tables.flatMap((table) =>
          table.chains.flatMap((chain) =>
            chain.rules.flatMap((rule) => nativeTranslationOf(table, chain, rule)),
          ),
        );
      default:
        return [];
    }
  });
}

function translationOf({ key, chain, rule }: RuleAt): readonly Translation[] {
  const translates = ['MASQUERADE', 'SNAT'].includes(rule.target?.name ?? '');
  if (key.table !== 'nat' || rule.destination !== undefined || !translates) return [];
  const source = rule.source?.value;
  const text = `-A ${chain} ${formatRule(rule)}`.trimEnd();
  return [{ source: typeof source === 'object' ? source : undefined, text }];
}

function nativeTranslationOf(table: NftTable, chain: NftChain, rule: NftRule): readonly Translation[] {
  const translates = rule.statements.some(
    (statement) => statement.kind === 'nat' && (statement.nat === 'masquerade' || statement.nat === 'snat'),
  );
  if (!translates || addressOf(rule, 'daddr') !== undefined) return [];
  const text = `${tableText(table)} ${chain.name} ${formatNftRule(rule)}`;
  return [{ source: addressOf(rule, 'saddr'), text }];
}

/** Of the translations that are added those for the sources that left, else all. */
function masqueradeOf(added: readonly Translation[], sources: readonly Addr[]): Story['masquerade'] {
  const serves = ({ source }: Translation) =>
    source !== undefined && sources.some((addr) => containsAddr(source, addr));
  const fitting = added.some(serves) ? added.filter(serves) : added;
  const subnets = fitting.flatMap(({ source }) => (source === undefined ? [] : [formatPrefix(source)]));
  return { subnets: [...new Set(subnets)], rules: fitting.map(({ text }) => text) };
}

/** The first drop on the way there, back, or of the data that follows; undefined for a walk without one. */
export function deathOf(trace: Trace): Death | undefined {
  return deathIn(trace.hops, 'request') ?? deathIn(trace.reply, 'reply') ?? deathIn(trace.data ?? [], 'data');
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
