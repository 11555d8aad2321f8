import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dockerHost } from '../../test/fixtures/host.ts';
import { formatPrefix } from '../net/prefix.ts';
import { applyChanges } from './change.ts';
import { parseHostCommand } from './change-command.ts';
import type { Namespace } from './state.ts';

const state = dockerHost();
const [host] = state.namespaces;

function made(line: string, at: Namespace | undefined = host) {
  if (at === undefined) throw new Error('no host');
  return parseHostCommand(line.split(' '), at);
}

function hostAfter(...lines: readonly string[]): Namespace {
  const [changed] = lines.reduce((current, line) => {
    const changes = made(line, current.namespaces[0]);
    if ('error' in changes) throw new Error(changes.error);
    return applyChanges(current, changes);
  }, state).namespaces;
  if (changed === undefined) throw new Error('no host');
  return changed;
}

const routes = ({ routes: all }: Namespace) =>
  all
    .filter(({ table }) => table === 'main')
    .map(({ type, dst, dev, metric }) => `${type} ${formatPrefix(dst)} ${dev ?? '-'} ${metric}`);

describe('sysctl', () => {
  test.each(['sysctl net.ipv4.ip_forward=0', 'sysctl -w net/ipv4/ip_forward=0'])('%s', (line) => {
    expect(hostAfter(line).sysctls.get('net.ipv4.ip_forward')?.value).toBe('0');
  });
});

describe('ip link set', () => {
  test('a device that goes down loses its routes, and gets only those of its addresses back', () => {
    expect(routes(hostAfter('ip link set eth0 down'))).toEqual(['unicast 172.17.0.0/16 docker0 0']);
    expect(routes(hostAfter('ip link set dev eth0 down', 'ip l s eth0 up'))).toEqual([
      'unicast 172.17.0.0/16 docker0 0',
      'unicast 203.0.113.0/24 eth0 0',
    ]);
  });

  test('the other end of a veth loses its carrier', () => {
    const changes = made('ip link set veth-web down');
    if ('error' in changes) throw new Error(changes.error);
    const web = applyChanges(state, changes).namespaces.find(({ name }) => name === 'web');
    expect(web?.links.find(({ name }) => name === 'eth0')).toMatchObject({ up: true, carrier: false });
    expect(hostAfter('ip link set veth-web down').links.find((l) => l.name === 'veth-web')).toMatchObject({
      up: false,
      port: { state: 'disabled' },
    });
  });

  test('mtu', () => {
    expect(hostAfter('ip link set eth0 mtu 1400').links.find((l) => l.name === 'eth0')?.mtu).toBe(1400);
  });
});

describe('ip route', () => {
  test.each([
    ['ip route add blackhole 198.51.100.7', 'blackhole 198.51.100.7/32 - 0'],
    ['ip route add 198.51.100.0/24 via 203.0.113.9', 'unicast 198.51.100.0/24 eth0 0'],
    ['ip route add default via 203.0.113.9 metric 50', 'unicast default eth0 50'],
    ['ip -4 r add 198.51.100.0/24 dev docker0', 'unicast 198.51.100.0/24 docker0 0'],
    ['ip route add fd01::/64 dev eth0', 'unicast fd01::/64 eth0 1024'],
    ['ip -6 route add default dev eth0', 'unicast default eth0 1024'],
  ])('%s', (line, text) => {
    expect(routes(hostAfter(line)).at(-1)).toBe(
      text.replace('default', line.includes('-6') ? '::/0' : '0.0.0.0/0'),
    );
  });

  test('replace takes the place of the one that is there', () => {
    const changed = routes(hostAfter('ip route replace default dev docker0'));
    expect(changed.filter((text) => text.includes('0.0.0.0/0'))).toEqual(['unicast 0.0.0.0/0 docker0 0']);
  });

  test('what was added can be deleted, and then all is as before', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, fc.integer({ min: 0, max: 1000 }), (a, b, metric) => {
        const route = `100.${a}.${b}.0/24 via 203.0.113.9 metric ${metric}`;
        expect(hostAfter(`ip route add ${route}`, `ip route del ${route}`).routes).toEqual(host?.routes);
      }),
    );
  });
});

test.each([
  ['ls', 'not a command that can be tried: ls'],
  ['ip addr add 10.0.0.1/24', 'ip address needs ADDRESS/BITS dev DEVICE'],
  ['ip addr add 203.0.113.2/24 dev eth0', 'RTNETLINK answers: File exists'],
  ['ip addr del 10.9.9.9/24 dev eth0', 'RTNETLINK answers: Cannot assign requested address'],
  ['ip neigh flush all', 'ip neigh flush cannot be tried: ip link, ip address, ip route and ip rule can'],
  ['sysctl net.ipv4.ip_forward', 'sysctl needs NAME=VALUE'],
  ['sysctl net.ipv4.ip_forwad=1', 'net.ipv4.ip_forwad is not among the sysctls in the facts'],
  ['ip link set', 'ip link set needs a device, and up, down or mtu'],
  ['ip link set nix up', 'Cannot find device "nix"'],
  ['ip link set eth0 master nix', 'ip link set eth0 can be tried with up, down, mtu N or master BRIDGE'],
  ['ip route flush all', 'not a prefix: all'],
  ['ip route get 10.0.0.1', 'ip route get cannot be tried: add, replace and del can'],
  ['ip route add default', 'Error: Nexthop has invalid gateway.'],
  ['ip route add default dev nix', 'Cannot find device "nix"'],
  ['ip route add default via 203.0.113.1', 'RTNETLINK answers: File exists'],
  ['ip route del 10.9.0.0/16', 'RTNETLINK answers: No such process'],
  ['ip route del default via 203.0.113.9', 'RTNETLINK answers: No such process'],
  ['ip route add 10.9.0.0/16 nexthop via 10.0.0.1', 'ip route with nexthop cannot be tried'],
])('%s: %s', (line, error) => {
  expect(made(line)).toEqual({ error });
});
