import { expect, test } from 'vitest';
import { addr, dockerHost, flow } from '../../test/fixtures/host.ts';
import type { HostState, PortProxy, Socket } from '../host/state.ts';
import { outsideOf } from '../packet/outside.ts';
import { bindingsOf } from './services.ts';

const proxy: PortProxy = {
  protocol: 'tcp',
  hostAddress: addr('0.0.0.0'),
  hostPort: 8080,
  containerAddress: addr('172.17.0.2'),
  containerPort: 80,
  answersFromAskedAddress: true,
};

/** The host listens on these; the containers' sockets are not known. */
function host(sockets: readonly Socket[], proxies: readonly PortProxy[]): HostState {
  const state = dockerHost();
  const namespaces = state.namespaces.map((namespace) => {
    const { sockets: _, ...rest } = namespace;
    return namespace.kind === 'host' ? { ...rest, sockets } : rest;
  });
  return { ...state, namespaces, proxies };
}

function bindings(state: HostState, server: string, asked: readonly string[] = []) {
  const flows = asked.map((text) => flow(text));
  const services = bindingsOf(state, outsideOf(state, []), flows).find((each) => each.server === server);
  return services?.bindings.map(
    ({ protocol, address, port, to }) =>
      `${protocol} ${address} ${port}${to === undefined ? '' : ` -> ${to.address} ${to.port}`}`,
  );
}

test('a socket of docker-proxy asks its container, others answer themselves', () => {
  const sockets: readonly Socket[] = [
    { protocol: 'tcp', families: ['ipv4'], port: 8080, process: 'docker-proxy' },
    { protocol: 'tcp', families: ['ipv4'], port: 22, process: 'sshd' },
  ];
  expect(bindings(host(sockets, [proxy]), 'host')).toEqual([
    'tcp 0.0.0.0 8080 -> 172.17.0.2 80',
    'tcp 0.0.0.0 22',
  ]);
});

test('datagrams to any address are heard on each, so that the answer comes from the one that was asked', () => {
  const sockets: readonly Socket[] = [{ protocol: 'udp', families: ['ipv4'], port: 53 }];
  expect(bindings(host(sockets, []), 'host')).toEqual(
    expect.arrayContaining(['udp 0.0.0.0 53', 'udp 172.17.0.1 53', 'udp 203.0.113.2 53']),
  );
  const old = { ...proxy, protocol: 'udp', hostPort: 53, answersFromAskedAddress: false } as const;
  const served = sockets.map((socket) => ({ ...socket, process: 'docker-proxy' }));
  expect(bindings(host(served, [old]), 'host')).toEqual(['udp 0.0.0.0 53 -> 172.17.0.2 80']);
});

test('where the facts do not say what listens, what is asked and led to does', () => {
  const web = bindings(host([], [proxy]), 'web', ['host tcp 172.17.0.2:9000']);
  expect(web).toEqual(expect.arrayContaining(['tcp 0.0.0.0 9000', 'tcp :: 9000', 'tcp 0.0.0.0 80']));
});

test('an outside that answers to every address does so to datagrams for a container that lost its bridge', () => {
  const { outside: _, ...state } = host([], []);
  const far = bindings(state, 'inet', ['host udp 203.0.113.2:53']);
  expect(far).toEqual(expect.arrayContaining(['udp 203.0.113.2 53', 'udp 172.17.0.2 53']));
});
