/** The parsers of single listings, on what the tools print (iproute2 6.1 and 7.0, procps 4, iproute2's ss). */
import { describe, expect, it } from 'vitest';
import { formatAddr } from '../net/addr.ts';
import { formatPrefix } from '../net/prefix.ts';
import { parseFdb, parseNeighbours } from './neighbours.ts';
import { parseOutside } from './outside.ts';
import { parsePolicyRules } from './policy-rules.ts';
import { parseProxies } from './proxies.ts';
import { parseRoutes } from './routes.ts';
import { parseSockets } from './sockets.ts';
import { parseSysctls } from './sysctls.ts';

describe('routes', () => {
  const parse = (...routes: readonly object[]) => {
    const parsed = parseRoutes(routes, 'ip-route.json');
    expect(parsed.problems).toEqual([]);
    return parsed.value;
  };

  it('have the defaults that iproute2 leaves out', () => {
    const [route] = parse({
      dst: '172.17.0.0/16',
      dev: 'docker0',
      protocol: 'kernel',
      scope: 'link',
      prefsrc: '172.17.0.1',
      flags: ['linkdown'],
    });
    expect(route).toMatchObject({
      family: 'ipv4',
      type: 'unicast',
      table: 'main',
      metric: 0,
      scope: 'link',
      flags: ['linkdown'],
    });
    expect(route?.preferredSource && formatAddr(route.preferredSource)).toBe('172.17.0.1');
  });

  it('have their family by their addresses, also as default', () => {
    const families = parse(
      { dst: 'default', gateway: '203.0.113.1', dev: 'eth0' },
      { dst: 'default', dev: 'ppp0', scope: 'link' },
      { dst: 'default', via: { family: 'inet6', host: 'fe80::1' }, dev: 'eth0' },
      { dst: 'default', gateway: '2001:db8::1', dev: 'eth0', metric: 1024 },
      { type: 'unreachable', dst: 'default', dev: 'lo', metric: 5, pref: 'medium' },
      { dst: 'default', nexthops: [{ gateway: 'fe80::1', dev: 'eth0' }] },
      { dst: '::1', dev: 'lo' },
    ).map((r) => `${r.family} ${formatPrefix(r.dst)}`);
    expect(families).toEqual([
      'ipv4 0.0.0.0/0',
      'ipv4 0.0.0.0/0',
      'ipv4 0.0.0.0/0',
      'ipv6 ::/0',
      'ipv6 ::/0',
      'ipv6 ::/0',
      'ipv6 ::1/128',
    ]);
  });

  it('keep types, tables, metrics, MTU and the conditions that are not modelled', () => {
    expect(parse({ type: 'throw', dst: '10.82.0.0/16', table: '100', flags: [] })[0]).toMatchObject({
      type: 'throw',
      table: '100',
    });
    expect(parse({ type: 'anycast', dst: 'fe80::', dev: 'eth0', table: 'local' })[0]).toMatchObject({
      type: 'anycast',
    });
    expect(
      parse({ dst: '10.0.0.0/8', dev: 'a', metric: 7, metrics: [{ mtu: 1400, advmss: 1300 }] })[0],
    ).toMatchObject({ metric: 7, mtu: 1400 });
    expect(parse({ dst: '10.0.0.0/8', tos: '0x10', dev: 'a' })[0]?.flags).toEqual(['tos']);
    expect(parse({ dst: '2001:db8::/64', from: '2001:db8:1::/48', dev: 'a' })[0]?.flags).toEqual(['from']);
  });

  it('with several next hops are several, and marked', () => {
    const hops = parse({
      dst: '10.77.0.0/16',
      metric: 3,
      nexthops: [
        { gateway: '10.9.0.2', dev: 'a', weight: 1, flags: [] },
        { gateway: '10.9.0.3', dev: 'b', weight: 2, flags: ['onlink'] },
      ],
    });
    expect(hops.map((r) => [r.dev, r.metric, r.gateway && formatAddr(r.gateway), r.flags])).toEqual([
      ['a', 3, '10.9.0.2', ['multipath']],
      ['b', 3, '10.9.0.3', ['onlink', 'multipath']],
    ]);
  });

  it('of an unknown form are problems', () => {
    const parsed = parseRoutes(
      [{ dst: '10.0.0.0/33' }, { type: 'novel', dst: '10.0.0.0/8' }, { dst: 7 }],
      'f',
    );
    expect(parsed.value).toEqual([]);
    expect(parsed.problems).toHaveLength(3);
  });
});

describe('policy rules', () => {
  const parse = (rule: object, family: 'ipv4' | 'ipv6' = 'ipv4') => {
    const parsed = parsePolicyRules([rule], family, 'ip-rule.json');
    expect(parsed.problems).toEqual([]);
    const [first] = parsed.value;
    if (first === undefined) throw new Error('no rule');
    return first;
  };

  it('have their selectors', () => {
    const rule = parse({
      priority: 10,
      not: null,
      src: '10.0.0.0',
      srclen: 8,
      dst: '1.2.3.4',
      fwmark: '0x7',
      fwmask: '0xff',
      iif: 'br0',
      oif: 'lo',
      iif_detached: null,
      oif_detached: null,
      table: '100',
    });
    expect(rule).toMatchObject({
      not: true,
      mark: { value: 7, mask: 255 },
      inInterface: 'br0',
      outInterface: 'lo',
      action: 'lookup',
      table: '100',
      unknownSelectors: [],
    });
    expect(rule.from && formatPrefix(rule.from)).toBe('10.0.0.0/8');
    expect(rule.to && formatPrefix(rule.to)).toBe('1.2.3.4/32');
    expect(parse({ priority: 0, src: 'all', table: 'local' })).toEqual({
      family: 'ipv4',
      priority: 0,
      not: false,
      action: 'lookup',
      table: 'local',
      unknownSelectors: [],
    });
    expect(parse({ priority: 1, fwmark: '0x7', table: 'main' }).mark).toEqual({ value: 7, mask: 0xffffffff });
  });

  it('have their family from the listing, or from their addresses', () => {
    expect(parse({ priority: 0, src: 'all', table: 'local' }, 'ipv6').family).toBe('ipv6');
    expect(parse({ priority: 0, src: '2001:db8::', srclen: 32, table: 'main' }).family).toBe('ipv6');
  });

  it('have their actions', () => {
    expect(parse({ priority: 11, src: 'all', action: 'blackhole' }).action).toBe('blackhole');
    expect(parse({ priority: 13, src: 'all', goto: 30 })).toMatchObject({ action: 'goto', goto: 30 });
    expect(parse({ priority: 15, src: 'all', nop: null }).action).toBe('nop');
    expect(
      parse({ priority: 16, src: 'all', table: 'main', suppress_prefixlen: 0 }).suppressPrefixLength,
    ).toBe(0);
    expect(parse({ priority: 17, src: 'all', action: 'masquerade' }).unknownSelectors).toEqual([
      'masquerade',
    ]);
  });

  it('name every selector that is not modelled, also one that no tool prints yet', () => {
    const rule = parse({
      priority: 17,
      src: 'all',
      uid_start: 0,
      uid_end: 100,
      ipproto: 'tcp',
      dport: 80,
      novel: 1,
      table: '1',
    });
    expect(rule.unknownSelectors).toEqual(['uid_start', 'uid_end', 'ipproto', 'dport', 'novel']);
    expect(parse({ priority: 18, src: 'all', l3mdev: null })).toMatchObject({
      action: 'lookup',
      unknownSelectors: ['l3mdev'],
    });
    expect(parse({ priority: 0, src: 'all', table: 'local', protocol: 'kernel' }).unknownSelectors).toEqual(
      [],
    );
  });

  it('that cannot be read are problems', () => {
    const parsed = parsePolicyRules(
      [
        { priority: 1, src: 'x' },
        { priority: 2, fwmark: 'x' },
      ],
      'ipv4',
      'f',
    );
    expect(parsed.value).toEqual([]);
    expect(parsed.problems).toHaveLength(2);
  });
});

describe('sockets', () => {
  const parse = (line: string) => parseSockets(line, 'ss.txt').value[0];

  it('answer the families that ss tells by the form of the address', () => {
    const line = (local: string) =>
      `tcp   LISTEN 0      4096   ${local} 0.0.0.0:* users:(("docker-proxy",pid=14791,fd=7))`;
    expect(parse(line('0.0.0.0:8080'))).toEqual({
      protocol: 'tcp',
      families: ['ipv4'],
      port: 8080,
      process: 'docker-proxy',
    });
    expect(parse(line('[::]:8080'))).toMatchObject({ families: ['ipv6'] });
    expect(parse(line('*:8080'))).toMatchObject({ families: ['ipv4', 'ipv6'] });
    const specific = parse(line('127.0.0.1:22'));
    expect(specific?.address && formatAddr(specific.address)).toBe('127.0.0.1');
    const six = parse(line('[::1]:22'));
    expect(six?.address && formatAddr(six.address)).toBe('::1');
    const mapped = parse(line('[::ffff:192.0.2.1]:22'));
    expect(mapped?.families).toEqual(['ipv4']);
    expect(mapped?.address && formatAddr(mapped.address)).toBe('192.0.2.1');
  });

  it('may be bound to a device', () => {
    expect(parse('udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*')).toMatchObject({
      dev: 'lo',
      port: 53,
      protocol: 'udp',
    });
    expect(parse('udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*')).toMatchObject({
      dev: 'eth0',
      families: ['ipv6'],
    });
    expect(parse('udp UNCONN 0 0 *%eth0:68 *:*')).toMatchObject({ dev: 'eth0', families: ['ipv4', 'ipv6'] });
  });

  it('are those that wait: no headings, connections or other families', () => {
    const text =
      'Netid State Recv-Q\ntcp ESTAB 0 0 10.0.0.1:22 10.0.0.2:5000\nudp ESTAB 0 0 10.0.0.1:22 10.0.0.2:53\nicmp6 UNCONN 0 0 *:58 *:*\n';
    expect(parseSockets(text, 'ss.txt')).toEqual({ value: [], problems: [] });
  });
});

it('proxies are read from command lines, with either form of flags', () => {
  const text = [
    '/usr/bin/docker-proxy -proto udp -host-ip :: -host-port 5353 -container-ip 172.17.0.2 -container-port 53 -use-listen-fd',
    'docker-proxy --proto=tcp --host-ip=0.0.0.0 --host-port=80 --container-ip=fd00::2 --container-port=8080',
  ].join('\n');
  const { value, problems } = parseProxies(text, 'docker-proxy.txt');
  expect(problems).toEqual([]);
  expect(
    value.map((p) => [
      p.protocol,
      formatAddr(p.hostAddress),
      p.hostPort,
      formatAddr(p.containerAddress),
      p.containerPort,
    ]),
  ).toEqual([
    ['udp', '::', 5353, '172.17.0.2', 53],
    ['tcp', '0.0.0.0', 80, 'fd00::2', 8080],
  ]);
  expect(
    parseProxies(
      'docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 0 -container-ip 1.2.3.4 -container-port 1',
      'f',
    ).problems,
  ).toHaveLength(1);
});

it('settings keep their values and lines; a dot in an interface name is a dot again', () => {
  const text =
    'net.ipv4.ip_local_port_range = 32768\t60999\nsysctl: permission denied on key x\n\nnet.ipv4.conf.eth0/100.rp_filter = 2\nnet.ipv4.x = \n';
  const { value, problems } = parseSysctls(text, 'sysctl.txt');
  expect(problems).toEqual([]);
  expect([...value]).toEqual([
    ['net.ipv4.ip_local_port_range', { value: '32768\t60999', at: { file: 'sysctl.txt', line: 1 } }],
    ['net.ipv4.conf.eth0.100.rp_filter', { value: '2', at: { file: 'sysctl.txt', line: 4 } }],
    ['net.ipv4.x', { value: '', at: { file: 'sysctl.txt', line: 5 } }],
  ]);
});

it('neighbours and forwarding entries keep their states', () => {
  const neighbours = parseNeighbours(
    [
      { dst: '10.9.0.7', dev: 'br0', lladdr: '02:00:00:00:00:01', state: ['PERMANENT'] },
      { dst: '10.9.0.8', dev: 'br0', state: ['FAILED'] },
      { dst: 'x', dev: 'br0' },
    ],
    'f',
  );
  expect(neighbours.value.map((n) => [formatAddr(n.addr), n.mac, n.state])).toEqual([
    ['10.9.0.7', '02:00:00:00:00:01', ['PERMANENT']],
    ['10.9.0.8', undefined, ['FAILED']],
  ]);
  expect(neighbours.problems).toHaveLength(1);
  const fdb = parseFdb(
    [
      { mac: 'aa', ifname: 'veth1', flags: [], master: 'docker0', state: '' },
      { mac: 'bb', ifname: 'eth0', flags: ['self'], state: 'permanent' },
    ],
    'f',
  );
  expect(fdb.value).toEqual([
    { mac: 'aa', dev: 'veth1', master: 'docker0', permanent: false },
    { mac: 'bb', dev: 'eth0', permanent: true },
  ]);
});

describe('the described outside', () => {
  it('has links, routes, listeners, and in words what is not modelled', () => {
    const { value, problems } = parseOutside(
      JSON.stringify({
        namespace: 'beyond',
        links: [{ name: 'up0', peer: 'eth0', addresses: ['203.0.113.1/24', '2001:db8::1/64'] }],
        routes: [
          { to: '203.0.113.2/32', via: '203.0.114.2', src: '198.51.100.7' },
          { to: 'default', via: 'fe80::1', dev: 'up0' },
        ],
        listeners: ['tcp 7777', 'udp 192.0.2.1:53', 'tcp [::1]:80'],
        forwards: true,
        drops: ['udp from 10.0.0.0/8'],
        remark: 'slow',
      }),
      'outside.json',
    );
    expect(problems).toEqual([]);
    expect(value?.name).toBe('beyond');
    expect(value?.links[0]?.addresses.map(formatPrefix)).toEqual(['203.0.113.1/24', '2001:db8::1/64']);
    expect(
      value?.routes.map((r) => [
        formatPrefix(r.dst),
        r.via && formatAddr(r.via),
        r.dev,
        r.src && formatAddr(r.src),
      ]),
    ).toEqual([
      ['203.0.113.2/32', '203.0.114.2', undefined, '198.51.100.7'],
      ['::/0', 'fe80::1', 'up0', undefined],
    ]);
    expect(value?.listeners.map((l) => [l.protocol, l.port, l.address && formatAddr(l.address)])).toEqual([
      ['tcp', 7777, undefined],
      ['udp', 53, '192.0.2.1'],
      ['tcp', 80, '::1'],
    ]);
    expect(value).toMatchObject({ forwards: true, notes: ['drops: udp from 10.0.0.0/8', 'remark: slow'] });
  });

  it('reports what it cannot use', () => {
    const { value, problems } = parseOutside(
      '{"listeners": ["sctp 1", "tcp 0"], "links": [{"name": "a", "addresses": ["x"]}]}',
      'o',
    );
    expect(problems).toHaveLength(3);
    expect(value).toMatchObject({ name: 'inet', forwards: false, listeners: [], routes: [] });
  });
});
