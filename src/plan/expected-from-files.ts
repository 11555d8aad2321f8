/**
 * What a configuration would make: the plan of an engine that starts fresh with a daemon.json and a list of networks.
 * In: their text and the engine version. Out: a plan, or why there is none. Where the networks do not list the default one,
 * it is there as the engine would make it on an empty host.
 */
import { emptyNftRuleset } from '../firewall/nft/model.ts';
import { emptyRuleset } from '../firewall/ruleset.ts';
import { parseJson } from '../host/json.ts';
import { intentFromInspect } from '../intent/inspect.ts';
import { type Intent, isDefaultBridge } from '../intent/intent.ts';
import type { Options } from '../options/options.ts';
import { resolveOptions } from '../options/resolve.ts';
import { defaultNetwork, emptyHost } from './bridge/default-network.ts';
import { generationFor, portOrderOf, unsupportedEngine } from './generation.ts';
import type { Generation, Plan } from './plan.ts';
import { type EngineState, pristine, transition } from './transition.ts';

export interface ConfigurationInput {
  readonly engine: string;
  readonly config?: { readonly path: string; readonly text: string };
  readonly networks?: { readonly path: string; readonly text: string };
}

export type FromConfiguration =
  | {
      readonly kind: 'planned';
      readonly options: Options;
      readonly intent: Intent;
      readonly plan: Plan;
      /** What there is after that start. */
      readonly held: EngineState;
    }
  /** The user's files are wrong; one line. */
  | { readonly kind: 'bad-input'; readonly why: string }
  /** The engine is not supported; one line. */
  | { readonly kind: 'cannot'; readonly why: string };

/** A host without rules that does not forward. */
const plainHost: Parameters<typeof pristine>[1] = {
  backend: 'iptables-nft',
  ruleset: emptyRuleset,
  nft: emptyNftRuleset,
  forwarding: { ipv4: false, ipv6: false },
  listensOnIpv6: true,
  mirroredLoopback: false,
};

/** Plans a fresh start. What the engine would refuse is refused with its words. */
export function expectedFromConfiguration(input: ConfigurationInput): FromConfiguration {
  const { engine, config } = input;
  const { options, errors } = resolveOptions({ engine, ...(config === undefined ? {} : { file: config }) });
  const generation = generationFor(options);
  if (generation === undefined) return { kind: 'cannot', why: unsupportedEngine(engine) };
  if (errors[0] !== undefined)
    return { kind: 'bad-input', why: `dockerd refuses to start: ${errors[0].message}` };
  const intent = intentOf(input, options, generation);
  if (typeof intent === 'string') return { kind: 'bad-input', why: intent };
  const before = pristine({ options, generation }, plainHost);
  const { plan, state: held } = transition(before, before, 'start', intent);
  return { kind: 'planned', options, intent, plan, held };
}

function intentOf(input: ConfigurationInput, options: Options, generation: Generation): Intent | string {
  const listed = listedNetworks(input, generation);
  if (typeof listed === 'string' || listed.networks.some(isDefaultBridge)) return listed;
  const taken = listed.networks.flatMap(({ ipam }) => ipam.map(({ subnet }) => subnet));
  const made = defaultNetwork(options, generation, { ...emptyHost, taken });
  if (made.kind === 'impossible') return `the default network cannot be made: ${made.why}`;
  return made.kind === 'none' ? listed : { ...listed, networks: [made.network, ...listed.networks] };
}

function listedNetworks({ networks }: ConfigurationInput, generation: Generation): Intent | string {
  if (networks === undefined) return { networks: [], sandboxes: [] };
  const parsed = parseJson(networks.text, networks.path);
  const read = intentFromInspect({
    networks: { json: parsed.value, file: networks.path },
    portOrder: portOrderOf(generation),
  });
  const [problem] = [...parsed.problems, ...read.problems];
  return problem === undefined ? read.value : `${problem.file}: ${problem.message}`;
}
