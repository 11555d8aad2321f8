import { describe, expect, test } from 'vitest';
import {
  addr,
  type DockerHostChange,
  dockerHost,
  dockerRules,
  flow,
  table,
} from '../../test/fixtures/host.ts';
import type { PortProxy } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import type { Trace } from './trace.ts';
import { makeScene, walk } from './walk.ts';

function trace(change: DockerHostChange, text: string, more: Partial<Flow> = {}): Trace {
  return walk(makeScene(dockerHost(change)), flow(text, more));
}

function outcome(change: DockerHostChange, text: string, more: Partial<Flow> = {}): string {
  return trace(change, text, more).outcome;
}

/** `OUTCOME: SOURCE > NAMESPACE ADDRESS:PORT`, who answered and whom they saw. */
function met(change: DockerHostChange, text: string, more: Partial<Flow> = {}): string {
  const { outcome: seen, seenAs, deliveredTo: to } = trace(change, text, more);
  const source = seenAs === undefined ? '?' : formatAddr(seenAs);
  const port = to?.port === undefined ? '' : `:${to.port}`;
  return to === undefined ? seen : `${seen}: ${source} > ${to.namespace} ${formatAddr(to.address)}${port}`;
}

/** The healthy host with more rules in front of those of a chain of `filter`. */
function withRules(...lines: string[]): DockerHostChange {
  const first = lines.map((line) => line.replace(/^-A/, '-I'));
  const rules = dockerRules.replace(
    '-A FORWARD -j DOCKER-USER',
    `${lines.join('\n')}\n-A FORWARD -j DOCKER-USER`,
  );
  if (first.length === 0 || rules === dockerRules) throw new Error('no rules');
  return { host: { rules } };
}

describe('question and answer', () => {
  test.each([
    ['web ping 172.17.0.3', 'ok: 172.17.0.2 > peer 172.17.0.3'],
    ['web tcp 172.17.0.3:80', 'ok: 172.17.0.2 > peer 172.17.0.3:80'],
    ['web udp 172.17.0.3:53', 'ok: 172.17.0.2 > peer 172.17.0.3:53'],
    ['web tcp 172.17.0.1:22', 'ok: 172.17.0.2 > host 172.17.0.1:22'],
    ['web tcp 203.0.113.2:22', 'ok: 172.17.0.2 > host 203.0.113.2:22'],
    ['host tcp 172.17.0.2:80', 'ok: 172.17.0.1 > web 172.17.0.2:80'],
    ['host tcp 127.0.0.1:22', 'ok: 127.0.0.1 > host 127.0.0.1:22'],
    ['web ping 127.0.0.1', 'ok: 127.0.0.1 > web 127.0.0.1'],
  ])('%s: %s', (text, result) => {
    expect(met({}, text)).toBe(result);
  });

  test('nobody listens', () => {
    expect(met({}, 'web tcp 172.17.0.3:81')).toBe('refused');
    expect(met({}, 'web udp 172.17.0.3:54')).toBe('refused');
    expect(met({}, 'web tcp 172.17.0.3:53')).toBe('refused');
  });

  test('nobody listens, and the refusal does not come back', () => {
    const silent = {
      rules: table(
        'filter',
        '-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -j DROP',
        '-A OUTPUT -p icmp -j DROP',
      ),
    };
    expect(outcome({ peer: silent }, 'web tcp 172.17.0.3:81')).toBe('timeout');
    expect(outcome({ peer: silent }, 'web udp 172.17.0.3:54')).toBe('timeout');
  });

  test('a socket on one address answers there alone, and before one on any', () => {
    const sockets = ['tcp 172.17.0.1:9000 one', 'tcp 9001 any', 'tcp 172.17.0.1:9001 one'];
    expect(outcome({ host: { sockets } }, 'web tcp 172.17.0.1:9000')).toBe('ok');
    expect(outcome({ host: { sockets } }, 'web tcp 203.0.113.2:9000')).toBe('refused');
    expect(outcome({ host: { sockets } }, 'web tcp 203.0.113.2:9001')).toBe('ok');
  });

  test('where the sockets of a container are not known every port listens, and the trace says so', () => {
    const { sockets: _, ...unknown } = dockerHost().namespaces[1] ?? {};
    const state = {
      namespaces: dockerHost().namespaces.map((ns) =>
        ns.name === 'web' ? { ...ns, ...unknown, sockets: undefined } : ns,
      ),
    };
    const namespaces = state.namespaces.map(({ sockets, ...ns }) =>
      sockets === undefined ? ns : { ...ns, sockets },
    );
    const answered = walk(makeScene({ namespaces }), flow('peer tcp 172.17.0.2:12345'));
    expect([answered.outcome, answered.assumed]).toEqual(['ok', ['listening: web']]);
    expect(trace({}, 'peer tcp 172.17.0.2:80').assumed).toEqual([]);
  });

  test('the answer that does not come back', () => {
    const rules = table('filter', '-A OUTPUT -j DROP');
    expect(met({ peer: { rules } }, 'web tcp 172.17.0.3:80')).toBe(
      'timeout: 172.17.0.2 > peer 172.17.0.3:80',
    );
    expect(outcome({ peer: { rules } }, 'web udp 172.17.0.3:53')).toBe('timeout');
    expect(outcome({ peer: { rules } }, 'web ping 172.17.0.3')).toBe('timeout');
  });
});

describe('what the sender makes of an error', () => {
  const to = (kind: string) => `web ${kind} 198.51.100.7${kind === 'ping' ? '' : ':443'}`;
  const rejecting = (how: string) =>
    (['ping', 'tcp', 'udp'] as const).map((kind) =>
      outcome(withRules(`-A FORWARD -i docker0 -j REJECT --reject-with ${how}`), to(kind)),
    );

  test.each([
    ['icmp-port-unreachable', ['icmp-3/3', 'refused', 'refused']],
    ['icmp-net-unreachable', ['icmp-3/0', 'net-unreachable', 'timeout']],
    ['icmp-host-unreachable', ['icmp-3/1', 'host-unreachable', 'timeout']],
    ['icmp-net-prohibited', ['icmp-3/9', 'net-unreachable', 'net-unreachable']],
    ['icmp-host-prohibited', ['icmp-3/10', 'host-unreachable', 'host-unreachable']],
    ['icmp-admin-prohibited', ['icmp-3/13', 'host-unreachable', 'host-unreachable']],
  ])('REJECT with %s: ping, TCP and UDP see %j', (how, seen) => {
    expect(rejecting(how)).toEqual(seen);
  });

  test('REJECT with a reset', () => {
    expect(
      outcome(withRules('-A FORWARD -i docker0 -p tcp -j REJECT --reject-with tcp-reset'), to('tcp')),
    ).toBe('refused');
  });

  test('a reset is not answered with a reset (nf_reject_ip_tcphdr_get)', () => {
    const rules = table('filter', '-A OUTPUT -p tcp -j REJECT --reject-with tcp-reset');
    expect(outcome({ host: { rules } }, 'host tcp 198.51.100.7:443')).toBe('timeout');
  });

  test.each([
    ['ping', 'timeout'],
    ['tcp', 'timeout'],
    ['udp', 'timeout'],
  ])('a drop on the way: %s sees %s', (kind, seen) => {
    expect(outcome(withRules('-A FORWARD -i docker0 -j DROP'), to(kind))).toBe(seen);
  });

  test('a drop in the sender’s own OUTPUT: a connect goes on trying', () => {
    const web = { rules: table('filter', '-A OUTPUT -j DROP') };
    expect((['ping', 'tcp', 'udp'] as const).map((kind) => outcome({ web }, to(kind)))).toEqual([
      'EPERM',
      'timeout',
      'EPERM',
    ]);
  });

  test.each([
    [
      'no route at the sender',
      { web: { routes: [] } },
      ['net-unreachable', 'net-unreachable', 'net-unreachable'],
    ],
    [
      'a prohibit route at the sender',
      { web: { routes: ['prohibit default'] } },
      ['EACCES', 'EACCES', 'EACCES'],
    ],
    ['a blackhole at the sender', { web: { routes: ['blackhole default'] } }, ['EINVAL', 'EINVAL', 'EINVAL']],
    ['no route at the host', { host: { routes: [] } }, ['icmp-3/0', 'net-unreachable', 'timeout']],
    [
      'a prohibit route at the host',
      { host: { routes: ['prohibit default'] } },
      ['icmp-3/13', 'host-unreachable', 'host-unreachable'],
    ],
    [
      'a blackhole at the host',
      { host: { routes: ['blackhole default'] } },
      ['timeout', 'timeout', 'timeout'],
    ],
    [
      'nobody has the gateway’s address',
      { web: { routes: ['default via 172.17.0.9 dev eth0'] } },
      ['icmp-3/1', 'host-unreachable', 'timeout'],
    ],
  ] as const)('%s', (_, change, seen) => {
    const changed: DockerHostChange = change;
    expect((['ping', 'tcp', 'udp'] as const).map((kind) => outcome(changed, to(kind)))).toEqual(seen);
  });

  test('an error that is filtered on its way back is not heard', () => {
    const rules = table('filter', '-A INPUT -p icmp -j DROP');
    expect(outcome({ host: { routes: [] }, web: { rules } }, to('tcp'))).toBe('timeout');
  });

  test('an error about a masqueraded packet finds back through the translation', () => {
    // inet refuses UDP port 9 with an ICMP error to 203.0.113.2; its quoted header speaks of the translated packet.
    const outside = {
      name: 'inet',
      links: [
        {
          name: 'wire',
          peer: 'eth0',
          addresses: ['203.0.113.1/24', '198.51.100.7/32'].map((text) => ({
            addr: addr(text.split('/')[0] ?? ''),
            bits: Number(text.split('/')[1]),
          })),
        },
      ],
      routes: [],
      listeners: [],
      forwards: false,
      notes: [],
    };
    expect(outcome({ state: { outside } }, 'web udp 198.51.100.7:9')).toBe('refused');
    expect(outcome({ state: { outside } }, 'web tcp 198.51.100.7:9')).toBe('refused');
  });

  test('a loop uses the TTL up', () => {
    const change: DockerHostChange = {
      host: { routes: ['9.0.0.0/8 via 172.17.0.3 dev docker0'] },
      peer: { sysctls: { 'net.ipv4.ip_forward': 1 } },
    };
    expect(outcome(change, 'web ping 9.9.9.9')).toBe('icmp-11/0');
    expect(outcome(change, 'web udp 9.9.9.9:53')).toBe('timeout');
  });
});

describe('sizes', () => {
  const narrow: DockerHostChange = { uplink: { mtu: 1400 } };
  const mute = (change: DockerHostChange): DockerHostChange => ({
    ...change,
    host: { rules: `${dockerRules}${table('mangle', '-A OUTPUT -p icmp -m icmp --icmp-type 3 -j DROP')}` },
  });
  const bulk = { up: 20_000, down: 20_000 };
  const df = (size: number) => ({ size, df: true });

  test('the router says that it does not fit, also of a ping that did not ask for DF (IP_PMTUDISC_WANT)', () => {
    expect(outcome(narrow, 'web ping 198.51.100.7', df(1372))).toBe('ok');
    expect(outcome(narrow, 'web ping 198.51.100.7', df(1373))).toBe('icmp-3/4');
    expect(outcome(narrow, 'web ping 198.51.100.7', { size: 1373 })).toBe('icmp-3/4');
    expect(outcome(mute(narrow), 'web ping 198.51.100.7', df(1373))).toBe('timeout');
  });

  test('the sender’s own device refuses at once', () => {
    expect(outcome({}, 'web ping 172.17.0.3', df(1472))).toBe('ok');
    expect(outcome({}, 'web ping 172.17.0.3', df(1473))).toBe('EMSGSIZE');
  });

  test('TCP learns the path MTU from the error, and hangs where it is not told', () => {
    expect(outcome(narrow, 'web tcp 198.51.100.7:443', bulk)).toBe('ok');
    expect(outcome(mute(narrow), 'web tcp 198.51.100.7:443', bulk)).toBe('connected-then-timeout');
    expect(outcome(mute(narrow), 'web tcp 198.51.100.7:443')).toBe('ok');
    expect(outcome(mute({}), 'web tcp 198.51.100.7:443', bulk)).toBe('ok');
  });

  test('clamping the segment size makes up for it', () => {
    const clamp = table(
      'mangle',
      '-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
      '-A OUTPUT -p icmp -m icmp --icmp-type 3 -j DROP',
    );
    expect(
      outcome({ ...narrow, host: { rules: dockerRules + clamp } }, 'web tcp 198.51.100.7:443', bulk),
    ).toBe('ok');
  });

  test('a bridge drops without a word what a port cannot carry', () => {
    const change: DockerHostChange = { peer: { link: { mtu: 1400 } } };
    expect(outcome(change, 'web ping 172.17.0.3', { size: 1372 })).toBe('ok');
    expect(outcome(change, 'web ping 172.17.0.3', { size: 1400 })).toBe('timeout');
  });
});

describe('the userland proxy', () => {
  const proxyOf = (
    protocol: 'tcp' | 'udp',
    containerPort: number,
    answersFromAskedAddress: boolean,
  ): PortProxy => ({
    protocol,
    hostAddress: addr('0.0.0.0'),
    hostPort: protocol === 'tcp' ? 8080 : 5353,
    containerAddress: addr('172.17.0.2'),
    containerPort,
    answersFromAskedAddress,
  });
  const proxied = (change: DockerHostChange = {}, containerPort = 80, asked = true): DockerHostChange => ({
    ...change,
    host: { sockets: ['tcp 8080 docker-proxy', 'udp 5353 docker-proxy'], ...change.host },
    state: { proxies: [proxyOf('tcp', containerPort, asked), proxyOf('udp', 53, asked)] },
  });

  test('it opens a second connection: the container sees the host', () => {
    expect(met(proxied(), 'host tcp 127.0.0.1:8080')).toBe('ok: 172.17.0.1 > web 172.17.0.2:80');
    expect(met(proxied(), 'web tcp 172.17.0.1:8080')).toBe('ok: 172.17.0.1 > web 172.17.0.2:80');
    expect(met(proxied(), 'host udp 127.0.0.1:5353')).toBe('ok: 172.17.0.1 > web 172.17.0.2:53');
    // From outside DNAT comes first: the container sees who really asks.
    expect(met(proxied(), 'inet tcp 203.0.113.2:8080')).toBe('ok: 203.0.113.1 > web 172.17.0.2:80');
  });

  test('the client is connected before the container is asked', () => {
    expect(outcome(proxied({}, 81), 'host tcp 127.0.0.1:8080')).toBe('connected-then-closed');
    const deaf = { web: { rules: table('filter', '-A INPUT -j DROP') } };
    expect(outcome(proxied(deaf), 'host tcp 127.0.0.1:8080')).toBe('connected-then-timeout');
    expect(outcome(proxied({ web: { link: { up: false } } }), 'host tcp 127.0.0.1:8080')).toBe(
      'connected-then-timeout',
    );
  });

  test('UDP: what the container does not answer is not answered', () => {
    const deaf = { web: { rules: table('filter', '-A INPUT -j DROP') } };
    expect(outcome(proxied(deaf), 'host udp 127.0.0.1:5353')).toBe('timeout');
  });

  test('UDP answers from the address that was asked, since 28.0; before, from the route’s', () => {
    expect(outcome(proxied({}, 80, true), 'peer udp 203.0.113.2:5353')).toBe('ok');
    expect(outcome(proxied({}, 80, false), 'peer udp 203.0.113.2:5353')).toBe('timeout');
    expect(outcome(proxied({}, 80, false), 'peer udp 172.17.0.1:5353')).toBe('ok');
    const bound = ['udp 203.0.113.2:5353 docker-proxy'];
    expect(outcome(proxied({ host: { sockets: bound } }, 80, false), 'peer udp 203.0.113.2:5353')).toBe('ok');
  });

  test('a listener of that name without a proxy in the facts is a plain listener', () => {
    const { state: _, ...without } = proxied();
    expect(met(without, 'host tcp 127.0.0.1:8080')).toBe('ok: 127.0.0.1 > host 127.0.0.1:8080');
  });
});
