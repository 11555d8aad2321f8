import { describe, expect, it } from 'vitest';
import { formatPrefix } from '../net/prefix.ts';
import type { Facts } from './facts.ts';
import { hostStateFromFacts } from './state-from-facts.ts';

function facts(files: Readonly<Record<string, unknown>>): Facts {
  const encode = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const entries = Object.entries(files).map(([k, v]) => [k, new TextEncoder().encode(encode(v))] as const);
  return { files: new Map(entries), origin: 'test' };
}

const lo = {
  ifindex: 1,
  ifname: 'lo',
  flags: ['LOOPBACK', 'UP', 'LOWER_UP'],
  mtu: 65536,
  link_type: 'loopback',
};
const up = ['BROADCAST', 'UP', 'LOWER_UP'];
const veth = (ifindex: number, ifname: string, peer: number, netnsid: number, more: object = {}) => ({
  ifindex,
  ifname,
  flags: up,
  mtu: 1500,
  link_type: 'ether',
  address: '02:00:00:00:00:01',
  link_index: peer,
  link_netnsid: netnsid,
  linkinfo: { info_kind: 'veth' },
  ...more,
});
const bridge = {
  ifindex: 3,
  ifname: 'docker0',
  flags: ['BROADCAST', 'UP'],
  mtu: 1400,
  link_type: 'ether',
  linkinfo: {
    info_kind: 'bridge',
    info_data: { vlan_filtering: 1, nf_call_iptables: 1, nf_call_ip6tables: 0 },
  },
};
const slave = (data: object) => ({
  linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: data },
  master: 'docker0',
});
const hostLinks = [
  lo,
  veth(2, 'eth0', 2, 0),
  bridge,
  veth(4, 'veth1', 2, 1, slave({ state: 'forwarding', hairpin: true, isolated: false })),
  veth(5, 'veth2', 2, 2, slave({ state: 'disabled', learning: false, flood: false })),
];
const box = (index: number, inode: string, more: object = {}) => ({
  netns: inode,
  ip_addr: [
    lo,
    {
      ...veth(2, 'eth0', index, 0),
      addr_info: [{ family: 'inet', local: '172.17.0.2', prefixlen: 16, scope: 'global' }],
    },
  ],
  ip_route: [],
  ip_neigh: [],
  sysctl: ['net.ipv4.ip_forward = 0'],
  ss: ['tcp LISTEN 0 64 0.0.0.0:80 0.0.0.0:*'],
  iptables_save: '',
  nft: '',
  ...more,
});

function stateOf(files: Readonly<Record<string, unknown>>) {
  const { state, problems } = hostStateFromFacts(facts(files));
  const namespace = (name: string) => state.namespaces.find((ns) => ns.name === name);
  const link = (ns: string, name: string) => namespace(ns)?.links.find((l) => l.name === name);
  return { state, problems, namespace, link };
}

describe('links', () => {
  const files = {
    'ip-link.json': hostLinks,
    'ip-addr.json': [
      { ifindex: 2, addr_info: [{ family: 'inet', local: '203.0.113.2', prefixlen: 24, scope: 'global' }] },
      {
        ifindex: 3,
        addr_info: [
          { family: 'inet', local: '172.17.0.1', prefixlen: 16, scope: 'global' },
          { family: 'inet', local: '172.17.0.9', prefixlen: 16, scope: 'global', secondary: true },
          { family: 'inet6', local: 'fe80::1', prefixlen: 64, scope: 'link', tentative: true },
          { family: 'inet', local: '10.0.0.1', address: '10.0.0.2', prefixlen: 24, scope: 'global' },
        ],
      },
    ],
    'bridge-link.json': [
      {
        ifindex: 5,
        state: 'blocking',
        hairpin: false,
        isolated: true,
        learning: true,
        flood: true,
        bcast_flood: false,
      },
    ],
    'outside.json': { links: [{ name: 'up0', peer: 'eth0', addresses: ['203.0.113.1/24'] }] },
    'sandboxes.json': { web: box(4, 'net:[1]'), peer: box(5, 'net:[2]') },
  };
  const { problems, link } = stateOf(files);

  it('have kinds, flags, masters and bridge settings', () => {
    expect(problems).toEqual([]);
    expect(link('host', 'lo')).toMatchObject({ kind: 'loopback', up: true });
    expect(link('host', 'docker0')).toMatchObject({
      kind: 'bridge',
      up: true,
      carrier: false,
      mtu: 1400,
      bridge: { vlanFiltering: true, callIptables: true, callIp6tables: false },
    });
    expect(link('host', 'veth1')).toMatchObject({ kind: 'veth', carrier: true, master: 'docker0' });
  });

  it('have addresses; of a point-to-point one only our own side', () => {
    const addresses = link('host', 'docker0')?.addresses ?? [];
    expect(addresses.map((a) => formatPrefix(a.prefix))).toEqual([
      '172.17.0.1/16',
      '172.17.0.9/16',
      'fe80::1/64',
      '10.0.0.1/32',
    ]);
    expect(addresses.map((a) => [a.scope, a.secondary ?? false, a.tentative ?? false])).toEqual([
      ['global', false, false],
      ['global', true, false],
      ['link', false, true],
      ['global', false, false],
    ]);
  });

  it('have port flags, from the bridge tool first, with the defaults of the kernel', () => {
    expect(link('host', 'veth1')?.port).toEqual({
      state: 'forwarding',
      hairpin: true,
      isolated: false,
      learning: true,
      flood: true,
      broadcastFlood: true,
    });
    expect(link('host', 'veth2')?.port).toMatchObject({
      state: 'blocking',
      isolated: true,
      broadcastFlood: false,
    });
    const alone = stateOf({ 'ip-link.json': hostLinks });
    expect(alone.link('host', 'veth2')?.port).toMatchObject({
      state: 'disabled',
      learning: false,
      flood: false,
    });
    expect(alone.link('host', 'eth0')?.port).toBeUndefined();
  });

  it('have peers across namespaces, and none for what leads outside', () => {
    expect(link('host', 'veth1')?.peer).toEqual({ index: 2, namespace: 'web' });
    expect(link('web', 'eth0')?.peer).toEqual({ index: 4, namespace: 'host' });
    expect(link('host', 'veth2')?.peer).toEqual({ index: 2, namespace: 'peer' });
    expect(link('host', 'eth0')?.peer).toEqual({ index: 2 });
    expect(link('host', 'docker0')?.peer).toBeUndefined();
  });
});

describe('peers', () => {
  const child = (more: object) => ({ ...veth(4, 'eth0', 2, 0), ...more });
  const box1 = (link: object, inode: string) => ({ ...box(0, inode), ip_addr: [link] });

  it('of a veth pair within one namespace are named', () => {
    const pair = (ifindex: number, ifname: string, link: string) => {
      const { link_index: _, link_netnsid: __, ...rest } = veth(ifindex, ifname, 0, 0);
      return { ...rest, link };
    };
    const { link } = stateOf({ 'ip-link.json': [pair(6, 'vpn0', 'vpn1'), pair(7, 'vpn1', 'vpn0')] });
    expect(link('host', 'vpn0')?.peer).toEqual({ index: 7, namespace: 'host' });
  });

  it('of a macvlan child is its parent on the host', () => {
    const macvlan = child({ linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } } });
    const { link } = stateOf({
      'ip-link.json': [lo, { ...veth(2, 'eth0', 9, 0) }],
      'sandboxes.json': { m1: box1(macvlan, 'net:[1]') },
    });
    expect(link('m1', 'eth0')).toMatchObject({
      kind: 'macvlan',
      mode: 'bridge',
      peer: { index: 2, namespace: 'host' },
    });
    expect(link('host', 'eth0')?.peer).toEqual({ index: 9 });
  });

  it('that fit twice are told apart by the namespace number of links that fit once', () => {
    // Two containers that both hold interface 2 leading to index 4: one of them to another container's.
    const a = { ...box(0, 'net:[1]'), ip_addr: [veth(2, 'eth0', 4, 0), veth(8, 'eth1', 6, 0)] };
    const b = { ...box(0, 'net:[2]'), ip_addr: [veth(2, 'eth0', 4, 0)] };
    const { link } = stateOf({
      'ip-link.json': [veth(4, 'vethA', 2, 7), veth(6, 'vethB', 8, 7)],
      'sandboxes.json': { a, b },
    });
    expect(link('host', 'vethB')?.peer).toEqual({ index: 8, namespace: 'a' });
    expect(link('host', 'vethA')?.peer).toEqual({ index: 2, namespace: 'a' });
  });

  it('of a macvlan child are looked for on the host first, where numbers fit another container too', () => {
    const macvlan = child({ linkinfo: { info_kind: 'macvlan' } });
    const { link } = stateOf({
      'ip-link.json': [veth(2, 'eth0', 9, 0)],
      'sandboxes.json': { m1: box1(macvlan, 'net:[1]'), web: box(5, 'net:[2]') },
    });
    expect(link('m1', 'eth0')?.peer).toEqual({ index: 2, namespace: 'host' });
  });

  it('of an uplink stay outside, even where the numbers fit a container', () => {
    const files = {
      'ip-link.json': [veth(2, 'eth0', 7, 0)],
      'sandboxes.json': { odd: box1(veth(7, 'eth0', 2, 0), 'net:[1]') },
    };
    expect(stateOf(files).link('host', 'eth0')?.peer).toEqual({ index: 7, namespace: 'odd' });
    const outside = { links: [{ name: 'up0', peer: 'eth0' }] };
    expect(stateOf({ ...files, 'outside.json': outside }).link('host', 'eth0')?.peer).toEqual({ index: 7 });
  });

  it('stay open when nothing tells', () => {
    const same = { ...box(0, 'net:[1]'), ip_addr: [veth(2, 'eth0', 4, 0)] };
    const { link } = stateOf({
      'ip-link.json': [veth(4, 'vethA', 2, 7), veth(9, 'vethC', 3, -1)],
      'sandboxes.json': { a: same, b: { ...same, netns: 'net:[2]' } },
    });
    expect(link('host', 'vethA')?.peer).toEqual({ index: 2 });
    expect(link('host', 'vethC')?.peer).toEqual({ index: 3 });
  });
});

describe('namespaces', () => {
  it('are shared by host networking and by equal inodes', () => {
    const { state, namespace } = stateOf({
      'sandboxes.json': {
        web: box(4, 'net:[1]'),
        side: box(4, 'net:[1]'),
        h1: { netns: 'net:[9]', shares_host: true },
      },
    });
    expect(state.namespaces.map((ns) => ns.name)).toEqual(['host', 'web']);
    expect(namespace('host')?.sharedBy).toEqual(['h1']);
    expect(namespace('web')).toMatchObject({ sharedBy: ['side'], inode: 'net:[1]', kind: 'container' });
  });

  it('keep their names apart from those of the host and the outside', () => {
    const { state } = stateOf({
      'sandboxes.json': { host: box(4, 'net:[1]'), inet: box(5, 'net:[2]'), beyond: box(6, 'net:[3]') },
      'outside.json': { namespace: 'beyond' },
    });
    expect(state.namespaces.map((ns) => ns.name)).toEqual([
      'host',
      'container:host',
      'inet',
      'container:beyond',
    ]);
  });

  it('say what is missing: absence is unknown, not empty', () => {
    const { namespace, state } = stateOf({
      'daemon.json': '{}',
      'sandboxes.json': { web: box(4, 'net:[1]') },
    });
    const parts = (name: string) =>
      namespace(name)?.missing?.map((m) => `${m.part} ${m.family ?? ''}`.trim());
    expect(parts('host')).toEqual([
      'links',
      'addresses',
      'routes ipv4',
      'routes ipv6',
      'policyRules ipv4',
      'policyRules ipv6',
      'neighbours',
      'sysctls',
      'sockets',
      'firewall ipv4',
      'firewall ipv6',
    ]);
    expect(namespace('host')?.sockets).toBeUndefined();
    expect(state.proxies).toBeUndefined();
    expect(parts('web')).toEqual(['routes ipv6', 'policyRules ipv4', 'policyRules ipv6']);
    expect(namespace('web')?.sockets).toHaveLength(1);
  });
});

describe('families', () => {
  it('of routes are read once, though the first listing may hold both', () => {
    const both = [
      { dst: '10.0.0.0/8', dev: 'a' },
      { dst: 'fe80::/64', dev: 'a' },
    ];
    const routes = (files: Readonly<Record<string, unknown>>) =>
      stateOf(files)
        .namespace('host')
        ?.routes.map((r) => formatPrefix(r.dst));
    expect(routes({ 'ip-route.json': both })).toEqual(['10.0.0.0/8', 'fe80::/64']);
    const six = [
      { dst: 'fe80::/64', dev: 'a' },
      { dst: '::1', dev: 'lo' },
    ];
    expect(routes({ 'ip-route.json': both, 'ip6-route.json': six })).toEqual([
      '10.0.0.0/8',
      'fe80::/64',
      '::1/128',
    ]);
    expect(stateOf({ 'ip-route.json': both }).namespace('host')?.missing).not.toContainEqual({
      part: 'routes',
      family: 'ipv6',
      file: 'ip6-route.json',
    });
  });

  it('of policy rules are those of their listings', () => {
    const rule = [{ priority: 0, src: 'all', table: 'local' }];
    const { namespace } = stateOf({ 'ip-rule.json': rule, 'ip6-rule.json': rule });
    expect(namespace('host')?.policyRules.map((r) => r.family)).toEqual(['ipv4', 'ipv6']);
  });
});

describe('firewall', () => {
  const nat = (version: string, tool = 'iptables-save') =>
    `# Generated by ${tool} ${version} on Mon Nov 23 03:12:28 2026\n*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n`;
  const tables = (files: Readonly<Record<string, unknown>>) =>
    stateOf(files)
      .namespace('host')
      ?.firewall.tables.map((t) => `${t.backend} ${t.family} ${t.name}`);

  it('belongs to the backend that the listing names', () => {
    expect(tables({ 'iptables-save.txt': nat('v1.8.9 (nf_tables)') })).toEqual(['iptables-nft ipv4 nat']);
    expect(tables({ 'iptables-save.txt': nat('v1.8.9') })).toEqual(['iptables-legacy ipv4 nat']);
    expect(tables({ 'iptables-save.txt': nat('v1.4.21') })).toEqual(['iptables-legacy ipv4 nat']);
    const bare = nat('').split('\n').slice(1).join('\n');
    expect(tables({ 'iptables-save.txt': bare })).toEqual(['iptables-nft ipv4 nat']);
    expect(tables({ 'iptables-save.txt': bare, 'tools.txt': 'iptables v1.8.9 (legacy)\n' })).toEqual([
      'iptables-legacy ipv4 nat',
    ]);
  });

  it('holds both backends and both families at once, and a table that is listed twice only once', () => {
    const files = {
      'iptables-save.txt': nat('v1.8.9'),
      'ip6tables-save.txt': nat('v1.8.9 (nf_tables)', 'ip6tables-save'),
      'iptables-legacy-save.txt': nat('v1.8.9'),
      'ip6tables-legacy-save.txt': nat('v1.8.9', 'ip6tables-save'),
    };
    expect(tables(files)).toEqual([
      'iptables-legacy ipv4 nat',
      'iptables-nft ipv6 nat',
      'iptables-legacy ipv6 nat',
    ]);
  });

  it('knows the file and line of each rule', () => {
    const ruleOf = (ns: string, files: Readonly<Record<string, unknown>>) =>
      stateOf(files).namespace(ns)?.firewall.tables[0]?.chains[0]?.rules[0]?.at;
    const save = nat('v1.8.9 (nf_tables)');
    expect(ruleOf('host', { 'iptables-save.txt': save })).toEqual({ file: 'iptables-save.txt', line: 4 });
    const boxes = { web: box(4, 'net:[1]', { iptables_save: save }) };
    expect(ruleOf('web', { 'sandboxes.json': boxes })).toEqual({
      file: 'sandboxes.json#web/iptables_save',
      line: 4,
    });
  });
});

describe('native base chains', () => {
  const chain = (family: string, table: string, name: string, policy: string, hook = 'forward') => ({
    chain: { family, table, name, type: 'filter', hook, prio: 0, policy },
  });
  const json = {
    nftables: [
      { metainfo: { version: '1.0.6' } },
      chain('ip', 'nat', 'PREROUTING', 'accept', 'prerouting'),
      { rule: { family: 'ip', table: 'nat', chain: 'PREROUTING', expr: [{ xt: null }] } },
      chain('inet', 'myfw', 'forward', 'drop'),
      chain('inet', 'myfw', 'input', 'accept', 'input'),
      { rule: { family: 'inet', table: 'myfw', chain: 'input', expr: [] } },
      chain('bridge', 'x', 'idle', 'accept'),
      { chain: { family: 'inet', table: 'myfw', name: 'jumped-to' } },
    ],
  };
  const text = `table ip nat {
	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		counter packets 0 bytes 0 xt target "DNAT"
	}
}
table inet myfw {
	set s {
		type ipv4_addr
		elements = { 10.0.0.1,
			     10.0.0.2 }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		ip saddr { 10.0.0.1, 10.0.0.2 } log prefix "}" drop
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
	}

	chain jumped-to {
		accept
	}
}
table bridge x {
	chain idle {
		comment "hook forward"
		type filter hook forward priority 0; policy accept;
	}
}
`;
  const save =
    '# Generated by iptables-save v1.8.9 (nf_tables) on x\n*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n';

  it('of a text that iptables does not own are read like those of JSON', () => {
    const tablesOf = (files: Readonly<Record<string, unknown>>) =>
      stateOf({ ...files, 'iptables-save.txt': save }).namespace('host')?.nft?.tables;
    const names = tablesOf({ 'nft-ruleset.txt': text })?.map((t) => `${t.family} ${t.name}`);
    expect(names).toEqual(['inet myfw', 'bridge x']);
  });

  it('of a text that is cut off may be at every hook', () => {
    const cut = text.slice(0, text.indexOf('table bridge x {') + 40);
    const { namespace, problems } = stateOf({ 'nft-ruleset.txt': cut, 'iptables-save.txt': save });
    expect(namespace('host')?.unmodelledHooks).toHaveLength(5);
    expect(problems.map(({ message }) => message)).toContain('the listing is cut off: this table has no end');
  });

  it('of JSON are read, without the tables that iptables-save printed', () => {
    const tables = (files: Readonly<Record<string, unknown>>) =>
      stateOf({ 'nft-ruleset.json': json, ...files })
        .namespace('host')
        ?.nft?.tables.map((t) => `${t.family} ${t.name}`);
    expect(tables({ 'iptables-save.txt': save })).toEqual(['inet myfw', 'bridge x']);
    expect(tables({})).toContain('ip nat');
    expect(tables({ 'ip6tables-save.txt': save.replace('iptables', 'ip6tables') })).toContain('ip nat');
    expect(tables({ 'iptables-save.txt': save.replace(' (nf_tables)', '') })).toContain('ip nat');
    expect(stateOf({ 'nft-ruleset.json': json }).namespace('host')?.unmodelledHooks).toEqual([]);
  });

  it('are seen inside containers too', () => {
    const { namespace } = stateOf({
      'sandboxes.json': { web: box(4, 'net:[1]', { nft: text, iptables_save: save }) },
    });
    expect(namespace('web')?.nft?.tables.map((t) => t.name)).toEqual(['myfw', 'x']);
  });
});

describe('wrong facts', () => {
  it('are reported by file, and the rest goes on', () => {
    const { problems, namespace } = stateOf({
      'ip-link.json': [lo, { ifname: 'x' }, {}],
      'ip-addr.json': '{"cut": ',
      'ip-rule.json': '',
      'ip-route.json': '{}',
      'nft-ruleset.json': '[]',
      'sysctl.txt': 'net.ipv4.ip_forward = 1\nnonsense\n',
      'ss.txt': 'tcp LISTEN 0 1 0.0.0.0:70000 0.0.0.0:*\n',
      'docker-proxy.txt': '/usr/bin/docker-proxy -proto tcp\n',
      'sandboxes.json': { web: { ip_addr: 1, ss: 7 }, peer: box(4, 'net:[1]') },
      'outside.json': { links: 3 },
    });
    expect(problems.map((p) => `${p.file}:${p.line ?? ''}`).sort()).toEqual([
      'docker-proxy.txt:1',
      'ip-addr.json:',
      'ip-link.json:',
      'ip-route.json:',
      'ip-rule.json:',
      'nft-ruleset.json:',
      'outside.json:',
      'sandboxes.json#web:',
      'ss.txt:1',
      'sysctl.txt:2',
    ]);
    expect(namespace('host')?.links.map((l) => l.name)).toEqual(['lo']);
    expect(namespace('host')?.sysctls.get('net.ipv4.ip_forward')).toEqual({
      value: '1',
      at: { file: 'sysctl.txt', line: 1 },
    });
    expect(namespace('peer')).toBeDefined();
  });

  it('never throw, whatever the files hold', () => {
    const names = [
      'ip-link.json',
      'ip-addr.json',
      'ip-rule.json',
      'bridge-fdb.json',
      'sandboxes.json',
      'nft-ruleset.json',
      'outside.json',
    ];
    for (const value of ['null', '[null]', '[[]]', '{"a": null}', '{"__proto__": {}}', '"x"', '\u0000']) {
      const files = Object.fromEntries(names.map((name) => [name, value]));
      expect(() => stateOf(files)).not.toThrow();
    }
  });
});
