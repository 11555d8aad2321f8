import { describe, expect, it } from 'vitest';
import { defaultBridge, type HostSpec, intentOf } from '../../test/support/plan.ts';
import { declaredDifferences, describeIntentDifference, storeDifferences } from './intent-differences.ts';

const web = { name: 'web', on: { bridge: '172.17.0.2/16' }, ports: ['8080:80/tcp', '8081:81/tcp'] };

function differences(
  engine: Pick<HostSpec, 'networks' | 'containers'>,
  store: Pick<HostSpec, 'networks' | 'containers'>,
): readonly string[] {
  return storeDifferences(intentOf(engine), intentOf(store)).map(describeIntentDifference);
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

describe('declaredDifferences', () => {
  const declared = (
    engine: Pick<HostSpec, 'networks' | 'containers'>,
    declaration: Pick<HostSpec, 'networks' | 'containers'>,
  ) => declaredDifferences(intentOf(engine), intentOf(declaration)).map(describeIntentDifference);
  const shop = { name: 'shop', subnet: '172.30.0.0/16' };

  it('knows networks by their names, and does not ask for the default one or for containers', () => {
    expect(
      declared({ networks: [defaultBridge, shop], containers: [web] }, { networks: [shop], containers: [] }),
    ).toEqual([]);
  });

  it('names what only one of them has, and what they have otherwise', () => {
    const moved = { ...web, ports: ['9000:80/tcp'] };
    expect(
      declared(
        { networks: [defaultBridge, shop], containers: [web] },
        { networks: [defaultBridge, { name: 'till', subnet: '172.31.0.0/16' }], containers: [moved] },
      ),
    ).toEqual([
      'network till: only in the declaration',
      'network shop: only in the running engine',
      'endpoint of web: the declaration says 172.17.0.2/16 9000:80/tcp, the running engine 172.17.0.2/16 8080:80/tcp 8081:81/tcp',
    ]);
  });
});
