/**
 * Effective settings that do something else than their reader may think, although the daemon starts.
 * In: Options. Out: warnings. Traps of the file's own form (keys ignored, nulls, zeros) are found where it is read.
 */
import { containsPrefix, formatPrefix, maskPrefix, parsePrefix } from '../net/prefix.ts';
import type { Origin } from '../net/reason.ts';
import type { OptionName, Options, Settings } from './options.ts';
import { type ConfigProblem, places, type WarningCode } from './problem.ts';
import { optionNames, optionTable } from './table.ts';

export function findTraps(options: Options): ConfigProblem[] {
  return [
    masqueradeOff(options),
    mtuOfDefaultOnly(options.settings),
    fixedCidrOutside(options.settings),
    liveRestore(options.settings),
  ].filter((found) => found !== undefined);
}

function masqueradeOff({ settings }: Options): ConfigProblem | undefined {
  const { origin } = settings['ip-masq'];
  if (origin.kind !== 'implied') return undefined;
  return warning('ip-masq-off-without-iptables', [origin.origin], {
    message: 'iptables=false turns ip-masq off: traffic of the default network leaves with its own addresses',
    options: ['iptables', 'ip-masq'],
    remedy: 'Remove iptables=false, or make the MASQUERADE rule yourself.',
    cause: 'iptables-disabled',
  });
}

const networkMtu = 'com.docker.network.driver.mtu';

function mtuOfDefaultOnly(settings: Settings): ConfigProblem | undefined {
  const { value, origin } = settings.mtu;
  const forNew = settings['default-network-opts'].value.bridge?.[networkMtu];
  if (origin.kind === 'default' || value === 1500 || forNew === String(value)) return undefined;
  return warning('mtu-not-on-user-networks', [origin], {
    message: `mtu ${value} holds for the default network only: user-defined networks keep 1500`,
    options: ['mtu'],
    remedy: `Create networks with -o ${networkMtu}=${value}; from 24.0 on default-network-opts does it for all new ones.`,
    cause: 'mtu-not-on-user-networks',
  });
}

function fixedCidrOutside(settings: Settings): ConfigProblem | undefined {
  const subnet = parsePrefix(settings.bip.value);
  const range = parsePrefix(settings['fixed-cidr'].value);
  if (subnet === undefined || range === undefined || containsPrefix(subnet, range)) return undefined;
  const shown = formatPrefix(maskPrefix(subnet));
  return warning('fixed-cidr-outside-bip', [settings['fixed-cidr'].origin, settings.bip.origin], {
    message: `fixed-cidr ${settings['fixed-cidr'].value} is not inside bip's subnet ${shown}; the daemon accepts it`,
    options: ['fixed-cidr', 'bip'],
    remedy: `Give fixed-cidr a range inside ${shown}.`,
    cause: 'address-options-invalid',
  });
}

/** What a live-restore restart applies was observed with 17.06.2; later versions return at the same place. */
function liveRestore(settings: Settings): ConfigProblem | undefined {
  const { value, origin } = settings['live-restore'];
  if (!value) return undefined;
  const stored = optionNames.filter(
    (name) => optionTable[name].scope === 'default-bridge' && settings[name].origin.kind !== 'default',
  );
  return warning('live-restore-keeps-old-settings', [origin], {
    message: `live-restore: a restart with running containers does not apply changes of ${
      stored.length === 0 ? 'options of the default network' : stored.join(', ')
    }`,
    options: ['live-restore', ...stored],
    remedy: 'Stop all containers before the restart that is to apply such a change.',
    cause: 'config-not-in-force',
  });
}

function warning(
  code: WarningCode,
  origins: readonly Origin[],
  rest: {
    readonly message: string;
    readonly options: readonly OptionName[];
    readonly remedy: string;
    readonly cause: string;
  },
): ConfigProblem {
  return { code, ...places(origins), ...rest };
}
