/**
 * Candidates from walks: rules and policies that a failing flow met and that no plan contains.
 * In: the patient and the traces of failing flows. Out: candidates that take such a rule away, or let the bridge pass
 * it. Looking at what was hit keeps the search small on hosts with thousands of rules.
 */

import { bridgeNames } from '../drift/networks.ts';
import { formatRule, sameRule } from '../firewall/args.ts';
import {
  type Chain,
  findChain,
  findTable,
  type Rule,
  type Ruleset,
  type Table,
} from '../firewall/ruleset.ts';
import type { Namespace } from '../host/state.ts';
import type { IptablesHit, RuleHit, Trace } from '../packet/trace.ts';
import { ruleClassifier } from '../plan/classify.ts';
import type { Candidate, Patient } from './candidate.ts';
import type { Cause } from './causes.ts';
import { ruleEvidence } from './evidence.ts';
import { nftCandidates } from './nft-faults.ts';
import { namedForProxy } from './proxied-ports.ts';

/** Candidates for everything foreign that these walks met. */
export function ruleFaultCandidates(patient: Patient, traces: readonly Trace[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const trace of traces) {
    for (const { namespace, hit } of hitsOf(trace)) {
      const ns = patient.state.namespaces.find((n) => n.name === namespace);
      if (ns === undefined) continue;
      for (const met of candidatesFor(patient, ns, hit)) {
        const candidate = namedForProxy(patient, trace, met);
        if (!found.has(candidate.key)) found.set(candidate.key, candidate);
      }
    }
  }
  return [...found.values()];
}

function hitsOf(trace: Trace): { namespace: string; hit: RuleHit }[] {
  return [...trace.hops, ...trace.reply].flatMap((hop) =>
    hop.steps.flatMap((step) => {
      if (step.kind === 'hook') return step.rules.map((hit) => ({ namespace: hop.namespace, hit }));
      if (step.kind === 'drop' && step.rule !== undefined)
        return [{ namespace: hop.namespace, hit: step.rule }];
      return [];
    }),
  );
}

function candidatesFor(patient: Patient, ns: Namespace, hit: RuleHit): Candidate[] {
  if (hit.backend === 'nftables') return nftCandidates(patient, ns, hit);
  if (hit.rule === undefined) return hit.position === 0 ? policyCandidates(patient, ns, hit) : [];
  if (ns.kind === 'host' && isPlanned(patient, ns, hit, hit.rule)) return [];
  const table = tableOf(ns.firewall, hit);
  // A jump into a chain is not what stops a packet; what is in the chain is.
  if (
    table === undefined ||
    hit.rule.target === undefined ||
    findChain(table, hit.rule.target.name) !== undefined
  )
    return [];
  const cause = causeOf(patient, ns, hit, hit.rule);
  const text = `-A ${hit.chain} ${formatRule(hit.rule)}`;
  const removed = editChain(ns.firewall, table, hit.chain, (chain) => ({
    ...chain,
    rules: chain.rules.filter((r) => r !== hit.rule),
  }));
  const candidate: Candidate = {
    key: `remove ${ns.name} ${hit.backend} ${hit.table} ${hit.chain} ${hit.position}`,
    cause,
    restriction: false,
    params: {
      rule: text,
      table: hit.table,
      chain: hit.chain,
      position: String(hit.position),
      namespace: ns.name,
    },
    changes: [{ namespace: ns.name, kind: 'ruleset', from: ns.firewall, to: removed }],
    cost: 1,
    because: [],
    evidence: ruleEvidence(hit, ns.firewall, patient),
    repairs: [],
  };
  return [candidate];
}

/** A policy that drops: let the bridges pass this hook, or the container's own traffic. */
function policyCandidates(patient: Patient, ns: Namespace, hit: IptablesHit): Candidate[] {
  const table = tableOf(ns.firewall, hit);
  if (table === undefined || (ns.kind === 'host' && isPlannedPolicy(patient, hit))) return [];
  const base = {
    restriction: false,
    because: [],
    evidence: ruleEvidence(hit, ns.firewall, patient),
    repairs: [],
    params: {
      rule: `-P ${hit.chain} DROP`,
      table: hit.table,
      chain: hit.chain,
      position: '0',
      namespace: ns.name,
    },
  };
  const cause = causeOf(patient, ns, hit, undefined);
  const accept = (key: string, rule: Rule, cost: number): Candidate => ({
    ...base,
    key: `pass ${ns.name} ${hit.backend} ${hit.table} ${hit.chain} ${key}`,
    cause,
    cost,
    changes: [
      {
        namespace: ns.name,
        kind: 'ruleset',
        from: ns.firewall,
        to: editChain(ns.firewall, table, hit.chain, (chain) => ({
          ...chain,
          rules: [rule, ...chain.rules],
        })),
      },
    ],
  });
  const target = { kind: 'jump', name: 'ACCEPT', options: [] } as const;
  const opened: Candidate = {
    ...base,
    key: `policy ${ns.name} ${hit.backend} ${hit.table} ${hit.chain}`,
    cause,
    cost: policyCost(ns, hit),
    changes: [
      {
        namespace: ns.name,
        kind: 'ruleset',
        from: ns.firewall,
        to: editChain(ns.firewall, table, hit.chain, (chain) => ({ ...chain, policy: 'ACCEPT' })),
      },
    ],
  };
  if (ns.kind !== 'host' || (hit.chain !== 'INPUT' && hit.chain !== 'OUTPUT')) return [opened];
  const passing = [...bridgeNames(patient).keys()].map((bridge) => {
    const side = { not: false, value: bridge };
    const rule: Rule =
      hit.chain === 'INPUT'
        ? { inInterface: side, matches: [], target }
        : { outInterface: side, matches: [], target };
    return accept(bridge, rule, 1.2);
  });
  return [...passing, opened];
}

/** Opening a whole hook costs more than letting one bridge pass; Docker's own DROP in FORWARD keeps unpublished ports closed. */
function policyCost(ns: Namespace, hit: IptablesHit): number {
  if (ns.kind !== 'host') return 1.5;
  return hit.chain === 'FORWARD' ? 4 : 2.5;
}

function tableOf(ruleset: Ruleset, hit: IptablesHit): Table | undefined {
  return ruleset.tables.find((t) => t.backend === hit.backend && t.name === hit.table && chainHolds(t, hit));
}

function chainHolds(table: Table, hit: IptablesHit): boolean {
  const chain = findChain(table, hit.chain);
  if (chain === undefined) return false;
  return hit.rule === undefined ? chain.policy === 'DROP' : chain.rules.includes(hit.rule);
}

function editChain(ruleset: Ruleset, table: Table, name: string, edit: (chain: Chain) => Chain): Ruleset {
  return {
    tables: ruleset.tables.map((t) =>
      t === table ? { ...t, chains: t.chains.map((c) => (c.name === name ? edit(c) : c)) } : t,
    ),
  };
}

/** Whether the engine made this rule: it is in the plan, or, without a plan, it looks like one of the engine's. */
function isPlanned(patient: Patient, ns: Namespace, hit: IptablesHit, rule: Rule): boolean {
  const plan = patient.expected?.plan.ruleset;
  if (plan === undefined) {
    const classify = ruleClassifier(ns.firewall);
    return classify({ family: hit.family, table: hit.table, chain: hit.chain, rule }).owner === 'docker';
  }
  const table = findTable(plan, { backend: hit.backend, family: hit.family, table: hit.table });
  const chain = table === undefined ? undefined : findChain(table, hit.chain);
  return chain?.rules.some((r) => sameRule(r, rule)) === true;
}

/** Whether the engine itself set this DROP; without a plan, that of FORWARD is taken for its own. */
function isPlannedPolicy(patient: Patient, hit: IptablesHit): boolean {
  const plan = patient.expected?.plan.ruleset;
  if (plan === undefined) return hit.chain === 'FORWARD';
  const table = findTable(plan, { backend: hit.backend, family: hit.family, table: hit.table });
  return table !== undefined && findChain(table, hit.chain)?.policy === 'DROP';
}

const rateMatches = new Set(['limit', 'hashlimit', 'recent', 'connlimit', 'statistic', 'quota']);

function causeOf(patient: Patient, ns: Namespace, hit: IptablesHit, rule: Rule | undefined): Cause {
  if (ns.kind === 'container') return 'container-firewall-drops';
  const planned = patient.expected?.backend;
  const bothFilled = new Set(ns.firewall.tables.map((t) => t.backend)).size > 1;
  if (bothFilled && hit.backend === 'iptables-legacy' && planned !== 'iptables-legacy')
    return 'legacy-and-nft-mixed';
  const target = rule?.target?.name;
  if (rule?.matches.some((m) => rateMatches.has(m.module)) === true) return 'rate-limited';
  if (target === 'CT' || target === 'NOTRACK') return 'connection-untracked';
  if (target === 'MARK' || target === 'CONNMARK') return 'mark-routes-elsewhere';
  if (hit.table === 'nat')
    return baseChains(ns, hit).has('POSTROUTING') ? 'masquerade-shadowed' : 'foreign-nat-captures';
  const bases = baseChains(ns, hit);
  if (hit.table === 'filter' && bases.has('INPUT'))
    return target === 'REJECT' ? 'input-reject' : 'input-blocks-container-to-host';
  if (hit.table === 'filter' && bases.has('OUTPUT')) return 'output-blocks-host';
  // An engine with native tables has no rules here that anything could stand before.
  const native = patient.expected?.generation === 'N1';
  if (hit.table === 'filter' && hit.chain === 'FORWARD' && rule !== undefined && !native)
    return 'forward-rule-before-docker';
  return 'foreign-rule-drops';
}

/** The built-in chains from which this hit's chain is reached. */
function baseChains(ns: Namespace, hit: IptablesHit): ReadonlySet<string> {
  const table = tableOf(ns.firewall, hit);
  const reached = new Set<string>([hit.chain]);
  let grew = table !== undefined;
  while (grew) {
    grew = false;
    for (const chain of table?.chains ?? []) {
      if (reached.has(chain.name) || !chain.rules.some((r) => reached.has(r.target?.name ?? ''))) continue;
      reached.add(chain.name);
      grew = true;
    }
  }
  return reached;
}
