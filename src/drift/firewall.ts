/**
 * Firewall rules: what is planned against what is there. In: the plan and the host's rules. Out: differences. Rules of DOCKER-USER
 * are the administrator's: only what the engine itself puts there can be missing.
 */
import { formatRule } from '../firewall/args.ts';
import { type ChainRef, diffRulesets, type RuleAt } from '../firewall/diff.ts';
import {
  type Chain,
  findChain,
  findTable,
  type Rule,
  type Ruleset,
  type Table,
} from '../firewall/ruleset.ts';
import { shadowedRules } from '../firewall/shadow.ts';
import type { Namespace } from '../host/state.ts';
import type { Reason } from '../net/reason.ts';
import { classifyChain, ruleClassifier } from '../plan/classify.ts';
import type { Difference } from './difference.ts';
import type { PlannedHost } from './networks.ts';
import { plannedOrder } from './order.ts';

/** The plan's tables of families whose rules the facts hold: what is not known is not missing. */
export function comparablePart(planned: Ruleset, host: Namespace): Ruleset {
  const unknown = (host.missing ?? []).filter(({ part }) => part === 'firewall');
  const isKnown = (table: Table) =>
    !unknown.some(({ family }) => family === undefined || family === table.family);
  return { tables: planned.tables.filter(isKnown) };
}

/** Everything in which the host's iptables rules and the plan differ. */
export function firewallDifferences(whole: PlannedHost, host: Namespace): readonly Difference[] {
  const { ruleset, links } = whole.expected.plan;
  const planned = comparablePart(ruleset, host);
  const found = diffRulesets(planned, host.firewall, plannedOrder(whole));
  const ownerOf = ruleClassifier(
    host.firewall,
    links.map(({ name }) => name),
  );
  return [
    ...found.missingChains.map((at) =>
      difference('missing', at, `-N ${at.chain}`, chainOf(planned, at)?.reason),
    ),
    ...found.policies.map((at) =>
      // A policy that the engine did not set is somebody else's.
      at.expected === 'DROP'
        ? {
            ...difference('changed', at, `-P ${at.chain} DROP`, chainOf(planned, at)?.reason),
            observed: `-P ${at.chain} ${at.observed}`,
          }
        : difference('foreign', at, `-P ${at.chain} ${at.observed}`),
    ),
    ...found.missing.map((at) => ruleDifference('missing', at)),
    ...found.misordered
      .filter(({ matters }) => matters)
      .map((at) =>
        ruleDifference('misordered', {
          ...at,
          rule: chainOf(planned, at)?.rules[at.expected - 1] ?? at.rule,
          position: at.observed,
        }),
      ),
    ...shadows(planned, host.firewall, found.extra),
    ...found.extraChains
      .filter(({ chain }) => classifyChain(chain).owner === 'docker')
      .map((at) => difference('stale', at, `-N ${at.chain}`)),
    ...found.extra.map((at): Difference => {
      const { owner } = ownerOf({ ...at.key, chain: at.chain, rule: at.rule });
      if (owner === 'docker') return ruleDifference('stale', at);
      const foreign = ruleDifference('foreign', at);
      return owner === 'unknown' ? foreign : { ...foreign, owner };
    }),
  ];
}

function chainOf(planned: Ruleset, { key, chain }: ChainRef): Chain | undefined {
  const table = findTable(planned, key);
  return table === undefined ? undefined : findChain(table, chain);
}

function difference(
  kind: Difference['kind'],
  { key, chain }: ChainRef,
  text: string,
  reason?: Reason,
): Difference {
  const place = { in: 'iptables', ...key, chain } as const;
  return { kind, place, text, ...(reason === undefined ? {} : { reason }) };
}

function ruleDifference(kind: Difference['kind'], at: RuleAt): Difference {
  const { rule, position } = at;
  return { ...difference(kind, at, lineOf(at.chain, rule), rule.reason), position };
}

function lineOf(chain: string, rule: Rule): string {
  return `-A ${chain} ${formatRule(rule)}`;
}

/**
 * Planned rules below others' in chains where there are any. What an administrator puts into DOCKER-USER is meant to come before the
 * rules of the engine.
 */
function shadows(planned: Ruleset, observed: Ruleset, extra: readonly ChainRef[]): readonly Difference[] {
  const placeOf = ({ key, chain }: ChainRef) => `${key.backend} ${key.family} ${key.table} ${chain}`;
  const shared = new Map(extra.map((at) => [placeOf(at), at]));
  return [...shared.values()]
    .filter(({ chain }) => chain !== 'DOCKER-USER')
    .flatMap((at) =>
      shadowedRules(chainOf(planned, at)?.rules ?? [], chainOf(observed, at)?.rules ?? []).map(
        ({ rule, position, by }) => ({
          ...ruleDifference('misordered', { ...at, rule, position }),
          observed: lineOf(at.chain, by),
        }),
      ),
    );
}
