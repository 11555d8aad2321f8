/**
 * The Ruleset: tables, chains and rules of one firewall as immutable data, keyed by backend, family and table.
 * In: `save.ts` (iptables-save) or `machine.ts` (operations). Out: `save.ts`, `match.ts`, `diff.ts`.
 * A rule keeps every match and target it was given, understood or not; what they mean is `match.ts`'s subject.
 */
import type { Family } from '../net/addr.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Reason } from '../net/reason.ts';
import type { SourceRef } from '../net/source.ts';

/** Which kernel interface holds the table. Both can be filled at once; then both are asked for every packet. */
export type Backend = 'iptables-nft' | 'iptables-legacy';

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter' | 'security';

export interface Ruleset {
  readonly tables: readonly Table[];
}

export interface Table {
  readonly backend: Backend;
  readonly family: Family;
  readonly name: TableName;
  /** Built-in chains first (they alone have a policy), as they were seen; the machine puts new ones in the order of their names, as iptables does. */
  readonly chains: readonly Chain[];
}

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
}

export interface Chain {
  readonly name: string;
  /** Present on built-in chains only. */
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly counters?: Counters;
  readonly rules: readonly Rule[];
  /** Why the chain, or its policy, is planned. */
  readonly reason?: Reason;
  readonly at?: SourceRef;
}

/** A value that may be inverted with `!`. */
export interface Negatable<T> {
  readonly not: boolean;
  readonly value: T;
}

/** One option of a match or target: `! --ctstate NEW`, `--to-destination 172.17.0.2:80`, `--random`. */
export interface RuleOption {
  readonly not: boolean;
  /** With its dashes, in the long form that iptables-save prints. */
  readonly name: string;
  readonly values: readonly string[];
}

/** `-m MODULE options`. */
export interface ModuleMatch {
  readonly module: string;
  readonly options: readonly RuleOption[];
}

/** `-j NAME options` or `-g CHAIN`. */
export interface Target {
  readonly kind: 'jump' | 'goto';
  readonly name: string;
  readonly options: readonly RuleOption[];
}

export interface Rule {
  /** A prefix; a non-contiguous mask (`10.0.0.1/255.0.255.0`) is kept as text and matches as unknown. */
  readonly source?: Negatable<Prefix | string>;
  readonly destination?: Negatable<Prefix | string>;
  /** Interface name; a trailing `+` matches any name with that beginning. */
  readonly inInterface?: Negatable<string>;
  readonly outInterface?: Negatable<string>;
  /** As printed: `tcp`, `udp`, `icmp`, `all`, or a number. */
  readonly protocol?: Negatable<string>;
  /** `-f`: second and further fragments (IPv4). */
  readonly fragment?: Negatable<true>;
  readonly matches: readonly ModuleMatch[];
  /** Absent: the rule only counts. */
  readonly target?: Target;
  readonly counters?: Counters;
  readonly reason?: Reason;
  readonly at?: SourceRef;
}

export const emptyRuleset: Ruleset = { tables: [] };

/** Built-in chains of a table, in hook order (iptables(8), "TABLES"). */
export const builtinChains: Readonly<Record<TableName, readonly string[]>> = {
  raw: ['PREROUTING', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};

export function findTable(
  ruleset: Ruleset,
  key: { readonly backend?: Backend; readonly family: Family; readonly table: TableName },
): Table | undefined {
  return ruleset.tables.find(
    (t) =>
      t.family === key.family &&
      t.name === key.table &&
      (key.backend === undefined || t.backend === key.backend),
  );
}

export function findChain(table: Table, name: string): Chain | undefined {
  return table.chains.find((c) => c.name === name);
}
