import { describe, expect, it } from 'vitest';
import { defaultBridge, type HostSpec, intentOf } from '../../test/support/plan.ts';
import { describeStoreDifference, storeDifferences } from './store-differences.ts';

const web = { name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp', '8081:81/tcp'] };

function differences(
  engine: Pick<HostSpec, 'networks' | 'containers'>,
  store: Pick<HostSpec, 'networks' | 'containers'>,
): readonly string[] {
  return storeDifferences(intentOf(engine), intentOf(store)).map(describeStoreDifference);
}

describe('storeDifferences', () => {
  it('finds none where both say the same, in whatever order', () => {
    const turned = { ...web, ports: web.ports.toReversed() };
    expect(differences({ containers: [web] }, { containers: [turned] })).toEqual([]);
  });

  it('names networks and endpoints that only one of them has', () => {
    const old = { name: 'old', subnet: '172.30.0.0/16' };
    expect(differences({ containers: [web] }, { networks: [defaultBridge, old], containers: [] })).toEqual([
      'network old (old): only in the store',
      'endpoint of web (web-bridge): only in the running engine',
    ]);
  });

  it('says what either says of the same one', () => {
    const moved = { ...web, on: { bridge: '172.17.0.9/16' }, ports: [] };
    expect(differences({ containers: [web] }, { containers: [moved] })).toEqual([
      'endpoint of web (web-bridge): the store says 172.17.0.9/16, the running engine 172.17.0.2/16 8080:80/tcp 8081:81/tcp',
    ]);
  });

  it('does not expect stopped containers in the store, nor networks that are kept elsewhere', () => {
    const ingress = { name: 'ingress', driver: 'overlay', subnet: '10.0.0.0/24' };
    expect(
      differences(
        { networks: [defaultBridge, ingress], containers: [{ ...web, running: false }] },
        { containers: [] },
      ),
    ).toEqual([]);
  });
});
