import { describe, expect, it } from 'vitest';
import { type LogEvent, readEvents } from './events.ts';

const entry = (message: string, level = 'debug', rest = '') =>
  `time="t" level=${level} msg="${message}"${rest}`;
const events = (...lines: string[]) => readEvents(lines.join('\n')).events;
const withoutPlace = ({ line: _, time: __, ...event }: LogEvent) => event;

describe('commands', () => {
  const only = (message: string) => events(entry(message)).map(withoutPlace);

  it('are those of iptables, with table, family and place', () => {
    expect(events(entry('/usr/sbin/ip6tables, [--wait -t nat -N DOCKER]'))).toEqual([
      {
        line: 1,
        time: 't',
        kind: 'command',
        logged: {
          key: { backend: 'iptables-nft', family: 'ipv6', table: 'nat' },
          command: { op: 'new-chain', chain: 'DOCKER' },
          text: '-t nat -N DOCKER',
          place: 'host',
          through: 'iptables',
        },
      },
    ]);
    expect(only('/sbin/iptables-legacy, [-P FORWARD DROP]')).toMatchObject([
      { logged: { key: { backend: 'iptables-legacy', table: 'filter' }, command: { op: 'policy' } } },
    ]);
  });

  it('are also those that firewalld passes on', () => {
    expect(only('Firewalld passthrough: ipv6, [-t nat -N DOCKER]')).toMatchObject([
      { logged: { key: { family: 'ipv6' }, through: 'firewalld', command: { op: 'new-chain' } } },
    ]);
  });

  it('tell questions from changes', () => {
    expect(only('/usr/sbin/iptables, [--wait -t nat -n -L DOCKER]')).toMatchObject([
      { logged: { key: { table: 'nat' }, command: { op: 'list', chain: 'DOCKER' } } },
    ]);
    expect(only('/usr/sbin/iptables, [--wait -t filter -n -L DOCKER-USER]')).toMatchObject([
      { logged: { key: { table: 'filter' }, command: { op: 'list', chain: 'DOCKER-USER' } } },
    ]);
  });

  it("of the containers' own namespaces are told apart", () => {
    const text = '-t nat -I OUTPUT -d 127.0.0.11 -j DOCKER_OUTPUT';
    expect(only(`/usr/sbin/iptables, [--wait ${text}]`)).toMatchObject([{ logged: { place: 'container' } }]);
  });

  it('that cannot be read are kept as such', () => {
    expect(only('/usr/sbin/iptables, [--wait -A FORWARD --bogus]')).toMatchObject([{ kind: 'unreadable' }]);
    expect(only('some list, [a b]')).toEqual([]);
  });
});

describe('other entries', () => {
  it('open phases, tell what was restored and the version', () => {
    expect(
      events(
        entry('Network (aaaaaaa) restored'),
        entry('Docker daemon', 'info', ' commit=x graphdriver=vfs version=17.06.2-ce'),
      ).map(withoutPlace),
    ).toEqual([
      { kind: 'phase', phase: 'restore', message: 'Network (aaaaaaa) restored' },
      { kind: 'restored', id: 'aaaaaaa' },
      { kind: 'engine', version: '17.06.2-ce' },
    ]);
  });

  it('complain, in known words or others', () => {
    expect(
      events(
        entry(
          'Failed to allocate port',
          'warning',
          ' error="failed to bind host port 0.0.0.0:80/tcp: address already in use"',
        ),
        entry('Handler returned error', 'error', ' error-response="port is already allocated" status=500'),
        entry('the moon is full', 'error'),
        entry('the moon is full', 'info'),
        'failed to start daemon: Error initializing network controller: x',
        'somebody else: Error initializing network controller: x',
      ).map(withoutPlace),
    ).toEqual([
      {
        kind: 'message',
        known: { slug: 'port-taken', weight: 'problem' },
        level: 'warning',
        text: 'Failed to allocate port: failed to bind host port 0.0.0.0:80/tcp: address already in use',
      },
      {
        kind: 'message',
        known: { slug: 'port-taken', weight: 'problem' },
        level: 'error',
        text: 'Handler returned error: port is already allocated',
      },
      { kind: 'other', level: 'error', text: 'the moon is full' },
      {
        kind: 'message',
        known: { slug: 'network-controller-failed', weight: 'problem' },
        level: 'fatal',
        text: 'failed to start daemon: Error initializing network controller: x',
      },
    ]);
  });

  it('are counted', () => {
    expect(readEvents(`garbage\n\n${entry('x')}\n`)).toMatchObject({
      entries: 1,
      passedOver: 1,
      debug: true,
      cut: false,
    });
  });
});
