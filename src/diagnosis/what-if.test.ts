import { describe, expect, test } from 'vitest';
import { flow } from '../../test/fixtures/host.ts';
import { healthy, type IncidentSpec, incident, incidentFacts } from '../../test/support/incident.ts';
import { hostStateFromFacts } from '../host/state-from-facts.ts';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import { makeScene, walk } from '../packet/walk.ts';
import { expectedFromFacts } from '../plan/expected.ts';
import { type WhatIf, whatIf } from './what-if.ts';

function tried(spec: IncidentSpec, ...changes: readonly string[]): ReturnType<typeof whatIf> {
  const facts = incidentFacts(spec);
  const { state } = hostStateFromFacts(facts);
  return whatIf({ facts, state, expected: expectedFromFacts(facts, { state }) }, changes);
}

function made(spec: IncidentSpec, ...changes: readonly string[]): WhatIf {
  const result = tried(spec, ...changes);
  if ('error' in result) throw new Error(result.error);
  return result;
}

const out = 'web ping 198.51.100.7';
const outcome = ({ state }: WhatIf, text = out) => walk(makeScene(state), flow(text)).outcome;

describe('commands', () => {
  test.each([
    [['iptables -t nat -D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE'], 'timeout'],
    [['iptables -I FORWARD -s 172.17.0.0/16 -j REJECT'], 'icmp-3/3'],
    [['sysctl net.ipv4.ip_forward=0'], 'timeout'],
    [['ip link set eth0 down'], 'icmp-3/0'],
    [['ip link set eth0 down', 'ip link set eth0 up', 'ip route add default via 203.0.113.1'], 'ok'],
    [['ip route add prohibit 198.51.100.7'], 'icmp-3/13'],
    [['ip6tables -P FORWARD DROP'], 'ok'],
    [['ip rule add from 172.17.0.0/16 prohibit'], 'icmp-3/13'],
    [['ip rule add from 172.17.0.0/16 prohibit pref 9', 'ip rule del pref 9'], 'ok'],
    [['ip addr add 203.0.113.9/24 dev eth0'], 'ok'],
    [['ip link del docker0'], 'icmp-3/1'],
  ])('%j: %s', (changes, expected) => {
    expect(outcome(made(healthy, ...changes))).toBe(expected);
  });

  test('one that iptables refuses stops, with its own words', () => {
    expect(tried(healthy, 'iptables -A NIX -j DROP')).toEqual({
      error: expect.stringMatching(/^iptables -A NIX -j DROP: .*chain/i),
    });
    expect(tried(healthy, 'sysctl net.ipv4.ip_forward=1', 'iptables -m "comment')).toEqual({
      error: 'iptables -m "comment: a quote is not closed',
    });
  });
});

describe('options of the engine', () => {
  test('what the restart makes of the host', () => {
    const after = made(incident, 'daemon.json ip-masq=true');
    expect(outcome(after)).toBe('ok');
    expect(after.tried).toEqual([{ change: 'daemon.json ip-masq=true', transition: 'restart' }]);
  });

  test('several are taken up by one restart', () => {
    const both = made(healthy, 'daemon.json ip-masq=false', 'daemon.json icc=false');
    expect(both.tried.map(({ transition }) => transition)).toEqual(['restart', 'restart']);
    expect(outcome(both)).toBe('timeout');
  });

  test('without its proxy a port has no listener', () => {
    const flush = 'iptables -t nat -F';
    expect(outcome(made(healthy, flush), 'inet tcp 203.0.113.2:8080')).toBe('ok');
    const without = made(healthy, 'daemon.json userland-proxy=false', flush);
    expect(outcome(without, 'inet tcp 203.0.113.2:8080')).toBe('refused');
  });

  test('what changes nothing says so', () => {
    expect(made(healthy, 'daemon.json ip-masq=true').tried).toMatchObject([{ changesNothing: true }]);
  });

  test.each([
    ['daemon.json ip-masq', 'needs KEY=VALUE'],
    ['daemon.json ip_masq=true', 'ip_masq is no option that is known here'],
    ['daemon.json bridge=br9', 'dockerd refuses to start: there is no bridge br9, .*'],
    ['daemon.json mtu=large', 'dockerd refuses to start: .*'],
  ])('%s: %s', (change, error) => {
    expect(tried(healthy, change)).toEqual({ error: expect.stringMatching(`^${change}: ${error}$`) });
  });

  test('one that gives the default network other addresses makes it anew, with its containers', () => {
    const after = made(healthy, 'daemon.json bip=10.9.0.1/24');
    expect(after.tried).toEqual([{ change: 'daemon.json bip=10.9.0.1/24', transition: 'restart' }]);
    const host = after.state.namespaces.find(({ kind }) => kind === 'host');
    const [bridge, ...others] = host?.links.filter(({ name }) => name === 'docker0') ?? [];
    expect(others).toEqual([]);
    expect(bridge?.addresses.map(({ prefix }) => formatPrefix(prefix))).toEqual(['10.9.0.1/24']);
    expect(host?.links.filter(({ master }) => master === 'docker0')).toHaveLength(1);
    expect(outcome(after)).toBe('ok');
    expect(outcome(after, 'inet tcp 203.0.113.2:8080')).toBe('ok');
    expect(outcome(after, 'web ping 10.9.0.1')).toBe('ok');
    const { seenAs } = walk(makeScene(after.state), flow('inet tcp 203.0.113.2:8080'));
    expect(seenAs && formatAddr(seenAs)).toBe('203.0.113.1');
  });

  test('another MTU and another gateway hold for bridge and containers', () => {
    const { state } = made(healthy, 'daemon.json mtu=1400');
    const mtus = state.namespaces.flatMap(({ links }) =>
      links.filter(({ kind, name }) => kind === 'veth' || name === 'docker0').map(({ mtu }) => mtu),
    );
    expect(new Set(mtus)).toEqual(new Set([1400]));
    expect(outcome(made(healthy, 'daemon.json default-gateway=172.17.0.99'))).toBe('icmp-3/1');
  });

  test('an engine that is not known', () => {
    const files = { 'docker-version.json': undefined, 'iptables-save.txt': undefined };
    expect(tried({ ...healthy, files }, 'daemon.json icc=false')).toEqual({
      error: expect.stringContaining('the engine version is unknown'),
    });
  });
});
