/**
 * Healing: the changes that put back what a host lost of its plan. In: the host and its plan. Out: StateChanges, what they mend,
 * and what only the engine can do. Nothing is taken away: stale and foreign parts stay, and so does DOCKER-USER's content.
 */
import { emptyNftRuleset } from '../firewall/nft/model.ts';
import { putBackNft } from '../firewall/nft/put-back.ts';
import { insertedFirst, putBack } from '../firewall/put-back.ts';
import { findChain, findTable, type Ruleset } from '../firewall/ruleset.ts';
import type { StateChange } from '../host/change.ts';
import type { Namespace } from '../host/state.ts';
import type { Plan } from '../plan/plan.ts';
import type { Difference } from './difference.ts';
import { findDrift } from './drift.ts';
import { comparablePart } from './firewall.ts';
import type { PlannedHost } from './networks.ts';
import { plannedOrder } from './order.ts';

export interface Healing {
  /** Rules first: forwarding is turned on, and bridges go up, when their rules are there. */
  readonly changes: readonly StateChange[];
  /** The differences that these changes mend. */
  readonly mended: readonly Difference[];
  /** What only the engine can put back: proxies; what firewalld keeps; and rules below somebody else's, which stays. */
  readonly left: readonly Difference[];
}

/** What would put back everything that can be put back from here. */
export function healing(whole: PlannedHost): Healing {
  const host = whole.state.namespaces.find(({ kind }) => kind === 'host');
  const lost = findDrift(whole).differences.filter(({ kind }) => kind !== 'stale' && kind !== 'foreign');
  if (host === undefined) return { changes: [], mended: [], left: lost };
  const left = lost.filter((difference) => isOutOfReach(difference) || isShadowed(difference));
  const mended = lost.filter((difference) => !left.includes(difference));
  const has = (where: Difference['place']['in']) => mended.some(({ place }) => place.in === where);
  return {
    changes: [
      ...(has('iptables') ? [putBackIptables(whole, host)] : []),
      ...(has('nft') ? [putBackNative(whole.expected.plan, host)] : []),
      ...mended.flatMap(({ changes }) => changes ?? []),
    ],
    mended,
    left,
  };
}

/** The engine alone starts proxies, and firewalld keeps its own zones. */
function isOutOfReach({ place }: Difference): boolean {
  return place.in === 'proxies' || place.in === 'firewalld';
}

function isShadowed({ kind, observed }: Difference): boolean {
  return kind === 'misordered' && observed !== undefined;
}

function putBackIptables(whole: PlannedHost, host: Namespace): StateChange {
  const { plan } = whole.expected;
  const planned = comparablePart(plan.ruleset, host);
  const rules = putBack(host.firewall, planned, insertedFirst(plan.operations), plannedOrder(whole));
  return { namespace: host.name, kind: 'ruleset', from: host.firewall, to: withPolicies(rules, planned) };
}

function putBackNative({ nft }: Plan, { name, nft: from = emptyNftRuleset }: Namespace): StateChange {
  return { namespace: name, kind: 'nft', from, to: putBackNft(from, nft) };
}

/** Policies that the engine sets to DROP; one that somebody else made stricter stays. */
function withPolicies(rules: Ruleset, planned: Ruleset): Ruleset {
  return {
    tables: rules.tables.map((table) => {
      const wanted = findTable(planned, { backend: table.backend, family: table.family, table: table.name });
      if (wanted === undefined) return table;
      const chains = table.chains.map((chain) =>
        findChain(wanted, chain.name)?.policy === 'DROP' ? { ...chain, policy: 'DROP' as const } : chain,
      );
      return { ...table, chains };
    }),
  };
}
