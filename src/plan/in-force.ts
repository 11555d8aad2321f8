/**
 * Settings in force: the default network of a running engine may be older than its configuration.
 * In: the configured Options and the Intent that the engine reports. Out: Options as they are in force, and where they differ.
 * A setting differs after a live restore and after a change of daemon.json without a restart.
 */
import { type Intent, isDefaultBridge, type Network } from '../intent/intent.ts';
import { gatewayOf } from '../intent/ipam.ts';
import { sameAddr } from '../net/addr.ts';
import { parsePrefix, samePrefix } from '../net/prefix.ts';
import type { OptionName, Options, OptionValues, Setting } from '../options/options.ts';
import { labels } from './bridge/choices.ts';
import type { EngineLog } from './engine-log.ts';
import { runsContainers } from './intent-after.ts';
import { type Fate, type How, settle, valueText } from './settle.ts';

export interface NotInForce {
  readonly option: OptionName;
  readonly configured: Setting<OptionValues[OptionName]>;
  readonly inForce: Setting<OptionValues[OptionName]>;
  readonly why: Exclude<Fate, 'applied'>;
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
 * Replaces each setting that the default network, the engine's log or its own account contradicts; the origin is then that
 * network's option, or the line of the file. Other settings count as taken up.
 */
export function optionsInForce(
  configured: Options,
  intent: Intent,
  log: EngineLog,
  backend?: Setting<'iptables' | 'nftables'>,
): OptionsInForce {
  const network = intent.networks.find(isDefaultBridge);
  const held = network === undefined ? [] : contradictions(configured, network);
  const since = settle(withSettings(configured, held), configured, lastChange(configured, intent, log));
  // A start of whichever kind reads these, so another value is older than the file.
  const last = settle(
    withSettings(since.options, [
      ...proxyContradiction(configured, log),
      ...backendContradiction(configured, backend),
    ]),
    since.options,
    'reload',
  );
  const notInForce = [...since.outcomes, ...last.outcomes].flatMap(
    ({ option, wanted, held: inForce, fate }) =>
      fate === 'applied' ? [] : [{ option, configured: wanted, inForce, why: fate }],
  );
  return { options: last.options, notInForce };
}

/** How the default network came to differ: it lived through the last start, or the file is younger than that. */
function lastChange({ settings }: Options, intent: Intent, { starts }: EngineLog): How {
  const restored = intent.networks.find(isDefaultBridge)?.restored === true;
  const maybe = starts.length === 0 && settings['live-restore'].value && runsContainers(intent);
  return restored || maybe ? 'live-restore' : 'reload';
}

type Replacement = readonly [OptionName, Setting<OptionValues[OptionName]>];

function withSettings(options: Options, replaced: readonly Replacement[]): Options {
  return { ...options, settings: { ...options.settings, ...Object.fromEntries(replaced) } };
}

/** A live restore applies userland-proxy, so it is in force as the last start had it. */
function proxyContradiction(configured: Options, { userlandProxy }: EngineLog): readonly Replacement[] {
  if (userlandProxy === undefined || userlandProxy.value === configured.settings['userland-proxy'].value)
    return [];
  const origin = { kind: 'file', path: 'dockerd.log', line: userlandProxy.line, column: 1 } as const;
  return [['userland-proxy', { value: userlandProxy.value, origin }]];
}

/** Unset is iptables. */
function backendContradiction(
  configured: Options,
  backend: Setting<'iptables' | 'nftables'> | undefined,
): readonly Replacement[] {
  const asked = configured.settings['firewall-backend'].value || 'iptables';
  return backend === undefined || backend.value === asked ? [] : [['firewall-backend', backend]];
}

function contradictions(configured: Options, network: Network): readonly Replacement[] {
  const replaced: Replacement[] = [];
  for (const { option, label, read } of keptByNetwork) {
    const text = Object.hasOwn(network.options, label) ? network.options[label] : undefined;
    if (text === undefined || JSON.stringify(read(text)) === valueText(configured, option)) continue;
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

function contradictsBip(options: Options, network: Network): boolean {
  const bip = parsePrefix(options.settings.bip.value);
  const config = network.ipam.find(({ subnet }) => subnet.addr.family === 'ipv4');
  if (bip === undefined || config === undefined) return false;
  const gateway = gatewayOf(config);
  return !samePrefix(bip, config.subnet) || (gateway !== undefined && !sameAddr(gateway, bip.addr));
}
