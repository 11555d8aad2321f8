/**
 * Candidates from native nftables that a failing flow met and that the engine did not make: a rule or policy that stops it.
 * In: the patient and one hit. Out: candidates that let the bridges pass that base chain, take the rule away, or open the
 * policy. An accept in another chain never helps, so only the chain that stops is changed.
 */

import { bridgeNames } from '../../drift/networks.ts';
import { chainsBehind } from '../../firewall/nft/condition.ts';
import { applyNftEdit, type NftEdit } from '../../firewall/nft/edit.ts';
import { formatNftRule } from '../../firewall/nft/format.ts';
import {
  findNftChain,
  findNftTable,
  type NftChain,
  type NftRule,
  type NftTable,
  tableText,
} from '../../firewall/nft/model.ts';
import { sameNftRule } from '../../firewall/nft/same.ts';
import { ownerOfNftTable } from '../../firewall/owners.ts';
import { firewalldMembers, firewalldZone } from '../../host/firewalld.ts';
import type { Namespace } from '../../host/state.ts';
import type { NftHit, Trace } from '../../packet/trace.ts';
import { isDockerNftTable } from '../../plan/docker-rules.ts';
import { type Candidate, firewallOrigin, type Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import type { Evidence, Repair } from '../finding.ts';
import type { Meeting } from './meeting.ts';
import { type FilterHook, firewalldRepair, type Pass, passesFor, passKey, passNftRules } from './pass.ts';

/** To open a hook for all costs more than to name what may pass. */
const openingCost = 6;

/** `meeting`: that of the hit, in this walk. */
export function nftCandidates(
  patient: Patient,
  ns: Namespace,
  meeting: Meeting,
  hit: NftHit,
  trace: Trace,
): Candidate[] {
  const { nft } = ns;
  const table = nft?.tables.find((t) => tableText(t) === hit.table);
  const chain = table === undefined ? undefined : findNftChain(table, hit.chain);
  if (nft === undefined || table === undefined || chain === undefined) return [];
  const { rule } = hit;
  if (isPlanned(patient, ns, table, hit) || (rule !== undefined && !stops(rule))) return [];
  const firewalld = isFirewalld(table);
  const strict = firewalld && isStrict(patient, table, chain) && isMapped(trace, ns);
  const bridges = [...bridgeNames(patient).keys()];
  const base = {
    cause: strict ? ('firewalld-strict-forward-ports' as const) : causeOf(ns, table, chain),
    restriction: false,
    because: [],
    evidence: [
      { file: table.at?.file ?? 'nft-ruleset.json', text: textOf(hit) },
      ...(strict ? strictEvidence(patient) : []),
    ],
    ...(ns.kind === 'host' ? { origin: firewallOrigin(ns, `nftables ${table.name}`) } : {}),
  };
  const params = {
    rule: textOf(hit),
    table: hit.table,
    chain: hit.chain,
    position: String(hit.position),
    namespace: ns.name,
    bridge: bridges.join(', '),
  };
  const candidate = (
    what: string,
    edits: readonly NftEdit[],
    cost: number,
    more: Partial<Candidate> = {},
  ) => ({
    ...base,
    key: `${what} ${ns.name} nftables ${hit.table} ${hit.chain} ${hit.position}`,
    params,
    changes: [{ namespace: ns.name, kind: 'nft' as const, from: nft, to: edits.reduce(applyNftEdit, nft) }],
    cost,
    repairs: [],
    ...more,
  });
  const at = { table, chain: chain.name };
  // In the engine's own table only what does not belong there goes.
  const passing = ns.kind === 'host' && !isDockerNftTable(table.name) ? baseChainsAbove(table, chain) : [];
  const passed = passing.flatMap((above) =>
    passesFor(hookOf(above) ?? 'input', meeting, bridges).map((pass) =>
      candidate(
        `pass ${passKey(pass)} ${above.name}`,
        passNftRules(pass).map((own) => ({ kind: 'insert-rule', table, chain: above.name, rule: own })),
        firewalld ? 1 : 1.2,
        {
          params: pass.kind === 'bridge' ? { ...params, bridge: pass.bridge } : params,
          repairs: firewalld ? wordsOf(pass, ns, table, chain) : [],
        },
      ),
    ),
  );
  if (rule === undefined)
    return [...passed, candidate('policy', [{ ...at, kind: 'accept-policy' }], openingCost)];
  const cost = stopsAll(rule) ? openingCost : 1;
  return [...passed, candidate('remove', [{ ...at, kind: 'delete-rule', rule }], cost)];
}

/** A verdict without a condition: the end of a chain that denies by default. */
function stopsAll({ statements }: NftRule): boolean {
  return statements.every((s) => s.kind === 'observe' || s.kind === 'reject' || s.kind === 'verdict');
}

function isFirewalld({ name }: NftTable): boolean {
  return ownerOfNftTable(name)?.owner === 'firewalld';
}

/**
 * Whether the engine made this rule, or policy: it is in the plan. Without a plan, and in containers, all that is in dockerd's own
 * tables is taken for its own: `docker-bridges` on the host, `docker-dns` in containers (29 with the nftables backend).
 */
function isPlanned(patient: Patient, ns: Namespace, table: NftTable, { chain, rule }: NftHit): boolean {
  if (!isDockerNftTable(table.name)) return false;
  if (patient.expected === undefined || ns.kind !== 'host') return true;
  const planned = findNftTable(patient.expected.plan.nft, table);
  const own = planned === undefined ? undefined : findNftChain(planned, chain);
  if (rule === undefined) return own?.base?.policy === 'drop';
  return own?.rules.some((other) => sameNftRule(other, rule)) === true;
}

/** A jump into a chain is not what stops a packet; what is in the chain is. */
function stops(rule: NftRule): boolean {
  return rule.statements.some(
    (s) =>
      s.kind === 'reject' ||
      s.kind === 'nat' ||
      s.kind === 'mangle' ||
      s.kind === 'notrack' ||
      s.kind === 'vmap' ||
      s.kind === 'unknown' ||
      (s.kind === 'verdict' && (s.verdict.kind === 'drop' || s.verdict.kind === 'accept')),
  );
}

function textOf({ table, chain, rule }: NftHit): string {
  return rule === undefined
    ? `chain ${table} ${chain} policy drop`
    : `${table} ${chain} ${formatNftRule(rule)}`;
}

/** The base chains from which this chain is reached, of hooks where a bridge can be let pass. */
function baseChainsAbove(table: NftTable, chain: NftChain): readonly NftChain[] {
  const reached = new Set([chain.name]);
  let grew = true;
  while (grew) {
    const above = table.chains.filter(
      (c) =>
        !reached.has(c.name) &&
        c.rules.some((rule) => chainsBehind(table, rule).some((name) => reached.has(name))),
    );
    for (const { name } of above) reached.add(name);
    grew = above.length > 0;
  }
  return table.chains.filter(
    (c) => reached.has(c.name) && c.base?.type === 'filter' && hookOf(c) !== undefined,
  );
}

function hookOf({ base }: NftChain): FilterHook | undefined {
  const hooks: readonly FilterHook[] = ['input', 'forward', 'output'];
  return hooks.find((hook) => hook === base?.hook);
}

/** Docker makes the zone `docker` since 20.10; what comes by another device is in that device's zone, or in the one whose chain it met. */
function wordsOf(pass: Pass, ns: Namespace, table: NftTable, chain: NftChain): readonly Repair[] {
  const bridge = table.chains.some((c) => c.name === 'filter_FWD_docker') ? 'docker' : 'trusted';
  const member = pass.kind === 'service' ? firewalldMembers(ns)?.get(pass.device) : undefined;
  const words = firewalldRepair(pass, { bridge, device: member ?? firewalldZone(chain.name) });
  return words === undefined ? [] : [words];
}

function causeOf(ns: Namespace, table: NftTable, chain: NftChain): Cause {
  if (ns.kind === 'container') return 'container-firewall-drops';
  const [above] = baseChainsAbove(table, chain);
  if (isFirewalld(table)) {
    return above?.base?.hook === 'input' ? 'input-reject' : 'firewalld-rejects-forward';
  }
  return 'extra-base-chain-drops';
}

const firewalldConfiguration = 'firewalld/firewalld.conf';

/** Since 2.3 it can be told to forward only the ports that it forwards itself; else it accepts whatever was translated. */
function isStrict(patient: Patient, table: NftTable, chain: NftChain): boolean {
  const [above] = baseChainsAbove(table, chain);
  if (above?.base?.hook !== 'forward') return false;
  const accepts = above.rules.some((rule) => /\bct status dnat accept\b/.test(formatNftRule(rule)));
  return (
    !accepts && (patient.lines(firewalldConfiguration) === undefined || strictEvidence(patient).length > 0)
  );
}

function strictEvidence(patient: Patient): readonly Evidence[] {
  const lines = patient.lines(firewalldConfiguration) ?? [];
  const line = lines.findIndex((text) => /^\s*StrictForwardPorts\s*=\s*(?:yes|true|1)\b/i.test(text)) + 1;
  const text = patient.line(firewalldConfiguration, line);
  return text === undefined ? [] : [{ file: firewalldConfiguration, line, text }];
}

/** The host gave the request another destination before it stopped. */
function isMapped({ hops }: Trace, { name }: Namespace): boolean {
  return hops.some(
    (hop) =>
      hop.namespace === name &&
      hop.steps.some((step) => step.kind === 'nat' && step.manip === 'dst' && !step.undo),
  );
}
