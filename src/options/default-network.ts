/**
 * The addresses of the default network, as far as options alone decide whether the daemon can create it.
 * In: Options. Out: problems, in the words of initBridgeDriver (daemon/daemon_unix.go), the address manager and the
 * pools. The host's own addresses and routes, which can also stop it, are not known here.
 */
import { formatAddr, parseAddr, sameAddr } from '../net/addr.ts';
import {
  addressBits,
  containsAddr,
  formatPrefix,
  lastAddr,
  maskPrefix,
  type Prefix,
  parsePrefix,
} from '../net/prefix.ts';
import { quote } from './flag-value.ts';
import type { AddressPool, OptionName, Options, Settings } from './options.ts';
import type { ConfigProblem } from './problem.ts';
import { refusal, startFailure } from './refusal.ts';
import { isAtLeast } from './version.ts';

/** Problems that stop the daemon when it sets up its pools and creates the network `bridge`. */
export function checkDefaultNetwork(options: Options): ConfigProblem[] {
  const { engine, settings } = options;
  const fail = (found: Found): ConfigProblem =>
    refusal(
      'address-options-invalid',
      `${startFailure(engine)}: Error initializing network controller: ${found.reason}`,
      settings,
      found.options,
      found.remedy,
      'address-options-invalid',
    );
  const pools = poolProblem(settings['default-address-pools'].value, engine);
  if (pools !== undefined) return [fail(pools)];
  if (settings.bridge.value === 'none') return [];
  const found =
    unreadable(settings, engine) ??
    subnetMissing(settings, engine) ??
    gatewayTaken(settings, engine) ??
    gatewayOutside(settings, engine);
  return found === undefined ? [] : [fail(found)];
}

interface Found {
  readonly reason: string;
  readonly options: readonly OptionName[];
  readonly remedy: string;
}

/**
 * The daemon looks at bip before fixed-cidr until 27, at fixed-cidr first since 28.0, and at bip6 only when IPv6 is
 * on. Since 25.0 fixed-cidr-v6 was checked before, with all other values.
 */
function unreadable(settings: Settings, engine: string): Found | undefined {
  const modern = isAtLeast(engine, '28.0');
  const v4: readonly OptionName[] = modern ? ['fixed-cidr', 'bip'] : ['bip', 'fixed-cidr'];
  const v6: readonly OptionName[] = [
    ...(isAtLeast(engine, '25.0') ? [] : (['fixed-cidr-v6'] as const)),
    ...(settings.ipv6.value ? (['bip6'] as const) : []),
  ];
  const order = [...v4, ...v6];
  for (const option of order) {
    const { value } = settings[option];
    if (typeof value !== 'string' || value === '' || parsePrefix(value) !== undefined) continue;
    const reason = `invalid CIDR address: ${value}`;
    return {
      reason: modern ? `parse ${option} failed: ${reason}` : reason,
      options: [option],
      remedy: `Write ${option} as ADDRESS/LENGTH, for example ${option.includes('6') ? '2001:db8:1::1/64' : '10.200.0.1/24'}.`,
    };
  }
  return undefined;
}

/** Since 28.0 the network takes a unique local subnet of its own. */
function subnetMissing(settings: Settings, engine: string): Found | undefined {
  if (!settings.ipv6.value || settings['fixed-cidr-v6'].value !== '' || isAtLeast(engine, '28.0'))
    return undefined;
  const found = {
    options: ['ipv6', 'fixed-cidr-v6'],
    remedy: 'Set fixed-cidr-v6 to an IPv6 subnet.',
  } as const;
  if (isAtLeast(engine, '20.10')) {
    const reason =
      'IPv6 is enabled for the default bridge, but no subnet is configured. Specify an IPv6 subnet using --fixed-cidr-v6';
    return { ...found, reason };
  }
  if (settings['default-address-pools'].value.some((pool) => pool.base.includes(':'))) return undefined;
  const reason =
    'could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network';
  return { ...found, reason: cannotCreate(engine, reason) };
}

function cannotCreate(engine: string, reason: string): string {
  return `${isAtLeast(engine, '24.0') ? 'error' : 'Error'} creating default "bridge" network: ${reason}`;
}

/**
 * The address manager keeps the first address of a subnet for itself, and the last one of an IPv4 subnet
 * (insertBitMask; newPoolData since 28.0, which leaves both to a /31 and the one of a /32).
 */
function gatewayTaken(settings: Settings, engine: string): Found | undefined {
  for (const option of ['bip', 'bip6'] as const) {
    if (option === 'bip6' && !settings.ipv6.value) continue;
    const prefix = parsePrefix(settings[option].value);
    if (prefix === undefined || !isReserved(prefix, engine)) continue;
    const address = formatAddr(prefix.addr);
    return {
      reason: cannotCreate(engine, `failed to allocate gateway (${address}): Address already in use`),
      options: [option],
      remedy: `Give ${option} an address for the bridge inside the subnet: ${address} is the subnet's own ${
        sameAddr(prefix.addr, maskPrefix(prefix).addr) ? 'address' : 'broadcast address'
      }.`,
    };
  }
  return undefined;
}

function isReserved(prefix: Prefix, engine: string): boolean {
  const { family } = prefix.addr;
  const hostBits = addressBits(family) - prefix.bits;
  if (family === 'ipv4' && hostBits < 2 && isAtLeast(engine, '28.0')) return false;
  if (sameAddr(prefix.addr, maskPrefix(prefix).addr)) return true;
  return family === 'ipv4' && sameAddr(prefix.addr, lastAddr(prefix));
}

/** Known only where bip gives the subnet. */
function gatewayOutside(settings: Settings, engine: string): Found | undefined {
  const pairs = [
    ['default-gateway', 'bip', 'DefaultGatewayIPv4'],
    ['default-gateway-v6', 'bip6', 'DefaultGatewayIPv6'],
  ] as const;
  for (const [option, bip, label] of pairs) {
    if (option === 'default-gateway-v6' && !settings.ipv6.value) continue;
    const address = parseAddr(settings[option].value);
    const subnet = parsePrefix(settings[bip].value);
    if (address === undefined || subnet === undefined || containsAddr(subnet, address)) continue;
    const auxiliary = isAtLeast(engine, '20.10') ? 'auxiliary' : 'auxilairy';
    const pool = formatPrefix(maskPrefix(subnet));
    const reason = `${auxiliary} address: (${label}:${formatAddr(address)}) must belong to the master pool: ${pool}`;
    return {
      reason: cannotCreate(engine, reason),
      options: [option, bip],
      remedy: `Give ${option} an address inside ${pool}, or remove it.`,
    };
  }
  return undefined;
}

/** splitNetworks in libnetwork/ipamutils until 26.1, splitByIPFamily in the address manager since 27.0. */
function poolProblem(pools: readonly AddressPool[], engine: string): Found | undefined {
  for (const [index, pool] of pools.entries()) {
    const reason = isAtLeast(engine, '27.0') ? splitReason(pool, index) : oldSplitReason(pool);
    if (reason === undefined) continue;
    return {
      reason: `error obtaining controller instance: ${reason}`,
      options: ['default-address-pools'],
      remedy: `Give pool ${index + 1} a base like 10.10.0.0/16 and a size from the base's prefix length on.`,
    };
  }
  return undefined;
}

function oldSplitReason({ base, size }: AddressPool): string | undefined {
  const prefix = parsePrefix(base);
  if (prefix === undefined) return `invalid base pool ${quote(base)}: invalid CIDR address: ${base}`;
  return size <= 0 || size < prefix.bits ? `invalid pools size: ${size}` : undefined;
}

function splitReason({ base, size }: AddressPool, index: number): string | undefined {
  const prefix = parsePrefix(base);
  const where = 'could not construct local address space: network at index';
  const shown = `${index} (&{${prefix === undefined ? 'invalid Prefix' : formatPrefix(prefix)} ${size}})`;
  if (prefix === undefined || size === 0) return `${where} ${shown} is not in canonical form`;
  if (prefix.bits <= size) return undefined;
  return `${where} ${shown} has a smaller prefix (/${prefix.bits}) than the target size of that pool (/${size})`;
}
