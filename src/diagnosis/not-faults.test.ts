/** What looks like a fault and is none: on hosts where it is so, the doctor says nothing. */
import { expect, test } from 'vitest';
import { type Case, diagnosisOf, onHost } from '../../test/fixtures/patient.ts';

const firewalldLog = [
  'time="2026-01-02T03:04:05Z" level=info msg="Firewalld: docker zone already exists, returning"',
  `time="2026-01-02T03:04:06Z" level=warning msg="COMMAND_FAILED: '/usr/sbin/iptables -w10 -t nat -C DOCKER -i docker0 -j RETURN' failed: iptables: Bad rule (does a matching rule exist in that chain?)."`,
  'time="2026-01-02T03:04:07Z" level=warning msg="IPv4 forwarding is disabled. Networking will not work."',
].join('\n');

test.each<[string, Case]>([
  [
    'docker0 without carrier, and no container',
    {
      containers: [],
      host: { bridge: { up: true, carrier: false }, web: { links: [] }, peer: { links: [] } },
    },
  ],
  ['a log in which a check found no rule', { files: { 'dockerd.log': firewalldLog } }],
  ['FORWARD with the policy DROP', { rules: ['-P FORWARD DROP'] }],
  [
    'a firewall of ufw on INPUT that lets containers in',
    {
      rules: [
        '-P INPUT DROP',
        '-A INPUT -i docker0 -j ACCEPT',
        '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        '-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT',
        '-A INPUT -i lo -j ACCEPT',
      ],
    },
  ],
  [
    'networkd and NetworkManager as distributions ship them',
    {
      files: {
        'networkd/80-container-host0.network':
          '[Match]\nKind=veth\nName=host0\nVirtualization=container\n\n[Network]\nDHCP=yes\n',
        'networkd/80-container-ve.network': '[Match]\nKind=veth\nName=ve-*\n\n[Network]\nDHCPServer=yes\n',
        'networkd/10-netplan-eth0.network': '[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\n',
        'NetworkManager.conf': '[main]\nplugins=ifupdown,keyfile\n\n[ifupdown]\nmanaged=false\n',
        'NetworkManager.conf.d/10-globally-managed-devices.conf':
          '[keyfile]\nunmanaged-devices=*,except:type:wifi,except:type:gsm\n',
      },
    },
  ],
  [
    'a file of nftables that flushes, before the engine started',
    { files: { 'nftables.conf': 'flush ruleset\n' } },
  ],
])('%s', (_, given) => {
  const { findings, healthy } = diagnosisOf(given);
  expect(findings).toEqual([]);
  expect(healthy).toBe(true);
});

test('a host that does not forward, and whose containers share its network', () => {
  const broken: Case['broken'] = (state) =>
    onHost(state, (ns) => ({
      ...ns,
      sysctls: new Map([...ns.sysctls, ['net.ipv4.ip_forward', { value: '0' }]]),
    }));
  const none = { links: [] };
  expect(diagnosisOf({ containers: [], broken, host: { web: none, peer: none } }).findings).toEqual([]);
});
