/**
 * Small changes of native nftables: a rule less, a rule in front, a policy that accepts. In: a ruleset and an edit.
 * Out: the ruleset after it. The commands that do the same are `commands.ts`'s subject.
 */
import { accept, onDevice, rule } from './build.ts';
import type { NftChain, NftRule, NftRuleset, NftTable } from './model.ts';

export type NftEdit = {
  readonly table: Pick<NftTable, 'family' | 'name'>;
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

/** `iifname "docker0" accept` or `oifname "docker0" accept`. */
export function acceptDevice(key: 'iifname' | 'oifname', device: string): NftRule {
  return rule(undefined, onDevice(key, '==', device), accept);
}
