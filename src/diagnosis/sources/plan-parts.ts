/**
 * Candidates from the plan: rules that should be there and are not, put back alone or together.
 * In: the plan and the observed Ruleset. Out: candidates. A table that lost most of what is planned for it was
 * flushed: then the event is the cause, and its single rules are not tried one by one.
 */

import { comparablePart } from '../../drift/firewall.ts';
import { plannedOrder } from '../../drift/order.ts';
import { formatRule, sameRule } from '../../firewall/args.ts';
import { diffRulesets, type RuleAt } from '../../firewall/diff.ts';
import { insertedFirst, putBack } from '../../firewall/put-back.ts';
import type { Rule, Ruleset, Table, TableName } from '../../firewall/ruleset.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { type Culprit, overwrittenByEngine, whoFlushed } from './flush-causes.ts';

/** From this share of its planned rules on, a table counts as flushed. */
export const flushedShare = 0.6;

/** Candidates that put back what is missing of the plan. */
export function planPartCandidates(patient: Patient): Candidate[] {
  const { expected, state } = patient;
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (expected === undefined || host === undefined) return [];
  const plan = comparablePart(expected.plan.ruleset, host);
  const { missing } = diffRulesets(plan, host.firewall);
  if (missing.length === 0) return [];
  const isFirst = insertedFirst(expected.plan.operations);
  const order = plannedOrder({ state, expected });
  const restore = (
    key: string,
    culprit: Culprit,
    cost: number,
    rules: readonly RuleAt[],
    target: Ruleset,
  ): Candidate => ({
    key,
    cause: culprit.cause,
    restriction: false,
    params: { ...describe(rules), ...culprit.params },
    changes: [
      {
        namespace: host.name,
        kind: 'ruleset',
        from: host.firewall,
        to: putBack(host.firewall, target, isFirst, order),
      },
    ],
    cost,
    because: rules[0]?.rule.reason?.because ?? [],
    evidence: [
      ...culprit.evidence,
      ...rules.slice(0, 3).map((r) => ({ file: 'plan', text: `-A ${r.chain} ${formatRule(r.rule)}` })),
    ],
    repairs: [],
  });
  const tables = plan.tables.filter((t) => missing.some((m) => isIn(m, t)));
  const flushed = tables.filter((t) => isFlushed(t, missing));
  const byEngine = overwrittenByEngine(patient, missing);
  const culpritOf = (lost: readonly RuleAt[]): Culprit =>
    byEngine ?? { cause: causeOf(lost), params: {}, evidence: [] };
  const flusher = whoFlushed(patient, host, plan, flushed);
  const candidates: Candidate[] = [];
  for (const table of tables) {
    const lost = missing.filter((m) => isIn(m, table));
    const culprit = flushed.includes(table) ? flusher : culpritOf(lost);
    const cost = flushed.includes(table) ? 1.5 : 2.5;
    candidates.push(
      restore(`missing of ${table.family} ${table.name}`, culprit, cost, lost, { tables: [table] }),
    );
    if (flushed.includes(table)) continue;
    for (const part of lost) {
      const only = without(
        { tables: [table] },
        lost.filter((other) => other !== part),
      );
      candidates.push(restore(`missing ${ruleKey(part)}`, culpritOf([part]), 1, [part], only));
    }
  }
  if (tables.length > 1) {
    const culprit = flushed.length > 0 ? flusher : culpritOf(missing);
    candidates.push(restore('all that is missing', culprit, 3, missing, plan));
  }
  return candidates;
}

function isIn(part: RuleAt, table: Table): boolean {
  return part.key.table === table.name && part.key.family === table.family;
}

function ruleKey(part: RuleAt): string {
  return `${part.key.family} ${part.key.table} ${part.chain} ${part.position} ${formatRule(part.rule)}`;
}

function describe(rules: readonly RuleAt[]): Record<string, string> {
  const first = rules[0];
  if (first === undefined) return { count: '0', rule: '', table: '' };
  return {
    count: String(rules.length),
    table: first.key.table,
    rule: `-A ${first.chain} ${formatRule(first.rule)}`,
  };
}

function isFlushed(table: Table, missing: readonly RuleAt[]): boolean {
  const planned = table.chains.flatMap((c) => c.rules).length;
  const lost = missing.filter((m) => isIn(m, table)).length;
  return planned > 1 && lost >= 2 && lost / planned >= flushedShare;
}

function causeOf(lost: readonly RuleAt[]): Cause {
  const targets = new Set(lost.map((l) => l.rule.target?.name));
  const first = lost[0];
  if (first?.key.table !== 'nat') return 'filter-rule-missing';
  if (targets.has('MASQUERADE') || targets.has('SNAT')) return 'masquerade-rule-missing';
  if (targets.has('DNAT')) return 'dnat-rule-missing';
  return first.chain === 'PREROUTING' || first.chain === 'OUTPUT'
    ? 'nat-jump-missing'
    : 'filter-rule-missing';
}

/** The plan without these rules. */
function without(plan: Ruleset, gone: readonly RuleAt[]): Ruleset {
  const isGone = (table: TableName, chain: string, rule: Rule): boolean =>
    gone.some((g) => g.key.table === table && g.chain === chain && sameRule(g.rule, rule));
  return {
    tables: plan.tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.filter((rule) => !isGone(table.name, chain.name, rule)),
      })),
    })),
  };
}
