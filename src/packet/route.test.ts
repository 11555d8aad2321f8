import { describe, expect, test } from 'vitest';
import { addr, kernelRules, type LinkSpec, type NamespaceSpec, namespace } from '../../test/fixtures/host.ts';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import { Decisions, forEachBranch } from './decisions.ts';
import { addressType, answersArp, lookupRoute, type RouteKey, routeInput, routeOutput } from './route.ts';
import { makeWorld, type Node } from './world.ts';

const uplink: LinkSpec = { name: 'eth0', addresses: ['203.0.113.2/24'] };
const bridge: LinkSpec = { name: 'docker0', kind: 'bridge', addresses: ['172.17.0.1/16'] };
const second: LinkSpec = { name: 'eth1', addresses: ['198.18.0.2/24'] };

/** A router between eth0, eth1 and docker0. */
function host(change: Partial<NamespaceSpec> = {}): Node {
  const ns = namespace({
    name: 'host',
    links: [uplink, second, bridge],
    routes: ['default via 203.0.113.1 dev eth0'],
    sysctls: { 'net.ipv4.ip_forward': 1 },
    ...change,
  });
  const [node] = makeWorld({ namespaces: [ns] }, undefined).nodes;
  if (node === undefined) throw new Error('no namespace');
  return node;
}

const noDecision = new Decisions([]);

function key(dst: string, more: Partial<RouteKey> = {}): RouteKey {
  return { dst: addr(dst), src: undefined, mark: 0, inDev: undefined, ...more };
}

/** `TABLE DST dev GATEWAY`, or what else came of the lookup. */
function look(node: Node, dst: string, more: Partial<RouteKey> = {}): string {
  const found = lookupRoute(node, key(dst, more), noDecision);
  if (found.kind === 'none') return 'none';
  if (found.kind === 'refused') return `${found.type} in ${found.table}`;
  const { route, table } = found;
  const via = route.gateway === undefined ? '' : ` via ${formatAddr(route.gateway)}`;
  return `${table} ${formatPrefix(route.dst)} ${route.dev}${via}`;
}

describe('one table', () => {
  const node = host({
    routes: [
      'default via 203.0.113.1 dev eth0',
      '10.0.0.0/8 via 203.0.113.9 dev eth0',
      '10.1.0.0/16 via 198.18.0.1 dev eth1',
      '10.1.2.3/32 via 203.0.113.8 dev eth0',
      '10.2.0.0/16 via 198.18.0.1 dev eth1 metric 100',
      '10.2.0.0/16 via 203.0.113.7 dev eth0 metric 50',
      '10.3.0.0/16 via 198.18.0.1 dev eth1 dead',
    ],
  });

  test.each([
    ['10.1.2.3', 'main 10.1.2.3/32 eth0 via 203.0.113.8'],
    ['10.1.2.4', 'main 10.1.0.0/16 eth1 via 198.18.0.1'],
    ['10.9.0.1', 'main 10.0.0.0/8 eth0 via 203.0.113.9'],
    ['9.9.9.9', 'main 0.0.0.0/0 eth0 via 203.0.113.1'],
    ['10.2.0.1', 'main 10.2.0.0/16 eth0 via 203.0.113.7'],
    ['10.3.0.1', 'main 10.0.0.0/8 eth0 via 203.0.113.9'],
    ['172.17.0.2', 'main 172.17.0.0/16 docker0'],
    ['172.17.0.1', 'local 172.17.0.1/32 docker0'],
    ['127.1.2.3', 'local 127.0.0.0/8 lo'],
  ])('%s: the longest prefix, then the lowest metric, of what is not dead', (dst, found) => {
    expect(look(node, dst)).toBe(found);
  });

  test('a sender that insists on a device gets only its routes', () => {
    expect(look(node, '10.1.2.3', { outDev: 'eth1' })).toBe('main 10.1.0.0/16 eth1 via 198.18.0.1');
    expect(look(node, '9.9.9.9', { outDev: 'eth1' })).toBe('none');
  });

  test('nothing fits', () => {
    expect(look(host({ routes: [] }), '9.9.9.9')).toBe('none');
  });
});

describe('policy rules', () => {
  const tables = [
    'default via 203.0.113.1 dev eth0',
    'default via 198.18.0.1 dev eth1 table 100',
    'default via 198.18.0.9 dev eth1 table 200',
  ];
  const through = (
    rules: readonly string[],
    more: Partial<RouteKey> = {},
    routes: readonly string[] = tables,
  ) => look(host({ routes, policyRules: [...kernelRules, ...rules] }), '9.9.9.9', more);
  const main = 'main 0.0.0.0/0 eth0 via 203.0.113.1';
  const first = '100 0.0.0.0/0 eth1 via 198.18.0.1';
  const other = '200 0.0.0.0/0 eth1 via 198.18.0.9';

  test('by priority, not as listed', () => {
    expect(through(['200: from all lookup 200', '100: from all lookup 100'])).toBe(first);
    expect(through(['40000: from all lookup 100'])).toBe(main);
  });

  test.each<[string, Partial<RouteKey>, Partial<RouteKey>]>([
    ['100: from all fwmark 0x1 lookup 100', { mark: 1 }, { mark: 3 }],
    ['100: from all fwmark 0x1/0x1 lookup 100', { mark: 3 }, { mark: 2 }],
    ['100: from all fwmark 0x3/0x1 lookup 100', { mark: 5 }, { mark: 2 }],
    ['100: from all fwmark 0x80000000/0x80000000 lookup 100', { mark: 0x80000001 }, { mark: 1 }],
    ['100: from 172.17.0.0/16 lookup 100', { src: addr('172.17.0.2') }, { src: addr('172.18.0.2') }],
    ['100: from 172.17.0.0/16 lookup 100', { src: addr('172.17.0.2') }, {}],
    ['100: from all to 9.0.0.0/8 lookup 100', {}, { dst: addr('8.8.8.8') }],
    ['100: from all iif docker0 lookup 100', { inDev: 'docker0' }, { inDev: 'eth1' }],
    ['100: from all iif lo lookup 100', {}, { inDev: 'docker0' }],
    ['100: not from 172.17.0.0/16 lookup 100', { src: addr('10.0.0.1') }, { src: addr('172.17.0.2') }],
    ['100: from all oif eth1 lookup 100', { outDev: 'eth1' }, {}],
  ])('%s', (rule, fits, doesNot) => {
    expect(through([rule], fits)).toBe(first);
    expect(through([rule], doesNot)).toBe(main);
  });

  test('a table without a route leaves it to the next rule, and so does throw', () => {
    expect(through(['100: from all lookup 300'])).toBe(main);
    expect(through(['100: from all lookup 100'], {}, [...tables, 'throw 9.0.0.0/8 table 100'])).toBe(main);
    expect(through(['100: from all lookup 100'], {}, [...tables, 'throw 8.0.0.0/8 table 100'])).toBe(first);
  });

  test('suppress_prefixlength takes no route that is so short', () => {
    const rules = ['100: from all lookup main suppress_prefixlength 0', '200: from all lookup 200'];
    expect(through(rules)).toBe(other);
    expect(through(rules, {}, [...tables, '9.0.0.0/8 via 203.0.113.5 dev eth0'])).toBe(
      'main 9.0.0.0/8 eth0 via 203.0.113.5',
    );
    const longer = ['100: from all lookup main suppress_prefixlength 8', '200: from all lookup 200'];
    expect(through(longer, {}, [...tables, '9.0.0.0/8 via 203.0.113.5 dev eth0'])).toBe(other);
  });

  test.each([
    ['blackhole', 'blackhole in rule 100'],
    // fib4_rule_action: ENETUNREACH, as without a route, where a route of this type gives EHOSTUNREACH.
    ['unreachable', 'none'],
    ['prohibit', 'prohibit in rule 100'],
    ['nop', main],
  ])('%s', (action, found) => {
    expect(through([`100: from all ${action}`])).toBe(found);
  });

  test('goto leaves out what stands between', () => {
    expect(through(['50: from all goto 150', '100: from all lookup 100', '150: from all lookup 200'])).toBe(
      other,
    );
    expect(through(['50: from all goto 100', '100: from all lookup 100', '150: from all lookup 200'])).toBe(
      first,
    );
  });

  test('the kernel’s own three where the facts have none', () => {
    expect(look(host({ routes: ['default via 198.18.0.9 dev eth1 table default'] }), '9.9.9.9')).toBe(
      'default 0.0.0.0/0 eth1 via 198.18.0.9',
    );
  });

  test('a selector that is not understood is decided both ways', () => {
    const node = host({
      routes: tables,
      policyRules: [...kernelRules, '100: from all ipproto tcp lookup 100'],
    });
    const { runs } = forEachBranch((decisions) => {
      const found = lookupRoute(node, key('9.9.9.9'), decisions);
      return found.kind === 'route' ? found.table : found.kind;
    });
    expect(runs.map((r) => r.result)).toEqual(['main', '100']);
    expect(runs[0]?.met[0]?.fact).toContain('ipproto');
  });
});

describe('what an address is', () => {
  const node = host({
    routes: [
      'default via 203.0.113.1 dev eth0',
      'blackhole 10.1.0.0/16',
      'unreachable 10.2.0.0/16',
      'prohibit 10.3.0.0/16',
    ],
  });
  test.each([
    ['0.0.0.0', 'UNSPEC'],
    ['224.0.0.1', 'MULTICAST'],
    ['255.255.255.255', 'BROADCAST'],
    ['172.17.255.255', 'BROADCAST'],
    ['172.17.0.1', 'LOCAL'],
    ['127.9.9.9', 'LOCAL'],
    ['172.17.0.2', 'UNICAST'],
    ['9.9.9.9', 'UNICAST'],
    // The local table alone says (inet_dev_addr_type); what other tables refuse is no type of its own.
    ['10.1.2.3', 'UNICAST'],
    ['10.2.2.3', 'UNICAST'],
    ['10.3.2.3', 'UNICAST'],
  ])('%s is %s', (text, type) => {
    expect(addressType(node, addr(text), undefined, noDecision)).toBe(type);
  });

  test('to one device, the addresses of others are not local', () => {
    expect(addressType(node, addr('172.17.0.1'), 'docker0', noDecision)).toBe('LOCAL');
    expect(addressType(node, addr('172.17.0.1'), 'eth0', noDecision)).toBe('UNICAST');
  });

  test('the policy rules do not make an address local', () => {
    const rules = [...kernelRules, '1: from all lookup 100'];
    const tproxy = host({ policyRules: rules, routes: ['local 0.0.0.0/0 dev lo table 100'] });
    expect(addressType(tproxy, addr('9.9.9.9'), undefined, noDecision)).toBe('UNICAST');
  });
});

/** `DEV SOURCE NEXTHOP`, or the error. */
function out(node: Node, dst: string, more: Partial<RouteKey> = {}): string {
  const route = routeOutput(node, key(dst, more), noDecision);
  return route.kind === 'error'
    ? route.error
    : `${route.wire.link.name} ${formatAddr(route.src)} ${formatAddr(route.nexthop)}`;
}

describe('sending from here', () => {
  test.each([
    ['9.9.9.9', 'eth0 203.0.113.2 203.0.113.1'],
    ['172.17.0.2', 'docker0 172.17.0.1 172.17.0.2'],
    ['172.17.0.1', 'lo 172.17.0.1 172.17.0.1'],
    ['127.0.0.1', 'lo 127.0.0.1 127.0.0.1'],
    ['127.1.2.3', 'lo 127.0.0.1 127.1.2.3'],
  ])('to %s: %s', (dst, way) => {
    expect(out(host(), dst)).toBe(way);
  });

  test('the source: what the route prefers, else an address of the next hop’s subnet, else the first', () => {
    const links = [{ name: 'eth0', addresses: ['203.0.113.2/24', '192.0.2.5/24'] }];
    const routes = [
      'default via 203.0.113.1 dev eth0',
      '10.0.0.0/8 via 192.0.2.1 dev eth0',
      '11.0.0.0/8 via 192.0.2.1 dev eth0 src 203.0.113.2',
      '12.0.0.0/8 dev eth0',
    ];
    const node = host({ links, routes });
    expect(out(node, '9.9.9.9')).toBe('eth0 203.0.113.2 203.0.113.1');
    expect(out(node, '10.0.0.1')).toBe('eth0 192.0.2.5 192.0.2.1');
    expect(out(node, '11.0.0.1')).toBe('eth0 203.0.113.2 192.0.2.1');
    expect(out(node, '12.0.0.1')).toBe('eth0 203.0.113.2 12.0.0.1');
    expect(out(node, '10.0.0.1', { src: addr('203.0.113.2') })).toBe('eth0 203.0.113.2 192.0.2.1');
  });

  test('IPv6 asks for a source towards the destination: a router’s link-local address decides nothing', () => {
    const links = [{ name: 'eth0', addresses: ['fe80::2/64', '2001:db8:113::2/64'] }];
    const node = host({ links, routes: ['::/0 via fe80::1 dev eth0'] });
    expect(out(node, '2001:db8:ffff::7')).toBe('eth0 2001:db8:113::2 fe80::1');
    expect(out(node, 'fe80::9')).toBe('eth0 fe80::2 fe80::9');
    expect(out(node, '2001:db8:ffff::7', { src: addr('::1') })).toBe('eth0 ::1 fe80::1');
  });

  test('never a secondary address or a tentative one; another device’s where this one has none', () => {
    const state = namespace({
      name: 'host',
      links: [{ name: 'tun0', kind: 'tun' }, uplink],
      routes: ['10.0.0.0/8 dev tun0'],
    });
    const own = (addresses: (typeof state.links)[number]['addresses']) => {
      const links = state.links.map((l) => (l.name === 'tun0' ? { ...l, addresses } : l));
      const [node] = makeWorld({ namespaces: [{ ...state, links }] }, undefined).nodes;
      return node === undefined ? '' : out(node, '10.0.0.1');
    };
    const at = (text: string) => ({ prefix: { addr: addr(text), bits: 32 }, scope: 'global' as const });
    expect(own([])).toBe('tun0 203.0.113.2 10.0.0.1');
    expect(own([{ ...at('192.0.2.1'), secondary: true }, at('192.0.2.2')])).toBe('tun0 192.0.2.2 10.0.0.1');
    expect(own([{ ...at('192.0.2.1'), tentative: true }, at('192.0.2.2')])).toBe('tun0 192.0.2.2 10.0.0.1');
    expect(own([{ ...at('192.0.2.1'), scope: 'host' }])).toBe('tun0 203.0.113.2 10.0.0.1');
  });

  test.each<[string, Partial<NamespaceSpec>, string]>([
    ['no route', { routes: [] }, 'net-unreachable'],
    ['a blackhole', { routes: ['blackhole 9.0.0.0/8'] }, 'EINVAL'],
    ['an unreachable route', { routes: ['unreachable 9.0.0.0/8'] }, 'host-unreachable'],
    ['a prohibit route', { routes: ['prohibit 9.0.0.0/8'] }, 'EACCES'],
    ['a device that is down', { links: [{ ...uplink, up: false }] }, 'net-unreachable'],
    ['a device that is gone', { links: [] }, 'net-unreachable'],
  ])('%s', (_, change, error) => {
    expect(out(host(change), '9.9.9.9')).toBe(error);
  });

  test('a loopback source leaves only where route_localnet lets it', () => {
    const src = addr('127.0.0.1');
    expect(out(host(), '172.17.0.2', { src })).toBe('EINVAL');
    const sysctls = { 'net.ipv4.conf.docker0.route_localnet': 1 };
    expect(out(host({ sysctls }), '172.17.0.2', { src })).toBe('docker0 127.0.0.1 172.17.0.2');
    expect(out(host({ sysctls }), '9.9.9.9', { src })).toBe('EINVAL');
    expect(out(host({ sysctls: { 'net.ipv4.conf.all.route_localnet': 1 } }), '9.9.9.9', { src })).toMatch(
      /^eth0 127/,
    );
    expect(out(host(), '172.17.0.1', { src })).toMatch(/^lo 127/);
  });

  test('a multicast source is refused', () => {
    expect(out(host(), '9.9.9.9', { src: addr('224.0.0.1') })).toBe('EINVAL');
  });
});

/** What becomes of a packet from `src` that comes in on `inDev`: `local`, `forward DEV NEXTHOP`, `drop: why`, `icmp PROBLEM`. */
function into(node: Node, inDev: string, src: string, dst: string, mark = 0): string {
  const routed = routeInput(node, { dst: addr(dst), src: addr(src), mark, inDev }, noDecision);
  switch (routed.kind) {
    case 'local':
      return 'local';
    case 'forward':
      return `forward ${routed.wire.link.name} ${formatAddr(routed.nexthop)}`;
    case 'error':
      return `icmp ${routed.problem}`;
    case 'drop':
      return `drop: ${routed.why}`;
  }
}

describe('coming in', () => {
  test.each([
    ['docker0', '172.17.0.2', '9.9.9.9', 'forward eth0 203.0.113.1'],
    ['eth0', '9.9.9.9', '172.17.0.2', 'forward docker0 172.17.0.2'],
    ['docker0', '172.17.0.2', '203.0.113.2', 'local'],
    ['docker0', '172.17.0.2', '172.17.255.255', 'local'],
    ['lo', '127.0.0.1', '127.0.0.1', 'local'],
    ['lo', '172.17.0.1', '172.17.0.1', 'local'],
  ])('on %s from %s to %s: %s', (dev, src, dst, fate) => {
    expect(into(host(), dev, src, dst)).toBe(fate);
  });

  test.each([
    ['eth0', '127.0.0.1', '203.0.113.2', 'drop: martian source'],
    ['eth0', '9.9.9.9', '127.0.0.1', 'drop: martian destination'],
    ['eth0', '0.0.0.0', '203.0.113.2', 'drop: martian source'],
    ['eth0', '224.0.0.1', '203.0.113.2', 'drop: martian source'],
    ['eth0', '172.17.0.1', '203.0.113.2', 'drop: martian source'],
    ['docker0', '172.17.0.1', '9.9.9.9', 'drop: martian source'],
  ])('martians on %s: from %s to %s', (dev, src, dst, fate) => {
    expect(into(host(), dev, src, dst)).toBe(fate);
  });

  test('route_localnet lets loopback addresses in, accept_local our own', () => {
    const localnet = { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth0.route_localnet': 1 };
    expect(into(host({ sysctls: localnet }), 'eth0', '9.9.9.9', '127.0.0.1')).toBe('local');
    expect(into(host({ sysctls: localnet }), 'docker0', '172.17.0.2', '127.0.0.1')).toBe(
      'drop: martian destination',
    );
    const own = { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth0.accept_local': 1 };
    expect(into(host({ sysctls: own }), 'eth0', '172.17.0.1', '203.0.113.2')).toBe('local');
  });

  test.each<[string, NamespaceSpec['sysctls'] & object, string]>([
    ['off', { 'net.ipv4.ip_forward': 0 }, 'drop: forwarding off'],
    ['not known to be on', {}, 'drop: forwarding off'],
    [
      'off on the device it came in on',
      { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.docker0.forwarding': 0 },
      'drop: forwarding off',
    ],
    [
      'off on the other one',
      { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth0.forwarding': 0 },
      'forward eth0 203.0.113.1',
    ],
    [
      'on for the device alone',
      { 'net.ipv4.ip_forward': 0, 'net.ipv4.conf.docker0.forwarding': 1 },
      'forward eth0 203.0.113.1',
    ],
  ])('forwarding %s', (_, sysctls, fate) => {
    expect(into(host({ sysctls }), 'docker0', '172.17.0.2', '9.9.9.9')).toBe(fate);
  });

  test('without forwarding nothing is said, whatever the route; what is for the host still arrives', () => {
    const sysctls = { 'net.ipv4.ip_forward': 0 };
    for (const routes of [[], ['prohibit 9.0.0.0/8'], ['unreachable 9.0.0.0/8']]) {
      expect(into(host({ sysctls, routes }), 'docker0', '172.17.0.2', '9.9.9.9')).toBe(
        'drop: forwarding off',
      );
    }
    expect(into(host({ sysctls }), 'docker0', '172.17.0.2', '203.0.113.2')).toBe('local');
  });

  test.each<[string[], string]>([
    [[], 'icmp no-route'],
    [['unreachable 9.0.0.0/8'], 'icmp host-unreachable'],
    [['prohibit 9.0.0.0/8'], 'icmp prohibited'],
    [['blackhole 9.0.0.0/8'], 'drop: blackhole route'],
  ])('routes %j', (routes, fate) => {
    expect(into(host({ routes }), 'docker0', '172.17.0.2', '9.9.9.9')).toBe(fate);
  });

  test('a route by a device that is down', () => {
    const links = [{ ...uplink, up: false }, bridge];
    expect(into(host({ links }), 'docker0', '172.17.0.2', '9.9.9.9')).toBe('icmp no-route');
  });

  test('the mark and the device it came in on choose the table', () => {
    const routes = ['default via 203.0.113.1 dev eth0', 'default via 198.18.0.1 dev eth1 table 100'];
    const policyRules = [...kernelRules, '100: from all fwmark 0x1 iif docker0 lookup 100'];
    const node = host({ routes, policyRules });
    expect(into(node, 'docker0', '172.17.0.2', '9.9.9.9', 1)).toBe('forward eth1 198.18.0.1');
    expect(into(node, 'docker0', '172.17.0.2', '9.9.9.9', 0)).toBe('forward eth0 203.0.113.1');
    expect(into(node, 'eth1', '198.18.0.9', '9.9.9.9', 1)).toBe('forward eth0 203.0.113.1');
  });
});

describe('reverse path filter', () => {
  /** A packet that comes in on eth1 though the way back to its source is by eth0. */
  const asymmetric = (all: number, own: number, routes = ['default via 203.0.113.1 dev eth0']) =>
    into(
      host({
        routes,
        sysctls: {
          'net.ipv4.ip_forward': 1,
          'net.ipv4.conf.all.rp_filter': all,
          'net.ipv4.conf.eth1.rp_filter': own,
        },
      }),
      'eth1',
      '9.9.9.9',
      '172.17.0.2',
    );
  const passes = 'forward docker0 172.17.0.2';
  const filtered = 'drop: reverse path filter';

  test.each([
    [0, 0, passes],
    [1, 0, filtered],
    [0, 1, filtered],
    [0, 2, passes],
    [2, 1, passes],
    [1, 2, passes],
  ])('all %i and the device’s own %i: the higher counts', (all, own, fate) => {
    expect(asymmetric(all, own)).toBe(fate);
  });

  test('loose wants any way back', () => {
    expect(asymmetric(0, 2, [])).toBe(filtered);
    expect(asymmetric(0, 0, [])).toBe(passes);
  });

  test('a symmetric way passes strict; another device’s setting does not matter', () => {
    const strict = (dev: string) =>
      host({ sysctls: { 'net.ipv4.ip_forward': 1, [`net.ipv4.conf.${dev}.rp_filter`]: 1 } });
    expect(into(strict('eth0'), 'eth0', '9.9.9.9', '172.17.0.2')).toBe(passes);
    expect(into(strict('eth0'), 'eth1', '9.9.9.9', '172.17.0.2')).toBe(passes);
  });

  test('it holds for what is delivered here too', () => {
    const node = host({ sysctls: { 'net.ipv4.conf.eth1.rp_filter': 1 } });
    expect(into(node, 'eth1', '9.9.9.9', '203.0.113.2')).toBe(filtered);
    expect(into(node, 'eth1', '198.18.0.7', '203.0.113.2')).toBe('local');
  });
});

describe('who answers for an address (ARP)', () => {
  const answers = (
    target: string,
    sysctls: Readonly<Record<string, number>> = {},
    dev = 'docker0',
    asker = '172.17.0.2',
  ) =>
    answersArp(
      host({ sysctls: { 'net.ipv4.ip_forward': 1, ...sysctls } }),
      dev,
      addr(target),
      addr(asker),
      noDecision,
    );

  test('any address of the host on any device, unless arp_ignore says otherwise', () => {
    expect(answers('172.17.0.1')).toBe(true);
    expect(answers('203.0.113.2')).toBe(true);
    const ignore = (level: number) => ({ 'net.ipv4.conf.docker0.arp_ignore': level });
    expect(answers('172.17.0.1', ignore(1))).toBe(true);
    expect(answers('203.0.113.2', ignore(1))).toBe(false);
    expect(answers('172.17.0.1', ignore(2))).toBe(true);
    expect(answers('172.17.0.1', ignore(2), 'docker0', '10.0.0.1')).toBe(false);
    expect(answers('172.17.0.1', ignore(8))).toBe(false);
  });

  test('for others only as a proxy, and not for what is on the same link', () => {
    expect(answers('9.9.9.9')).toBe(false);
    const proxy = { 'net.ipv4.conf.docker0.proxy_arp': 1 };
    expect(answers('9.9.9.9', proxy)).toBe(true);
    expect(answers('172.17.0.3', proxy)).toBe(false);
    expect(answers('9.9.9.9', { ...proxy, 'net.ipv4.ip_forward': 0 })).toBe(false);
  });
});
