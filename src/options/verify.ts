/**
 * What dockerd checks before it starts: single values, then options that exclude each other, then the addresses of
 * the default network as far as options alone decide them. In: Options. Out: the problems for which it would refuse
 * to start, in its order and words. What depends on the host (a bridge that must exist, a free pool) is not here.
 */
import { formatAddr, isMulticast, parseAddr } from '../net/addr.ts';
import { containsPrefix, maskPrefix, overlaps, type Prefix, parsePrefix, samePrefix } from '../net/prefix.ts';
import { checkDefaultNetwork } from './default-network.ts';
import { parseNetIp, prefixReason, quote, validDomain } from './flag-value.ts';
import type { OptionName, Options, Settings } from './options.ts';
import type { ConfigProblem } from './problem.ts';
import { refusal, startFailure } from './refusal.ts';
import { isAtLeast } from './version.ts';

/** Problems of effective options; `file` is the path of daemon.json where there is one, for the messages. */
export function verifyOptions(options: Options, file?: string): ConfigProblem[] {
  return [
    ...checkValues(options.engine, options.settings).map((found) => invalidValue(found, options, file)),
    ...checkCombinations(options),
    ...checkDefaultNetwork(options),
  ];
}

interface Invalid {
  readonly option: OptionName;
  readonly reason: string;
  readonly remedy: string;
}

/** Validate in daemon/config/config.go, networking options only. */
function checkValues(engine: string, settings: Settings): Invalid[] {
  const found: Invalid[] = [];
  const since = (version: string): boolean => isAtLeast(engine, version);
  const add = (option: OptionName, reason: string | undefined, remedy: string): void => {
    if (reason !== undefined) found.push({ option, reason, remedy });
  };
  for (const text of since('25.0') ? [] : settings.dns.value) {
    const bad = parseNetIp(text.trim()) === undefined;
    add('dns', bad ? `${text} is not an ip address` : undefined, 'Give an IP address.');
  }
  for (const text of settings['dns-search'].value) {
    const domain = validDomain(text);
    add('dns-search', domain.ok ? undefined : domain.reason, 'Give a domain with at least one letter.');
  }
  add(
    'host-gateway-ips',
    hostGatewayReason(settings['host-gateway-ips'].value),
    'Give one address per family.',
  );
  const { value: mtu } = settings.mtu;
  if (since('23.0')) add('mtu', mtu < 0 ? `invalid default MTU: ${mtu}` : undefined, 'Give an MTU above 0.');
  const { value: port } = settings['network-diagnostic-port'];
  const badPort = since('28.0') && (port < 0 || port > 65535);
  const portReason = `invalid network-diagnostic-port (${port}): value must be between 0 and 65535`;
  add('network-diagnostic-port', badPort ? portReason : undefined, 'Give a port from 0 to 65535.');
  if (since('25.0')) {
    add('userland-proxy-path', proxyReason(settings), 'Give the absolute path of docker-proxy.');
    add('fixed-cidr-v6', fixedCidrV6Reason(settings['fixed-cidr-v6'].value, engine), 'Give an IPv6 subnet.');
  }
  if (since('29.0')) {
    const backend = settings['firewall-backend'].value;
    const known = ['', 'iptables', 'nftables'].includes(backend);
    const reason = 'invalid firewall-backend: allowed values are "iptables" and "nftables"';
    add('firewall-backend', known ? undefined : reason, 'Set it to iptables or nftables.');
    const mark = markReason(settings['bridge-accept-fwmark'].value);
    add('bridge-accept-fwmark', mark, 'Give a 32-bit number, or number/mask.');
  }
  return found;
}

/** Where the daemon meets a bad value decides how it words it. */
function invalidValue(
  { option, reason, remedy }: Invalid,
  options: Options,
  file: string | undefined,
): ConfigProblem {
  const { origin } = options.settings[option];
  const part =
    origin.kind === 'file' && !isAtLeast(options.engine, '23.0')
      ? 'configuration validation from file failed'
      : 'merged configuration validation from file and command line flags failed';
  // Until 18.09 the reason stood in parentheses.
  const shown = isAtLeast(options.engine, '19.03') ? `${part}: ${reason}` : `${part} (${reason})`;
  const message =
    file === undefined ? reason : `unable to configure the Docker daemon with file ${file}: ${shown}`;
  return refusal('config-value-invalid', message, options.settings, [option], remedy);
}

function hostGatewayReason(addresses: readonly string[]): string | undefined {
  const families = addresses.map((text) => (parseAddr(text)?.family === 'ipv4' ? 'IPv4' : 'IPv6'));
  const twice = families.find((family, index) => families.indexOf(family) !== index);
  return twice === undefined ? undefined : `only one ${twice} host gateway IP address can be specified`;
}

/** An unset path is looked for on the host; only a flag can set it to nothing. */
function proxyReason(settings: Settings): string | undefined {
  const { value: path, origin } = settings['userland-proxy-path'];
  if (!settings['userland-proxy'].value || path.startsWith('/')) return undefined;
  if (path !== '') return `invalid userland-proxy-path: must be an absolute path: ${path}`;
  if (origin.kind === 'default') return undefined;
  return 'invalid userland-proxy-path: userland-proxy is enabled, but userland-proxy-path is not set';
}

const linkLocal: Prefix = { addr: { family: 'ipv6', value: 0xfe80n << 112n }, bits: 64 };

/** ValidateFixedCIDRV6 in the bridge driver; reworded and stricter since 27.0. */
function fixedCidrV6Reason(text: string, engine: string): string | undefined {
  if (text === '') return undefined;
  const prefix = parsePrefix(text);
  if (!isAtLeast(engine, '27.0')) {
    const say = (reason: string): string => `invalid fixed-cidr-v6: ${reason}`;
    if (prefix === undefined) return say(`invalid CIDR address: ${text}`);
    if (!isIpv6(prefix)) return say('fixed-cidr-v6 is not an IPv6 subnet');
    const clash = prefix.bits !== 64 && containsPrefix(linkLocal, { ...maskPrefix(prefix), bits: 128 });
    return clash ? say("clash with the Link-Local prefix 'fe80::/64'") : undefined;
  }
  const say = (reason: string): string => `invalid fixed-cidr-v6: invalid fixed-cidr-v6: ${reason}`;
  if (prefix === undefined) return say(prefixReason(text));
  const shown = `'${formatAddr(prefix.addr)}/${prefix.bits}'`;
  if (!isIpv6(prefix)) return say(`${shown} is not a valid IPv6 subnet`);
  if (isMulticast(prefix.addr)) return say(`multicast subnet ${shown} is not allowed`);
  if (overlaps(prefix, linkLocal) && !samePrefix(prefix, linkLocal)) {
    return say(`${shown} clashes with the Link-Local prefix 'fe80::/64'`);
  }
  return undefined;
}

/** An IPv4 address in IPv6 clothes is not IPv6 to Go. */
function isIpv6({ addr }: Prefix): boolean {
  return addr.family === 'ipv6' && addr.value >> 32n !== 0xffffn;
}

function markReason(text: string): string | undefined {
  if (text === '') return undefined;
  const [mark = '', ...rest] = text.split('/');
  const parts = [['mark', mark] as const, ...(rest.length === 0 ? [] : [['mask', rest.join('/')] as const])];
  for (const [name, part] of parts) {
    const number = /^(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)$/.test(part);
    const value = number ? Number(/^0[0-7]+$/.test(part) ? `0o${part.slice(1)}` : part) : 0;
    const why = number ? (value > 0xffffffff ? 'value out of range' : undefined) : 'invalid syntax';
    if (why !== undefined) {
      const cause = `strconv.ParseUint: parsing ${quote(part)}: ${why}`;
      return `invalid bridge-accept-fwmark: invalid firewall ${name} ${quote(text)}: ${cause}`;
    }
  }
  return undefined;
}

/** verifyDaemonSettings in daemon/daemon_unix.go. */
function checkCombinations({ engine, settings }: Options): ConfigProblem[] {
  const found: ConfigProblem[] = [];
  const add = (reason: string, options: readonly OptionName[], remedy: string): void => {
    const message = `${startFailure(engine)}: ${reason}`;
    found.push(refusal('options-exclude-each-other', message, settings, options, remedy));
  };
  for (const name of ['bip', 'bip6'] as const) {
    if (settings.bridge.value === '' || settings[name].value === '') continue;
    add(
      `You specified -b & --${name}, mutually exclusive options. Please specify only one`,
      ['bridge', name],
      `Remove ${name} and give the address to the bridge yourself, or remove bridge.`,
    );
  }
  if (!settings.icc.value && !settings.iptables.value) {
    add(
      'You specified --iptables=false with --icc=false. ICC=false uses iptables to function. Please set --icc or --iptables to true',
      ['iptables', 'icc'],
      'Set icc or iptables to true.',
    );
  }
  if (isAtLeast(engine, '27.0') && !settings.icc.value && settings.ipv6.value && !settings.ip6tables.value) {
    add(
      'You specified --ip6tables=false with --icc=false. ICC=false uses ip6tables to function. Please set --icc or --ip6tables to true',
      ['ip6tables', 'icc'],
      'Set icc or ip6tables to true.',
    );
  }
  if (settings.ip6tables.value && !settings.experimental.value && !isAtLeast(engine, '27.0')) {
    add(
      'ip6tables rules are only available if experimental features are enabled',
      ['ip6tables', 'experimental'],
      'Set experimental to true, or remove ip6tables.',
    );
  }
  return found;
}
