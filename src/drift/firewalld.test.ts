import { describe, expect, it } from 'vitest';
import { firewalldHost } from '../../test/support/firewalld.ts';
import { planOf } from '../../test/support/plan.ts';
import type { Link, Namespace } from '../host/state.ts';
import { firewalldDifferences } from './firewalld.ts';

const plan = planOf({ engine: '28.5.2', firewalld: true });
const docker0: Link = {
  index: 3,
  name: 'docker0',
  kind: 'bridge',
  up: true,
  carrier: true,
  mtu: 1500,
  addresses: [],
};

function differences(host: Namespace): readonly string[] {
  return firewalldDifferences(plan, { ...host, links: [docker0] }).map(
    ({ kind, text, observed }) => `${kind} ${text}${observed === undefined ? '' : `, is ${observed}`}`,
  );
}

const member = (zone: string) => firewalldHost(['docker0', { goto: { target: `filter_IN_${zone}` } }]);

describe('firewalldDifferences', () => {
  it('are bridges in another zone or in none', () => {
    expect(differences(member('docker'))).toEqual([]);
    expect(differences(member('public'))).toEqual(['changed docker0 in zone docker, is zone public']);
    expect(differences(firewalldHost())).toEqual(['missing docker0 in zone docker']);
  });

  it('are none where firewalld does not run, was not asked for anything, or the bridge is gone', () => {
    expect(differences({ ...firewalldHost(), nft: { tables: [], twins: [] } })).toEqual([]);
    expect(
      firewalldDifferences(planOf({ engine: '28.5.2' }), { ...firewalldHost(), links: [docker0] }),
    ).toEqual([]);
    expect(firewalldDifferences(plan, firewalldHost())).toEqual([]);
  });
});
