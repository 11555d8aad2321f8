import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addr,
  type DockerHostChange,
  dockerHost,
  prefix,
  route,
  rulesetOf,
  table,
} from '../../test/fixtures/host.ts';
import { acceptDevice, applyNftEdit, type NftEdit } from '../firewall/nft/edit.ts';
import { printSave } from '../firewall/save.ts';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import { applyChanges, routesOfAddress, type StateChange, sameRoute } from './change.ts';
import type { HostState, Link, Namespace, Route } from './state.ts';

/** A change without its namespace, for each kind. */
type Change = StateChange extends infer C
  ? C extends { namespace: string }
    ? Omit<C, 'namespace'>
    : never
  : never;

function change(state: HostState, given: Change, namespace = 'host'): HostState {
  return applyChanges(state, [{ namespace, ...given } as StateChange]);
}

function nsOf(state: HostState, name = 'host'): Namespace {
  const found = state.namespaces.find((n) => n.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

function linkOf(state: HostState, dev: string, name = 'host'): Link {
  const found = nsOf(state, name).links.find((l) => l.name === dev);
  if (found === undefined) throw new Error(`no ${dev}`);
  return found;
}

function routeText({ type, dst, dev, gateway, table: name, metric }: Route): string {
  const via = gateway === undefined ? '' : ` via ${formatAddr(gateway)}`;
  return `${type} ${formatPrefix(dst)}${via} ${dev ?? '-'} ${name}${metric === 0 ? '' : ` ${metric}`}`;
}

function routesBy(state: HostState, dev: string, name = 'host'): string[] {
  return nsOf(state, name)
    .routes.filter((r) => r.dev === dev)
    .map(routeText);
}

const ofBridge = [
  'local 172.17.0.1/32 docker0 local',
  'unicast 172.17.0.0/16 docker0 main',
  'broadcast 172.17.255.255/32 docker0 local',
];

describe('the routes of an address', () => {
  const dev = (kind: Link['kind'] = 'ether') => ({ ...linkOf(dockerHost(), 'eth0'), kind });
  test.each<[string, Link['kind'], string[]]>([
    [
      '203.0.113.2/24',
      'ether',
      [
        'local 203.0.113.2/32 eth0 local',
        'unicast 203.0.113.0/24 eth0 main',
        'broadcast 203.0.113.255/32 eth0 local',
      ],
    ],
    ['203.0.113.2/31', 'ether', ['local 203.0.113.2/32 eth0 local', 'unicast 203.0.113.2/31 eth0 main']],
    ['203.0.113.2/32', 'ether', ['local 203.0.113.2/32 eth0 local']],
    ['127.0.0.1/8', 'loopback', ['local 127.0.0.1/32 eth0 local', 'local 127.0.0.0/8 eth0 local']],
    ['10.0.0.1/32', 'loopback', ['local 10.0.0.1/32 eth0 local']],
    ['2001:db8::2/64', 'ether', ['local 2001:db8::2/128 eth0 local', 'unicast 2001:db8::/64 eth0 main 256']],
    ['::1/128', 'loopback', ['local ::1/128 eth0 local']],
  ])('%s on %s', (text, kind, routes) => {
    expect(routesOfAddress(dev(kind), prefix(text)).map(routeText)).toEqual(routes);
  });

  test('the source they prefer is the address', () => {
    for (const r of routesOfAddress(dev(), prefix('203.0.113.2/24')))
      expect(r.preferredSource).toEqual(addr('203.0.113.2'));
  });
});

describe('links', () => {
  const down = dockerHost({
    bridge: { up: false, carrier: false },
    webPort: { state: 'disabled' },
    peerPort: { state: 'disabled' },
  });

  test('a bridge that goes up gets its routes, and its ports forward', () => {
    expect(routesBy(down, 'docker0')).toEqual([]);
    const up = change(down, { kind: 'link-up', dev: 'docker0' });
    expect(linkOf(up, 'docker0')).toMatchObject({ up: true, carrier: true });
    expect(routesBy(up, 'docker0')).toEqual(ofBridge);
    expect(linkOf(up, 'veth-web').port?.state).toBe('forwarding');
    expect(linkOf(up, 'veth-peer').port?.state).toBe('forwarding');
  });

  test('a port that somebody blocked, or that is down, does not start with its bridge', () => {
    const state = dockerHost({
      bridge: { up: false },
      webPort: { state: 'blocking' },
      peerPort: { state: 'disabled' },
    });
    const links = nsOf(state).links.map((l) => (l.name === 'veth-peer' ? { ...l, up: false } : l));
    const namespaces = state.namespaces.map((n) => (n.name === 'host' ? { ...n, links } : n));
    const up = change({ namespaces }, { kind: 'link-up', dev: 'docker0' });
    expect(linkOf(up, 'veth-web').port?.state).toBe('blocking');
    expect(linkOf(up, 'veth-peer').port?.state).toBe('disabled');
  });

  test('a container’s link that goes up gives its peer a carrier, and the port forwards', () => {
    const state = dockerHost({
      web: { link: { up: false, carrier: false } },
      webPort: { state: 'disabled' },
    });
    const cut = applyChanges(state, []);
    const up = change(cut, { kind: 'link-up', dev: 'eth0' }, 'web');
    expect(linkOf(up, 'eth0', 'web').up).toBe(true);
    expect(linkOf(up, 'veth-web')).toMatchObject({ carrier: true, port: { state: 'forwarding' } });
    expect(routesBy(up, 'eth0', 'web')).toContain('unicast 172.17.0.0/16 eth0 main');
    expect(linkOf(up, 'veth-peer')).toEqual(linkOf(state, 'veth-peer'));
  });

  test('a port that goes up forwards itself', () => {
    const state = dockerHost({ webPort: { state: 'disabled' } });
    const links = nsOf(state).links.map((l) => (l.name === 'veth-web' ? { ...l, up: false } : l));
    const namespaces = state.namespaces.map((n) => (n.name === 'host' ? { ...n, links } : n));
    expect(linkOf(change({ namespaces }, { kind: 'link-up', dev: 'veth-web' }), 'veth-web')).toMatchObject({
      up: true,
      port: { state: 'forwarding' },
    });
  });

  test('what is up already stays as it is', () => {
    expect(change(dockerHost(), { kind: 'link-up', dev: 'docker0' })).toEqual(dockerHost());
  });

  test('a new name goes to ports, routes and settings', () => {
    const state = dockerHost({
      host: { sysctls: { 'net.ipv4.conf.docker0.rp_filter': 1, 'net.ipv4.conf.docker01.rp_filter': 2 } },
    });
    const renamed = change(state, { kind: 'rename-link', dev: 'docker0', name: 'br9' });
    expect(nsOf(renamed).links.map((l) => l.name)).toEqual(['lo', 'eth0', 'br9', 'veth-web', 'veth-peer']);
    expect(linkOf(renamed, 'veth-web').master).toBe('br9');
    expect(routesBy(renamed, 'br9')).toEqual(ofBridge.map((r) => r.replace('docker0', 'br9')));
    expect([...nsOf(renamed).sysctls.keys()]).toEqual([
      'net.ipv4.conf.br9.rp_filter',
      'net.ipv4.conf.docker01.rp_filter',
    ]);
  });

  test('master, MTU and port flags', () => {
    expect(
      linkOf(change(dockerHost(), { kind: 'link-master', dev: 'eth0', master: 'docker0' }), 'eth0').master,
    ).toBe('docker0');
    expect(linkOf(change(dockerHost(), { kind: 'link-mtu', dev: 'eth0', mtu: 1400 }), 'eth0').mtu).toBe(1400);
    const port = change(dockerHost(), { kind: 'port-flags', dev: 'veth-web', flags: { hairpin: true } });
    expect(linkOf(port, 'veth-web').port).toEqual({
      ...linkOf(dockerHost(), 'veth-web').port,
      hairpin: true,
    });
  });
});

describe('addresses', () => {
  test('come with their routes and go with them', () => {
    const given = { dev: 'eth0', prefix: prefix('192.0.2.9/28') };
    const added = change(dockerHost(), { kind: 'add-address', ...given });
    expect(routesBy(added, 'eth0').slice(4)).toEqual([
      'local 192.0.2.9/32 eth0 local',
      'unicast 192.0.2.0/28 eth0 main',
      'broadcast 192.0.2.15/32 eth0 local',
    ]);
    expect(change(added, { kind: 'delete-address', ...given })).toEqual(dockerHost());
  });

  test('on a link that is down there are no routes', () => {
    const state = dockerHost({ bridge: { up: false } });
    const added = change(state, { kind: 'add-address', dev: 'docker0', prefix: prefix('192.0.2.9/28') });
    expect(linkOf(added, 'docker0').addresses).toHaveLength(2);
    expect(routesBy(added, 'docker0')).toEqual([]);
  });

  test('the subnet’s route stays while another address has it', () => {
    const twice = dockerHost({ bridge: { addresses: ['172.17.0.1/16', '172.17.0.9/16'] } });
    const left = change(twice, { kind: 'delete-address', dev: 'docker0', prefix: prefix('172.17.0.1/16') });
    expect(routesBy(left, 'docker0').toSorted()).toEqual(
      [
        'local 172.17.0.9/32 docker0 local',
        'unicast 172.17.0.0/16 docker0 main',
        'broadcast 172.17.255.255/32 docker0 local',
      ].toSorted(),
    );
    const subnet = nsOf(left).routes.find((r) => r.dev === 'docker0' && r.type === 'unicast');
    expect(subnet?.preferredSource).toEqual(addr('172.17.0.9'));
  });
});

describe('routes, neighbours and policy rules', () => {
  test('a route takes the place of the same one, and goes', () => {
    const one = route('10.0.0.0/8 via 203.0.113.9 dev eth0');
    const added = change(dockerHost(), { kind: 'add-route', route: one });
    expect(routesBy(added, 'eth0')).toContain('unicast 10.0.0.0/8 via 203.0.113.9 eth0 main');
    expect(
      change(added, { kind: 'add-route', route: { ...one, flags: ['onlink'] } }).namespaces[0]?.routes,
    ).toHaveLength(nsOf(added).routes.length);
    expect(change(added, { kind: 'delete-route', route: one })).toEqual(dockerHost());
    expect(change(added, { kind: 'delete-route', route: { ...one, metric: 5 } })).toEqual(added);
  });

  test.each<[Partial<Route>, boolean]>([
    [{}, true],
    [{ flags: ['onlink'], preferredSource: addr('10.0.0.9') }, true],
    [{ type: 'prohibit' }, false],
    [{ table: '100' }, false],
    [{ dev: 'eth1' }, false],
    [{ metric: 1 }, false],
    [{ dst: prefix('10.0.0.0/9') }, false],
    [{ gateway: addr('203.0.113.1') }, false],
  ])('a route with %j is the same: %s', (difference, same) => {
    const one = route('10.0.0.0/8 via 203.0.113.9 dev eth0');
    expect(sameRoute(one, { ...one, ...difference })).toBe(same);
    const { gateway: _, ...direct } = one;
    expect(sameRoute(one, direct)).toBe(false);
  });

  test('one neighbour of one device', () => {
    const entry = (dev: string, text: string) => ({ dev, addr: addr(text), mac: 'x', state: ['PERMANENT'] });
    const neighbours = [
      entry('docker0', '172.17.0.2'),
      entry('eth0', '172.17.0.2'),
      entry('docker0', '172.17.0.3'),
    ];
    const left = change(dockerHost({ host: { neighbours } }), {
      kind: 'delete-neighbour',
      dev: 'docker0',
      addr: addr('172.17.0.2'),
    });
    expect(nsOf(left).neighbours).toEqual(neighbours.slice(1));
  });

  test('all policy rules of one priority', () => {
    const policyRules = [
      '0: from all lookup local',
      '100: from all lookup 100',
      '100: from all lookup 200',
      '32766: from all lookup main',
    ];
    const left = change(dockerHost({ host: { policyRules } }), { kind: 'delete-policy-rule', priority: 100 });
    expect(nsOf(left).policyRules.map((r) => r.priority)).toEqual([0, 32766]);
  });
});

describe('settings', () => {
  const set = (sysctls: Readonly<Record<string, number>>, name: string, value: string) =>
    Object.fromEntries(
      [
        ...nsOf(change(dockerHost({ host: { sysctls } }), { kind: 'sysctl', name, value, before: undefined }))
          .sysctls,
      ].map(([k, v]) => [k, v.value]),
    );

  test('one is set', () => {
    expect(set({ 'net.ipv4.conf.eth0.rp_filter': 1 }, 'net.ipv4.conf.eth0.rp_filter', '2')).toEqual({
      'net.ipv4.conf.eth0.rp_filter': '2',
    });
  });

  test.each(['net.ipv4.ip_forward', 'net.ipv4.conf.all.forwarding'])(
    '%s is the switch of all devices',
    (name) => {
      const before = {
        'net.ipv4.ip_forward': 0,
        'net.ipv4.conf.all.forwarding': 0,
        'net.ipv4.conf.eth0.forwarding': 0,
        'net.ipv4.conf.eth0.100.forwarding': 0,
        'net.ipv4.conf.eth0.mc_forwarding': 0,
        'net.ipv6.conf.all.forwarding': 0,
      };
      expect(set(before, name, '1')).toEqual({
        'net.ipv4.ip_forward': '1',
        'net.ipv4.conf.all.forwarding': '1',
        'net.ipv4.conf.eth0.forwarding': '1',
        'net.ipv4.conf.eth0.100.forwarding': '1',
        'net.ipv4.conf.eth0.mc_forwarding': '0',
        'net.ipv6.conf.all.forwarding': '0',
      });
    },
  );

  test('a device’s own forwarding is its own', () => {
    const before = {
      'net.ipv4.ip_forward': 1,
      'net.ipv4.conf.eth0.forwarding': 0,
      'net.ipv4.conf.eth1.forwarding': 0,
    };
    expect(set(before, 'net.ipv4.conf.eth0.forwarding', '1')).toEqual({
      'net.ipv4.ip_forward': '1',
      'net.ipv4.conf.eth0.forwarding': '1',
      'net.ipv4.conf.eth1.forwarding': '0',
    });
  });
});

describe('rules', () => {
  const rules = (...letters: string[]) =>
    rulesetOf(table('filter', '-P FORWARD ACCEPT', ...letters.map((l) => `-A FORWARD -i ${l} -j ACCEPT`)));
  const [from, to] = [rules('a'), rules('a', 'b')];
  const on = (firewall: Namespace['firewall']): HostState => ({
    namespaces: [{ ...nsOf(dockerHost()), firewall }],
  });
  const letters = (state: HostState) =>
    printSave(nsOf(state).firewall, { family: 'ipv4' })
      .match(/(?<=-i )\S+/g)
      ?.join('') ?? '';

  test('on the ruleset that the change was made for, its result', () => {
    expect(nsOf(change(on(from), { kind: 'ruleset', from, to })).firewall).toBe(to);
  });

  test('on another, its difference', () => {
    expect(letters(change(on(rules('x', 'a', 'y')), { kind: 'ruleset', from, to }))).toBe('xaby');
    expect(letters(change(on(rules('x')), { kind: 'ruleset', from, to }))).toBe('xb');
  });

  test('two changes made for the same ruleset are both made', () => {
    const other = rules('c', 'a');
    const both = applyChanges(on(from), [
      { namespace: 'host', kind: 'ruleset', from, to },
      { namespace: 'host', kind: 'ruleset', from, to: other },
    ]);
    expect(letters(both)).toBe('cab');
  });
});

describe('what the engine would make', () => {
  test('a bridge, with its address and routes, forwarding as new devices do', () => {
    const sysctls = { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.default.forwarding': 1 };
    const made = change(dockerHost({ host: { sysctls } }), {
      kind: 'add-bridge',
      dev: 'br9',
      mtu: 1400,
      prefix: prefix('172.18.0.1/16'),
    });
    expect(linkOf(made, 'br9')).toMatchObject({ index: 6, kind: 'bridge', up: true, mtu: 1400 });
    expect(routesBy(made, 'br9')).toEqual(
      ofBridge.map((r) => r.replaceAll('172.17', '172.18').replace('docker0', 'br9')),
    );
    expect(nsOf(made).sysctls.get('net.ipv4.conf.br9.forwarding')?.value).toBe('1');
  });

  test('a container’s link: two ends that know each other', () => {
    const bare: DockerHostChange = { web: { links: [], routes: [] } };
    const made = change(
      dockerHost(bare),
      {
        kind: 'attach',
        dev: 'eth0',
        mac: 'new',
        prefix: prefix('172.17.0.2/16'),
        gateway: addr('172.17.0.1'),
        bridge: 'docker0',
      },
      'web',
    );
    const near = linkOf(made, 'eth0', 'web');
    const far = nsOf(made).links.at(-1);
    expect(near.peer).toEqual({ index: far?.index, namespace: 'host' });
    expect(far).toMatchObject({ master: 'docker0', peer: { index: near.index, namespace: 'web' } });
    expect(routesBy(made, 'eth0', 'web')).toContain('unicast 0.0.0.0/0 via 172.17.0.1 eth0 main');
    expect(routesBy(made, 'eth0', 'web')).toContain('unicast 172.17.0.0/16 eth0 main');
  });

  test('a proxy: a socket of the host and whom it serves', () => {
    const proxy = {
      protocol: 'udp',
      hostAddress: addr('127.0.0.1'),
      hostPort: 5353,
      containerAddress: addr('172.17.0.2'),
      containerPort: 53,
      answersFromAskedAddress: true,
    } as const;
    const made = change(dockerHost(), { kind: 'start-proxy', proxy });
    expect(made.proxies).toEqual([proxy]);
    expect(nsOf(made).sockets?.at(-1)).toEqual({
      protocol: 'udp',
      address: addr('127.0.0.1'),
      families: ['ipv4'],
      port: 5353,
      process: 'docker-proxy',
    });
  });

  test('a proxy takes the place of the socket with which the engine held its port, and of no other', () => {
    const proxy = {
      protocol: 'tcp',
      hostAddress: addr('0.0.0.0'),
      hostPort: 8080,
      containerAddress: addr('172.17.0.2'),
      containerPort: 80,
      answersFromAskedAddress: true,
    } as const;
    const sockets = ['tcp 0.0.0.0:8080 dockerd', 'tcp 0.0.0.0:8081 dockerd', 'tcp 0.0.0.0:8080 nginx'];
    const made = change(dockerHost({ host: { sockets } }), { kind: 'start-proxy', proxy });
    expect(nsOf(made).sockets?.map(({ port, process }) => `${port} ${process}`)).toEqual([
      '8081 dockerd',
      '8080 nginx',
      '8080 docker-proxy',
    ]);
  });

  test('a native chain goes by its name', () => {
    const hook = (name: string) => ({ family: 'inet' as const, hook: 'forward', name });
    const state = dockerHost({ host: { more: { unmodelledHooks: [hook('inet a x'), hook('inet a y')] } } });
    expect(
      nsOf(change(state, { kind: 'delete-nft-chain', chain: hook('inet a x') })).unmodelledHooks,
    ).toEqual([hook('inet a y')]);
  });

  test('a native rule or policy is edited in its chain alone', () => {
    const rule = acceptDevice('iifname', 'docker0');
    const chain = (name: string) => ({
      name,
      base: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop', devices: [] } as const,
      rules: [{ statements: [] }, rule],
    });
    const table = { family: 'inet', name: 'a', chains: [chain('x'), chain('y')], sets: [] } as const;
    const from = { tables: [table], twins: [] };
    const state = dockerHost({ host: { more: { nft: from } } });
    const edited = (edit: NftEdit) =>
      nsOf(change(state, { kind: 'nft', from, to: applyNftEdit(from, edit) })).nft?.tables[0]?.chains.map(
        (c) => `${c.base?.policy} ${c.rules.map((r) => r.statements.length).join(' ')}`,
      );
    expect(edited({ kind: 'delete-rule', table, chain: 'x', rule })).toEqual(['drop 0', 'drop 0 2']);
    expect(edited({ kind: 'insert-rule', table, chain: 'x', rule })).toEqual(['drop 2 0 2', 'drop 0 2']);
    expect(edited({ kind: 'accept-policy', table, chain: 'y' })).toEqual(['drop 0 2', 'accept 0 2']);
    const other = { family: 'ip', name: 'a' } as const;
    expect(edited({ kind: 'accept-policy', table: other, chain: 'y' })).toEqual(['drop 0 2', 'drop 0 2']);
  });
});

test('a change to what is not there changes nothing', () => {
  const state = dockerHost();
  const changes: Change[] = [
    { kind: 'link-up', dev: 'eth9' },
    { kind: 'link-mtu', dev: 'eth9', mtu: 1 },
    { kind: 'link-master', dev: 'eth9', master: 'docker0' },
    { kind: 'port-flags', dev: 'eth0', flags: { hairpin: true } },
    { kind: 'add-address', dev: 'eth9', prefix: prefix('10.0.0.1/8') },
    { kind: 'delete-address', dev: 'eth0', prefix: prefix('10.0.0.1/8') },
    { kind: 'delete-neighbour', dev: 'eth0', addr: addr('10.0.0.1') },
    { kind: 'delete-policy-rule', priority: 7 },
    { kind: 'rename-link', dev: 'eth9', name: 'eth8' },
  ];
  for (const given of changes) expect(change(state, given)).toEqual(state);
  expect(change(state, { kind: 'link-up', dev: 'eth0' }, 'nobody')).toEqual(state);
});

test('a state is never changed in place, and changes of different namespaces do not meet', () => {
  const some = fc.constantFrom<Change>(
    { kind: 'link-up', dev: 'eth0' },
    { kind: 'link-mtu', dev: 'eth0', mtu: 1400 },
    { kind: 'add-address', dev: 'eth0', prefix: prefix('10.0.0.1/8') },
    { kind: 'add-route', route: route('10.9.0.0/16 dev eth0') },
    { kind: 'sysctl', name: 'net.ipv4.ip_forward', value: '0', before: '1' },
  );
  fc.assert(
    fc.property(some, some, (a, b) => {
      const state = dockerHost();
      const one = change(change(state, a, 'peer'), b, 'web');
      expect(change(change(state, b, 'web'), a, 'peer')).toEqual(one);
      expect(state).toEqual(dockerHost());
    }),
  );
});
