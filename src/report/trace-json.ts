/**
 * Traces as JSON, schema `bridgekeeper.trace/1`. In: Traces. Out: plain values, with addresses and rules as text.
 * Results stand in the order of the flows and repeat their ids. It decides nothing.
 */

import type { Tried } from '../diagnosis/what-if.ts';
import { formatRule } from '../firewall/args.ts';
import { formatNftRule } from '../firewall/nft/format.ts';
import { formatAddr } from '../net/addr.ts';
import type { Header, Hop, NftHit, RuleHit, Step, Trace } from '../packet/trace.ts';
import { flowJson } from './flow-text.ts';

/** Walks before changes were tried, and those. */
export interface Comparison {
  readonly tried: readonly Tried[];
  /** In the order of the walks after. */
  readonly before: readonly Trace[];
}

/** What goes with walks. */
export interface TraceContext {
  readonly comparison?: Comparison | undefined;
  /** Where only rules are known: what was supposed around them. */
  readonly supposed?: readonly string[];
}

/** The whole answer of `trace --json`; with changes tried, `traces` are the walks after them. */
export function traceJson(traces: readonly Trace[], { comparison, supposed = [] }: TraceContext = {}) {
  const whatIf =
    comparison === undefined
      ? {}
      : {
          whatIf: {
            changes: comparison.tried,
            outcomes: outcomes(comparison, traces),
            before: comparison.before.map(resultJson),
          },
        };
  return {
    schema: 'bridgekeeper.trace/1',
    ...whatIf,
    ...(supposed.length === 0 ? {} : { supposed }),
    results: traces.map(resultJson),
  } as const;
}

function outcomes({ before }: Comparison, after: readonly Trace[]) {
  return after.map(({ flow, outcome }, index) => ({
    ...(flow.id === undefined ? {} : { id: flow.id }),
    before: before[index]?.outcome,
    after: outcome,
  }));
}

function resultJson(trace: Trace) {
  const { flow, outcome, seenAs, deliveredTo, answers } = trace;
  return {
    ...(flow.id === undefined ? {} : { id: flow.id }),
    flow: flowJson(flow),
    outcome,
    ...(seenAs === undefined ? {} : { seenAs: formatAddr(seenAs) }),
    ...(deliveredTo === undefined
      ? {}
      : { deliveredTo: { ...deliveredTo, address: formatAddr(deliveredTo.address) } }),
    ...(answers === undefined ? {} : { answers: answers.map(formatAddr) }),
    hops: trace.hops.map(hopJson),
    reply: trace.reply.map(hopJson),
    ...(trace.data === undefined ? {} : { data: trace.data.map(hopJson) }),
    ...(trace.possible === undefined ? {} : { possible: trace.possible }),
    unknowns: trace.unknowns,
    assumed: trace.assumed,
  };
}

function hopJson(hop: Hop) {
  return { namespace: hop.namespace, steps: hop.steps.map(stepJson) };
}

function stepJson(step: Step) {
  switch (step.kind) {
    case 'send':
    case 'receive':
      return { ...step, header: headerJson(step.header) };
    case 'route': {
      const { gateway, src, ...rest } = step;
      return {
        ...rest,
        ...(gateway === undefined ? {} : { gateway: formatAddr(gateway) }),
        ...(src === undefined ? {} : { src: formatAddr(src) }),
      };
    }
    case 'hook':
      return { ...step, rules: step.rules.map(ruleHitJson) };
    case 'nat':
      return { ...step, before: headerJson(step.before), after: headerJson(step.after) };
    case 'transmit': {
      const { nexthop, ...rest } = step;
      return { ...rest, ...(nexthop === undefined ? {} : { nexthop: formatAddr(nexthop) }) };
    }
    case 'proxy':
      return { ...step, to: headerJson(step.to) };
    case 'drop': {
      const { rule, ...rest } = step;
      return { ...rest, ...(rule === undefined ? {} : { rule: ruleHitJson(rule) }) };
    }
    case 'bridge':
      return step;
  }
}

function headerJson(header: Header) {
  return { ...header, src: formatAddr(header.src), dst: formatAddr(header.dst) };
}

/** A hit without a rule is the chain's policy. */
function ruleHitJson(hit: RuleHit) {
  if (hit.backend === 'nftables') return nftHitJson(hit);
  const { rule, ...place } = hit;
  if (rule === undefined) return place;
  return {
    ...place,
    rule: `-A ${hit.chain} ${formatRule(rule)}`.trimEnd(),
    ...(rule.at === undefined ? {} : { file: rule.at.file }),
    ...(rule.at?.line === undefined ? {} : { line: rule.at.line }),
    ...(rule.counters === undefined ? {} : { counters: rule.counters }),
  };
}

function nftHitJson({ rule, ...place }: NftHit) {
  if (rule === undefined) return place;
  return {
    ...place,
    rule: formatNftRule(rule),
    ...(rule.handle === undefined ? {} : { handle: rule.handle }),
    ...(rule.at === undefined ? {} : { file: rule.at.file }),
  };
}
