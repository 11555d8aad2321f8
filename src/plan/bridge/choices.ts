/**
 * Choices: one effective setting of one network, with the setting that made it so.
 * In: Options for the default bridge, a network's own options for the others. Out: checked values with their Because.
 * A value that the driver would refuse is reported as a note, and the default holds.
 */

import type { Network } from '../../intent/intent.ts';
import { type Addr, type Family, parseAddr } from '../../net/addr.ts';
import type { Because } from '../../net/reason.ts';
import type { OptionName, Options } from '../../options/options.ts';
import { isAtLeast } from '../../options/version.ts';

export interface Choice<T> {
  readonly value: T;
  readonly because: Because;
}

export const gatewayModes = ['nat', 'nat-unprotected', 'routed', 'isolated'] as const;

export type GatewayMode = (typeof gatewayModes)[number];

/** The gateway modes that an engine knows; undefined before 27.0, which has none (drivers/bridge/bridge_linux.go). */
export function gatewayModesOf(engine: string): readonly GatewayMode[] | undefined {
  if (isAtLeast(engine, '28.0')) return gatewayModes;
  return isAtLeast(engine, '27.0') ? ['nat', 'routed'] : undefined;
}

/** Options of bridge networks (libnetwork drivers/bridge/labels.go, netlabel/labels.go), and what the network was made with. */
export const labels = {
  bridgeName: 'com.docker.network.bridge.name',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  icc: 'com.docker.network.bridge.enable_icc',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
  mtu: 'com.docker.network.driver.mtu',
  inhibitIpv4: 'com.docker.network.bridge.inhibit_ipv4',
  trusted: 'com.docker.network.bridge.trusted_host_interfaces',
} as const;

/** Options that each family has of its own, and the engines that know them. */
export const familyLabels = {
  ipv4: {
    gatewayMode: 'com.docker.network.bridge.gateway_mode_ipv4',
    hostAddress: 'com.docker.network.host_ipv4',
    hostAddressSince: '20.10',
  },
  ipv6: {
    gatewayMode: 'com.docker.network.bridge.gateway_mode_ipv6',
    hostAddress: 'com.docker.network.host_ipv6',
    hostAddressSince: '25.0',
  },
} as const;

/**
 * Longest interface name: IFNAMSIZ less its NUL; the kernel refuses `/`, `:` and space (dev_valid_name, net/core/dev.c). `!` it takes, but iptables does not: no
 * engine can write rules for it.
 */
export function isInterfaceName(text: string): boolean {
  return /^[^\s/:-][^\s/:]{0,14}$/.test(text) && !['.', '..', '!'].includes(text);
}

/** A daemon option as a Because. */
export function becauseOption(options: Options, name: OptionName): Because {
  const { value, origin } = options.settings[name];
  return { setting: name, value: toScalar(value), origin };
}

function toScalar(value: unknown): Because['value'] {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}

/** The network itself as a Because. */
export function becauseNetwork(network: Network): Because {
  return { setting: 'network', value: network.name, origin: { kind: 'network', network: network.name } };
}

/** Reader of one network's own options; what it refuses it notes. */
export interface NetworkOptions {
  flag(label: string, fallback: boolean): Choice<boolean>;
  number(label: string, fallback: number): Choice<number>;
  /** Of this family, or of either. */
  address(label: string, family?: Family): Choice<Addr> | undefined;
  text(label: string): Choice<string> | undefined;
  /** One of a few words. */
  word<T extends string>(label: string, words: readonly T[], fallback: T): Choice<T>;
}

/** Reads a network's options; `note` receives one line per value that the driver would refuse. */
export function networkOptions(network: Network, note: (line: string) => void): NetworkOptions {
  const because = (label: string, value: Because['value']): Because =>
    Object.hasOwn(network.options, label)
      ? { setting: label, value, origin: { kind: 'network', network: network.name, option: label } }
      : { setting: label, value, origin: { kind: 'default' } };
  const refuse = (label: string, text: string) =>
    note(`network ${network.name}: the bridge driver refuses ${label}=${text}; its default is planned`);
  const read = <T extends Because['value']>(
    label: string,
    fallback: T,
    parse: (text: string) => T | undefined,
  ) => {
    const text = Object.hasOwn(network.options, label) ? network.options[label] : undefined;
    const parsed = text === undefined ? fallback : parse(text);
    if (parsed === undefined) refuse(label, text ?? '');
    const value = parsed ?? fallback;
    return { value, because: because(label, value) };
  };
  return {
    flag: (label, fallback) => read<boolean>(label, fallback, parseGoBool),
    number: (label, fallback) => read<number>(label, fallback, parseGoInt),
    word: (label, words, fallback) => read(label, fallback, (text) => words.find((word) => word === text)),
    text: (label) => {
      const text = Object.hasOwn(network.options, label) ? network.options[label] : undefined;
      return text === undefined ? undefined : { value: text, because: because(label, text) };
    },
    address: (label, family) => {
      const text = Object.hasOwn(network.options, label) ? network.options[label] : undefined;
      if (text === undefined) return undefined;
      const value = parseAddr(text);
      if (value !== undefined && (family === undefined || value.family === family))
        return { value, because: because(label, text) };
      refuse(label, text);
      return undefined;
    },
  };
}

/** Go's strconv.ParseBool, which the driver uses. */
function parseGoBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  return undefined;
}

/** Go's strconv.Atoi, without a sign that makes no sense here. */
function parseGoInt(text: string): number | undefined {
  return /^\+?[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}
