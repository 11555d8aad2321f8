/**
 * Settings in force: the default network of a running engine may be older than its configuration.
 * In: the configured Options and the Intent that the engine reports. Out: Options as they are in force, and where they differ.
 * A setting differs after a live restore and after a change of daemon.json without a restart.
 */
import { isDefaultBridge } from '../intent/inspect.ts';
import type { Intent, Network } from '../intent/intent.ts';
import { gatewayOf } from '../intent/ipam.ts';
import { sameAddr } from '../net/addr.ts';
import { parsePrefix, samePrefix } from '../net/prefix.ts';
import type { OptionName, Options, OptionValues, Setting, Settings } from '../options/options.ts';
import { labels } from './bridge/choices.ts';
import type { EngineLog } from './engine-log.ts';

export interface NotInForce {
  readonly option: OptionName;
  readonly configured: Setting<OptionValues[OptionName]>;
  readonly inForce: Setting<OptionValues[OptionName]>;
}

export interface OptionsInForce {
  readonly options: Options;
  readonly notInForce: readonly NotInForce[];
}

/** Options whose value the default network keeps under a label, and how to read it. */
export const keptByNetwork: readonly {
  readonly option: 'icc' | 'ip-masq' | 'mtu' | 'ip' | 'bridge';
  readonly label: string;
  readonly read: (text: string) => string | number | boolean;
}[] = [
  { option: 'icc', label: labels.icc, read: (text) => text === 'true' },
  { option: 'ip-masq', label: labels.masquerade, read: (text) => text === 'true' },
  { option: 'mtu', label: labels.mtu, read: Number },
  { option: 'ip', label: labels.hostBinding, read: (text) => text },
  { option: 'bridge', label: labels.bridgeName, read: (text) => text },
];

/**
 * Replaces each setting that the default network or the engine's log contradicts; the origin is then that network's
 * option, or the line of the log.
 */
export function optionsInForce(configured: Options, intent: Intent, log: EngineLog): OptionsInForce {
  const network = intent.networks.find(isDefaultBridge);
  const replaced = [
    ...(network === undefined ? [] : contradictions(configured, network)),
    ...proxyContradiction(configured, log),
  ];
  const settings: Settings = { ...configured.settings, ...Object.fromEntries(replaced) };
  return {
    options: { ...configured, settings },
    notInForce: replaced.map(([option, inForce]) => ({
      option,
      configured: configured.settings[option],
      inForce,
    })),
  };
}

type Replacement = readonly [OptionName, Setting<OptionValues[OptionName]>];

/** A live restore applies userland-proxy, so it is in force as the last start had it. */
function proxyContradiction(configured: Options, { userlandProxy }: EngineLog): readonly Replacement[] {
  if (userlandProxy === undefined || userlandProxy.value === configured.settings['userland-proxy'].value)
    return [];
  const origin = { kind: 'file', path: 'dockerd.log', line: userlandProxy.line, column: 1 } as const;
  return [['userland-proxy', { value: userlandProxy.value, origin }]];
}

function contradictions(configured: Options, network: Network): readonly Replacement[] {
  const replaced: Replacement[] = [];
  for (const { option, label, read } of keptByNetwork) {
    const text = Object.hasOwn(network.options, label) ? network.options[label] : undefined;
    if (text === undefined || read(text) === normalised(configured, option)) continue;
    replaced.push([
      option,
      { value: read(text), origin: { kind: 'network', network: network.name, option: label } },
    ]);
  }
  if (contradictsBip(configured, network)) {
    replaced.push(['bip', { value: '', origin: { kind: 'network', network: network.name } }]);
  }
  return replaced;
}

/** The value as the engine hands it to the network: unset names and addresses take their meaning. */
function normalised(
  options: Options,
  option: (typeof keptByNetwork)[number]['option'],
): string | number | boolean {
  const { value } = options.settings[option];
  if (option === 'bridge' && value === '') return 'docker0';
  if (option === 'ip' && value === '') return '0.0.0.0';
  return option === 'mtu' && value === 0 ? 1500 : value;
}

function contradictsBip(options: Options, network: Network): boolean {
  const bip = parsePrefix(options.settings.bip.value);
  const config = network.ipam.find(({ subnet }) => subnet.addr.family === 'ipv4');
  if (bip === undefined || config === undefined) return false;
  const gateway = gatewayOf(config);
  return !samePrefix(bip, config.subnet) || (gateway !== undefined && !sameAddr(gateway, bip.addr));
}
