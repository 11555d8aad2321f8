/**
 * Hosts of which only firewall rules are known: somebody pasted them. In: a HostState. Out: whether it is one.
 */
import type { HostState } from './state.ts';

/** There are rules, and neither links nor routes are in the facts. */
export function isRulesAlone({ namespaces }: HostState): boolean {
  const host = namespaces.find(({ kind }) => kind === 'host');
  if (host === undefined) return false;
  const lacks = (asked: 'links' | 'routes') => host.missing?.some(({ part }) => part === asked) === true;
  const { firewall, nft, unmodelledHooks } = host;
  const rules = firewall.tables.length + (nft?.tables.length ?? 0) + unmodelledHooks.length;
  return rules > 0 && lacks('links') && lacks('routes');
}
