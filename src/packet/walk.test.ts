import { describe, expect, test } from 'vitest';
import {
  addr,
  type DockerHostChange,
  dockerHost,
  dockerRules,
  flow,
  namespace,
  prefix,
  table,
  vethPort,
} from '../../test/fixtures/host.ts';
import { parseNftJson } from '../firewall/nft/parse.ts';
import type { HostState, OutsideFacts } from '../host/state.ts';
import { formatAddr } from '../net/addr.ts';
import type { Flow } from '../net/flow.ts';
import type { Step, Trace } from './trace.ts';
import { makeScene, possibleOutcomes, walk } from './walk.ts';

const notMasqueraded = dockerRules.replace(/^-A POSTROUTING.*\n/m, '');

function trace(change: DockerHostChange, text: string, routes: readonly string[] = []): Trace {
  return walk(makeScene(dockerHost(change), routes.map(prefix)), flow(text));
}

/** `OUTCOME SOURCE > NAMESPACE ADDRESS:PORT` */
function told({ outcome, seenAs, deliveredTo: to }: Trace): string {
  const seen = seenAs === undefined ? '' : ` ${formatAddr(seenAs)}`;
  const port = to?.port === undefined ? '' : `:${to.port}`;
  return to === undefined ? outcome : `${outcome}${seen} > ${to.namespace} ${formatAddr(to.address)}${port}`;
}

function met(change: DockerHostChange, text: string, routes: readonly string[] = []): string {
  return told(trace(change, text, routes));
}

function stepsOf(hops: Trace['hops']): Step[] {
  return hops.flatMap((hop) => [...hop.steps]);
}

function deathOf(walked: Trace): string | undefined {
  const drop = [...stepsOf(walked.hops), ...stepsOf(walked.reply)].find((s) => s.kind === 'drop');
  return drop?.kind === 'drop' ? `${drop.where}: ${drop.why}` : undefined;
}

describe('a healthy host', () => {
  test.each([
    ['web ping 198.51.100.7', 'ok 203.0.113.2 > inet 198.51.100.7'],
    ['web tcp 198.51.100.7:443', 'ok 203.0.113.2 > inet 198.51.100.7:443'],
    ['web udp 198.51.100.7:53', 'ok 203.0.113.2 > inet 198.51.100.7:53'],
    ['web tcp 203.0.113.1:443', 'ok 203.0.113.2 > inet 203.0.113.1:443'],
    ['host tcp 198.51.100.7:443', 'ok 203.0.113.2 > inet 198.51.100.7:443'],
    ['inet tcp 203.0.113.2:8080', 'ok 203.0.113.1 > web 172.17.0.2:80'],
    ['inet udp 203.0.113.2:5353', 'ok 203.0.113.1 > web 172.17.0.2:53'],
    ['inet tcp 203.0.113.2:22', 'ok 203.0.113.1 > host 203.0.113.2:22'],
    ['inet tcp 203.0.113.2:23', 'refused'],
    ['host tcp 203.0.113.2:8080', 'ok 203.0.113.2 > web 172.17.0.2:80'],
    ['peer tcp 172.17.0.2:80', 'ok 172.17.0.3 > web 172.17.0.2:80'],
    ['web ping 172.17.0.1', 'ok 172.17.0.2 > host 172.17.0.1'],
  ])('%s: %s', (text, result) => {
    expect(met({}, text)).toBe(result);
  });

  test('the trace follows the packet: namespaces, hooks, translation, delivery', () => {
    const walked = trace({}, 'web tcp 198.51.100.7:443');
    expect(walked.hops.map((h) => h.namespace)).toEqual(['web', 'host', 'inet']);
    expect(walked.reply.map((h) => h.namespace)).toEqual(['inet', 'host', 'web']);
    const nat = stepsOf(walked.hops).find((s) => s.kind === 'nat');
    expect(nat).toMatchObject({
      manip: 'src',
      undo: false,
      before: { src: addr('172.17.0.2') },
      after: { src: addr('203.0.113.2') },
    });
    expect(stepsOf(walked.reply).find((s) => s.kind === 'nat')).toMatchObject({
      undo: true,
      after: { dst: addr('172.17.0.2') },
    });
    const hit = stepsOf(walked.hops).flatMap((s) =>
      s.kind === 'hook' ? s.rules.map((r) => `${s.table} ${r.chain} ${r.position}`) : [],
    );
    expect(hit).toEqual([
      'filter FORWARD 1',
      'filter DOCKER-USER 1',
      'filter FORWARD 4',
      'nat POSTROUTING 1',
    ]);
  });

  test('what is not of the packet’s own way is not in its trace', () => {
    const rejected = dockerRules.replace('-A DOCKER-USER -j RETURN', '-A DOCKER-USER -j REJECT');
    const walked = trace({ host: { rules: rejected } }, 'web tcp 198.51.100.7:443');
    expect(walked.hops.map((h) => h.namespace)).toEqual(['web', 'host']);
    expect(stepsOf(walked.hops).filter((s) => s.kind === 'send')).toHaveLength(1);
  });

  test('a scene can be walked again: connections belong to one walk', () => {
    const scene = makeScene(dockerHost());
    const first = walk(scene, flow('web tcp 198.51.100.7:443'));
    expect(walk(scene, flow('web tcp 198.51.100.7:443'))).toEqual(first);
  });
});

describe('the outside, unless described', () => {
  test('it answers only what it has a route to: without masquerading the reply is lost there', () => {
    const walked = trace({ host: { rules: notMasqueraded } }, 'web tcp 198.51.100.7:443');
    expect(told(walked)).toBe('timeout 172.17.0.2 > inet 198.51.100.7:443');
    expect(walked.reply.map((h) => h.namespace)).toEqual(['inet']);
    expect(deathOf(walked)).toBe('route: no route');
  });

  test('a route of the site brings it back', () => {
    expect(met({ host: { rules: notMasqueraded } }, 'web tcp 198.51.100.7:443', ['172.17.0.0/16'])).toBe(
      'ok 172.17.0.2 > inet 198.51.100.7:443',
    );
    expect(met({ host: { rules: notMasqueraded } }, 'web tcp 198.51.100.7:443', ['172.18.0.0/16'])).toMatch(
      /^timeout/,
    );
  });

  test('it has no way to a container but by a published port', () => {
    expect(met({}, 'inet tcp 172.17.0.2:80')).toBe('net-unreachable');
    expect(met({}, 'inet tcp 172.17.0.2:81', ['172.17.0.0/16'])).toBe('timeout');
    expect(met({}, 'inet tcp 172.17.0.2:80', ['172.17.0.0/16'])).toBe('ok 203.0.113.1 > web 172.17.0.2:80');
  });

  test('a direct flow has a host route for itself alone', () => {
    const scene = makeScene(dockerHost());
    const ask = (text: string, more: Partial<Flow> = {}) => told(walk(scene, flow(text, more)));
    expect(ask('inet tcp 172.17.0.2:80', { direct: true })).toBe('ok 203.0.113.1 > web 172.17.0.2:80');
    expect(ask('inet tcp 172.17.0.2:80')).toBe('net-unreachable');
    expect(ask('inet tcp 172.17.0.3:80', { direct: true })).toBe('timeout');
    expect(ask('inet tcp 172.17.0.2:80', { direct: true })).toBe('ok 203.0.113.1 > web 172.17.0.2:80');
  });

  test('the gateway that the host asks for is there', () => {
    const host = { routes: ['default via 203.0.113.254 dev eth0'] };
    expect(met({ host }, 'web tcp 198.51.100.7:443')).toBe('ok 203.0.113.2 > inet 198.51.100.7:443');
    expect(met({ host }, 'inet tcp 203.0.113.2:8080')).toBe('ok 203.0.113.254 > web 172.17.0.2:80');
  });

  test('nothing answers beyond an uplink that is down', () => {
    expect(met({ uplink: { up: false } }, 'host tcp 198.51.100.7:443')).toBe('net-unreachable');
    expect(met({ uplink: { up: false } }, 'inet tcp 203.0.113.2:22')).not.toMatch(/^ok/);
  });

  test('it does not forward for the host', () => {
    expect(
      met(
        { host: { routes: ['default via 203.0.113.1 dev eth0', '172.30.0.0/16 via 203.0.113.1 dev eth0'] } },
        'web ping 172.30.0.1',
      ),
    ).toMatch(/^ok/);
  });
});

describe('a described outside', () => {
  const outside: OutsideFacts = {
    name: 'world',
    links: [
      { name: 'wire', peer: 'eth0', addresses: [prefix('203.0.113.1/24')] },
      { name: 'lo', addresses: [prefix('198.51.100.7/32')] },
    ],
    routes: [],
    listeners: [{ protocol: 'tcp', port: 7777 }],
    forwards: false,
    notes: [],
  };
  const described = (change: Partial<OutsideFacts> = {}, rules = dockerRules): DockerHostChange => ({
    host: { rules },
    state: { outside: { ...outside, ...change } },
  });

  test.each([
    ['web tcp 198.51.100.7:7777', 'ok 203.0.113.2 > world 198.51.100.7:7777'],
    ['web tcp 198.51.100.7:7778', 'refused'],
    ['web udp 198.51.100.7:7777', 'refused'],
    ['web ping 198.51.100.7', 'ok 203.0.113.2 > world 198.51.100.7'],
    ['web ping 198.51.100.8', 'timeout'],
    ['world tcp 203.0.113.2:8080', 'ok 203.0.113.1 > web 172.17.0.2:80'],
  ])('%s: %s', (text, result) => {
    expect(met(described(), text)).toBe(result);
  });

  test('its routes count', () => {
    const routes = [{ dst: prefix('172.17.0.0/16'), via: addr('203.0.113.2') }];
    expect(met(described({}, notMasqueraded), 'web ping 198.51.100.7')).toMatch(/^timeout/);
    expect(met(described({ routes }, notMasqueraded), 'web ping 198.51.100.7')).toMatch(/^ok 172\.17\.0\.2/);
    const elsewhere = [{ dst: prefix('172.17.0.0/16'), via: addr('203.0.113.9') }];
    expect(met(described({ routes: elsewhere }, notMasqueraded), 'web ping 198.51.100.7')).toMatch(
      /^timeout/,
    );
  });

  test('one that forwards says what it cannot reach', () => {
    expect(met(described({ forwards: true }), 'web ping 198.51.100.8')).toBe('icmp-3/0');
  });
});

describe('what breaks the way', () => {
  const user = (rule: string) => ({ host: { rules: dockerRules.replace('-A DOCKER-USER -j RETURN', rule) } });
  const bridged = (rules: string, called: number): DockerHostChange => ({
    host: { rules, sysctls: { 'net.ipv4.ip_forward': 1, 'net.bridge.bridge-nf-call-iptables': called } },
  });
  const noIcc = dockerRules.replace(
    '-A FORWARD -i docker0 -o docker0 -j ACCEPT',
    '-A FORWARD -i docker0 -o docker0 -j DROP',
  );

  test.each<[string, DockerHostChange, string, string, string]>([
    [
      'forwarding off',
      { host: { sysctls: { 'net.ipv4.ip_forward': 0 } } },
      'web ping 198.51.100.7',
      'timeout',
      'routing: forwarding off',
    ],
    [
      'a DROP in DOCKER-USER',
      user('-A DOCKER-USER -j DROP'),
      'web ping 198.51.100.7',
      'timeout',
      'filter/DOCKER-USER: DROP',
    ],
    [
      'the bridge is down',
      { bridge: { up: false } },
      'web ping 198.51.100.7',
      'icmp-3/1',
      'eth0: no neighbour 172.17.0.1',
    ],
    [
      'the container’s link is down',
      { web: { link: { up: false } } },
      'web ping 198.51.100.7',
      'net-unreachable',
      'route: eth0 is down or gone',
    ],
    [
      'INPUT drops what comes from the bridge',
      { host: { rules: dockerRules + table('security', '-A INPUT -i docker0 -j DROP') } },
      'web tcp 172.17.0.1:22',
      'timeout',
      'security/INPUT: DROP',
    ],
    [
      'no DNAT',
      { host: { rules: dockerRules.replace(/^-A DOCKER .*DNAT.*\n/gm, '') } },
      'inet tcp 203.0.113.2:8080',
      'refused',
      'undefined',
    ],
    [
      'the reply is dropped',
      user('-A DOCKER-USER -i eth0 -j DROP'),
      'web ping 198.51.100.7',
      'timeout',
      'filter/DOCKER-USER: DROP',
    ],
    [
      'bridged traffic meets FORWARD',
      bridged(noIcc, 1),
      'web ping 172.17.0.3',
      'timeout',
      'filter/FORWARD: DROP',
    ],
    ['or does not', bridged(noIcc, 0), 'web ping 172.17.0.3', 'ok', 'undefined'],
    [
      'strict reverse path',
      {
        host: {
          sysctls: { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.rp_filter': 1 },
          routes: ['default via 203.0.113.1 dev eth0', '172.17.0.2/32 dev eth0'],
        },
      },
      'web ping 198.51.100.7',
      'icmp-3/1',
      'eth0: no neighbour 172.17.0.1',
    ],
  ])('%s', (_, change, text, outcome, death) => {
    const walked = trace(change, text);
    expect([walked.outcome, String(deathOf(walked))]).toEqual([outcome, death]);
  });

  test('the bridge’s own switch calls iptables too', () => {
    const own = {
      bridge: { bridge: { vlanFiltering: false, callIptables: true, callIp6tables: false } },
      host: { rules: noIcc },
    };
    expect(met(own, 'web ping 172.17.0.3')).toBe('timeout');
  });
});

describe('a container that asks for its own published port', () => {
  const hairpinRules = dockerRules
    .replaceAll('-A DOCKER ! -i docker0 -p', '-A DOCKER -p')
    .replace(
      /^-A POSTROUTING -s/m,
      '-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE\n-A POSTROUTING -s',
    );

  test('by hairpin: sent back through its own port, as the bridge', () => {
    expect(
      met({ host: { rules: hairpinRules }, webPort: { hairpin: true } }, 'web tcp 203.0.113.2:8080'),
    ).toBe('ok 172.17.0.1 > web 172.17.0.2:80');
  });

  test('without masquerading it would answer itself', () => {
    const bare = hairpinRules.replace(/^-A POSTROUTING -s 172.17.0.2.*\n/m, '');
    expect(met({ host: { rules: bare }, webPort: { hairpin: true } }, 'web tcp 203.0.113.2:8080')).toMatch(
      /^timeout/,
    );
  });

  test('a routed packet goes out of the port that its frame came in by, also without hairpin', () => {
    expect(met({ host: { rules: hairpinRules } }, 'web tcp 203.0.113.2:8080')).toBe(
      'ok 172.17.0.1 > web 172.17.0.2:80',
    );
  });
});

describe('what is not known', () => {
  const unclear = (verdict: string, more = '') => ({
    host: {
      rules: dockerRules.replace(
        '-A DOCKER-USER -j RETURN',
        `-A DOCKER-USER -m string --string x --algo bm -j ${verdict}${more}`,
      ),
    },
  });

  test('it does not matter when both ways end the same', () => {
    const walked = trace(unclear('ACCEPT'), 'web ping 198.51.100.7');
    expect(walked.outcome).toBe('ok');
    expect(walked.unknowns).toHaveLength(1);
    expect(trace(unclear('DROP', '\n-A DOCKER-USER -j DROP'), 'web ping 198.51.100.7').outcome).toBe(
      'timeout',
    );
  });

  test('it is unknown when they differ, with the fact that would decide', () => {
    const walked = trace(unclear('DROP'), 'web ping 198.51.100.7');
    expect(walked.outcome).toBe('unknown');
    expect(walked.unknowns.map((u) => u.fact)).toEqual([
      expect.stringContaining('rule 1 of filter/DOCKER-USER'),
    ]);
    expect(possibleOutcomes(makeScene(dockerHost(unclear('DROP'))), flow('web ping 198.51.100.7'))).toEqual([
      'ok',
      'timeout',
    ]);
    expect(possibleOutcomes(makeScene(dockerHost()), flow('web ping 198.51.100.7'))).toEqual(['ok']);
  });

  test('the same outcome from another source is not the same', () => {
    const rules = dockerRules.replace(
      '-A POSTROUTING',
      '-A POSTROUTING -m string --string x --algo bm -j SNAT --to-source 203.0.113.3\n-A POSTROUTING',
    );
    const secondary = { host: { rules }, uplink: { addresses: ['203.0.113.2/24', '203.0.113.3/24'] } };
    const walked = trace(secondary, 'web tcp 198.51.100.7:443');
    expect([walked.outcome, walked.seenAs]).toEqual(['unknown', undefined]);
    expect(possibleOutcomes(makeScene(dockerHost(secondary)), flow('web tcp 198.51.100.7:443'))).toEqual([
      'ok',
    ]);
  });

  test('so is a drop by a native chain', () => {
    const unmodelledHooks = [{ family: 'inet' as const, hook: 'forward', name: 'mine' }];
    expect(
      trace({ host: { rules: dockerRules, more: { unmodelledHooks } } }, 'web ping 198.51.100.7').outcome,
    ).toBe('unknown');
    expect(
      trace({ host: { rules: dockerRules, more: { unmodelledHooks } } }, 'web ping 172.17.0.1').outcome,
    ).toBe('ok');
    const bridge = [{ family: 'bridge' as const, hook: 'forward', name: 'mine' }];
    expect(
      trace({ host: { rules: dockerRules, more: { unmodelledHooks: bridge } } }, 'web ping 172.17.0.3')
        .outcome,
    ).toBe('unknown');
    expect(
      trace({ host: { rules: dockerRules, more: { unmodelledHooks: bridge } } }, 'web ping 172.17.0.1')
        .outcome,
    ).toBe('ok');
  });

  test('native chains that see frames stop what they are asked about', () => {
    const chain = (family: string, hook: string, dev?: string) => {
      const at = { family, table: 't' };
      const base = { type: 'filter', hook, prio: 0, policy: 'accept', ...(dev === undefined ? {} : { dev }) };
      const left = { payload: { protocol: 'ip', field: 'daddr' } };
      const expr = [{ match: { op: '==', left, right: '172.17.0.3' } }, { drop: null }];
      const listing = [{ chain: { ...at, name: 'c', ...base } }, { rule: { ...at, chain: 'c', expr } }];
      const nft = parseNftJson({ nftables: listing }, 'nft-ruleset.json', () => false).ruleset;
      return (to: string) =>
        deathOf(trace({ host: { rules: dockerRules, more: { nft } } }, `web ping ${to}`)) ?? 'ok';
    };
    expect(chain('bridge', 'forward')('172.17.0.3')).toBe('bridge t c: DROP');
    expect(chain('bridge', 'forward')('172.17.0.1')).toBe('ok');
    expect(chain('bridge', 'prerouting')('172.17.0.3')).toBe('bridge t c: DROP');
    expect(chain('bridge', 'output')('172.17.0.3')).toBe('ok');
    expect(chain('netdev', 'ingress', 'veth-web')('172.17.0.3')).toBe('netdev t c: DROP');
    expect(chain('netdev', 'ingress', 'eth0')('172.17.0.3')).toBe('ok');
    expect(chain('netdev', 'egress', 'veth-web')('172.17.0.3')).toBe('ok');
    expect(chain('netdev', 'egress', 'veth-peer')('172.17.0.3')).toBe('netdev t c: DROP');
  });

  test.each<[string, Flow]>([
    ['a namespace', flow('nobody ping 198.51.100.7')],
    ['an address', { from: 'web', kind: 'ping', dst: undefined }],
    ['a name', flow('web dns 8.8.8.8')],
    ['a name server', { from: 'web', kind: 'dns', dst: undefined, qname: 'example.org' }],
  ])('%s that cannot be asked', (_, asked) => {
    const walked = walk(makeScene(dockerHost()), asked);
    expect(walked.outcome).toBe('unknown');
    expect(walked.unknowns).toHaveLength(1);
    expect(possibleOutcomes(makeScene(dockerHost()), asked)).toEqual(['unknown']);
  });
});

describe('shapes of hosts', () => {
  test('a container that shares a namespace is asked there', () => {
    const shared = dockerHost({
      web: { more: { sharedBy: ['sidecar'] } },
      host: { rules: dockerRules, more: { sharedBy: ['agent'] } },
    });
    expect(told(walk(makeScene(shared), flow('sidecar tcp 172.17.0.3:80')))).toBe(
      'ok 172.17.0.2 > peer 172.17.0.3:80',
    );
    expect(told(walk(makeScene(shared), flow('agent tcp 198.51.100.7:443')))).toBe(
      'ok 203.0.113.2 > inet 198.51.100.7:443',
    );
  });

  test('marks choose another uplink', () => {
    const host = namespace({
      name: 'host',
      links: [
        { name: 'eth0', addresses: ['203.0.113.2/24'] },
        { name: 'docker0', kind: 'bridge', addresses: ['172.17.0.1/16'] },
        vethPort('web'),
        vethPort('peer'),
        { name: 'eth1', addresses: ['198.18.0.2/24'] },
      ],
      routes: ['default via 203.0.113.1 dev eth0', 'default via 198.18.0.1 dev eth1 table 100'],
      policyRules: [
        '0: from all lookup local',
        '100: from all fwmark 0x1 lookup 100',
        '32766: from all lookup main',
      ],
      sysctls: { 'net.ipv4.ip_forward': 1 },
      rules:
        dockerRules + table('mangle', '-A PREROUTING -i docker0 -p tcp -j MARK --set-xmark 0x1/0xffffffff'),
    });
    const state: HostState = { namespaces: [host, ...dockerHost().namespaces.slice(1)] };
    const ask = (text: string) => told(walk(makeScene(state), flow(text)));
    expect(ask('web tcp 198.51.100.7:443')).toBe('ok 198.18.0.2 > inet 198.51.100.7:443');
    expect(ask('web udp 198.51.100.7:53')).toBe('ok 203.0.113.2 > inet 198.51.100.7:53');
  });

  test('a mark set in OUTPUT sends it another way, with the source chosen before', () => {
    const rules = table('mangle', '-A OUTPUT -p tcp -j MARK --set-xmark 0x1/0xffffffff');
    const change: DockerHostChange = {
      host: {
        rules,
        routes: ['default via 203.0.113.1 dev eth0', 'prohibit default table 100'],
        policyRules: [
          '0: from all lookup local',
          '100: from all fwmark 0x1 lookup 100',
          '32766: from all lookup main',
        ],
      },
    };
    expect(trace(change, 'host udp 198.51.100.7:53').outcome).toBe('ok');
    expect(trace(change, 'host tcp 198.51.100.7:443').outcome).not.toBe('ok');
  });

  test('a mark does not leave its namespace', () => {
    const change: DockerHostChange = {
      web: { rules: table('mangle', '-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff') },
      host: {
        routes: ['default via 203.0.113.1 dev eth0', 'prohibit default table 100'],
        policyRules: [
          '0: from all lookup local',
          '100: from all fwmark 0x1 lookup 100',
          '32766: from all lookup main',
        ],
      },
    };
    expect(trace(change, 'web ping 198.51.100.7').outcome).toBe('ok');
  });

  test('two bridges joined by two cables: frames that go in circles end', () => {
    const host = namespace({
      name: 'host',
      links: [
        { name: 'eth0', addresses: ['203.0.113.2/24'] },
        { name: 'docker0', kind: 'bridge', addresses: ['172.17.0.1/16'] },
        { name: 'br1', kind: 'bridge' },
        { ...vethPort('web'), master: 'br1' },
        { name: 'a0', kind: 'veth', master: 'docker0', peer: { index: 8, namespace: 'host' } },
        { name: 'a1', kind: 'veth', master: 'docker0', peer: { index: 9, namespace: 'host' } },
        { name: 'b0', kind: 'veth', master: 'br1', peer: { index: 6, namespace: 'host' } },
        { name: 'b1', kind: 'veth', master: 'br1', peer: { index: 7, namespace: 'host' } },
      ],
    });
    const [web] = dockerHost({ web: { link: { peer: { index: 5, namespace: 'host' } } } }).namespaces.slice(
      1,
    );
    if (web === undefined) throw new Error('no container');
    expect(possibleOutcomes(makeScene({ namespaces: [host, web] }), flow('host ping 172.17.0.2'))).toContain(
      'ok',
    );
  });
});
