/**
 * Candidates from settings: each daemon option and network option that is not at its default, put back there.
 * In: what is expected of the host. Out: candidates whose change is the difference between two plans, made on the
 * observed host. Which setting matters is found by trying, not by knowing.
 */
import { mergeRulesets } from '../firewall/merge.ts';
import type { StateChange } from '../host/change.ts';
import type { HostState } from '../host/state.ts';
import type { Intent, Network } from '../intent/intent.ts';
import type { Because, Origin } from '../net/reason.ts';
import { withSetting } from '../options/implied.ts';
import type { OptionName, Options, OptionValues } from '../options/options.ts';
import { optionNames, optionTable } from '../options/table.ts';
import { type Versioned, valueFor } from '../options/version.ts';
import type { Expected } from '../plan/expected.ts';
import type { Plan } from '../plan/plan.ts';
import type { Candidate, Patient } from './candidate.ts';
import { meaningOf } from './causes.ts';
import { settingEvidence } from './evidence.ts';

/** A flip of one setting: the plan that it gives, and what to write where. */
interface Flip {
  readonly setting: string;
  readonly because: Because;
  readonly plan: Plan;
  readonly repair: string;
  readonly network?: string;
}

/** Candidates for every setting that is not at its default and whose default would change the plan. */
export function settingCandidates(patient: Patient): Candidate[] {
  const { expected, state } = patient;
  if (expected === undefined) return [];
  return [...optionFlips(expected), ...networkFlips(expected)].flatMap((flip) => {
    const meaning = meaningOf(flip.setting);
    const changes = planDifference(state, expected.plan, flip.plan);
    if (meaning === undefined || changes.length === 0) return [];
    return [
      {
        key: `setting ${flip.setting} ${flip.network ?? ''}`,
        cause: meaning.cause,
        restriction: meaning.restriction,
        params: {
          setting: flip.setting,
          value: String(flip.because.value),
          ...(flip.network === undefined ? {} : { network: flip.network }),
        },
        changes,
        cost: 2,
        because: [flip.because],
        evidence: settingEvidence(flip.because.origin, patient),
        repairs: [{ kind: 'config', change: flip.repair } as const],
      },
    ];
  });
}

function optionFlips(expected: Expected): Flip[] {
  const { options, intent } = expected;
  return optionNames.flatMap((name) => {
    const setting = options.settings[name];
    if (setting.origin.kind === 'default') return [];
    const flipped = withDefault(options, name);
    if (flipped === undefined) return [];
    const because = { setting: name, value: scalar(setting.value), origin: setting.origin };
    const repair = describeOptionRepair(name, setting.origin, scalar(flipped.settings[name].value));
    return [{ setting: name, because, plan: expected.replan(flipped, intent), repair }];
  });
}

/** The options with this one at the engine's default; undefined when it is there already, or follows from another. */
function withDefault<K extends OptionName>(options: Options, name: K): Options | undefined {
  const { value, origin } = options.settings[name];
  const byVersion: Versioned<OptionValues[K]> = optionTable[name].default;
  const fallback = valueFor(byVersion, options.engine);
  if (origin.kind === 'implied' || JSON.stringify(value) === JSON.stringify(fallback)) {
    return undefined;
  }
  return withSetting(options, name, fallback, { kind: 'default' });
}

function scalar(value: unknown): Because['value'] {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);
}

function describeOptionRepair(name: string, origin: Origin, fallback: Because['value']): string {
  const value = JSON.stringify(fallback);
  switch (origin.kind) {
    case 'file':
      return `${origin.path} line ${origin.line}: "${name}": ${value}, then restart dockerd`;
    case 'flag':
      return `remove ${origin.flag} from dockerd's arguments, then restart dockerd`;
    default:
      return `set ${name} to ${value}, then restart dockerd`;
  }
}

function networkFlips(expected: Expected): Flip[] {
  const { intent, options } = expected;
  return intent.networks.flatMap((network) => {
    if (network.driver !== 'bridge') return [];
    const flip = (setting: string, value: string | boolean, changed: Network, repair: string): Flip => ({
      setting,
      because: { setting, value, origin: { kind: 'network', network: network.name, option: setting } },
      plan: expected.replan(options, replaceNetwork(intent, changed)),
      repair,
      network: network.name,
    });
    const own = Object.entries(network.options).map(([option, value]) => {
      const { [option]: _, ...rest } = network.options;
      const repair = `recreate the network ${network.name} without -o ${option}=${value}`;
      return flip(option, value, { ...network, options: rest }, repair);
    });
    if (!network.internal) return own;
    const open = { ...network, internal: false };
    return [
      ...own,
      flip(
        'internal',
        true,
        open,
        `recreate the network ${network.name} without --internal, or attach a second network`,
      ),
    ];
  });
}

function replaceNetwork(intent: Intent, network: Network): Intent {
  return { ...intent, networks: intent.networks.map((n) => (n.id === network.id ? network : n)) };
}

/** What changes on the host when the engine works by another plan: rules, sysctls and the proxies' place. */
export function planDifference(state: HostState, from: Plan, to: Plan): StateChange[] {
  const host = state.namespaces.find((n) => n.kind === 'host');
  if (host === undefined) return [];
  const changes: StateChange[] = [];
  const merged = mergeRulesets(host.firewall, from.ruleset, to.ruleset);
  if (JSON.stringify(from.ruleset) !== JSON.stringify(to.ruleset)) {
    changes.push({ namespace: host.name, kind: 'ruleset', from: host.firewall, to: merged });
  }
  for (const [name, wanted] of to.sysctls) {
    const now = host.sysctls.get(name)?.value;
    if (from.sysctls.get(name)?.value === wanted.value || now === wanted.value) continue;
    changes.push({ namespace: host.name, kind: 'sysctl', name, value: wanted.value, before: now });
  }
  return changes;
}
