/**
 * Native nftables as immutable data: tables, chains, sets and maps, rules as statements over expressions.
 * In: `parse.ts` (nft's JSON), `machine.ts` (operations of a plan). Out: `match.ts` and the packet walker, printers, `edit.ts`.
 * What is not understood is kept as its JSON and stays unknown; what anything means is not decided here.
 */
import type { Family } from '../../net/addr.ts';
import type { Reason } from '../../net/reason.ts';
import type { SourceRef } from '../../net/source.ts';

export type NftFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

/** Members of a listed object that have no meaning here, as they were: a newer nft's, comments, sizes, timeouts. */
export type Kept = Readonly<Record<string, unknown>>;

export interface NftRuleset {
  /** In the order in which the kernel holds them: oldest first. Tables that iptables-save printed are not among them. */
  readonly tables: readonly NftTable[];
  /** The tables of iptables-nft in the same listing: what they hold is read elsewhere, their age is known from here. */
  readonly twins: readonly Pick<NftTable, 'family' | 'name' | 'handle'>[];
}

export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
  /** Counted up in each namespace: the higher was made later. */
  readonly handle?: number | undefined;
  /** A running process owns it: nobody else can change it. */
  readonly owned?: boolean;
  /** Its base chains are not asked. */
  readonly dormant?: boolean;
  readonly chains: readonly NftChain[];
  readonly sets: readonly NftSet[];
  /** Counters, quotas, limits, helpers, flow tables and the like, which statements name. */
  readonly objects?: readonly NftObject[];
  readonly kept?: Kept;
  /** Why the table is planned. */
  readonly reason?: Reason;
  readonly at?: SourceRef;
}

export interface NftChain {
  readonly name: string;
  readonly handle?: number;
  /** Absent: reached by jumps alone. */
  readonly base?: NftHook;
  readonly rules: readonly NftRule[];
  readonly kept?: Kept;
  readonly reason?: Reason;
}

/** What a table holds besides chains and sets. */
export interface NftObject {
  /** nft's word: `quota`, `ct helper`, `flowtable`. */
  readonly kind: string;
  readonly name: string;
  /** All of it but family and table. */
  readonly body: Kept;
}

export interface NftHook {
  readonly type: string;
  /** `prerouting`, `input`, `forward`, `output`, `postrouting`, `ingress`, `egress`. */
  readonly hook: string;
  /** Lower is asked first. */
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  /** Of ingress and egress chains. */
  readonly devices: readonly string[];
}

export interface NftRule {
  readonly handle?: number;
  readonly comment?: string;
  readonly statements: readonly Statement[];
  readonly kept?: Kept;
  readonly reason?: Reason;
  readonly at?: SourceRef;
}

export interface NftSet {
  readonly name: string;
  /** nft's names of the key's parts (`ifname`); none where the key is given as an expression. */
  readonly type: readonly string[];
  /** What the elements of a map carry, `verdict` or names of types; absent on sets. */
  readonly data?: readonly string[];
  /** Rules add elements, or elements expire: what it holds changes with the traffic. */
  readonly dynamic: boolean;
  /** In nft's order, which is that of the keys. */
  readonly elements: readonly SetElement[];
  readonly kept?: Kept;
  readonly reason?: Reason;
}

export interface SetElement {
  readonly key: Expression;
  readonly data?: Expression;
  readonly verdict?: NftVerdict;
  /** Comment, timeout, counts; they make the listing write the key as an object of its own. */
  readonly kept?: Kept;
  readonly reason?: Reason;
}

export type NftVerdict =
  | { readonly kind: 'accept' | 'drop' | 'continue' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

/** Elements written in the rule itself, or the name of a set. */
export type SetRef = { readonly elements: readonly SetElement[] } | { readonly name: string };

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'meta'; readonly key: string }
  | { readonly kind: 'payload'; readonly protocol: string; readonly field: string }
  /** Bits of a header, counted from its beginning: `@th,16,16`. */
  | { readonly kind: 'raw'; readonly base: string; readonly offset: number; readonly bits: number }
  /** A header or option that need not be there, or one field of it. */
  | {
      readonly kind: 'header';
      readonly header: HeaderKind;
      readonly name: string;
      readonly field?: string;
      readonly kept?: Kept;
    }
  | {
      readonly kind: 'ct';
      readonly key: string;
      readonly direction?: 'original' | 'reply';
      readonly family?: string;
    }
  | { readonly kind: 'fib'; readonly result: string; readonly flags: readonly string[] }
  | { readonly kind: 'bits'; readonly operator: BitOperator; readonly operands: readonly Expression[] }
  | { readonly kind: 'concat'; readonly parts: readonly Expression[] }
  /** Flags of a bit mask, joined. */
  | { readonly kind: 'flags'; readonly flags: readonly Expression[] }
  | { readonly kind: 'range'; readonly from: Expression; readonly to: Expression }
  | { readonly kind: 'prefix'; readonly address: Expression; readonly bits: number }
  | { readonly kind: 'set'; readonly set: SetRef }
  | { readonly kind: 'map'; readonly key: Expression; readonly map: SetRef }
  /** `*`, the element that every key matches which no other does. */
  | { readonly kind: 'any' }
  /** `name` is nft's word for it (`numgen`, `osf`, `socket`), empty where it has none. */
  | { readonly kind: 'unknown'; readonly name: string; readonly json: string };

export type HeaderKind = 'exthdr' | 'tcp option' | 'ip option' | 'sctp chunk' | 'dccp option';

export type BitOperator = '&' | '|' | '^' | '<<' | '>>';

export type MatchOperator = '==' | '!=' | '<' | '>' | '<=' | '>=' | 'in' | '!';

export type NatKind = 'dnat' | 'snat' | 'masquerade' | 'redirect';

export type Statement =
  | {
      readonly kind: 'match';
      readonly operator: MatchOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'verdict'; readonly verdict: NftVerdict }
  | { readonly kind: 'vmap'; readonly key: Expression; readonly map: SetRef }
  | {
      readonly kind: 'nat';
      readonly nat: NatKind;
      readonly family?: string;
      readonly address?: Expression;
      readonly port?: Expression;
      /** `random`, `fully-random`, `persistent`. */
      readonly flags?: readonly string[];
      /** How the address is chosen: `prefix` keeps the bits behind it. */
      readonly typeFlags?: readonly string[];
    }
  /** `type` and `code` as nft names them: `icmpx` and `admin-prohibited`, `tcp reset` without code; without both nft's default. */
  | { readonly kind: 'reject'; readonly type?: string; readonly code?: string }
  | { readonly kind: 'mangle'; readonly key: Expression; readonly value: Expression }
  | { readonly kind: 'notrack' }
  /** `over`: matches what exceeds the rate, else what does not. */
  /** `burst`: packets that pass at once, where the bucket fills slower than one a second. */
  | { readonly kind: 'limit'; readonly over: boolean; readonly burst?: number; readonly json: string }
  /** `over`: matches once as many bytes have been seen, else until then. */
  | {
      readonly kind: 'quota';
      readonly over: boolean;
      readonly bytes: bigint;
      readonly used: bigint;
      readonly json: string;
    }
  /** A named quota or limit of the table. */
  | { readonly kind: 'named'; readonly object: 'quota' | 'limit'; readonly name: string }
  /** Adds an element to a set or map, renews it, or takes it away; its statements decide whether the rule goes on. */
  | {
      readonly kind: 'update';
      readonly word: 'set' | 'map' | 'meter';
      /** Its name. */
      readonly set: string;
      readonly key: Expression;
      readonly statements: readonly Statement[];
      readonly json: string;
    }
  /** Counts, logs, copies: what no walk looks at. */
  | { readonly kind: 'observe'; readonly name: string; readonly json: string }
  | { readonly kind: 'unknown'; readonly name: string; readonly json: string };

/** `inet firewalld`: how nft names a table. */
export function tableText(table: NftTable): string {
  return `${table.family} ${table.name}`;
}

export const emptyNftRuleset: NftRuleset = { tables: [], twins: [] };

/** nft's word for a family of addresses. */
export const nftFamilies = { ipv4: 'ip', ipv6: 'ip6' } as const satisfies Record<Family, NftFamily>;

export function findNftTable(
  ruleset: NftRuleset,
  { family, name }: Pick<NftTable, 'family' | 'name'>,
): NftTable | undefined {
  return ruleset.tables.find((t) => t.family === family && t.name === name);
}

export function findNftChain(table: NftTable, name: string): NftChain | undefined {
  return table.chains.find((c) => c.name === name);
}
