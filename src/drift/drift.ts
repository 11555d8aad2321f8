/**
 * Drift: a host against the plan of its engine. In: the host's state and what is expected of it. Out: every difference, what the
 * engine would have made and what nobody planned. It walks no packets: whether a difference hurts is the doctor's subject.
 */
import type { Difference } from './difference.ts';
import { firewallDifferences } from './firewall.ts';
import { firewalldDifferences } from './firewalld.ts';
import { kernelStateDifferences } from './kernel-state.ts';
import { nativeDifferences } from './native.ts';
import type { PlannedHost } from './networks.ts';

export interface Drift {
  readonly differences: readonly Difference[];
  /** Parts of the plan that could not be compared or are not in it, one line each. */
  readonly unknown: readonly string[];
}

/** All differences, firewall first. */
export function findDrift(whole: PlannedHost): Drift {
  const host = whole.state.namespaces.find(({ kind }) => kind === 'host');
  const { plan } = whole.expected;
  if (host === undefined) return { differences: [], unknown: ['the host itself is not in the facts'] };
  return {
    differences: [
      ...firewallDifferences(whole, host),
      ...(host.nft === undefined ? [] : nativeDifferences(plan.nft, host.nft)),
      ...firewalldDifferences(plan, host),
      ...kernelStateDifferences(whole, host),
    ],
    unknown: [
      ...(host.nft === undefined && plan.nft.tables.length > 0 ? ['native nftables (nft-ruleset.json)'] : []),
      ...(host.missing ?? []).map(({ part, family, file }) =>
        [part, ...(family === undefined ? [] : [family]), `(${file})`].join(' '),
      ),
      ...plan.unmodelled,
      ...whole.expected.assumed,
    ],
  };
}
