/**
 * The engine's native table: its chains, maps and groups of rules by what they are for, and operations on it in short.
 * In: names of bridges, rules. Out: NftOperations and transactions; which there are is `n1.ts`'s subject.
 */
import { type NftHook, type NftRule, nftFamilies } from '../../firewall/nft/model.ts';
import type { NftOperation, NftTransaction } from '../../firewall/nft/operation.ts';
import type { Family } from '../../net/addr.ts';
import type { Reason } from '../../net/reason.ts';

/** In both families. */
export const nativeTable = 'docker-bridges';

/** Chains of every host. */
export const chains = {
  forward: 'filter-FORWARD',
  postrouting: 'nat-POSTROUTING',
  prerouting: 'nat-PREROUTING',
  output: 'nat-OUTPUT',
  /** The translation of published ports, for packets from elsewhere and from the host. */
  ports: 'nat-prerouting-and-output',
  raw: 'raw-PREROUTING',
} as const;

/** Verdict maps from bridges to their chains: packets into a network, and out of it. */
export const maps = {
  forwardIn: 'filter-forward-in-jumps',
  forwardOut: 'filter-forward-out-jumps',
  sourceIn: 'nat-postrouting-in-jumps',
  sourceOut: 'nat-postrouting-out-jumps',
} as const;

/** The chain of a network that a map leads to. */
export function chainOf(bridge: string, of: keyof typeof maps): string {
  return `${maps[of].replace(/-jumps$/, '')}__${bridge}`;
}

/** In this order the rules of a network's chain stand, those of containers in the raw chain among themselves. */
const groups = { first: 0, guards: 1, marked: 1, links: 2, within: 3, ports: 4, rest: 5 } as const;

export type Group = keyof typeof groups;

export function addChain(reason: Reason, chain: string, base?: NftHook): NftOperation {
  return { op: 'add', kind: 'chain', chain, reason, ...(base === undefined ? {} : { base }) };
}

export function addRule(reason: Reason, chain: string, group: Group, rule: NftRule): NftOperation {
  return { op: 'add', kind: 'rule', chain, group: groups[group], rule, reason };
}

/** A rule that several ports may ask for, and that is made once. */
export function addRuleOnce(reason: Reason, chain: string, group: Group, rule: NftRule): NftOperation {
  return { op: 'add', kind: 'rule', chain, group: groups[group], rule, reason, once: true };
}

export function onTable(family: Family, operations: readonly NftOperation[]): NftTransaction {
  return { family: nftFamilies[family], table: nativeTable, operations };
}

/** The transaction that takes away what another added, in the opposite order. */
export function reversed({ operations, ...table }: NftTransaction): NftTransaction {
  return {
    ...table,
    operations: operations
      .toReversed()
      .flatMap((operation) => (operation.op === 'add' ? [{ ...operation, op: 'delete' }] : [])),
  };
}
