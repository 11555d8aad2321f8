/**
 * firewalld's zones against the plan: bridges that are not in the zone into which the engine put them. In: the plan and the host.
 * Out: differences; none where firewalld does not run. Only firewalld changes its zones, so nothing here mends them.
 */
import { firewalldMembers } from '../host/firewalld.ts';
import type { Namespace } from '../host/state.ts';
import type { Plan } from '../plan/plan.ts';
import type { Difference } from './difference.ts';

/** A bridge that is not there at all is a difference of its own. */
export function firewalldDifferences({ firewalld = [] }: Plan, host: Namespace): readonly Difference[] {
  const members = firewalldMembers(host);
  if (members === undefined) return [];
  return firewalld.flatMap((operation): readonly Difference[] => {
    if (operation.kind !== 'add-interface') return [];
    const { zone, interface: bridge, reason } = operation;
    const found = members.get(bridge);
    if (found === zone || !host.links.some(({ name }) => name === bridge)) return [];
    return [
      {
        kind: found === undefined ? 'missing' : 'changed',
        place: { in: 'firewalld' },
        text: `${bridge} in zone ${zone}`,
        ...(found === undefined ? {} : { observed: `zone ${found}` }),
        reason,
      },
    ];
  });
}
