/**
 * Candidates from flows that the engine keeps apart by design: between networks, and from outside straight to a container.
 * In: the patient and failing walks. Out: candidates that undo what was asked for, so that what they heal is information.
 */
import { bridgeNames, endpointsOf } from '../../drift/networks.ts';
import { formatNftRule } from '../../firewall/nft/format.ts';
import type { Namespace } from '../../host/state.ts';
import type { Endpoint, Network, Sandbox } from '../../intent/intent.ts';
import { nextAddress } from '../../intent/ipam.ts';
import { type Addr, formatAddr, sameAddr } from '../../net/addr.ts';
import type { Prefix } from '../../net/prefix.ts';
import { withSetting } from '../../options/implied.ts';
import { optionTable } from '../../options/table.ts';
import { spans } from '../../options/version.ts';
import type { RuleHit, Trace } from '../../packet/trace.ts';
import type { Expected } from '../../plan/expected.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Candidate, Patient } from '../candidate.ts';
import type { Cause } from '../causes.ts';
import { deathStep } from '../death.ts';
import { ruleEvidence } from '../evidence.ts';
import type { Evidence, Repair } from '../finding.ts';
import { shellLine } from '../shell.ts';
import { restarted } from './option-flips.ts';
import { planDifference } from './settings.ts';

/** Candidates for failing flows whose destination is a container's own address. */
export function apartCandidates(patient: Patient, traces: readonly Trace[]): Candidate[] {
  const { expected, state } = patient;
  if (expected === undefined) return [];
  const found = new Map<string, Candidate>();
  for (const trace of traces) {
    const { flow } = trace;
    const target = flow.dst === undefined ? undefined : targetOf(expected, flow.dst);
    if (target === undefined) continue;
    const from = state.namespaces.find((n) => n.name === flow.from);
    const candidates =
      from === undefined
        ? directAccess(patient, expected, target, trace)
        : from.kind === 'container'
          ? joining(patient, from, target)
          : [];
    for (const candidate of candidates) found.set(candidate.key, candidate);
  }
  return [...found.values()];
}

interface Target {
  readonly sandbox: Sandbox;
  readonly endpoint: Endpoint;
  readonly network: Network;
}

function targetOf({ intent }: Expected, dst: Addr): Target | undefined {
  for (const sandbox of intent.sandboxes) {
    const endpoint = sandbox.endpoints.find((e) => e.addresses.some((p) => sameAddr(p.addr, dst)));
    const network = intent.networks.find((n) => n.id === endpoint?.network);
    if (sandbox.running && endpoint !== undefined && network?.driver === 'bridge')
      return { sandbox, endpoint, network };
  }
  return undefined;
}

/** What `docker network connect` would do: the asker gets a link and an address in the network of whom it asks. */
function joining(patient: Patient, from: Namespace, { network, sandbox }: Target): Candidate[] {
  const own = endpointsOf(patient, from.name);
  const bridge = [...bridgeNames(patient)].find(([, n]) => n.id === network.id)?.[0];
  const prefix = freeAddress(patient, network);
  if (own.length === 0 || own.some((e) => e.network.id === network.id)) return [];
  if (bridge === undefined || prefix === undefined) return [];
  const command = shellLine(['docker', 'network', 'connect', network.name, from.name]);
  const [mine] = own;
  return [
    {
      ...byDesign('networks-isolated', `join ${from.name} ${network.name}`),
      params: {
        container: from.name,
        peer: sandbox.name,
        network: network.name,
        own: own.map((e) => e.network.name).join(', '),
      },
      changes: [
        {
          namespace: from.name,
          kind: 'attach',
          dev: freeName(from),
          mac: `new:${from.name}:${network.name}`,
          prefix,
          gateway: undefined,
          bridge,
        },
      ],
      evidence: [
        {
          file: 'docker-container-inspect.json',
          text: `${from.name}: networks ${own.map((e) => e.network.name).join(', ')}`,
        },
        {
          file: 'docker-container-inspect.json',
          text: `${sandbox.name}: network ${network.name}${mine === undefined ? '' : `, not ${mine.network.name}`}`,
        },
      ],
      repairs: [{ kind: 'command', change: command }],
    },
  ];
}

/** The address that the engine would give next. */
function freeAddress({ expected }: Patient, network: Network): Prefix | undefined {
  const config = network.ipam.find((c) => c.subnet.addr.family === 'ipv4');
  const taken = (expected?.intent.sandboxes ?? []).flatMap((s) =>
    s.endpoints.flatMap((e) => e.addresses.map((p) => p.addr)),
  );
  return config === undefined ? undefined : nextAddress(config, taken);
}

function freeName({ links }: Namespace): string {
  let i = 0;
  while (links.some((l) => l.name === `eth${i}`)) i += 1;
  return `eth${i}`;
}

/** Since 28.0 the engine drops what comes to a container from outside without passing a published port (raw/PREROUTING). */
function directAccess(
  patient: Patient,
  expected: Expected,
  { network, endpoint }: Target,
  trace: Trace,
): Candidate[] {
  const rule = deathStep(trace)?.step.rule;
  if (rule === undefined || !isRaw(rule)) return [];
  const offer = (key: string, plan: Plan, repair: Repair): Candidate[] => {
    const changes = planDifference(patient.state, expected.plan, plan);
    const address = endpoint.addresses.map((p) => formatAddr(p.addr)).join(', ');
    return changes.length === 0
      ? []
      : [
          {
            ...byDesign('direct-access-dropped', `direct ${key} ${network.id}`),
            params: { network: network.name, address },
            changes,
            evidence: hitEvidence(patient, rule),
            repairs: [repair],
          },
        ];
  };
  const mode = `com.docker.network.bridge.gateway_mode_${trace.flow.dst?.family ?? 'ipv4'}`;
  const open = { ...network, options: { ...network.options, [mode]: 'nat-unprotected' } };
  const networks = expected.intent.networks.map((n) => (n.id === network.id ? open : n));
  const recreated = expected.replan({ ...expected.intent, networks });
  return [
    ...allowed(expected, offer),
    ...offer(mode, recreated, {
      kind: 'config',
      change: `recreate the network ${network.name} with -o ${mode}=nat-unprotected`,
      transition: 'recreate',
    }),
  ];
}

/** By the daemon's own option, where it has one: for published ports alone. */
function allowed(
  expected: Expected,
  offer: (key: string, plan: Plan, repair: Repair) => Candidate[],
): Candidate[] {
  const option = 'allow-direct-routing';
  const { options } = expected;
  if (!spans(optionTable[option], options.engine)) return [];
  const changed = restarted(expected, withSetting(options, option, true, { kind: 'default' }));
  const change = changed.howTo(`set ${option} to true, then restart dockerd`).join('\n');
  return offer(option, changed.plan, { kind: 'config', change, transition: changed.transition });
}

/** The engine's own drops of direct access stand in raw/PREROUTING; natively in a chain of that name. */
function isRaw(rule: RuleHit): boolean {
  return rule.backend === 'nftables' ? /raw-PREROUTING/.test(rule.chain) : rule.table === 'raw';
}

function hitEvidence(patient: Patient, rule: RuleHit): Evidence[] {
  const host = patient.state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return [];
  if (rule.backend !== 'nftables') return ruleEvidence(rule, host.firewall, patient);
  return [
    {
      file: 'nft-ruleset.json',
      text: `${rule.table} ${rule.chain} ${rule.rule === undefined ? '' : formatNftRule(rule.rule)}`,
    },
  ];
}

function byDesign(
  cause: Cause,
  key: string,
): Pick<Candidate, 'cause' | 'key' | 'restriction' | 'cost' | 'because'> {
  return { cause, key, restriction: true, cost: 3, because: [] };
}
