/**
 * A small bundle, written by hand after a capture of 17.06.2: one host, its outside, the default bridge and a container `web`
 * that publishes 8080. In: what daemon.json says. Out: its files; the masquerade rule is there only if the daemon would make it.
 */
import type { Facts } from '../../src/host/facts.ts';

export interface IncidentSpec {
  /** Text of daemon.json. */
  readonly config: string;
  /** Whether nat/POSTROUTING masquerades 172.17.0.0/16. */
  readonly masquerade: boolean;
  /** Files that are added, replaced or, where undefined, taken away. */
  readonly files?: Readonly<Record<string, string | undefined>>;
}

/** `"ip-masq": false` on line 2, and the rules that follow from it. */
export const incident: IncidentSpec = { config: '{\n  "ip-masq": false\n}\n', masquerade: false };
/** The same host as it should be. */
export const healthy: IncidentSpec = { config: '{}\n', masquerade: true };

export function incidentFacts(spec: IncidentSpec): Facts {
  const encoder = new TextEncoder();
  return {
    files: new Map([...incidentFiles(spec)].map(([name, text]) => [name, encoder.encode(text)])),
    origin: 'test',
  };
}

export function incidentFiles({ config, masquerade, files = {} }: IncidentSpec): ReadonlyMap<string, string> {
  const bundle = new Map<string, string>([
    ['daemon.json', config],
    ['docker-version.json', JSON.stringify({ Version: '17.06.2-ce' })],
    ['docker-network-inspect.json', JSON.stringify([bridge(masquerade)])],
    ['docker-container-inspect.json', JSON.stringify([web])],
    ['iptables-save.txt', save(masquerade)],
    ['ip-link.json', JSON.stringify(hostLinks)],
    ['ip-addr.json', JSON.stringify(hostLinks)],
    ['ip-route.json', JSON.stringify(hostRoutes)],
    ['sysctl.txt', 'net.ipv4.ip_forward = 1\n'],
    ['ss.txt', proxySocket],
    ['docker-proxy.txt', proxy],
    ['sandboxes.json', JSON.stringify({ web: sandbox })],
    ['outside.json', JSON.stringify(outside)],
  ]);
  for (const [name, text] of Object.entries(files)) {
    if (text === undefined) bundle.delete(name);
    else bundle.set(name, text);
  }
  return bundle;
}

const networkId = 'b'.repeat(64);
const endpointId = 'e'.repeat(64);
const webMac = '02:42:ac:11:00:02';

function bridge(masquerade: boolean): unknown {
  return {
    Name: 'bridge',
    Id: networkId,
    Created: '2026-11-23T04:17:15.630198639Z',
    Driver: 'bridge',
    IPAM: { Config: [{ Subnet: '172.17.0.0/16' }] },
    Containers: {
      ['c'.repeat(64)]: {
        Name: 'web',
        EndpointID: endpointId,
        MacAddress: webMac,
        IPv4Address: '172.17.0.2/16',
      },
    },
    Options: {
      'com.docker.network.bridge.default_bridge': 'true',
      'com.docker.network.bridge.enable_icc': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': String(masquerade),
      'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
      'com.docker.network.bridge.name': 'docker0',
      'com.docker.network.driver.mtu': '1500',
    },
  };
}

const ports = { '80/tcp': [{ HostIp: '', HostPort: '8080' }] };

const web = {
  Id: 'c'.repeat(64),
  Name: '/web',
  State: { Running: true, Pid: 100, StartedAt: '2026-11-23T04:17:15.877390383Z' },
  HostConfig: { NetworkMode: 'default', PortBindings: ports, PublishAllPorts: false },
  Config: { ExposedPorts: { '80/tcp': {} } },
  NetworkSettings: {
    Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] },
    Networks: {
      bridge: {
        NetworkID: networkId,
        EndpointID: endpointId,
        Gateway: '172.17.0.1',
        IPAddress: '172.17.0.2',
        IPPrefixLen: 16,
        MacAddress: webMac,
      },
    },
  },
};

const proxySocket = 'tcp LISTEN 0 4096 *:8080 *:* users:(("docker-proxy",pid=90,fd=4))\n';
const proxy =
  '/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 80\n';

const up = ['UP', 'LOWER_UP'];

const loopback = {
  ifindex: 1,
  ifname: 'lo',
  flags: ['LOOPBACK', ...up],
  mtu: 65536,
  link_type: 'loopback',
  addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8, scope: 'host' }],
};

const hostLinks = [
  loopback,
  {
    ifindex: 2,
    ifname: 'eth0',
    flags: up,
    mtu: 1500,
    link_type: 'ether',
    address: '32:a1:1b:da:f9:80',
    addr_info: [{ family: 'inet', local: '203.0.113.2', prefixlen: 24, scope: 'global' }],
  },
  {
    ifindex: 3,
    ifname: 'docker0',
    flags: up,
    mtu: 1500,
    link_type: 'ether',
    address: '02:42:c8:9f:c1:3e',
    linkinfo: { info_kind: 'bridge' },
    addr_info: [{ family: 'inet', local: '172.17.0.1', prefixlen: 16, scope: 'global' }],
  },
  {
    ifindex: 5,
    link_index: 4,
    link_netnsid: 1,
    ifname: 'veth0',
    flags: up,
    mtu: 1500,
    link_type: 'ether',
    address: '56:6f:ac:39:f1:4d',
    master: 'docker0',
    linkinfo: { info_kind: 'veth' },
    addr_info: [],
  },
];

const hostRoutes = [
  { dst: 'default', gateway: '203.0.113.1', dev: 'eth0', flags: [] },
  { dst: '172.17.0.0/16', dev: 'docker0', scope: 'link', prefsrc: '172.17.0.1', flags: [] },
  { dst: '203.0.113.0/24', dev: 'eth0', scope: 'link', prefsrc: '203.0.113.2', flags: [] },
];

const sandbox = {
  netns: 'net:[4026532831]',
  shares_host: false,
  ip_addr: [
    loopback,
    {
      ifindex: 4,
      link_index: 5,
      link_netnsid: 0,
      ifname: 'eth0',
      flags: up,
      mtu: 1500,
      link_type: 'ether',
      address: webMac,
      linkinfo: { info_kind: 'veth' },
      addr_info: [{ family: 'inet', local: '172.17.0.2', prefixlen: 16, scope: 'global' }],
    },
  ],
  ip_route: [
    { dst: 'default', gateway: '172.17.0.1', dev: 'eth0', flags: [] },
    { dst: '172.17.0.0/16', dev: 'eth0', scope: 'link', prefsrc: '172.17.0.2', flags: [] },
  ],
  ip_neigh: [],
  iptables_save: '',
  nft: '',
  ss: ['tcp LISTEN 0 64 0.0.0.0:80 0.0.0.0:*'],
  sysctl: [],
};

const outside = {
  namespace: 'inet',
  links: [
    { name: 'up0', peer: 'eth0', addresses: ['203.0.113.1/24'] },
    { name: 'lo', addresses: ['127.0.0.1/8', '198.51.100.7/32'] },
  ],
  routes: [],
  forwards: false,
  listeners: ['tcp 7777'],
};

function save(masquerade: boolean): string {
  return [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD DROP [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':DOCKER - [0:0]',
    ':DOCKER-ISOLATION - [0:0]',
    ':DOCKER-USER - [0:0]',
    '[9:756] -A FORWARD -j DOCKER-USER',
    '-A FORWARD -j DOCKER-ISOLATION',
    '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A FORWARD -o docker0 -j DOCKER',
    '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
    '-A FORWARD -i docker0 -o docker0 -j ACCEPT',
    '-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
    '-A DOCKER-ISOLATION -j RETURN',
    '-A DOCKER-USER -j RETURN',
    'COMMIT',
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    ':INPUT ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ':POSTROUTING ACCEPT [0:0]',
    ':DOCKER - [0:0]',
    '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
    '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
    ...(masquerade ? ['-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE'] : []),
    '-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE',
    ...(masquerade ? ['-A DOCKER -i docker0 -j RETURN'] : []),
    '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
    'COMMIT',
    '',
  ].join('\n');
}
