/**
 * Removal: everything that a Docker engine of any generation makes on a host, to be taken out after it was uninstalled or told to
 * leave iptables alone. In: a host. Out: StateChanges, what they take out, and what stays though Docker may have made it. What others
 * made stays, wherever it stands, and so do the administrator's rules in DOCKER-USER. It needs no plan: Docker's rules are known by
 * their looks.
 */
import { formatRule } from '../firewall/args.ts';
import type { NftRuleset, NftTable } from '../firewall/nft/model.ts';
import type { Chain, Ruleset, Table } from '../firewall/ruleset.ts';
import type { StateChange } from '../host/change.ts';
import type { HostState, Namespace } from '../host/state.ts';
import { type Classified, classifyChain, classifyNftTable, ruleClassifier } from '../plan/classify.ts';
import { bridgesIn, isDockerBridge } from '../plan/docker-rules.ts';
import type { Difference, Place } from './difference.ts';

export interface Removal {
  readonly changes: readonly StateChange[];
  /** What the changes take out, as differences that are stale. */
  readonly taken: readonly Difference[];
  /** What stays, because somebody else uses it or may have made it. */
  readonly kept: readonly Difference[];
}

/** Everything of Docker's in the host's own namespace. */
export function removal(state: HostState): Removal {
  const host = state.namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined) return { changes: [], taken: [], kept: [] };
  const rules = removeRules(host);
  const tables = (host.nft?.tables ?? []).filter(({ name }) => classifyNftTable(name).owner === 'docker');
  const bridges = idleBridges(host);
  return {
    changes: [
      ...(rules.taken.length === 0
        ? []
        : [{ namespace: host.name, kind: 'ruleset', from: host.firewall, to: rules.to } as const]),
      ...(host.nft === undefined || tables.length === 0
        ? []
        : [
            {
              namespace: host.name,
              kind: 'nft',
              from: host.nft,
              to: withoutTables(host.nft, tables),
            } as const,
          ]),
      ...bridges.map((dev): StateChange => ({ namespace: host.name, kind: 'delete-link', dev })),
    ],
    taken: [
      ...rules.taken,
      ...tables.map(
        ({ family, name }): Difference => ({
          kind: 'stale',
          place: { in: 'nft', family, table: name },
          text: 'the whole table',
        }),
      ),
      ...bridges.map((dev): Difference => ({ kind: 'stale', place: { in: 'links' }, text: dev })),
    ],
    kept: [...keptPolicies(rules.to), ...keptBridges(host, bridges)],
  };
}

function withoutTables(ruleset: NftRuleset, gone: readonly NftTable[]): NftRuleset {
  return { ...ruleset, tables: ruleset.tables.filter((table) => !gone.includes(table)) };
}

interface RemovedRules {
  readonly to: Ruleset;
  readonly taken: readonly Difference[];
}

function removeRules(host: Namespace): RemovedRules {
  const ownerOf = ruleClassifier(host.firewall);
  const taken: Difference[] = [];
  const take = (table: Table, chain: Chain, text: string, position?: number): void => {
    taken.push({
      kind: 'stale',
      place: placeOf(table, chain),
      text,
      ...(position === undefined ? {} : { position }),
    });
  };
  const tables = host.firewall.tables.map((table): Table => {
    const emptied = table.chains.map((chain): Chain => {
      const rules = chain.rules.filter((rule, index) => {
        const at = { family: table.family, table: table.name, chain: chain.name, rule };
        const own = isDockers(ownerOf(at));
        if (own) take(table, chain, `-A ${chain.name} ${formatRule(rule)}`, index + 1);
        return !own;
      });
      return { ...chain, rules };
    });
    const chains = emptied.filter((chain) => {
      const goes = isSpent(chain, emptied);
      if (goes) take(table, chain, `-N ${chain.name}`);
      return !goes;
    });
    return { ...table, chains };
  });
  return { to: { tables }, taken };
}

function isDockers({ owner }: Classified): boolean {
  return owner === 'docker' || owner === 'swarm';
}

function placeOf({ backend, family, name }: Table, chain: Chain): Place {
  return { in: 'iptables', backend, family, table: name, chain: chain.name };
}

/** A chain of Docker's, or its hook for the administrator, that is empty now and that nothing leads to. */
function isSpent(chain: Chain, all: readonly Chain[]): boolean {
  const whose = classifyChain(chain.name);
  if (chain.policy !== undefined || !(isDockers(whose) || whose.owner === 'docker-user')) return false;
  return (
    chain.rules.length === 0 &&
    !all.some(({ rules }) => rules.some(({ target }) => target?.name === chain.name))
  );
}

/** Docker sets this policy, and so do others: which of them did is not seen. */
function keptPolicies({ tables }: Ruleset): readonly Difference[] {
  return tables.flatMap((table) =>
    table.name !== 'filter'
      ? []
      : table.chains
          .filter(({ name, policy }) => name === 'FORWARD' && policy === 'DROP')
          .map(
            (chain): Difference => ({
              kind: 'foreign',
              place: placeOf(table, chain),
              text: `-P ${chain.name} DROP`,
            }),
          ),
  );
}

/** Bridges with Docker's names that have no port. */
function idleBridges({ links }: Namespace): readonly string[] {
  return links
    .filter(({ kind, name }) => kind === 'bridge' && isDockerBridge(name))
    .map(({ name }) => name)
    .filter((name) => !links.some(({ master }) => master === name));
}

/** Bridges in use, and those of Docker's rules with names that somebody chose: he may have made them himself. */
function keptBridges(host: Namespace, gone: readonly string[]): readonly Difference[] {
  const named = bridgesIn(host.firewall);
  return host.links
    .filter(({ kind, name }) => kind === 'bridge' && (isDockerBridge(name) || named.has(name)))
    .filter(({ name }) => !gone.includes(name))
    .map(({ name }) => ({ kind: 'foreign', place: { in: 'links' }, text: name }));
}
