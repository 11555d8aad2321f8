/**
 * What it means that a rule, or a policy, of iptables stops a flow and no plan contains it. In: the patient and the hit.
 * Out: the cause that taking it away would prove. Whether it does stop the flow is not asked here.
 */

import { bridgeNames } from '../../drift/networks.ts';
import { ownerOfRule } from '../../firewall/owners.ts';
import { findChain, type Rule, type Ruleset, type Table } from '../../firewall/ruleset.ts';
import type { Namespace } from '../../host/state.ts';
import { parseAddr, sameAddr } from '../../net/addr.ts';
import { addressBits } from '../../net/prefix.ts';
import type { IptablesHit } from '../../packet/trace.ts';
import { ruleClassifier } from '../../plan/classify.ts';
import type { Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';

const rateMatches = new Set(['limit', 'hashlimit', 'recent', 'connlimit', 'statistic', 'quota']);

export function ruleCause(patient: Patient, ns: Namespace, hit: IptablesHit): Cause {
  const { rule } = hit;
  if (ns.kind === 'container') return 'container-firewall-drops';
  const planned = patient.expected?.backend;
  const bothFilled = new Set(ns.firewall.tables.map((t) => t.backend)).size > 1;
  if (bothFilled && hit.backend === 'iptables-legacy' && planned !== 'iptables-legacy')
    return 'legacy-and-nft-mixed';
  const target = rule?.target?.name;
  if (rule?.matches.some((m) => rateMatches.has(m.module)) === true) return 'rate-limited';
  if (target === 'CT' || target === 'NOTRACK') return 'connection-untracked';
  if (target === 'MARK' || target === 'CONNMARK') return 'mark-routes-elsewhere';
  if (rule !== undefined && isStale(patient, ns, hit, rule)) return 'stale-saved-rules';
  const bases = baseChains(ns, hit);
  if (hit.table === 'nat') {
    if (rule !== undefined && isForeignSource(ns, rule)) return 'snat-to-foreign-address';
    return bases.has('POSTROUTING') ? 'masquerade-shadowed' : 'foreign-nat-captures';
  }
  return hit.table === 'filter' ? filterCause(patient, ns, hit, bases) : 'foreign-rule-drops';
}

function filterCause(patient: Patient, ns: Namespace, hit: IptablesHit, bases: ReadonlySet<string>): Cause {
  const { rule } = hit;
  if (bases.has('INPUT'))
    return rule?.target?.name === 'REJECT' ? 'input-reject' : 'input-blocks-container-to-host';
  if (bases.has('OUTPUT')) return 'output-blocks-host';
  if (hit.chain !== 'FORWARD') return 'foreign-rule-drops';
  if (rule !== undefined)
    return standsBeforeDockers(patient, ns, hit, rule) ? 'forward-rule-before-docker' : 'foreign-rule-drops';
  const native = patient.expected?.generation === 'N1';
  return native && isForsaken(ns, hit) ? 'stale-forward-drop-beside-nftables' : 'foreign-rule-drops';
}

/** Rules of the engine stand below this one in its chain: there are none with native tables, without iptables, or after a flush. */
function standsBeforeDockers(patient: Patient, ns: Namespace, hit: IptablesHit, rule: Rule): boolean {
  const table = tableOf(ns.firewall, hit);
  const rules = table === undefined ? [] : (findChain(table, hit.chain)?.rules ?? []);
  const classify = ruleClassifier(ns.firewall, bridgeNames(patient).keys());
  const { family, chain } = hit;
  return rules
    .slice(rules.indexOf(rule) + 1)
    .some((below) => classify({ family, table: hit.table, chain, rule: below }).owner === 'docker');
}

/**
 * It looks like a rule that the engine makes for a container's address, and its plan has none such: an earlier engine, or a saved file,
 * left it. Rules that speak of bridges alone are written by hand as often.
 */
function isStale(patient: Patient, ns: Namespace, hit: IptablesHit, rule: Rule): boolean {
  const { destination } = rule;
  const whole =
    destination === undefined || typeof destination.value === 'string' ? undefined : destination.value;
  const host = whole !== undefined && whole.bits === addressBits(whole.addr.family);
  if (rule.target?.name !== 'DNAT' && !host) return false;
  const classify = ruleClassifier(ns.firewall, bridgeNames(patient).keys());
  return classify({ family: hit.family, table: hit.table, chain: hit.chain, rule }).owner === 'docker';
}

/** SNAT to an address that is on no link of this host: nobody answers for it. */
function isForeignSource(ns: Namespace, { target }: Rule): boolean {
  const [given = ''] =
    target?.name === 'SNAT' ? (target.options.find(({ name }) => name === '--to-source')?.values ?? []) : [];
  // ADDRESS, ADDRESS-ADDRESS, or either with ports, then IPv6 in brackets.
  const [first = ''] = given.split('-');
  const withPort = /^\[?(.*?)\]?:\d+$/.exec(first)?.[1];
  const address = parseAddr(first) ?? parseAddr(withPort ?? '');
  return (
    address !== undefined &&
    !ns.links.some((l) => l.addresses.some(({ prefix }) => sameAddr(prefix.addr, address)))
  );
}

/** Nobody but Docker has rules beside this policy: an engine with the iptables backend set it. */
function isForsaken(ns: Namespace, hit: IptablesHit): boolean {
  const table = tableOf(ns.firewall, hit);
  return (
    table?.chains.every(({ name, rules }) => rules.every((rule) => ownerOfRule(name, rule) === undefined)) ===
    true
  );
}

/** The table of a hit, with the very rule. */
export function tableOf(ruleset: Ruleset, hit: IptablesHit): Table | undefined {
  return ruleset.tables.find(
    (t) => t.backend === hit.backend && t.family === hit.family && t.name === hit.table && chainHolds(t, hit),
  );
}

function chainHolds(table: Table, hit: IptablesHit): boolean {
  const chain = findChain(table, hit.chain);
  if (chain === undefined) return false;
  return hit.rule === undefined ? chain.policy === 'DROP' : chain.rules.includes(hit.rule);
}

/** The chains from which this hit's chain is reached, itself included. */
export function baseChains(ns: Namespace, hit: IptablesHit): ReadonlySet<string> {
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
