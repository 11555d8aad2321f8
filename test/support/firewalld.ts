/**
 * A host's namespace with firewalld's native table, for tests. In: its rules about interfaces. Out: a Namespace with nothing else.
 */
import { parseNftJson } from '../../src/firewall/nft/parse.ts';
import type { Namespace } from '../../src/host/state.ts';

export const emptyHost: Namespace = {
  name: 'host',
  kind: 'host',
  sharedBy: [],
  links: [],
  routes: [],
  policyRules: [],
  neighbours: [],
  sysctls: new Map(),
  firewall: { tables: [] },
  unmodelledHooks: [],
};

/** A host on which firewalld runs: interfaces, and what their packets go to (nft's JSON). */
export function firewalldHost(...rules: readonly (readonly [string, object])[]): Namespace {
  const at = { family: 'inet', table: 'firewalld' };
  const nftables = [
    { table: { family: 'inet', name: 'firewalld', handle: 1 } },
    { chain: { ...at, name: 'filter_INPUT_ZONES', handle: 2 } },
    ...rules.map(([name, verdict]) => ({
      rule: {
        ...at,
        chain: 'filter_INPUT_ZONES',
        expr: [{ match: { op: '==', left: { meta: { key: 'iifname' } }, right: name } }, verdict],
      },
    })),
  ];
  return { ...emptyHost, nft: parseNftJson({ nftables }, 'nft-ruleset.json', () => false).ruleset };
}
