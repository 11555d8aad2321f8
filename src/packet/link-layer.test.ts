import { describe, expect, test } from 'vitest';
import { addr, type DockerHostChange, dockerHost, namespace, vethPort } from '../../test/fixtures/host.ts';
import type { BridgePort, HostState } from '../host/state.ts';
import { Decisions, forEachBranch } from './decisions.ts';
import {
  broadcastListeners,
  type LinkLayer,
  mayCross,
  Neighbours,
  portFor,
  resolveNeighbour,
} from './link-layer.ts';
import { makeWorld, type Wire, type World } from './world.ts';

class Net {
  readonly world: World;
  readonly layer: LinkLayer;

  constructor(state: HostState, decisions = new Decisions([])) {
    this.world = makeWorld(state, undefined);
    this.layer = { decisions, learned: new Neighbours(), unheard: () => undefined };
  }

  wire(ns: string, dev: string): Wire {
    const wire = this.world.namespaces.get(ns)?.byName.get(dev);
    if (wire === undefined) throw new Error(`no ${dev} in ${ns}`);
    return wire;
  }

  /** Name of the port that docker0 sends a frame for this MAC to, or why to none. */
  port(mac: string, from?: string): string {
    const found = portFor(
      this.layer,
      this.wire('host', 'docker0'),
      mac,
      from === undefined ? undefined : this.wire('host', from),
    );
    return 'why' in found ? found.why : found.link.name;
  }

  /** MAC that this device sends to for the address, or why it finds none. */
  resolve(ns: string, dev: string, nexthop: string, sender: string): string {
    const found = resolveNeighbour(this.layer, this.wire(ns, dev), addr(nexthop), addr(sender));
    return found.kind === 'mac' ? found.mac : found.why;
  }

  heard(ns: string, dev: string): string[] {
    return broadcastListeners(this.wire(ns, dev)).map((w) => `${w.node.name} ${w.link.name}`);
  }
}

const net = (change: DockerHostChange = {}) => new Net(dockerHost(change));
const [webMac, peerMac, bridgeMac] = ['web:2', 'peer:2', 'host:3'] as const;

describe('where a bridge sends a frame', () => {
  test('to the port behind which the station is', () => {
    expect(net().port(webMac)).toBe('veth-web');
    expect(net().port(peerMac, 'veth-web')).toBe('veth-peer');
    expect(net().port('02:00:00:00:00:99')).toBe('no station has this MAC');
  });

  test.each<[string, DockerHostChange, string]>([
    ['a station that is down hears nothing', { web: { link: { up: false } } }, 'no station has this MAC'],
    ['a port that is blocked', { webPort: { state: 'blocking' } }, 'bridge port does not forward'],
    ['a port that is disabled', { webPort: { state: 'disabled' } }, 'bridge port does not forward'],
    [
      'a port that neither learns nor floods',
      { webPort: { learning: false, flood: false } },
      'bridge port neither learns nor floods',
    ],
    ['learning alone is enough', { webPort: { flood: false } }, 'veth-web'],
    ['and flooding', { webPort: { learning: false } }, 'veth-web'],
    ['one isolated port', { webPort: { isolated: true } }, 'veth-web'],
    [
      'two isolated ports',
      { webPort: { isolated: true }, peerPort: { isolated: true } },
      'bridge ports isolated',
    ],
  ])('%s', (_, change, found) => {
    expect(net(change).port(webMac, 'veth-peer')).toBe(found);
  });

  test('an entry in the forwarding database makes up for learning and flooding', () => {
    const fdb = [{ mac: webMac, dev: 'veth-web', master: 'docker0', permanent: true }];
    const closed: DockerHostChange = { webPort: { learning: false, flood: false } };
    expect(net({ ...closed, host: { more: { fdb } } }).port(webMac)).toBe('veth-web');
    const elsewhere = [{ mac: webMac, dev: 'veth-peer', master: 'docker0', permanent: true }];
    expect(net({ ...closed, host: { more: { fdb: elsewhere } } }).port(webMac)).toBe(
      'bridge port neither learns nor floods',
    );
  });

  test('not back where it came from, unless hairpin', () => {
    expect(net().port(webMac, 'veth-web')).toBe('hairpin off');
    expect(net({ webPort: { hairpin: true } }).port(webMac, 'veth-web')).toBe('veth-web');
    expect(net({ peerPort: { hairpin: true } }).port(webMac, 'veth-web')).toBe('hairpin off');
  });

  test('isolation does not keep the host from its containers', () => {
    expect(net({ webPort: { isolated: true }, peerPort: { isolated: true } }).port(webMac)).toBe('veth-web');
  });

  test('a MAC that two stations have is decided both ways', () => {
    const { runs } = forEachBranch((decisions) =>
      new Net(dockerHost({ peer: { link: { mac: webMac } } }), decisions).port(webMac),
    );
    expect(runs.map((r) => r.result)).toEqual(['veth-web', 'veth-peer']);
    expect(runs[0]?.met[0]?.command).toContain('bridge fdb');
  });

  test.each<[Partial<BridgePort>, boolean]>([
    [{}, true],
    [{ state: 'listening' }, false],
    [{ state: 'learning' }, false],
  ])('port %j forwards: %s', (port, forwards) => {
    const n = net({ webPort: port });
    expect(mayCross(undefined, n.wire('host', 'veth-web')) === undefined).toBe(forwards);
  });
});

describe('who hears a broadcast', () => {
  test('everyone on the bridge, and the bridge itself', () => {
    expect(net().heard('web', 'eth0')).toEqual(['host docker0', 'peer eth0']);
    expect(net().heard('host', 'docker0')).toEqual(['web eth0', 'peer eth0']);
  });

  test.each<[string, DockerHostChange, string[]]>([
    [
      'isolated ports do not hear each other',
      { webPort: { isolated: true }, peerPort: { isolated: true } },
      ['host docker0'],
    ],
    ['a port without broadcast flooding', { peerPort: { broadcastFlood: false } }, ['host docker0']],
    [
      'unknown unicast flooding is another switch',
      { peerPort: { flood: false } },
      ['host docker0', 'peer eth0'],
    ],
    ['a bridge that is down', { bridge: { up: false } }, ['peer eth0']],
    ['the sender is down', { web: { link: { up: false } } }, []],
    ['its port does not forward', { webPort: { state: 'blocking' } }, []],
    ['a container that is down', { peer: { link: { up: false } } }, ['host docker0']],
  ])('%s', (_, change, heard) => {
    expect(net(change).heard('web', 'eth0')).toEqual(heard);
  });
});

describe('finding a neighbour', () => {
  test('by asking: whoever has the address answers', () => {
    expect(net().resolve('web', 'eth0', '172.17.0.1', '172.17.0.2')).toBe(bridgeMac);
    expect(net().resolve('web', 'eth0', '172.17.0.3', '172.17.0.2')).toBe(peerMac);
    expect(net().resolve('host', 'docker0', '172.17.0.2', '172.17.0.1')).toBe(webMac);
    expect(net().resolve('web', 'eth0', '172.17.0.9', '172.17.0.2')).toMatch(/^nobody/);
  });

  test('also for an address that the host has on another device (arp_ignore 0)', () => {
    expect(net().resolve('web', 'eth0', '203.0.113.2', '172.17.0.2')).toBe(bridgeMac);
    const sysctls = { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.arp_ignore': 1 };
    expect(net({ host: { sysctls } }).resolve('web', 'eth0', '203.0.113.2', '172.17.0.2')).toMatch(/^nobody/);
  });

  test.each([
    ['REACHABLE', '02:00:00:00:00:99'],
    ['PERMANENT', '02:00:00:00:00:99'],
    ['NOARP', '02:00:00:00:00:99'],
    ['STALE', bridgeMac],
    ['FAILED', bridgeMac],
  ])('an entry that is %s', (state, mac) => {
    const neighbours = [{ addr: addr('172.17.0.1'), dev: 'eth0', mac: '02:00:00:00:00:99', state: [state] }];
    expect(net({ web: { neighbours } }).resolve('web', 'eth0', '172.17.0.1', '172.17.0.2')).toBe(mac);
    const other = [{ addr: addr('172.17.0.1'), dev: 'eth1', mac: '02:00:00:00:00:99', state: [state] }];
    expect(net({ web: { neighbours: other } }).resolve('web', 'eth0', '172.17.0.1', '172.17.0.2')).toBe(
      bridgeMac,
    );
  });

  test('asking teaches both sides', () => {
    const n = net();
    n.resolve('web', 'eth0', '172.17.0.1', '172.17.0.2');
    const { learned } = n.layer;
    expect(learned.macOf(n.wire('web', 'eth0'), addr('172.17.0.1'))).toBe(bridgeMac);
    expect(learned.macOf(n.wire('host', 'docker0'), addr('172.17.0.2'))).toBe(webMac);
  });

  test('an answer that does not come back is none', () => {
    const noWayBack: DockerHostChange = { webPort: { learning: false, flood: false } };
    expect(net(noWayBack).resolve('web', 'eth0', '172.17.0.1', '172.17.0.2')).toMatch(/does not come back/);
    expect(net(noWayBack).resolve('peer', 'eth0', '172.17.0.1', '172.17.0.3')).toBe(bridgeMac);
  });

  test('a strange sender address is not the one asked with', () => {
    // web forwards for 10.0.0.1: it asks as 172.17.0.2, and the host’s strict filter lets that pass.
    const sysctls = { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.docker0.rp_filter': 1 };
    expect(net({ host: { sysctls } }).resolve('web', 'eth0', '172.17.0.1', '10.0.0.1')).toBe(bridgeMac);
  });
});

describe('macvlan', () => {
  const child = (name: string, address: string, mode: string) =>
    namespace({
      name,
      kind: 'container',
      links: [
        { name: 'eth0', kind: 'macvlan', mode, addresses: [address], peer: { index: 2, namespace: 'host' } },
      ],
    });
  const macvlans = (mode: string, up = true) =>
    new Net({
      namespaces: [
        namespace({ name: 'host', links: [{ name: 'eth0', addresses: ['203.0.113.2/24'], up }] }),
        child('a', '203.0.113.10/24', mode),
        child('b', '203.0.113.11/24', mode),
      ],
    });

  test('siblings hear each other in bridge mode; the parent’s host hears none of them', () => {
    expect(macvlans('bridge').heard('a', 'eth0')).toEqual(['b eth0']);
    expect(macvlans('bridge').resolve('a', 'eth0', '203.0.113.11', '203.0.113.10')).toBe('b:2');
    expect(macvlans('bridge').resolve('a', 'eth0', '203.0.113.2', '203.0.113.10')).toMatch(/^nobody/);
    expect(macvlans('bridge').heard('host', 'eth0')).toEqual([]);
  });

  test.each(['private', 'vepa', 'passthru'])('not in mode %s', (mode) => {
    expect(macvlans(mode).heard('a', 'eth0')).toEqual([]);
  });

  test('nor when the parent is down', () => {
    expect(macvlans('bridge', false).heard('a', 'eth0')).toEqual([]);
  });
});

test('a bridge behind a veth of another bridge: frames cross both', () => {
  const inner = namespace({
    name: 'inner',
    kind: 'container',
    links: [
      { name: 'up0', kind: 'veth', master: 'br0', peer: { index: 4, namespace: 'host' } },
      { name: 'br0', kind: 'bridge', addresses: ['172.17.0.50/16'] },
    ],
  });
  const host = namespace({
    name: 'host',
    links: [
      { name: 'eth0', addresses: ['203.0.113.2/24'] },
      { name: 'docker0', kind: 'bridge', addresses: ['172.17.0.1/16'] },
      { ...vethPort('inner'), peer: { index: 2, namespace: 'inner' } },
    ],
  });
  const n = new Net({ namespaces: [host, inner] });
  expect(n.resolve('host', 'docker0', '172.17.0.50', '172.17.0.1')).toBe('inner:3');
  expect(n.port('inner:3')).toBe('veth-inner');
});
