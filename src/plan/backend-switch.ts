/**
 * A change of firewall backend: the engine that starts with nftables takes the iptables rules of the earlier one away, and the other
 * way round. In: what was there. Out: what is left for the new engine to start from. Policies and DOCKER-USER stay.
 * Source: moby 29, libnetwork's bridge driver (FirewallCleaner of iptabler and nftabler), known in outline only.
 */
import type { Chain, Rule, Ruleset } from '../firewall/ruleset.ts';
import type { Generation } from './plan.ts';

/** Whether an engine of the one generation follows one of the other with another backend. */
export function switchesBackend(from: Generation, to: Generation): boolean {
  return (from === 'N1') !== (to === 'N1');
}

/** Named among what is not planned. */
export const switchNote =
  "whether all rules of the engine's other firewall backend go, which is known in outline only";

/** The rules that no engine made, whose parts carry no reason, and those of the administrator's chain. */
export function withoutEngineRules(ruleset: Ruleset): Ruleset {
  const isUsers = (chain: Chain) => chain.name === 'DOCKER-USER';
  const stays = (chain: Chain, rule: Rule) =>
    rule.reason === undefined || isUsers(chain) || rule.target?.name === 'DOCKER-USER';
  return {
    tables: ruleset.tables.map((table) => ({
      ...table,
      chains: table.chains
        .filter((chain) => chain.policy !== undefined || chain.reason === undefined || isUsers(chain))
        .map((chain) => ({ ...chain, rules: chain.rules.filter((rule) => stays(chain, rule)) })),
    })),
  };
}
