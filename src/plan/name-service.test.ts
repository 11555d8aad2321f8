import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addr, container, namespace } from '../../test/fixtures/host.ts';
import { intentOf, optionsOf } from '../../test/support/plan.ts';
import type { HostState } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import { nameAnswer, nameServiceOf, type Resolver } from './name-service.ts';

const intent = intentOf({
  networks: [
    { name: 'bridge', subnet: '172.17.0.0/16' },
    { name: 'net1', subnet: '172.18.0.0/16' },
    { name: 'net2', subnet: '172.19.0.0/16' },
    { name: 'inner', subnet: '172.20.0.0/16', internal: true },
    { name: 'six', subnet6: 'fd00::/64' },
  ],
  containers: [
    { name: 'plain', on: { bridge: '172.17.0.2/16' } },
    { name: 'one', on: { net1: '172.18.0.2/16' }, aliases: ['API'] },
    { name: 'both', on: { net1: '172.18.0.3/16', net2: '172.19.0.3/16' }, aliases: ['api'] },
    { name: 'two', on: { net2: '172.19.0.4/16' } },
    { name: 'gone', on: { net1: '172.18.0.9/16' }, running: false },
    { name: 'shut', on: { inner: '172.20.0.2/16' } },
    { name: 'new', on: { six: 'fd00::2/64' } },
    { name: 'told', on: { net1: '172.18.0.7/16' }, dns: [addr('9.9.9.9')] },
  ],
});

function service(engine: string, conf: { host?: string; one?: string } = {}, config = '{}') {
  const state: HostState = {
    namespaces: [
      namespace({
        name: 'host',
        kind: 'host',
        links: [],
        more: conf.host === undefined ? {} : { resolvConf: conf.host },
      }),
      container('one', '172.18.0.2/16', 4, {
        more: conf.one === undefined ? {} : { resolvConf: conf.one },
      }),
    ],
  };
  return nameServiceOf({ options: optionsOf(engine, config), intent }, state);
}

function resolver(name: string, ...given: Parameters<typeof service>): Resolver {
  const found = service(...given)?.get(name);
  if (found === undefined) throw new Error(`no resolver in ${name}`);
  return found;
}

const answer = (from: string, name: string) => nameAnswer(resolver(from, '28.5.2'), name)?.map(formatAddr);

describe('names', () => {
  test.each([
    ['one', 'both', ['172.18.0.3']],
    ['one', 'BOTH.', ['172.18.0.3']],
    ['one', 'both.net1', ['172.18.0.3']],
    ['one', 'both.net2', undefined],
    ['one', 'two', undefined],
    ['both', 'two', ['172.19.0.4']],
    ['one', 'one', ['172.18.0.2']],
    ['two', 'api', ['172.19.0.3']],
    ['one', 'api', ['172.18.0.2', '172.18.0.3']],
    ['one', 'gone', undefined],
    ['one', 'plain', undefined],
    ['new', 'new', []],
  ])('%s asks for %s', (from, name, addresses) => {
    expect(answer(from, name)).toEqual(addresses);
  });

  test('no resolver on the default network', () => {
    expect(service('28.5.2')?.has('plain')).toBe(false);
    expect(service('28.5.2')?.has('gone')).toBe(false);
  });

  test('nothing is known of an engine whose networks are not', () => {
    expect(nameServiceOf({ cannot: 'no networks' }, { namespaces: [] })).toBeUndefined();
  });

  test('a name is answered with addresses of networks that the container is on, whatever is asked', () => {
    const names = fc.constantFrom('one', 'both', 'two', 'api', 'gone', 'plain', 'new');
    const networks = fc.constantFrom('', '.net1', '.net2', '.bridge');
    fc.assert(
      fc.property(fc.constantFrom('one', 'two'), names, networks, (from, name, network) => {
        const prefix = from === 'one' ? '172.18.' : '172.19.';
        for (const address of answer(from, `${name}${network}`) ?? [])
          expect(address.startsWith(prefix)).toBe(true);
      }),
    );
  });
});

describe('servers for other names', () => {
  const servers = (name: string, ...given: Parameters<typeof service>) =>
    resolver(name, ...given).upstreams?.map(
      ({ address, fromHost }) => `${fromHost ? 'host ' : ''}${formatAddr(address)}`,
    );
  const host = 'nameserver 127.0.0.53\nnameserver 10.0.0.1\n';

  test.each([
    ['17.06.2', ['10.0.0.1']],
    ['20.10.24', ['host 127.0.0.53', '10.0.0.1']],
    ['28.5.2', ['host 127.0.0.53', 'host 10.0.0.1']],
  ])("the host's, %s", (engine, expected) => {
    expect(servers('one', engine, { host })).toEqual(expected);
  });

  test('none that a container could ask', () => {
    expect(servers('one', '17.06.2', { host: 'nameserver 127.0.0.1\n' })).toEqual(['8.8.8.8', '8.8.4.4']);
    expect(servers('one', '28.5.2')).toBeUndefined();
  });

  test("what dockerd wrote down, what the container asked for, and the engine's option come before", () => {
    const one = '# ExtServers: [1.1.1.1]\n';
    expect(servers('one', '28.5.2', { host, one })).toEqual(['1.1.1.1']);
    expect(servers('told', '28.5.2', { host }, '{"dns": ["8.8.8.8"]}')).toEqual(['9.9.9.9']);
    expect(servers('one', '28.5.2', { host }, '{"dns": ["8.8.8.8"]}')).toEqual(['8.8.8.8']);
  });

  test('a container on internal networks alone does not ask through the host', () => {
    expect(servers('shut', '28.5.2', { host })).toEqual([]);
    expect(servers('shut', '20.10.24', { host })).toEqual(['host 127.0.0.53', '10.0.0.1']);
  });
});
