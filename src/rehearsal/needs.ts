/**
 * What the kernel would ask modprobe(8) for when a part of a host is made. In: rules, links and tables as values. Out: aliases of modules.
 * Sources: net/netfilter/x_tables.c (xt_request_find_match, xt_request_find_table_lock), nft_compat.c and nf_tables_api.c
 * (nft_request_module), net/core/rtnetlink.c (rtnl-link-).
 */
import type { Rule, Table } from '../firewall/ruleset.ts';
import type { LinkKind } from '../host/state.ts';
import type { Family } from '../net/addr.ts';

/** Targets that are verdicts, not extensions. */
const verdicts = new Set(['ACCEPT', 'DROP', 'RETURN']);

/** For a rule: its matches and its target, unless that is a chain of the table. */
export function ruleNeeds(rule: Rule, family: Family, chains: ReadonlySet<string>): readonly string[] {
  const prefix = family === 'ipv4' ? 'ipt_' : 'ip6t_';
  const target = rule.target?.name;
  const targets = target === undefined || verdicts.has(target) || chains.has(target) ? [] : [target];
  return [...rule.matches.map(({ module }) => module), ...targets].map((name) => prefix + name);
}

/** For a table itself, before any rule of it. */
export function tableNeeds({
  backend,
  family,
  name,
}: Pick<Table, 'backend' | 'family' | 'name'>): readonly string[] {
  const number = family === 'ipv4' ? familyNumbers.ip : familyNumbers.ip6;
  if (backend === 'iptables-legacy')
    return family === 'ipv4' ? ['ip_tables', `iptable_${name}`] : ['ip6_tables', `ip6table_${name}`];
  return ['nf_tables', 'nft_compat', ...(name === 'nat' ? [`nft-chain-${number}-nat`] : [])];
}

/** Numbers of families in netfilter (linux/netfilter.h, NFPROTO_*). */
const familyNumbers = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;

/** For a native chain of a type and hook. */
export function nativeChainNeeds(
  family: keyof typeof familyNumbers,
  type: string | undefined,
): readonly string[] {
  return [
    'nf_tables',
    ...(type === undefined || type === 'filter' ? [] : [`nft-chain-${familyNumbers[family]}-${type}`]),
  ];
}

/** For a link of a kind. */
export function linkNeeds(kind: LinkKind): readonly string[] {
  return kind === 'loopback' ? [] : [`rtnl-link-${kind}`];
}
