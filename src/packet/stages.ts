/**
 * The order in which a hook asks: iptables' tables, conntrack, NAT and native nftables chains, by priority.
 * In: a namespace, a hook, a family. Out: stages, made once per namespace. Sources: include/uapi/linux/netfilter_ipv4.h
 * (priorities), net/netfilter/core.c (nf_hook_entries_grow: of equals the later one is asked first).
 */
import type { NftChain, NftFamily, NftTable } from '../firewall/nft/model.ts';
import { findChain, type Table, type TableName } from '../firewall/ruleset.ts';
import type { Namespace } from '../host/state.ts';
import type { Family } from '../net/addr.ts';
import type { Hook } from './hooks.ts';
import type { Node } from './world.ts';

/** One table of iptables, or one native base chain. */
export type Rules =
  | { readonly kind: 'rules'; readonly table: Table }
  | { readonly kind: 'rules'; readonly table: NftTable; readonly base: NftChain };

export type Stage =
  | Rules
  | { readonly kind: 'conntrack' | 'confirm' }
  /** Asked in this order until one of them binds. */
  | { readonly kind: 'nat'; readonly asked: readonly Rules[] };

interface Placed<T> {
  readonly priority: number;
  /** Of equal priority the higher is asked first. */
  readonly age: number;
  readonly stage: T;
}

const priorities: Readonly<Record<TableName, number>> = {
  raw: -300,
  mangle: -150,
  nat: -100,
  filter: 0,
  security: 50,
};

/** iptables' tables at each hook, without nat. */
const tableNames: Readonly<Record<Hook, readonly TableName[]>> = {
  PREROUTING: ['raw', 'mangle'],
  INPUT: ['mangle', 'filter', 'security'],
  FORWARD: ['mangle', 'filter', 'security'],
  OUTPUT: ['raw', 'mangle', 'filter', 'security'],
  POSTROUTING: ['mangle'],
};

/** NAT has one place at each hook, whatever priorities its chains ask for (nf_nat_register_fn). */
const natPriority: Readonly<Record<Hook, number | undefined>> = {
  PREROUTING: -100,
  OUTPUT: -100,
  INPUT: 100,
  POSTROUTING: 100,
  FORWARD: undefined,
};

interface Made {
  readonly ipv4: Map<Hook, readonly Stage[]>;
  readonly ipv6: Map<Hook, readonly Stage[]>;
  readonly hasLinkChains: boolean;
}

/** By what a namespace consists of: worlds that differ elsewhere share it. */
const made = new WeakMap<Namespace, Made>();

function madeFor({ facts }: Node): Made {
  const known = made.get(facts);
  if (known !== undefined) return known;
  const fresh: Made = { ipv4: new Map(), ipv6: new Map(), hasLinkChains: seesFrames(facts) };
  made.set(facts, fresh);
  return fresh;
}

/** The stages of a hook, in order. Tables and chains that let everything pass are left out. */
export function stagesOf(node: Node, hook: Hook, family: Family): readonly Stage[] {
  const byHook = madeFor(node)[family];
  const known = byHook.get(hook);
  if (known !== undefined) return known;
  const stages = makeStages(node, hook, family);
  byHook.set(hook, stages);
  return stages;
}

function makeStages(node: Node, hook: Hook, family: Family): readonly Stage[] {
  const native = nativeChains(node, ['inet', family === 'ipv4' ? 'ip' : 'ip6'], hook.toLowerCase());
  const placed: Placed<Stage>[] = native.filter(({ stage }) => stage.base.base?.type !== 'nat');
  for (const name of tableNames[hook]) placed.push(...iptables(node, family, name, hook));
  if (hook === 'PREROUTING' || hook === 'OUTPUT')
    placed.push({ priority: -200, age: Number.POSITIVE_INFINITY, stage: { kind: 'conntrack' } });
  const priority = natPriority[hook];
  if (priority !== undefined) {
    const asked = inOrder<Rules>([
      ...native.filter(({ stage }) => stage.base.base?.type === 'nat'),
      ...iptables(node, family, 'nat', hook).map((table) => ({ ...table, priority })),
    ]);
    placed.push({ priority, age: Number.POSITIVE_INFINITY, stage: { kind: 'nat', asked } });
  }
  const stages = inOrder(placed);
  return hook === 'INPUT' || hook === 'POSTROUTING' ? [...stages, { kind: 'confirm' }] : stages;
}

function inOrder<T>(placed: readonly Placed<T>[]): readonly T[] {
  return placed
    .toSorted((a, b) => a.priority - b.priority || (a.age === b.age ? 0 : b.age - a.age))
    .map(({ stage }) => stage);
}

function iptables(node: Node, family: Family, name: TableName, hook: Hook): readonly Placed<Rules>[] {
  const nftFamily = family === 'ipv4' ? 'ip' : 'ip6';
  const twin = node.facts.nft?.twins.find((t) => t.family === nftFamily && t.name === name);
  const tables = (node.firewall[family].get(name) ?? []).filter((table) => {
    const base = findChain(table, hook);
    return base !== undefined && (base.rules.length > 0 || base.policy === 'DROP');
  });
  return tables.map((table) => ({
    priority: priorities[name],
    // When legacy tables were made is not known; they are taken for the oldest.
    age: table.backend === 'iptables-nft' ? (twin?.handle ?? 0) : 0,
    stage: { kind: 'rules', table },
  }));
}

type NativeRules = Extract<Rules, { readonly base: NftChain }>;

function nativeChains(
  node: Node,
  families: readonly NftFamily[],
  hook: string,
): readonly Placed<NativeRules>[] {
  return (node.facts.nft?.tables ?? [])
    .filter((table) => families.includes(table.family) && table.dormant !== true)
    .flatMap((table) =>
      table.chains.flatMap((base) =>
        base.base?.hook === hook && (base.rules.length > 0 || base.base.policy === 'drop')
          ? [{ priority: base.base.priority, age: ageOf(table, base), stage: { kind: 'rules', table, base } }]
          : [],
      ),
    );
}

/** Tables count up in a namespace, and chains in their table. */
function ageOf(table: NftTable, chain: NftChain): number {
  return (table.handle ?? 0) + 1 - 1 / (1 + (chain.handle ?? 0));
}

/** Whether anything in this namespace looks at frames on its links. */
export function hasLinkChains(node: Node): boolean {
  return madeFor(node).hasLinkChains;
}

function seesFrames({ unmodelledHooks, nft }: Namespace): boolean {
  const hooks: readonly string[] = ['ingress', 'egress'];
  return (
    unmodelledHooks.some(({ family }) => family === 'bridge' || family === 'netdev') ||
    nft?.tables.some(
      ({ family, chains }) =>
        family === 'bridge' || chains.some(({ base }) => base !== undefined && hooks.includes(base.hook)),
    ) === true
  );
}

/** Base chains of the bridge or netdev family at a hook of a link, in order; of netdev those of this device, and of one that is not told. */
export function linkChains(
  node: Node,
  families: readonly NftFamily[],
  hook: string,
  dev?: string,
): readonly { readonly table: NftTable; readonly base: NftChain }[] {
  if (node.facts.nft === undefined) return [];
  return inOrder(nativeChains(node, families, hook)).filter(
    ({ base }) =>
      dev === undefined || base.base?.devices.includes(dev) === true || base.base?.devices.length === 0,
  );
}
