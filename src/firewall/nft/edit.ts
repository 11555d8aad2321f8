/**
 * Small changes of native nftables: a rule less, a rule in front, a policy that accepts. In: a ruleset and an edit.
 * Out: the ruleset after it, and the nft(8) command that does the same. Nothing is run here.
 */
import { formatNftRule } from './format.ts';
import type { NftChain, NftRule, NftRuleset, NftTable } from './model.ts';

export type NftEdit = {
  readonly table: Pick<NftTable, 'family' | 'name' | 'owned'>;
  readonly chain: string;
} & (
  | { readonly kind: 'delete-rule'; readonly rule: NftRule }
  /** In front of all others. */
  | { readonly kind: 'insert-rule'; readonly rule: NftRule }
  | { readonly kind: 'accept-policy' }
);

/** The ruleset after an edit; an edit of what is not there changes nothing. */
export function applyNftEdit(ruleset: NftRuleset, edit: NftEdit): NftRuleset {
  const { family, name } = edit.table;
  return {
    ...ruleset,
    tables: ruleset.tables.map((table) =>
      table.family === family && table.name === name
        ? {
            ...table,
            chains: table.chains.map((chain) => (chain.name === edit.chain ? edited(chain, edit) : chain)),
          }
        : table,
    ),
  };
}

function edited(chain: NftChain, edit: NftEdit): NftChain {
  switch (edit.kind) {
    case 'delete-rule':
      return { ...chain, rules: chain.rules.filter((rule) => rule !== edit.rule) };
    case 'insert-rule':
      return { ...chain, rules: [edit.rule, ...chain.rules] };
    case 'accept-policy':
      return chain.base === undefined ? chain : { ...chain, base: { ...chain.base, policy: 'accept' } };
  }
}

/**
 * The arguments of the nft command for an edit. None for a rule without handle, and none for a table that a running
 * process owns: the kernel lets nobody else change it (NFT_TABLE_F_OWNER).
 */
export function nftEditArgs(edit: NftEdit): readonly string[] | undefined {
  const { family, name, owned } = edit.table;
  if (owned === true) return undefined;
  const place = [family, name, edit.chain];
  switch (edit.kind) {
    case 'delete-rule':
      return edit.rule.handle === undefined
        ? undefined
        : ['nft', 'delete', 'rule', ...place, 'handle', `${edit.rule.handle}`];
    case 'insert-rule':
      return ['nft', 'insert', 'rule', ...place, formatNftRule(edit.rule)];
    case 'accept-policy':
      return ['nft', 'chain', ...place, '{ policy accept; }'];
  }
}

/** `iifname "docker0" accept` or `oifname "docker0" accept`. */
export function acceptDevice(key: 'iifname' | 'oifname', device: string): NftRule {
  return {
    statements: [
      {
        kind: 'match',
        operator: '==',
        left: { kind: 'meta', key },
        right: { kind: 'literal', value: device },
      },
      { kind: 'verdict', verdict: { kind: 'accept' } },
    ],
  };
}
