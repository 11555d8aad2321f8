/**
 * The networks that an engine's own rules tell of, where nothing else does: bridges, subnets, container addresses and published ports.
 * In: the firewall of a host's namespace. Out: an Intent, and in words what of it was guessed. What a rule that is missing would have
 * said is not known: a network without any rule is not seen. Names of containers are in no rule, so their addresses stand for them.
 */
import { formatRule } from '../firewall/args.ts';
import { formatNftRule } from '../firewall/nft/format.ts';
import type { Table } from '../firewall/ruleset.ts';
import type { Namespace } from '../host/state.ts';
import type { Endpoint, Intent, Network, PortBinding, Sandbox } from '../intent/intent.ts';
import { defaultPools } from '../intent/ipam.ts';
import { type Addr, type Family, formatAddr, parseAddr, sameAddr } from '../net/addr.ts';
import { containsAddr, formatPrefix, maskPrefix, type Prefix, parsePrefix } from '../net/prefix.ts';
import { familyLabels, labels } from './bridge/choices.ts';
import { bridgesIn, isDockerBridge } from './docker-rules.ts';

export interface SeenNetworks {
  readonly intent: Intent;
  /** What no rule says and was taken as engines usually have it; one phrase each. */
  readonly guessed: readonly string[];
}

/** What one rule says. */
type Sight = { readonly family: Family } & (
  | { readonly kind: 'bridge'; readonly bridge: string }
  | { readonly kind: 'subnet'; readonly bridge: string; readonly subnet: Prefix; readonly internal: boolean }
  | {
      readonly kind: 'option';
      readonly bridge: string;
      readonly option: string;
      readonly value: string;
    }
  | { readonly kind: 'address'; readonly bridge: string | undefined; readonly address: Addr }
  | {
      readonly kind: 'port';
      readonly bridge: string | undefined;
      readonly address: Addr;
      readonly binding: PortBinding;
    }
  | { readonly kind: 'trust'; readonly bridge: undefined; readonly address: Addr; readonly device: string }
);

/** Undefined where no rule shows a bridge of an engine. */
export function networksSeen(host: Namespace): SeenNetworks | undefined {
  const sights = [...iptablesSights(host), ...nativeSights(host)];
  const bridges = [...new Set(sights.flatMap((sight) => sight.bridge ?? []))].filter(
    (name) => name !== 'docker_gwbridge',
  );
  if (bridges.length === 0) return undefined;
  const guessed: string[] = [];
  const networks = inCreationOrder(bridges).map((bridge) =>
    withTrusted(
      networkOf(
        bridge,
        sights.filter((sight) => sight.bridge === bridge),
        guessed,
      ),
      sights,
    ),
  );
  return { intent: { networks, sandboxes: sandboxesOf(sights, networks) }, guessed };
}

/** What engines insert comes in front of what they inserted before, and the default network is made first. */
function inCreationOrder(bridges: readonly string[]): readonly string[] {
  const rest = bridges.filter((name) => name !== 'docker0').toReversed();
  return bridges.includes('docker0') ? ['docker0', ...rest] : rest;
}

const host4 = String.raw`(\S+)\/(?:32|128)`;
const port = String.raw`-p (tcp|udp|sctp) -m \w+ --dport (\d+)`;

const patterns = {
  subnet: /^-s (\S+) ! -o (\S+) -j (?:MASQUERADE|SNAT --to-source (\S+))/,
  internal: /^! -d (\S+) -i (\S+)(?: ! -o \S+)? -j DROP/,
  icc: /^-i (\S+) -o (\S+) -j (DROP|ACCEPT)/,
  unprotected: /^! -i (\S+) -o (\S+) -j ACCEPT/,
  opened: new RegExp(`^-d ${host4} ! -i (\\S+) -o \\S+ ${port} -j ACCEPT`),
  guarded: new RegExp(`^-d ${host4} ! -i (\\S+)(?: ${port})? -j DROP`),
  nativeMapped:
    /^(?:iifname != "([^"]+)" )?(?:ip6 saddr != \S+ )?(?:ip6? daddr (\S+) )?(tcp|udp|sctp) dport (\d+) .*dnat to \[?([0-9a-f.:]+?)\]?:(\d+)(?: |$)/,
  mapped: new RegExp(
    `^(?:! -s \\S+ )?(?:-d ${host4} )?(?:! -i (\\S+) )?${port} -j DNAT --to-destination \\[?([0-9a-f.:]+?)\\]?:(\\d+)(?: |$)`,
  ),
  trusted: new RegExp(`^-d ${host4} -i (\\S+) -j ACCEPT`),
} as const;

function iptablesSights({ firewall, nft }: Namespace): readonly Sight[] {
  const own = bridgesIn(firewall);
  const isBridge = (name: string) => isDockerBridge(name) || own.has(name);
  const isNative = nft?.tables.some(({ name }) => name === 'docker-bridges') === true;
  return firewall.tables.flatMap((table) =>
    table.chains.flatMap(({ name: chain, rules }) =>
      rules.flatMap((rule) => {
        const bridges = [rule.outInterface, rule.inInterface].flatMap((device) =>
          device !== undefined && isBridge(device.value) ? [device.value] : [],
        );
        // With its nftables backend an engine makes no rules here.
        const seen = isNative ? [] : iptablesSight(table, chain, formatRule(rule));
        return [
          ...seen.filter(({ bridge }) => bridge === undefined || isBridge(bridge)),
          ...bridges.map((bridge): Sight => ({ kind: 'bridge', family: table.family, bridge })),
        ];
      }),
    ),
  );
}

function iptablesSight({ name, family, chains }: Table, chain: string, text: string): readonly Sight[] {
  switch (`${name} ${chain}`) {
    case 'nat POSTROUTING': {
      const [, prefix, bridge, source] = patterns.subnet.exec(text) ?? [];
      return [
        ...subnetSight(family, bridge, prefix, false),
        ...optionSight(family, bridge, familyLabels[family].hostAddress, source),
      ];
    }
    case 'nat DOCKER': {
      const [, hostAddress, bridge, protocol, hostPort, address, containerPort] =
        patterns.mapped.exec(text) ?? [];
      return portSight(family, { bridge, address, protocol, containerPort, hostPort, hostAddress });
    }
    case 'filter DOCKER': {
      const [, address, bridge, protocol, containerPort] = patterns.opened.exec(text) ?? [];
      const [, one, other] = patterns.unprotected.exec(text) ?? [];
      return [
        ...portSight(family, { bridge, address, protocol, containerPort }),
        ...(one === other ? optionSight(family, one, familyLabels[family].gatewayMode, unprotected) : []),
      ];
    }
    case 'filter FORWARD':
    case 'filter DOCKER-FORWARD': {
      const [, one, other, verdict] = patterns.icc.exec(text) ?? [];
      // Since 28.0.1 the engine says it in a chain of its own.
      const isOwn = chain !== 'FORWARD' || !chains.some((c) => c.name === 'DOCKER-FORWARD');
      return one === other && isOwn
        ? optionSight(family, one, labels.icc, verdict === 'DROP' ? 'false' : 'true')
        : [];
    }
    case 'filter DOCKER-ISOLATION':
    case 'filter DOCKER-ISOLATION-STAGE-1':
    case 'filter DOCKER-INTERNAL': {
      const [, prefix, bridge] = patterns.internal.exec(text) ?? [];
      return subnetSight(family, bridge, prefix, true);
    }
    case 'raw PREROUTING': {
      const [, guarded, bridge] = patterns.guarded.exec(text) ?? [];
      const [, open, device] = patterns.trusted.exec(text) ?? [];
      return [
        // A port on loopback is guarded alike, against all but lo.
        ...(bridge === 'lo' ? [] : addressSight(family, bridge, guarded)),
        ...(open === undefined || device === undefined || device === 'loopback0'
          ? []
          : trustSight(family, open, device)),
      ];
    }
    default:
      return [];
  }
}

const unprotected = 'nat-unprotected';

/** The engine's native tables have a chain for each bridge, and the same things to say. */
function nativeSights({ nft }: Namespace): readonly Sight[] {
  return (nft?.tables ?? [])
    .filter(({ name }) => name === 'docker-bridges')
    .flatMap((table) => {
      const family = table.family === 'ip6' ? 'ipv6' : 'ipv4';
      return table.chains.flatMap(({ name, rules }): readonly Sight[] => {
        const [, of = name, bridge] = /^(.+)__(\S+)$/.exec(name) ?? [];
        const seen = rules.flatMap((rule) => nativeSight(of, bridge, formatNftRule(rule), family));
        return bridge === undefined ? seen : [{ kind: 'bridge', family, bridge }, ...seen];
      });
    });
}

function nativeSight(of: string, bridge: string | undefined, text: string, family: Family): readonly Sight[] {
  switch (of) {
    case 'nat-postrouting-out': {
      const source = / snat to (\S+)/.exec(text)?.[1];
      return [
        ...subnetSight(family, bridge, / saddr (\S+\/\d+) /.exec(text)?.[1], false),
        ...optionSight(family, bridge, familyLabels[family].hostAddress, source),
      ];
    }
    case 'filter-forward-in': {
      const [, address, protocol, containerPort] =
        /^ip6? daddr (\S+) (tcp|udp|sctp) dport (\d+) .*accept/.exec(text) ?? [];
      return [
        ...portSight(family, { bridge, address, protocol, containerPort }),
        ...(/\bdrop\b.*"ICC"/.test(text) ? optionSight(family, bridge, labels.icc, 'false') : []),
        ...(/"UNPROTECTED"/.test(text)
          ? optionSight(family, bridge, familyLabels[family].gatewayMode, unprotected)
          : []),
      ];
    }
    case 'nat-prerouting-and-output': {
      const [, device, hostAddress, protocol, hostPort, address, containerPort] =
        patterns.nativeMapped.exec(text) ?? [];
      return portSight(family, { bridge: device, address, protocol, containerPort, hostPort, hostAddress });
    }
    case 'raw-PREROUTING': {
      const [, address, devices = ''] =
        /^ip6? daddr (\S+) iifname != (?:\{ )?([^}]*?"[^}]*")/.exec(text) ?? [];
      const [first, ...trusted] = [...devices.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
      if (first === 'lo') return [];
      return [
        ...addressSight(family, first, address),
        ...trusted.flatMap((device) => trustSight(family, address, device)),
      ];
    }
    default:
      return [];
  }
}

function optionSight(
  family: Family,
  bridge: string | undefined,
  option: string,
  value: string | undefined,
): readonly Sight[] {
  return bridge === undefined || value === undefined
    ? []
    : [{ kind: 'option', family, bridge, option, value }];
}

function addressSight(
  family: Family,
  bridge: string | undefined,
  text: string | undefined,
): readonly Sight[] {
  const address = text === undefined ? undefined : parseAddr(text);
  return address === undefined ? [] : [{ kind: 'address', family, bridge, address }];
}

/** An interface that may reach a container directly. */
function trustSight(family: Family, text: string | undefined, device: string | undefined): readonly Sight[] {
  const address = text === undefined ? undefined : parseAddr(text);
  return address === undefined || device === undefined
    ? []
    : [{ kind: 'trust', family, bridge: undefined, address, device }];
}

function subnetSight(
  family: Family,
  bridge: string | undefined,
  text: string | undefined,
  internal: boolean,
): readonly Sight[] {
  const prefix = text === undefined ? undefined : parsePrefix(text);
  return prefix === undefined || bridge === undefined
    ? []
    : [{ kind: 'subnet', family, bridge, subnet: maskPrefix(prefix), internal }];
}

interface PortWords {
  readonly bridge: string | undefined;
  readonly address: string | undefined;
  readonly protocol: string | undefined;
  readonly containerPort: string | undefined;
  readonly hostPort?: string | undefined;
  readonly hostAddress?: string | undefined;
}

function portSight(family: Family, words: PortWords): readonly Sight[] {
  const { bridge, protocol, containerPort, hostPort = '0' } = words;
  const address = words.address === undefined ? undefined : parseAddr(words.address);
  if (address === undefined || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return [];
  const hostAddress = parseAddr(words.hostAddress ?? (family === 'ipv4' ? '0.0.0.0' : '::'));
  const binding: PortBinding = {
    protocol,
    containerPort: Number(containerPort),
    hostPort: Number(hostPort),
    ...(hostAddress === undefined ? {} : { hostAddress }),
  };
  return [{ kind: 'port', family, bridge, address, binding }];
}

function networkOf(bridge: string, sights: readonly Sight[], guessed: string[]): Network {
  const isDefault = bridge === 'docker0';
  const subnets = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const said = sights.flatMap((s) => (s.kind === 'subnet' && s.family === family ? [s.subnet] : []))[0];
    if (said !== undefined) return [said];
    const addresses = sights.flatMap((s) => ('address' in s && s.family === family ? [s.address] : []));
    const guess = family === 'ipv4' ? usualSubnet(addresses[0], isDefault) : undefined;
    if (guess !== undefined)
      guessed.push(`the subnet of ${bridge} is ${formatPrefix(guess)}: no rule names it`);
    return guess === undefined ? [] : [guess];
  });
  if (subnets.length === 0) guessed.push(`the subnet of ${bridge} is not known: no rule names it`);
  // What lets containers talk may stand below a drop that somebody else made.
  const options = sights
    .flatMap((s) => (s.kind === 'option' ? [[s.option, s.value] as const] : []))
    .toSorted(([, a], [, b]) => Number(a === 'true') - Number(b === 'true'));
  const id = /^br-([0-9a-f]{12})$/.exec(bridge)?.[1] ?? bridge;
  return {
    id,
    name: isDefault ? 'bridge' : bridge,
    driver: 'bridge',
    internal: sights.some((s) => s.kind === 'subnet' && s.internal),
    ipv4: subnets.some(({ addr }) => addr.family === 'ipv4'),
    ipv6: subnets.some(({ addr }) => addr.family === 'ipv6'),
    options: {
      ...(isDefault ? { 'com.docker.network.bridge.default_bridge': 'true' } : {}),
      [labels.bridgeName]: bridge,
      ...Object.fromEntries(options),
    },
    ipam: subnets.map((subnet) => ({ subnet })),
  };
}

/** Interfaces that may reach the network's containers directly. */
function withTrusted(network: Network, sights: readonly Sight[]): Network {
  const devices = sights.flatMap((s) =>
    s.kind === 'trust' && network.ipam.some(({ subnet }) => containsAddr(subnet, s.address))
      ? [s.device]
      : [],
  );
  const names = [...new Set(devices)].filter((name) => name !== network.options[labels.bridgeName]);
  if (names.length === 0) return network;
  return { ...network, options: { ...network.options, [labels.trusted]: names.join(':') } };
}

/** The pool that the address is of, or for the default network the first. */
function usualSubnet(address: Addr | undefined, isDefault: boolean): Prefix | undefined {
  if (address !== undefined) return defaultPools.find((pool) => containsAddr(pool, address));
  return isDefault ? defaultPools[0] : undefined;
}

interface Found {
  readonly network: Network;
  readonly address: Prefix;
  readonly bindings: PortBinding[];
}

/** Addresses of both families are one container's where the same port is published for both. */
function sandboxesOf(sights: readonly Sight[], networks: readonly Network[]): readonly Sandbox[] {
  const found: Found[] = [];
  for (const sight of sights) {
    if (sight.kind !== 'address' && sight.kind !== 'port') continue;
    const known =
      found.find(({ address }) => sameAddr(address.addr, sight.address)) ?? placed(sight.address, networks);
    if (known === undefined) continue;
    if (!found.includes(known)) found.push(known);
    if (sight.kind === 'port' && sight.binding.hostPort > 0) known.bindings.push(sight.binding);
  }
  const sixes = found.filter(({ address }) => address.addr.family === 'ipv6');
  const fours = found.filter(({ address }) => address.addr.family === 'ipv4');
  const paired = new Set<Found>();
  const both = fours.map((four) => {
    const six = sixes.find(
      (other) =>
        !paired.has(other) &&
        other.network === four.network &&
        other.bindings.some((b) => four.bindings.some((a) => samePort(a, b))),
    );
    if (six !== undefined) paired.add(six);
    return six === undefined ? [four] : [four, six];
  });
  return [...both, ...sixes.filter((six) => !paired.has(six)).map((six) => [six])].flatMap(sandboxOf);
}

function placed(address: Addr, networks: readonly Network[]): Found | undefined {
  for (const network of networks)
    for (const { subnet } of network.ipam)
      if (containsAddr(subnet, address))
        return { network, address: { addr: address, bits: subnet.bits }, bindings: [] };
  return undefined;
}

function samePort(a: PortBinding, b: PortBinding): boolean {
  return a.protocol === b.protocol && a.hostPort === b.hostPort && a.containerPort === b.containerPort;
}

function sandboxOf(parts: readonly Found[]): readonly Sandbox[] {
  const [first] = parts;
  if (first === undefined) return [];
  const name = formatAddr(first.address.addr);
  const endpoint: Endpoint = {
    network: first.network.id,
    id: name,
    addresses: parts.map(({ address }) => address),
    ports: parts.flatMap(({ bindings }) => bindings),
  };
  return [{ id: name, name, mode: { kind: 'own' }, running: true, endpoints: [endpoint] }];
}
