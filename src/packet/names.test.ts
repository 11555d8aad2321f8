import { describe, expect, test } from 'vitest';
import { addr, type container, dockerHost, flow, table } from '../../test/fixtures/host.ts';
import type { HostState } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import type { NameService, Resolver } from '../plan/name-service.ts';
import type { Trace } from './trace.ts';
import { makeScene, walk } from './walk.ts';

const rules = table(
  'nat',
  '-N DOCKER_OUTPUT',
  '-N DOCKER_POSTROUTING',
  '-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT',
  '-A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING',
  '-A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:45388',
  '-A DOCKER_POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport 45388 -j SNAT --to-source :53',
);

type Change = Parameters<typeof container>[3];

const conf = { resolvConf: 'nameserver 127.0.0.11\n' };

function host(change: Change = {}): HostState {
  return dockerHost({ web: { rules, more: conf, sockets: ['udp 127.0.0.11:45388'], ...change } });
}

const plain: Resolver = {
  networks: [
    {
      name: 'net1',
      addresses: new Map([
        ['db', [addr('172.17.0.3')]],
        ['six', [addr('fd00::3')]],
      ]),
    },
  ],
  upstreams: [],
  keepsShortNames: false,
  tellsFailure: true,
};

function ask(qname: string, change: Change = {}, resolver: Partial<Resolver> | undefined = {}): Trace {
  const names: NameService | undefined =
    resolver === undefined ? undefined : new Map([['web', { ...plain, ...resolver }]]);
  return walk(makeScene(host(change), [], names), { ...flow('web dns 127.0.0.11'), qname });
}

const steps = (trace: Trace) => trace.hops.flatMap((hop) => hop.steps);

describe("the engine's resolver", () => {
  test('answers a name that it knows, through the rules that lead to it', () => {
    const trace = ask('db');
    expect(trace.outcome).toBe('ok');
    expect(trace.answers?.map(formatAddr)).toEqual(['172.17.0.3']);
    expect(trace.assumed).toEqual([]);
    expect(steps(trace).some((step) => step.kind === 'nat')).toBe(true);
  });

  test('passes the root on, which every server knows: it asks whether one answers', () => {
    expect(ask('.', {}, { upstreams: [{ address: addr('198.51.100.7'), fromHost: false }] }).outcome).toBe(
      'ok',
    );
    expect(ask('.', {}, { upstreams: [] }).outcome).toBe('rcode2');
  });

  test('is found in resolv.conf', () => {
    const scene = makeScene(host(), [], new Map([['web', plain]]));
    expect(walk(scene, { from: 'web', kind: 'dns', dst: undefined, qname: 'db' }).outcome).toBe('ok');
  });

  test('knows a name without an IPv4 address', () => {
    expect(ask('six')).toMatchObject({ outcome: 'rcode0', answers: [] });
  });

  test('is told to be assumed where a listing has no socket of it', () => {
    expect(ask('db', { sockets: ['udp 53'] })).toMatchObject({ outcome: 'ok', assumed: ['listening: web'] });
  });

  test.each<[string, Change]>([
    ['the rules are gone', { rules: '' }],
    ['the rules are gone, and nothing tells the sockets', { rules: '', sockets: undefined }],
    ['it listens elsewhere by now', { sockets: ['udp 127.0.0.11:999'] }],
  ])('is not reached: %s', (_, change) => {
    expect(ask('db', change).outcome).toBe('refused');
  });

  test('a rule drops the question', () => {
    const dropping = `${rules}${table('filter', '-A OUTPUT -p udp -j DROP')}`;
    expect(ask('db', { rules: dropping }).outcome).toBe('EPERM');
  });

  test('names that nobody knows of are not decided', () => {
    const walked = walk(makeScene(host()), { ...flow('web dns 127.0.0.11'), qname: 'db' });
    expect(walked.outcome).toBe('unknown');
    expect(walked.unknowns.map(({ fact }) => fact)).toEqual([
      "which names the engine's resolver in web knows",
    ]);
  });
});

describe('other names', () => {
  const upstream = (address: string, fromHost = false) => ({ address: addr(address), fromHost });

  test('what a server outside says is not known', () => {
    const trace = ask('example.org', {}, { upstreams: [upstream('198.51.100.7')] });
    expect(trace.outcome).toBe('unknown');
    expect(trace.unknowns).toEqual([
      {
        fact: 'what 198.51.100.7 says of example.org',
        command: 'dig @198.51.100.7 example.org',
        outcomes: { ifSo: ['ok'], ifNot: ['rcode3'] },
      },
    ]);
  });

  test('they are asked from the container or from the host', () => {
    const senders = (fromHost: boolean) =>
      steps(ask('example.org', {}, { upstreams: [upstream('198.51.100.7', fromHost)] })).flatMap((step) =>
        step.kind === 'proxy' ? [`${step.listener}: ${formatAddr(step.to.src)}`] : [],
      );
    expect(senders(false)).toEqual(["the engine's resolver: 172.17.0.2"]);
    expect(senders(true)).toEqual(["the engine's resolver: 203.0.113.2"]);
  });

  test.each<[string, Partial<Resolver>, string]>([
    ['no server', {}, 'rcode2'],
    ['no server, an old engine', { tellsFailure: false }, 'timeout'],
    ['nobody listens there', { upstreams: [upstream('172.17.0.1')] }, 'rcode2'],
    ['a name without a dot is kept', { keepsShortNames: true }, 'rcode0'],
    ['nothing tells the servers', { upstreams: undefined }, 'unknown'],
  ])('%s', (_, resolver, outcome) => {
    expect(ask('other', {}, resolver).outcome).toBe(outcome);
  });

  test('silence of a server is silence, whatever the others say', () => {
    const silent = `${rules}${table('filter', '-A INPUT -s 172.17.0.1/32 -j DROP')}`;
    const server = dockerHost({
      host: { sockets: ['udp 53'] },
      web: { rules: silent, more: conf, sockets: ['udp 127.0.0.11:45388'] },
    });
    const names = new Map([['web', { ...plain, upstreams: [upstream('172.17.0.1')] }]]);
    const walked = walk(makeScene(server, [], names), { ...flow('web dns 127.0.0.11'), qname: 'x.y' });
    expect(walked.outcome).toBe('timeout');
  });
});

describe('without the resolver', () => {
  test('the servers of resolv.conf are asked in turn, until one is there', () => {
    const servers = { resolvConf: 'nameserver 172.17.0.1\nnameserver 198.51.100.7\n' };
    const asked = { from: 'web', kind: 'dns', dst: undefined, qname: 'db' } as const;
    const walked = walk(makeScene(dockerHost({ web: { more: servers } })), asked);
    expect(walked.unknowns.map(({ fact }) => fact)).toEqual(['what 198.51.100.7 says of db']);
    const one = { resolvConf: 'nameserver 172.17.0.1\n' };
    expect(walk(makeScene(dockerHost({ web: { more: one } })), asked).outcome).toBe('refused');
    const none = { resolvConf: 'search example.org\n' };
    expect(walk(makeScene(dockerHost({ web: { more: none, sockets: [] } })), asked).outcome).toBe('refused');
  });
});
