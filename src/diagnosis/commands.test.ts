import { describe, expect, test } from 'vitest';
import { addr, dockerHost, prefix, route, rulesetOf, table } from '../../test/fixtures/host.ts';
import { applyNftEdit } from '../firewall/nft/edit.ts';
import type { NftTable } from '../firewall/nft/model.ts';
import type { StateChange } from '../host/change.ts';
import { commandRepair } from './commands.ts';

function repair(...changes: StateChange[]) {
  return commandRepair(dockerHost(), changes);
}

const host = { namespace: 'host' } as const;

const rule = { handle: 7, statements: [{ kind: 'verdict', verdict: { kind: 'drop' } }] } as const;
const base = { type: 'filter', hook: 'forward', priority: 0, policy: 'drop', devices: [] } as const;
const filter: NftTable = {
  family: 'inet',
  name: 'mine',
  chains: [{ name: 'f', base, rules: [rule] }],
  sets: [],
};

test('changes of native nftables are nft commands, for a table that nobody else owns', () => {
  const repaired = (table: NftTable) => {
    const from = { tables: [table], twins: [] };
    const to = applyNftEdit(from, { kind: 'delete-rule', table, chain: 'f', rule });
    return repair({ ...host, kind: 'nft', from, to });
  };
  expect(repaired(filter)).toEqual({ kind: 'rule', change: 'nft delete rule inet mine f handle 7' });
  expect(repaired({ ...filter, owned: true })).toBeUndefined();
});

describe('a change as a person would type it', () => {
  test.each<[StateChange, string]>([
    [
      { ...host, kind: 'sysctl', name: 'net.ipv4.ip_forward', value: '1', before: '0' },
      'sysctl -w net.ipv4.ip_forward=1',
    ],
    [{ ...host, kind: 'link-up', dev: 'docker0' }, 'ip link set docker0 up'],
    [
      { ...host, kind: 'rename-link', dev: 'br9', name: 'docker0' },
      'ip link set br9 down\nip link set br9 name docker0\nip link set docker0 up',
    ],
    [
      { ...host, kind: 'link-master', dev: 'veth-web', master: 'docker0' },
      'ip link set veth-web master docker0',
    ],
    [{ ...host, kind: 'link-mtu', dev: 'eth0', mtu: 1400 }, 'ip link set eth0 mtu 1400'],
    [
      { ...host, kind: 'port-flags', dev: 'veth-web', flags: { hairpin: true } },
      'bridge link set dev veth-web hairpin on',
    ],
    [
      { ...host, kind: 'port-flags', dev: 'veth-web', flags: { isolated: false } },
      'bridge link set dev veth-web isolated off',
    ],
    [
      { ...host, kind: 'port-flags', dev: 'veth-web', flags: { broadcastFlood: true } },
      'bridge link set dev veth-web bcast_flood on',
    ],
    [
      { ...host, kind: 'port-flags', dev: 'veth-web', flags: { state: 'forwarding' } },
      'bridge link set dev veth-web state 3',
    ],
    [
      { ...host, kind: 'add-address', dev: 'docker0', prefix: prefix('172.17.0.1/16') },
      'ip address add 172.17.0.1/16 dev docker0',
    ],
    [
      { ...host, kind: 'delete-address', dev: 'docker0', prefix: prefix('172.17.0.1/16') },
      'ip address del 172.17.0.1/16 dev docker0',
    ],
    [
      { ...host, kind: 'add-route', route: route('default via 203.0.113.1 dev eth0') },
      'ip route replace default via 203.0.113.1 dev eth0',
    ],
    [
      {
        ...host,
        kind: 'delete-route',
        route: route('10.0.0.0/8 via 203.0.113.9 dev eth0 metric 5 table 100'),
      },
      'ip route del 10.0.0.0/8 via 203.0.113.9 dev eth0 metric 5 table 100',
    ],
    [
      { ...host, kind: 'delete-route', route: route('blackhole 10.0.0.0/8') },
      'ip route del blackhole 10.0.0.0/8',
    ],
    [
      { ...host, kind: 'delete-route', route: route('local 172.17.0.2/32 dev lo') },
      'ip route del local 172.17.0.2/32 dev lo',
    ],
    [
      { ...host, kind: 'delete-neighbour', dev: 'eth0', addr: addr('203.0.113.1') },
      'ip neigh del 203.0.113.1 dev eth0',
    ],
    [{ ...host, kind: 'delete-policy-rule', priority: 100 }, 'ip rule del priority 100'],
    [
      { ...host, kind: 'add-policy-rule', from: prefix('172.17.0.0/16'), table: 'isp2', priority: 100 },
      'ip rule add from 172.17.0.0/16 lookup isp2 priority 100',
    ],
    [
      { ...host, kind: 'link-mac', dev: 'eth0', mac: '02:42:ac:11:00:03' },
      'ip link set eth0 address 02:42:ac:11:00:03',
    ],
    [
      { ...host, kind: 'add-bridge', dev: 'docker0', mtu: 1400, prefix: prefix('172.17.0.1/16') },
      'ip link add docker0 type bridge\nip address add 172.17.0.1/16 dev docker0\nip link set docker0 mtu 1400 up',
    ],
  ])('%o', (change, text) => {
    expect(repair(change)).toEqual({ kind: 'command', change: text });
  });

  test('changes of rules are iptables commands, and a kind of their own', () => {
    const from = rulesetOf(
      table('nat', '-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE') + table('filter', '-A FORWARD -j DROP'),
    );
    const to = rulesetOf(
      table(
        'nat',
        '-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE',
        '-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE',
      ) + table('filter', '-P FORWARD ACCEPT'),
    );
    const found = repair({ ...host, kind: 'ruleset', from, to });
    expect(found?.kind).toBe('rule');
    expect(found?.change.split('\n').toSorted()).toEqual([
      'iptables -D FORWARD -j DROP',
      'iptables -t nat -A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE',
    ]);
    const legacy = rulesetOf(table('filter', '-A INPUT -j DROP'), 'iptables-legacy');
    expect(
      repair({
        ...host,
        kind: 'ruleset',
        from: legacy,
        to: rulesetOf(table('filter', '-P INPUT ACCEPT'), 'iptables-legacy'),
      })?.change,
    ).toBe('iptables-legacy -D INPUT -j DROP');
  });

  test('in a container through its process', () => {
    expect(repair({ namespace: 'web', kind: 'link-up', dev: 'eth0' })?.change).toBe(
      `nsenter -n -t "$(docker inspect -f '{{.State.Pid}}' web)" ip link set eth0 up`,
    );
  });

  test('several, in their order', () => {
    const changes: StateChange[] = [
      { ...host, kind: 'link-up', dev: 'eth0' },
      { ...host, kind: 'add-route', route: route('default via 203.0.113.1 dev eth0') },
    ];
    expect(repair(...changes)?.change.split('\n')).toEqual([
      'ip link set eth0 up',
      'ip route replace default via 203.0.113.1 dev eth0',
    ]);
  });

  test('what only the engine does, and what is only suspected, has no command', () => {
    expect(
      repair({
        ...host,
        kind: 'delete-nft-chain',
        chain: { family: 'inet', hook: 'forward', name: 'inet a b' },
      }),
    ).toBeUndefined();
    expect(repair()).toBeUndefined();
  });
});
