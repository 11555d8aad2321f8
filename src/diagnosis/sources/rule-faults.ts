/**
 * Candidates from walks: rules and policies that a failing flow met and that no plan contains.
 * In: the patient and the traces of failing flows. Out: candidates that take such a rule away, or let the bridge pass
 * it. Looking at what was hit keeps the search small on hosts with thousands of rules.
 */

import { bridgeNames } from '../../drift/networks.ts';
import { formatRule, sameRule } from '../../firewall/args.ts';
import { ownerOfChain } from '../../firewall/owners.ts';
import {
  type Chain,
  findChain,
  findTable,
  type Rule,
  type Ruleset,
  type Table,
} from '../../firewall/ruleset.ts';
import type { Namespace } from '../../host/state.ts';
import type { IptablesHit, Trace } from '../../packet/trace.ts';
import { ruleClassifier } from '../../plan/classify.ts';
import { type Candidate, firewallOrigin, type Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { ruleEvidence } from '../evidence.ts';
import type { Repair } from '../finding.ts';
import { type Meeting, meetingsOf } from './meeting.ts';
import { nftCandidates } from './nft-faults.ts';
import { type Pass, passesFor, passKey, passRules, ufwRepair } from './pass.ts';
import { namedForProxy } from './proxied-ports.ts';
import { baseChains, ruleCause, tableOf } from './rule-causes.ts';

/** Candidates for everything foreign that these walks met. */
export function ruleFaultCandidates(patient: Patient, traces: readonly Trace[]): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const trace of traces) {
    for (const meeting of meetingsOf(trace, patient.state)) {
      const ns = patient.state.namespaces.find((n) => n.name === meeting.namespace);
      if (ns === undefined) continue;
      for (const met of candidatesFor(patient, ns, meeting, trace)) {
        const candidate = namedForProxy(patient, trace, met);
        if (!found.has(candidate.key)) found.set(candidate.key, candidate);
      }
    }
  }
  return [...found.values()];
}

function candidatesFor(patient: Patient, ns: Namespace, meeting: Meeting, trace: Trace): Candidate[] {
  const { hit } = meeting;
  if (hit.backend === 'nftables') return nftCandidates(patient, ns, meeting, hit, trace);
  const table = tableOf(ns.firewall, hit);
  if (table === undefined || isPlanned(patient, ns, hit)) return [];
  const { rule } = hit;
  // A jump into a chain is not what stops a packet; what is in the chain is.
  if (rule === undefined ? hit.position !== 0 : !isTerminal(table, rule)) return [];
  const deniesByDefault = rule === undefined || isLastResort(table, hit.chain, rule);
  const owner = ownerOfChain(hit.chain)?.owner;
  const cause = ruleCause(patient, ns, hit);
  const base = {
    cause,
    restriction: false,
    params: {
      rule: rule === undefined ? `-P ${hit.chain} DROP` : `-A ${hit.chain} ${formatRule(rule)}`,
      table: hit.table,
      chain: hit.chain,
      position: String(hit.position),
      namespace: ns.name,
    },
    because: [],
    evidence: ruleEvidence(hit, ns.firewall, patient),
    ...originOf(patient, ns, hit, deniesByDefault ? 'default' : owner),
  };
  const at = `${ns.name} ${hit.backend} ${hit.family} ${hit.table} ${hit.chain}`;
  const candidate = (key: string, cost: number, to: Ruleset, repairs: readonly Repair[]): Candidate => ({
    ...base,
    key: `${key} ${at} ${hit.position}`,
    changes: [{ namespace: ns.name, kind: 'ruleset', from: ns.firewall, to }],
    cost,
    repairs,
  });
  const opened =
    rule === undefined
      ? candidate('policy', policyCost(ns, hit, cause), withPolicy(ns.firewall, table, hit.chain), [])
      : candidate('remove', deniesByDefault ? policyCost(ns, hit) : 1, without(ns.firewall, table, hit), []);
  if (!deniesByDefault || ns.kind !== 'host' || hit.table !== 'filter') return [opened];
  const passing = [...baseChains(ns, hit)].flatMap((chain) =>
    passesAt(patient, chain, meeting).map((pass) => {
      const to = withRules(ns.firewall, table, chain, passRules(pass));
      const words = isUfw(table) ? ufwRepair(pass) : undefined;
      return candidate(`pass ${passKey(pass)}`, 1.2, to, words === undefined ? [] : [words]);
    }),
  );
  return [...passing, opened];
}

/**
 * What may be let through at a built-in chain. In FORWARD that would open the containers past Docker's own rules, where these are
 * rules of iptables; an engine with native tables still has its say after it.
 */
function passesAt(patient: Patient, chain: string, meeting: Meeting): readonly Pass[] {
  const bridges = [...bridgeNames(patient).keys()];
  switch (chain) {
    case 'INPUT':
      return passesFor('input', meeting, bridges);
    case 'OUTPUT':
      return passesFor('output', meeting, bridges);
    case 'FORWARD':
      return isNative(patient) ? passesFor('forward', meeting, bridges) : [];
    default:
      return [];
  }
}

/**
 * The firewall that denies by default is one, whatever its hook and family; so is what one program made. Where Docker's own rules
 * stand in FORWARD, its policy is another matter: to open it opens the containers.
 */
function originOf(
  patient: Patient,
  ns: Namespace,
  hit: IptablesHit,
  owner: string | undefined,
): Pick<Candidate, 'origin'> {
  const isOpening = hit.rule === undefined && hit.chain === 'FORWARD' && !isNative(patient);
  return owner === undefined || hit.table !== 'filter' || ns.kind !== 'host' || isOpening
    ? {}
    : { origin: firewallOrigin(ns, owner) };
}

function isUfw(table: Table): boolean {
  return table.chains.some((chain) => ownerOfChain(chain.name)?.owner === 'ufw');
}

/** A rule that ends the packet's way in its chain, or changes the packet. */
function isTerminal(table: Table, { target }: Rule): boolean {
  return target !== undefined && findChain(table, target.name) === undefined;
}

/** The end of a built-in chain, or of one of a program's, that stops whatever comes to it, like a policy. */
function isLastResort(table: Table, name: string, rule: Rule): boolean {
  const chain = findChain(table, name);
  const ends = chain?.policy !== undefined || ownerOfChain(name) !== undefined;
  return ends && chain?.rules.at(-1) === rule && isUnconditionalStop(rule);
}

function isUnconditionalStop({ matches, target, ...conditions }: Rule): boolean {
  const { source, destination, inInterface, outInterface, protocol, fragment } = conditions;
  const given = [source, destination, inInterface, outInterface, protocol, fragment];
  return (
    (target?.name === 'DROP' || target?.name === 'REJECT') &&
    given.every((condition) => condition === undefined) &&
    matches.every((match) => match.module === 'comment')
  );
}

/** Opening a whole hook costs more than letting one bridge pass; Docker's own DROP in FORWARD keeps unpublished ports closed. */
function policyCost(ns: Namespace, hit: IptablesHit, cause?: Cause): number {
  if (ns.kind !== 'host') return 1.5;
  // Nobody's any more.
  if (cause === 'stale-forward-drop-beside-nftables') return 1;
  if (hit.rule !== undefined && hit.chain === 'FORWARD') return 1.5;
  if (hit.chain === 'FORWARD') return 4;
  return hit.chain === 'INPUT' ? 6 : 2.5;
}

function withPolicy(ruleset: Ruleset, table: Table, name: string): Ruleset {
  return editChain(ruleset, table, name, (chain) => ({ ...chain, policy: 'ACCEPT' }));
}

function without(ruleset: Ruleset, table: Table, hit: IptablesHit): Ruleset {
  return editChain(ruleset, table, hit.chain, (chain) => ({
    ...chain,
    rules: chain.rules.filter((rule) => rule !== hit.rule),
  }));
}

function withRules(ruleset: Ruleset, table: Table, name: string, rules: readonly Rule[]): Ruleset {
  return editChain(ruleset, table, name, (chain) => ({ ...chain, rules: [...rules, ...chain.rules] }));
}

/** A ruleset in which one chain of this table is another. */
export function editChain(
  ruleset: Ruleset,
  table: Table,
  name: string,
  edit: (chain: Chain) => Chain,
): Ruleset {
  return {
    tables: ruleset.tables.map((t) =>
      t === table ? { ...t, chains: t.chains.map((c) => (c.name === name ? edit(c) : c)) } : t,
    ),
  };
}

/**
 * Whether the engine made this rule or policy: it is in the plan. Without a plan a rule that looks like one of the engine's is taken
 * for its own, and the DROP of FORWARD.
 */
function isPlanned(patient: Patient, ns: Namespace, hit: IptablesHit): boolean {
  if (ns.kind !== 'host') return false;
  const { family, chain, rule } = hit;
  const plan = patient.expected?.plan.ruleset;
  if (plan === undefined) {
    if (rule === undefined) return chain === 'FORWARD';
    return ruleClassifier(ns.firewall)({ family, table: hit.table, chain, rule }).owner === 'docker';
  }
  const table = findTable(plan, { backend: hit.backend, family, table: hit.table });
  const planned = table === undefined ? undefined : findChain(table, chain);
  if (rule === undefined) return planned?.policy === 'DROP';
  return planned?.rules.some((own) => sameRule(own, rule)) === true;
}

/** An engine with native tables has no rules of iptables that anything could stand before. */
function isNative({ expected }: Patient): boolean {
  return expected?.generation === 'N1';
}
