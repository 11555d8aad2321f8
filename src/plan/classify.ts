/**
 * Whose the rules of a host are: Docker's own, of whatever generation, the administrator's in DOCKER-USER, another program's, or nobody's
 * by name. In: a firewall as it is. Out: an owner for each rule, chain and native table, with what shows it.
 * A rule of Docker's that no plan holds is thus told from a foreign one: it is stale. What should be there is not asked here.
 */
import {
  type Owner,
  type OwnerClue,
  ownerOfChain,
  ownerOfNftTable,
  ownerOfRule,
} from '../firewall/owners.ts';
import type { Rule, Ruleset } from '../firewall/ruleset.ts';
import type { Family } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import {
  bridgesIn,
  dockerRuleOf,
  isDockerNftTable,
  isSwarmRule,
  makersOfChain,
  type PlacedRule,
  swarmChainName,
  userChainName,
} from './docker-rules.ts';

export interface Classified {
  /** `swarm` is Docker's too, but made and taken away by its services, so that a plan says nothing about it. */
  readonly owner: 'docker' | 'docker-user' | 'swarm' | Owner | 'unknown';
  /** Absent where nothing shows whose it is. `shape` is what all rules of that kind look like, `-s NET ! -o BR -j MASQUERADE`. */
  readonly because?: OwnerClue | { readonly kind: 'shape'; readonly name: string };
}

const unknown: Classified = { owner: 'unknown' };

/**
 * A classifier for the rules of one namespace. Bridges of networks with names of their own are found in the rules; `known` names those
 * that have left few rules. Built-in chains hold rules of everybody, and so may Docker's own chains.
 */
export function ruleClassifier(
  ruleset: Ruleset,
  known: Iterable<string> = [],
): (placed: PlacedRule) => Classified {
  const bridges = new Set([...bridgesIn(ruleset), ...known]);
  const guarded = guardedAddresses(ruleset);
  return (placed) => {
    const row = dockerRuleOf(placed, bridges);
    if (row !== undefined && (!isTrust(placed) || guarded.has(destinationOf(placed.family, placed.rule))))
      return {
        owner: isSwarmRule(row, placed.rule) ? 'swarm' : 'docker',
        because: { kind: 'shape', name: row.pattern },
      };
    const foreign = ownerOfRule(placed.chain, placed.rule);
    if (foreign !== undefined) return foreign;
    return placed.chain === userChainName ? administrators : unknown;
  };
}

const administrators: Classified = { owner: 'docker-user', because: { kind: 'chain', name: userChainName } };

/** Whose a chain of iptables is, by its name. Built-in ones are nobody's. */
export function classifyChain(chain: string): Classified {
  if (chain === userChainName) return administrators;
  if (chain === swarmChainName) return { owner: 'swarm', because: { kind: 'chain', name: chain } };
  if (makersOfChain(chain) !== undefined) return { owner: 'docker', because: { kind: 'chain', name: chain } };
  return ownerOfChain(chain) ?? unknown;
}

/** Whose a table of native nftables is, by its name. */
export function classifyNftTable(name: string): Classified {
  if (isDockerNftTable(name)) return { owner: 'docker', because: { kind: 'table', name } };
  return ownerOfNftTable(name) ?? unknown;
}

/** The exception for a trusted interface looks like anybody's accept; it is Docker's beside the drop for the same container. */
function isTrust({ table, rule }: PlacedRule): boolean {
  return table === 'raw' && rule.target?.name === 'ACCEPT';
}

function guardedAddresses({ tables }: Ruleset): ReadonlySet<string> {
  const raw = tables.filter(({ name }) => name === 'raw');
  return new Set(
    raw.flatMap(({ family, chains }) =>
      chains.flatMap(({ rules }) =>
        rules
          .filter(({ target, inInterface }) => target?.name === 'DROP' && inInterface?.not === true)
          .map((rule) => destinationOf(family, rule)),
      ),
    ),
  );
}

function destinationOf(family: Family, { destination }: Rule): string {
  const value = destination?.value;
  return typeof value === 'object' ? `${family} ${formatPrefix(value)}` : `${family} ${value}`;
}
