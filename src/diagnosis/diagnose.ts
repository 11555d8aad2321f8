/**
 * Diagnosis: what is wrong on a host, why, and what would repair it, proved by walking again.
 * In: an observed state, what is expected of it, and flows (or none: then the usual ones are asked).
 * Out: findings. Pure; it reads nothing and changes nothing.
 */
import { findNftChain, findNftTable, type NftRuleset, tableText } from '../firewall/nft/model.ts';
import { findChain, findTable, type Ruleset } from '../firewall/ruleset.ts';
import type { Facts } from '../host/facts.ts';
import type { HostState } from '../host/state.ts';
import type { Flow } from '../net/flow.ts';
import type { Prefix } from '../net/prefix.ts';
import { type Progress, unwatched } from '../net/progress.ts';
import type { Outcome, Trace } from '../packet/trace.ts';
import { makeScene, walk } from '../packet/walk.ts';
import type { CannotExpect, Expected } from '../plan/expected.ts';
import { nameServiceOf } from '../plan/name-service.ts';
import type { Candidate, Patient } from './candidate.ts';
import { commandRepair } from './commands.ts';
import { deathStep } from './death.ts';
import type { Diagnosis, Finding, Severity } from './finding.ts';
import { questionKey, questionsFor } from './flows.ts';
import { rawLines } from './raw-lines.ts';
import { receiversOn, successOn } from './receiver.ts';
import type { RulesAlone } from './rules-alone.ts';
import { type Remedy, type SearchInput, searchRemedies, walksWith } from './search.ts';
import { apartCandidates } from './sources/apart-faults.ts';
import { type Guest, guestsOf } from './sources/guests.ts';
import { hostFaultCandidates } from './sources/host-faults.ts';
import { ipv6MasqueradeCandidates } from './sources/ipv6-masquerade.ts';
import { mtuCandidates } from './sources/mtu-faults.ts';
import { nameFaultCandidates } from './sources/name-faults.ts';
import { nativePartCandidates } from './sources/native-parts.ts';
import { otherBridgeCandidates } from './sources/other-bridges.ts';
import { planPartCandidates } from './sources/plan-parts.ts';
import { ruleFaultCandidates } from './sources/rule-faults.ts';
import { serviceCandidates } from './sources/service-faults.ts';
import { settingCandidates } from './sources/settings.ts';
import { undecidedCandidates } from './sources/undecided.ts';
import { uplinkCandidates } from './sources/uplink-faults.ts';
import { uplinkMtuCandidates } from './sources/uplink-mtu.ts';
import { userChainCandidates } from './sources/user-chain.ts';
import { unprovedFindings } from './unproved/detectors.ts';

export interface DiagnoseInput {
  readonly state: HostState;
  readonly expected: Expected | CannotExpect;
  /** For evidence; the facts that the state was read from. */
  readonly facts: Facts;
  readonly outsideRoutes?: readonly Prefix[];
  /** Exactly these flows; absent: what people care about. */
  readonly flows?: readonly Flow[];
  /** Where only rules are known: `state` is the host that was supposed around them. */
  readonly alone?: RulesAlone;
  /** Told how far the work is: a large host takes seconds. */
  readonly progress?: Progress;
}

export function diagnose(input: DiagnoseInput): Diagnosis {
  const { outsideRoutes = [], progress = unwatched } = input;
  const expected = 'cannot' in input.expected ? undefined : input.expected;
  const { state, guests } =
    input.flows === undefined && input.alone === undefined
      ? guestsOf(input.state, expected, outsideRoutes)
      : { state: input.state, guests: [] };
  const patient: Patient = { state, expected, ...rawLines(input.facts) };
  const questions = questionsFor(input.state, expected, input.alone?.intent);
  const names = nameServiceOf(input.expected, state);
  const scene = makeScene(state, outsideRoutes, names);
  const flows = input.flows ?? [...questions.wanted, ...guests.flatMap((guest) => guest.flows)];
  const asked = flows.map((flow, index) => {
    progress('flows', index, flows.length);
    return walk(scene, flow);
  });
  const receiverOf = receiversOn(state, expected);
  const succeeds = successOn(receiverOf);
  const failing = asked.filter((t) => !succeeds(t));
  const search = {
    state,
    outsideRoutes,
    names,
    failing,
    candidates: candidatesFor(patient, guests, failing),
    succeeds,
    receiverOf,
    progress,
  };
  const { remedies, unhealed } = searchRemedies(search);
  // What nothing repairs needs no proof: the panel is walked for remedies only.
  const isAsked = new Set(asked.map(({ flow }) => questionKey(flow)));
  const others = questions.panel.filter((flow) => !isAsked.has(questionKey(flow)));
  const panel = remedies.length === 0 ? [] : [...asked.map((t) => t.flow), ...others];
  const before = panel.map((flow, i) => asked[i] ?? walk(scene, flow, 'deaths'));
  const explained = new Set(
    remedies.flatMap(({ heals }) => [...heals].flatMap((i) => failing[i]?.flow ?? [])),
  );
  const measure = { search, panel, before, explained };
  const found = remedies.map((remedy) => findingOf(remedy, failing, measure, state));
  const unproved = unprovedFindings({
    ...patient,
    state: input.state,
    host: input.state.namespaces.find((n) => n.kind === 'host'),
    configuration: input.expected.configuration,
    asked,
    choseFlows: input.flows === undefined,
    unhealed,
    proved: found,
  });
  const findings = order([...found, ...unproved]);
  return {
    healthy: !findings.some((f) => f.severity === 'error'),
    findings,
    asked,
    choseFlows: input.flows === undefined,
    unknowns: [...new Map(asked.flatMap((t) => t.unknowns).map((u) => [u.fact, u])).values()],
    state,
    ...(input.alone === undefined ? {} : { alone: input.alone }),
    ...('cannot' in input.expected ? { unexpected: input.expected.cannot } : {}),
  };
}

/** Changes that may heal; a host on which nothing fails needs none, and every setting tried costs a plan. */
function candidatesFor(
  patient: Patient,
  guests: readonly Guest[],
  failing: readonly Trace[],
): readonly Candidate[] {
  if (failing.length === 0) return [];
  return [
    ...settingCandidates(patient),
    ...ipv6MasqueradeCandidates(patient),
    ...planPartCandidates(patient),
    ...nativePartCandidates(patient),
    ...hostFaultCandidates(patient),
    ...uplinkCandidates(patient, failing),
    ...uplinkMtuCandidates(patient),
    ...ruleFaultCandidates(patient, failing),
    ...mtuCandidates(patient, failing),
    ...serviceCandidates(patient, failing),
    ...apartCandidates(patient, failing),
    ...userChainCandidates(patient, failing),
    ...otherBridgeCandidates(patient, guests, failing),
    ...nameFaultCandidates(patient),
    ...undecidedCandidates(patient, failing),
  ];
}

interface Measure {
  readonly search: SearchInput;
  readonly panel: readonly Flow[];
  readonly before: readonly Trace[];
  /** Flows that some finding is about: that they work is what repairs are for, not their price. */
  readonly explained: ReadonlySet<Flow>;
}

/** The finding of a remedy; its proof and its price are those of the remedy together with all that its flows need as well. */
function findingOf(remedy: Remedy, failing: readonly Trace[], measure: Measure, state: HostState): Finding {
  const { candidate, heals, together } = remedy;
  const healed = [...heals].flatMap((i) => failing[i] ?? []);
  const { succeeds } = measure.search;
  const applied = [candidate, ...together.map((partner) => partner.candidate)];
  const after = walksWith(measure.search, applied, measure.panel);
  const lets = (trace: Trace | undefined): boolean => trace !== undefined && succeeds(trace);
  const newlyAllowed = measure.panel.filter(
    (flow, i) => !measure.explained.has(flow) && !lets(measure.before[i]) && lets(after[i]),
  );
  const places = new Map(measure.panel.map((flow, i) => [flow, i]));
  const proved = healed.map(({ flow, outcome }) => ({
    flow,
    before: outcome,
    after: after[places.get(flow) ?? -1]?.outcome ?? ('unknown' as const),
  }));
  const [first] = healed;
  const command = commandRepair(state, candidate.changes);
  const isSaid = candidate.repairs.some(({ change }) => change === command?.change);
  return {
    cause: candidate.cause,
    severity: severityOf(remedy, healed),
    params: candidate.params,
    flows: healed.map((t) => t.flow),
    hop: first === undefined ? '' : hopOf(first, candidate),
    because: candidate.because,
    evidence: candidate.evidence,
    repairs: [...candidate.repairs, ...(command === undefined || isSaid ? [] : [command])],
    changes: applied.flatMap((c) => c.changes),
    proof: { flows: proved, newlyAllowed },
    together: together.map((partner) => ({ cause: partner.candidate.cause, flows: partner.heals.size })),
    ...(first === undefined ? {} : { walk: first }),
  };
}

/** Flows that a restriction stops as well were not meant to work: what else stops them breaks nothing yet. */
function severityOf({ candidate, heals, together }: Remedy, healed: readonly Trace[]): Severity {
  if (candidate.restriction) return 'info';
  const restrictions = together.filter((partner) => partner.candidate.restriction);
  const meant = [...heals].some((i) => !restrictions.some((restriction) => restriction.heals.has(i)));
  const mild: readonly Outcome[] = ['unknown', ...(candidate.warns ?? [])];
  return meant && healed.some((t) => !mild.includes(t.outcome)) ? 'error' : 'warning';
}

/** The chain that the repair changes first, else where the packet died. */
function hopOf(trace: Trace, candidate: Candidate): string {
  for (const change of candidate.changes) {
    const chain =
      change.kind === 'ruleset'
        ? changedChain(change.from, change.to)
        : change.kind === 'nft'
          ? changedNftChain(change.from, change.to)
          : undefined;
    if (chain !== undefined) return chain;
  }
  const death = deathStep(trace);
  return death === undefined ? '' : `${death.namespace}: ${death.step.where}`;
}

function changedChain(from: Ruleset, to: Ruleset): string | undefined {
  for (const table of to.tables) {
    const before = findTable(from, { backend: table.backend, family: table.family, table: table.name });
    const chain = table.chains.find((c) => {
      const old = before === undefined ? undefined : findChain(before, c.name);
      return old?.rules.length !== c.rules.length || old.policy !== c.policy;
    });
    if (chain !== undefined) return `${table.name}/${chain.name}`;
  }
  return undefined;
}

function changedNftChain(from: NftRuleset, to: NftRuleset): string | undefined {
  for (const table of to.tables) {
    const before = findNftTable(from, table);
    const chain = table.chains.find((c) => {
      const old = before === undefined ? undefined : findNftChain(before, c.name);
      return old?.rules.length !== c.rules.length || old.base?.policy !== c.base?.policy;
    });
    if (chain !== undefined) return `${tableText(table)} ${chain.name}`;
  }
  return undefined;
}

/** Errors before information, restrictions that a setting asks for before those of every host, what explains more before what explains less. */
function order(findings: readonly Finding[]): Finding[] {
  const rank = { error: 0, warning: 1, info: 2 } as const;
  const rankOf = ({ severity, because }: Finding) =>
    rank[severity] + (severity === 'info' && because.length === 0 ? 1 : 0);
  return [...findings].sort((a, b) => rankOf(a) - rankOf(b) || b.flows.length - a.flows.length);
}
