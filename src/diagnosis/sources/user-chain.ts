/**
 * What people get wrong in DOCKER-USER: rules that stop answers too, and rules that ask for the port on the host, though filter is
 * asked after DNAT. In: the patient, and the walks that fail. Out: candidates that mend such a rule without taking it away.
 */
import { formatRule } from '../../firewall/args.ts';
import { type Chain, findChain, type Rule, type Table } from '../../firewall/ruleset.ts';
import type { Namespace } from '../../host/state.ts';
import type { PortBinding } from '../../intent/intent.ts';
import type { IptablesHit, Trace } from '../../packet/trace.ts';
import { userChainName } from '../../plan/docker-rules.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { ruleEvidence } from '../evidence.ts';
import { baseChains, tableOf } from './rule-causes.ts';
import { editChain } from './rule-faults.ts';

export function userChainCandidates(patient: Patient, traces: readonly Trace[]): Candidate[] {
  const host = patient.state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined || traces.length === 0) return [];
  const stopped = traces.flatMap(({ reply }) => deathIn(reply, host) ?? []);
  const exempt = new Map<string, Candidate>();
  for (const hit of stopped)
    for (const candidate of narrowed(patient, host, hit)) exempt.set(candidate.key, candidate);
  return [
    ...exempt.values(),
    ...hostPortRules(patient, host).map((found) => portAsAsked(patient, host, found)),
  ];
}

/** The rule of iptables on the host that ended this way. */
function deathIn(hops: Trace['reply'], host: Namespace): IptablesHit | undefined {
  for (const hop of hops) {
    for (const step of hop.steps) {
      if (step.kind !== 'drop' || hop.namespace !== host.name) continue;
      if (step.rule !== undefined && step.rule.backend !== 'nftables') return step.rule;
    }
  }
  return undefined;
}

/**
 * What the rule stops leaves the chain before the rule is asked, and what Docker says of it counts then: answers, and connections to
 * ports that were published on purpose. Both are less than to take the rule away, for what else it is for goes on.
 */
function narrowed(patient: Patient, host: Namespace, hit: IptablesHit): Candidate[] {
  const table = tableOf(host.firewall, hit);
  if (table === undefined || hit.rule === undefined || !baseChains(host, hit).has(userChainName)) return [];
  const passing = (states: string, cause: Cause, cost: number): Candidate => {
    const rule = returning(states);
    const edit = (chain: Chain): Chain => ({ ...chain, rules: [rule, ...chain.rules] });
    return {
      ...candidateAt(patient, host, table, userChainName, edit, cause, hit),
      key: `${states} return ${hit.backend} ${hit.family}`,
      cost,
    };
  };
  return [
    passing('RELATED,ESTABLISHED', 'docker-user-drops-replies', 0.5),
    passing('DNAT', 'foreign-rule-drops', 0.4),
  ];
}

function returning(states: string): Rule {
  const match = { module: 'conntrack', options: [{ not: false, name: '--ctstate', values: [states] }] };
  return { matches: [match], target: { kind: 'jump', name: 'RETURN', options: [] } };
}

function candidateAt(
  patient: Patient,
  host: Namespace,
  table: Table,
  chain: string,
  edit: (chain: Chain) => Chain,
  cause: Cause,
  hit: IptablesHit,
): Omit<Candidate, 'key' | 'cost'> {
  const to = editChain(host.firewall, table, chain, edit);
  return {
    cause,
    restriction: false,
    params: {
      rule: hit.rule === undefined ? '' : `-A ${hit.chain} ${formatRule(hit.rule)}`,
      table: hit.table,
      chain: hit.chain,
      position: String(hit.position),
      namespace: host.name,
    },
    changes: [{ namespace: host.name, kind: 'ruleset', from: host.firewall, to }],
    because: [],
    evidence: ruleEvidence(hit, host.firewall, patient),
    repairs: [],
  };
}

/** A rule that asks for a port which is one of the host's, not the container's. */
export interface HostPortRule {
  readonly table: Table;
  readonly hit: IptablesHit & { readonly rule: Rule };
  readonly container: string;
  readonly binding: PortBinding;
  /** A container that has a port of that number itself: the rule meets its traffic. */
  readonly serves: string | undefined;
}

/** Rules of DOCKER-USER for one port that is published and stands for another port of the container. */
export function hostPortRules({ expected }: Patient, host: Namespace): readonly HostPortRule[] {
  const published = (expected?.intent.sandboxes ?? [])
    .filter(({ running }) => running)
    .flatMap(({ name, endpoints }) =>
      endpoints.flatMap(({ ports }) => ports.map((binding) => ({ container: name, binding }))),
    );
  return host.firewall.tables.flatMap((table) => {
    const chain = table.name === 'filter' ? findChain(table, userChainName) : undefined;
    return (chain?.rules ?? []).flatMap((rule, i): HostPortRule[] => {
      const asked = portAsked(rule);
      const same = published.filter(({ binding }) => binding.protocol === rule.protocol?.value);
      const found = same.find(({ binding }) => binding.hostPort === asked && binding.containerPort !== asked);
      if (asked === undefined || found === undefined) return [];
      const serves = same.find(({ binding }) => binding.containerPort === asked)?.container;
      const { backend, family } = table;
      const hit = { backend, family, table: table.name, chain: userChainName, position: i + 1, rule };
      return [{ table, hit, ...found, serves }];
    });
  });
}

/** The one port that a rule asks for by `--dport`. */
function portAsked({ protocol, matches }: Rule): number | undefined {
  const options = matches.find(({ module }) => module === protocol?.value)?.options ?? [];
  const option = options.find(({ name }) => name === '--dport');
  const [port = ''] = option?.not === false ? option.values : [];
  return /^\d+$/.test(port) ? Number(port) : undefined;
}

/** The same rule, asking for the port that the client asked for. */
export function portAsAsked(patient: Patient, host: Namespace, found: HostPortRule): Candidate {
  const { table, hit, binding, container, serves = '' } = found;
  const port = String(binding.hostPort);
  const connection = [
    { not: false, name: '--ctorigdstport', values: [port] },
    { not: false, name: '--ctdir', values: ['ORIGINAL'] },
  ];
  const others = hit.rule.matches.filter(({ module }) => module !== hit.rule.protocol?.value);
  const asked: Rule = { ...hit.rule, matches: [...others, { module: 'conntrack', options: connection }] };
  const edit = (chain: Chain): Chain => ({
    ...chain,
    rules: chain.rules.map((rule) => (rule === hit.rule ? asked : rule)),
  });
  const candidate = candidateAt(patient, host, table, hit.chain, edit, 'docker-user-matches-host-port', hit);
  const containerPort = String(binding.containerPort);
  return {
    ...candidate,
    key: `port as asked ${table.backend} ${table.family} ${hit.position}`,
    params: { ...candidate.params, port, containerPort, container, serves },
    cost: 0.8,
  };
}
