/**
 * What can be said of a host of which only rules are known. In: its facts. Out: who made the rules, the networks that they tell of, how
 * many of the engine's rules are missing, what drops, and a host supposed around them on which flows can be walked.
 */
import { isDrift } from '../drift/difference.ts';
import { findDrift } from '../drift/drift.ts';
import { formatRule } from '../firewall/args.ts';
import { formatNftRule } from '../firewall/nft/format.ts';
import { tableText } from '../firewall/nft/model.ts';
import type { Facts } from '../host/facts.ts';
import { isRulesAlone } from '../host/rules-alone.ts';
import type { HostState, Namespace } from '../host/state.ts';
import type { Intent } from '../intent/intent.ts';
import { formatAddr, isUnspecified } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import type { SourceRef } from '../net/source.ts';
import { labels } from '../plan/bridge/choices.ts';
import { classifyNftTable, ruleClassifier } from '../plan/classify.ts';
import type { KnownEngine } from '../plan/engine-version.ts';
import { type CannotExpect, type Expected, expectedFromFacts } from '../plan/expected.ts';
import { networksSeen } from '../plan/seen-networks.ts';
import { supposeHost } from './supposed-host.ts';

export interface RulesAlone {
  /** The rules in a host that is supposed. */
  readonly state: HostState;
  readonly expected: Expected | CannotExpect;
  /** The networks as the rules tell them, with containers that stand in for others: whose flows are asked. */
  readonly intent: Intent;
  /** What was supposed, and what guessed; one phrase each. */
  readonly supposed: readonly string[];
  readonly engine: KnownEngine | undefined;
  readonly networks: readonly SeenNetwork[];
  /** How many of the engine's rules and chains are missing or out of place; undefined where the engine is not known. */
  readonly drifted: number | undefined;
  /** Rules and policies that drop or reject and that the engine did not make, in the order of the listings. */
  readonly drops: readonly Dropper[];
}

export interface SeenNetwork {
  readonly bridge: string;
  readonly subnets: readonly string[];
  readonly internal: boolean;
  readonly containers: readonly {
    readonly address: string;
    /** `8080->80/tcp`, `127.0.0.1:8081->81/tcp`. */
    readonly ports: readonly string[];
  }[];
}

export interface Dropper {
  /** `filter FORWARD`, `inet firewalld filter_FORWARD`; with the family before it where that is IPv6. */
  readonly place: string;
  /** 1-based; 0 for a policy. */
  readonly position: number;
  readonly rule: string;
  readonly packets?: number;
  readonly at?: SourceRef;
  /** Who made it, where that can be recognised. */
  readonly owner?: string;
}

/** Undefined where more is known than rules. */
export function rulesAlone(facts: Facts, state: HostState): RulesAlone | undefined {
  const host = state.namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined || !isRulesAlone(state)) return undefined;
  const expected = expectedFromFacts(facts, { state });
  const known = 'cannot' in expected ? undefined : expected;
  const seen = known ?? networksSeen(host);
  const intent = seen?.intent ?? { networks: [], sandboxes: [] };
  const guessed = known?.assumed ?? (seen !== undefined && 'guessed' in seen ? seen.guessed : []);
  const supposed = supposeHost(host, intent, known?.plan);
  return {
    state: supposed.state,
    expected,
    intent: supposed.intent,
    supposed: [...supposed.supposed, ...guessed],
    engine: known?.engine,
    networks: intent.networks.flatMap((network) => seenNetwork(network, intent)),
    drifted:
      known === undefined
        ? undefined
        : findDrift({ state, expected: known }).differences.filter(isDrift).length,
    drops: [...iptablesDrops(host, known), ...nativeDrops(host)],
  };
}

function seenNetwork(network: Intent['networks'][number], { sandboxes }: Intent): readonly SeenNetwork[] {
  const bridge = network.options[labels.bridgeName] ?? network.name;
  const containers = sandboxes.flatMap(({ endpoints }) =>
    endpoints
      .filter((endpoint) => endpoint.network === network.id)
      .map(({ addresses, ports }) => ({
        address: addresses.map(({ addr }) => formatAddr(addr)).join(' '),
        ports: [
          ...new Set(
            ports.map(({ protocol, containerPort, hostPort, hostAddress }) => {
              const on =
                hostAddress === undefined || isUnspecified(hostAddress) ? '' : `${formatAddr(hostAddress)}:`;
              return `${on}${hostPort}->${containerPort}/${protocol}`;
            }),
          ),
        ],
      })),
  );
  const subnets = network.ipam.map(({ subnet }) => formatPrefix(subnet));
  return [{ bridge, subnets, internal: network.internal, containers }];
}

function iptablesDrops({ firewall }: Namespace, expected: Expected | undefined): readonly Dropper[] {
  const ownerOf = ruleClassifier(firewall, expected?.plan.links.map(({ name }) => name) ?? []);
  return firewall.tables.flatMap(({ family, name: table, chains, backend }) =>
    chains.flatMap((chain): readonly Dropper[] => {
      const legacy = backend === 'iptables-legacy' ? 'legacy ' : '';
      const place = `${family === 'ipv6' ? 'ip6 ' : ''}${legacy}${table} ${chain.name}`;
      const planned = expected?.plan.ruleset.tables
        .find((t) => t.family === family && t.name === table)
        ?.chains.find(({ name }) => name === chain.name);
      const policy =
        chain.policy === 'DROP' && planned?.policy !== 'DROP'
          ? [
              {
                place,
                position: 0,
                rule: `-P ${chain.name} DROP`,
                ...(chain.counters === undefined ? {} : { packets: chain.counters.packets }),
                ...(chain.at === undefined ? {} : { at: chain.at }),
              },
            ]
          : [];
      const rules = chain.rules.flatMap((rule, index): readonly Dropper[] => {
        if (rule.target?.name !== 'DROP' && rule.target?.name !== 'REJECT') return [];
        const { owner } = ownerOf({ family, table, chain: chain.name, rule });
        if (owner === 'docker' || owner === 'swarm') return [];
        return [
          {
            place,
            position: index + 1,
            rule: `-A ${chain.name} ${formatRule(rule)}`,
            ...(rule.counters === undefined ? {} : { packets: rule.counters.packets }),
            ...(rule.at === undefined ? {} : { at: rule.at }),
            ...(owner === 'unknown' || owner === 'docker-user' ? {} : { owner }),
          },
        ];
      });
      return [...rules, ...policy];
    }),
  );
}

function nativeDrops({ nft }: Namespace): readonly Dropper[] {
  return (nft?.tables ?? []).flatMap((table) => {
    const { owner } = classifyNftTable(table.name);
    if (owner === 'docker') return [];
    const whose = owner === 'unknown' ? {} : { owner };
    return table.chains.flatMap((chain): readonly Dropper[] => {
      const place = `${tableText(table)} ${chain.name}`;
      const rules = chain.rules.flatMap((rule, index): readonly Dropper[] =>
        rule.statements.some(
          (s) => s.kind === 'reject' || (s.kind === 'verdict' && s.verdict.kind === 'drop'),
        )
          ? [
              {
                place,
                position: index + 1,
                rule: formatNftRule(rule),
                ...(rule.at === undefined ? {} : { at: rule.at }),
                ...whose,
              },
            ]
          : [],
      );
      const drops = chain.base?.policy === 'drop';
      return drops ? [...rules, { place, position: 0, rule: 'policy drop', ...whose }] : rules;
    });
  });
}
