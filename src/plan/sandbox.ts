/**
 * Rules inside containers' namespaces: what leads to the engine's resolver at 127.0.0.11, which knows the names on user-defined networks.
 * In: Options, Intent, and the ports on which the resolvers listen, where they are known. Out: the firewall of each such namespace.
 * Alike in all generations since 17.06, in iptables or in a native table; iptables=false does not forbid it.
 * Sources: libnetwork resolver_unix.go of 17.06 to 28, moby daemon/libnetwork/sandbox_dns_unix.go of 29; captures.
 */
import { counter, onAddress } from '../firewall/nft/build.ts';
import {
  emptyNftRuleset,
  type NftChain,
  type NftRuleset,
  type NftTable,
  type Statement,
} from '../firewall/nft/model.ts';
import {
  type Backend,
  builtinChains,
  type Chain,
  emptyRuleset,
  type Rule,
  type Ruleset,
} from '../firewall/ruleset.ts';
import { type Intent, isDefaultBridge, type Network, type Sandbox } from '../intent/intent.ts';
import { formatAddr, ipv4 } from '../net/addr.ts';
import { hostPrefix } from '../net/prefix.ts';
import type { Reason } from '../net/reason.ts';
import { becauseNetwork } from './bridge/choices.ts';
import type { Generation } from './plan.ts';

export interface PlannedSandbox {
  /** The container's name. */
  readonly name: string;
  readonly ruleset: Ruleset;
  /** In place of it with the nftables backend. */
  readonly nft: NftRuleset;
}

/** The resolver takes any free ports. */
export interface ResolverPorts {
  readonly tcp?: number;
  readonly udp?: number;
}

/** Stands in a rule for a port that is not known. */
export const anyPort = 'PORT';

export const resolverAddress = ipv4(0x7f00000b);
const dns = '53';

type Protocol = 'tcp' | 'udp';

export interface SandboxesInput {
  readonly intent: Intent;
  readonly generation: Generation;
  readonly backend: Backend;
  /** A container's resolver's ports, where its sockets are known. */
  readonly portsOf?: ((container: string) => ResolverPorts) | undefined;
}

/** The firewalls of containers that have one. */
export function planSandboxes(input: SandboxesInput): readonly PlannedSandbox[] {
  const { intent, generation, backend, portsOf } = input;
  return intent.sandboxes.flatMap((sandbox) => {
    const network = resolvingNetwork(sandbox, intent);
    if (network === undefined) return [];
    const why = { step: "answer names by the engine's resolver", because: [becauseNetwork(network)] };
    const ports = portsOf?.(sandbox.name) ?? {};
    return [
      {
        name: sandbox.name,
        ...(generation === 'N1'
          ? { ruleset: emptyRuleset, nft: { tables: [nativeTable(ports, why)], twins: [] } }
          : { ruleset: resolverRules(backend, ports, why), nft: emptyNftRuleset }),
      },
    ];
  });
}

/** The network that gives a container the resolver: the first that is not the default one. */
function resolvingNetwork({ running, mode, endpoints }: Sandbox, { networks }: Intent): Network | undefined {
  if (!running || mode.kind !== 'own') return undefined;
  const ids = endpoints.map(({ network }) => network);
  return networks.find((network) => ids.includes(network.id) && hasNames(network));
}

/** Whether the engine's resolver knows the containers of a network: those that somebody made. */
export function hasNames(network: Network): boolean {
  return !isDefaultBridge(network) && network.driver !== 'host' && network.driver !== 'null';
}

function resolverRules(backend: Backend, ports: ResolverPorts, reason: Reason): Ruleset {
  const to = { destination: { not: false, value: hostPrefix(resolverAddress) } };
  const from = { source: { not: false, value: hostPrefix(resolverAddress) } };
  const jump = (name: string): Rule => ({ ...to, matches: [], target: target(name), reason });
  const chains: readonly Chain[] = [
    ...builtinChains.nat.map((name) => ({ name, policy: 'ACCEPT' as const, rules: jumpsFrom(name, jump) })),
    {
      name: 'DOCKER_OUTPUT',
      reason,
      rules: protocols.map((protocol) => ({
        ...to,
        ...matching(protocol, '--dport', dns),
        target: target(
          'DNAT',
          '--to-destination',
          `${formatAddr(resolverAddress)}:${ports[protocol] ?? anyPort}`,
        ),
        reason,
      })),
    },
    {
      name: 'DOCKER_POSTROUTING',
      reason,
      rules: protocols.map((protocol) => ({
        ...from,
        ...matching(protocol, '--sport', `${ports[protocol] ?? anyPort}`),
        target: target('SNAT', '--to-source', `:${dns}`),
        reason,
      })),
    },
  ];
  return { tables: [{ backend, family: 'ipv4', name: 'nat', chains }] };
}

const protocols: readonly Protocol[] = ['tcp', 'udp'];

function jumpsFrom(chain: string, jump: (to: string) => Rule): readonly Rule[] {
  return chain === 'OUTPUT' || chain === 'POSTROUTING' ? [jump(`DOCKER_${chain}`)] : [];
}

function matching(protocol: Protocol, option: string, port: string): Pick<Rule, 'protocol' | 'matches'> {
  return {
    protocol: { not: false, value: protocol },
    matches: [{ module: protocol, options: [{ not: false, name: option, values: [port] }] }],
  };
}

function target(name: string, option?: string, value?: string): NonNullable<Rule['target']> {
  return {
    kind: 'jump',
    name,
    options:
      option === undefined || value === undefined ? [] : [{ not: false, name: option, values: [value] }],
  };
}

/** udp before tcp. */
function nativeTable(ports: ResolverPorts, reason: Reason): NftTable {
  const literal = (value: string | number) => ({ kind: 'literal' as const, value });
  const onPort = (protocol: Protocol, field: string, port: string | number): Statement => ({
    kind: 'match',
    operator: '==',
    left: { kind: 'payload', protocol, field },
    right: literal(port),
  });
  const chain = (
    name: string,
    hook: string,
    priority: number,
    statements: (protocol: Protocol, port: string | number) => readonly Statement[],
  ): NftChain => ({
    name,
    base: { type: 'nat', hook, priority, policy: 'accept', devices: [] },
    rules: protocols
      .toReversed()
      .map((protocol) => ({ statements: statements(protocol, ports[protocol] ?? anyPort), reason })),
    reason,
  });
  return {
    family: 'ip',
    name: 'docker-dns',
    sets: [],
    chains: [
      chain('dns-dnat', 'output', -100, (protocol, port) => [
        onAddress('daddr', '==', resolverAddress),
        onPort(protocol, 'dport', Number(dns)),
        counter,
        { kind: 'nat', nat: 'dnat', address: literal(formatAddr(resolverAddress)), port: literal(port) },
      ]),
      chain('dns-snat', 'postrouting', 100, (protocol, port) => [
        onAddress('saddr', '==', resolverAddress),
        onPort(protocol, 'sport', port),
        counter,
        { kind: 'nat', nat: 'snat', port: literal(Number(dns)) },
      ]),
    ],
    reason,
  };
}
