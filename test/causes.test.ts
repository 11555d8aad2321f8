/**
 * Causes in whole bundles: captures of real daemons with a few lines changed, as the doctor reads them. Each case has a neighbour, the
 * same bundle without the change, in which the cause is not found. In: captures of test/corpus. Causes that one detector finds
 * in one file are tested beside it.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readBundle } from '../src/bundle/read.ts';
import { diagnose } from '../src/diagnosis/diagnose.ts';
import type { Diagnosis, Finding } from '../src/diagnosis/finding.ts';
import { hostStateFromFacts } from '../src/host/state-from-facts.ts';
import type { Flow } from '../src/net/flow.ts';
import { expectedFromFacts } from '../src/plan/expected.ts';
import { chinese } from '../src/report/text/zh.ts';
import { addr, flow } from './fixtures/host.ts';

/** What becomes of a file's text; undefined where it is not in the capture. */
type Edits = Readonly<Record<string, (text: string) => string>>;

async function doctor(capture: string, edits: Edits = {}, flows?: readonly Flow[]): Promise<Diagnosis> {
  const facts = await readBundle(join(import.meta.dirname, 'corpus', `${capture}.tar.gz`));
  const files = new Map(facts.files);
  for (const [name, edit] of Object.entries(edits)) {
    const before = files.get(name);
    const text = before === undefined ? '' : new TextDecoder().decode(before);
    const after = edit(text);
    if (after === text) throw new Error(`${name} of ${capture}: the edit changes nothing`);
    files.set(name, new TextEncoder().encode(after));
  }
  const edited = { ...facts, files };
  const { state } = hostStateFromFacts(edited);
  const expected = expectedFromFacts(edited, { state });
  return diagnose({ state, expected, facts: edited, ...(flows === undefined ? {} : { flows }) });
}

const add = (line: string) => (text: string) => `${text}${line}\n`;
const set = (line: string) => (text: string) => {
  const [name = ''] = line.split(' = ');
  return `${text.replace(new RegExp(`^${name.replaceAll('.', '\\.')} = .*$`, 'm'), line)}\n`;
};

interface Case {
  readonly capture: string;
  readonly edits?: Edits;
  readonly flows?: readonly Flow[];
  /** What makes the neighbour; without it the capture as it is. */
  readonly neighbour?: { readonly edits?: Edits; readonly flows?: readonly Flow[] };
  readonly finding: Partial<Finding>;
}

const onPort80 = /"tcp LISTEN 0 64 0\.0\.0\.0:80 0\.0\.0\.0:\*"/;

/** The sockets of the first container only. */
const webSockets = (to: string) => ({ 'sandboxes.json': (text: string) => text.replace(onPort80, to) });

const cases: Readonly<Record<string, Case>> = {
  'a service that listens on loopback': {
    capture: '28.5.2/default',
    edits: webSockets('"tcp LISTEN 0 64 127.0.0.1:80 0.0.0.0:*"'),
    finding: {
      cause: 'service-not-listening',
      severity: 'error',
      params: { container: 'peer', port: '80/tcp', listens: '127.0.0.1:80' },
    },
    flows: [flow('web tcp 172.17.0.3:80')],
  },
  'a published service that listens on another port than the published one': {
    capture: '28.5.2/user-bridges-two',
    edits: {
      'sandboxes.json': (text) =>
        text
          .replace(/"tcp LISTEN 0 64 \S+:8[01] \S+:\*",?/g, '')
          .replace(/"ss": \[/, '"ss": [\n"tcp LISTEN 0 64 0.0.0.0:3000 0.0.0.0:*",'),
    },
    flows: [flow('inet tcp 203.0.113.2:8080')],
    finding: {
      cause: 'service-not-listening',
      severity: 'error',
      params: { container: 'a1', port: '80/tcp', listens: '0.0.0.0:3000' },
      evidence: [
        {
          file: 'sandboxes.json',
          line: expect.any(Number),
          text: expect.stringMatching(/^"tcp LISTEN .* 0\.0\.0\.0:3000 /),
        },
      ],
    },
  },
  'two containers without a network in common': {
    capture: '28.5.2/user-bridges-two',
    flows: [flow('a1 tcp 172.19.0.2:80')],
    neighbour: { flows: [flow('a1 tcp 172.18.0.3:80')] },
    finding: {
      cause: 'networks-isolated',
      severity: 'info',
      params: { container: 'a1', peer: 'b1', network: 'netb', own: 'neta' },
      repairs: [{ kind: 'command', change: 'docker network connect netb a1' }],
    },
  },
  'a name of another network': {
    capture: '28.5.2/user-bridges-two',
    flows: [{ ...flow('a1 dns 127.0.0.11'), qname: 'b1' }],
    neighbour: { flows: [{ ...flow('a1 dns 127.0.0.11'), qname: 'a2' }] },
    finding: { cause: 'networks-isolated', severity: 'info' },
  },
  'host.docker.internal': {
    capture: '28.5.2/user-bridges-two',
    flows: [{ ...flow('a1 dns 127.0.0.11'), qname: 'host.docker.internal' }],
    neighbour: { flows: [{ ...flow('a1 dns 127.0.0.11'), qname: 'a2' }] },
    finding: {
      cause: 'host-gateway-name-missing',
      severity: 'error',
      params: { container: 'a1', name: 'host.docker.internal' },
    },
  },
  'a container asked directly from outside': {
    capture: '28.5.2/default',
    flows: [{ ...flow('inet tcp 172.17.0.2:80'), direct: true }],
    neighbour: { flows: [flow('inet tcp 203.0.113.2:8080')] },
    finding: {
      cause: 'direct-access-dropped',
      severity: 'info',
      evidence: [
        {
          file: 'iptables-save.txt',
          line: expect.any(Number),
          text: expect.stringMatching(/^-A PREROUTING -d 172\.17\.0\.2\/32 ! -i docker0 -j DROP$/),
        },
      ],
    },
  },
  'arp_ignore on the bridge': {
    capture: '28.5.2/default',
    edits: { 'sysctl.txt': set('net.ipv4.conf.docker0.arp_ignore = 8') },
    finding: {
      cause: 'arp-suppressed',
      severity: 'error',
      evidence: [
        {
          file: 'sysctl.txt',
          line: expect.any(Number),
          text: 'net.ipv4.conf.docker0.arp_ignore = 8',
        },
      ],
    },
  },
  'bridged frames that pass by a restriction': {
    capture: '28.5.2/icc-false',
    edits: { 'sysctl.txt': set('net.bridge.bridge-nf-call-iptables = 0') },
    finding: {
      cause: 'bridge-nf-off',
      severity: 'warning',
      params: {
        sysctl: 'net.bridge.bridge-nf-call-iptables',
        value: '0',
        restriction: expect.stringMatching(/-i docker0 -o docker0 .*-j DROP$/),
      },
      evidence: expect.arrayContaining([
        { file: 'sysctl.txt', line: expect.any(Number), text: 'net.bridge.bridge-nf-call-iptables = 0' },
      ]),
    },
  },
  'a container that could not start, since its port is taken': {
    capture: '28.5.2/default',
    edits: {
      'docker-container-inspect.json': stopped(
        'peer',
        'driver failed programming external connectivity on endpoint peer: failed to bind host port for 0.0.0.0:2222:172.17.0.3:80/tcp: address already in use',
      ),
      'sandboxes.json': without('peer'),
    },
    finding: {
      cause: 'host-port-taken',
      severity: 'error',
      params: expect.objectContaining({ container: 'peer', address: '0.0.0.0:2222' }),
      decide: "ss -lntup 'sport = :2222'",
      evidence: [
        expect.objectContaining({ file: 'docker-container-inspect.json', line: expect.any(Number) }),
        { file: 'ss.txt', line: expect.any(Number), text: expect.stringContaining(':2222 ') },
      ],
    },
  },
  'the same with an address that the host does not have': {
    capture: '28.5.2/default',
    edits: {
      'docker-container-inspect.json': stopped(
        'peer',
        'listen tcp4 192.0.2.55:8080: bind: cannot assign requested address',
      ),
      'sandboxes.json': without('peer'),
    },
    finding: {
      cause: 'publish-address-not-local',
      severity: 'error',
      params: expect.objectContaining({ container: 'peer', address: '192.0.2.55' }),
    },
  },
  'IPv6 clients of the userland proxy, stopped by filter/INPUT': {
    capture: '28.5.2/default',
    edits: {
      'ip6tables-save.txt': (text) =>
        text.replace(/(\*filter\n(?::.*\n)*)/, '$1-A INPUT -p tcp -m tcp --dport 8080 -j DROP\n'),
    },
    finding: {
      cause: 'host-firewall-blocks-proxied-port',
      severity: 'error',
      params: expect.objectContaining({ port: '8080/tcp', table: 'filter', chain: 'INPUT' }),
    },
  },
  'IPv6 clients that are asked for by themselves': {
    capture: '28.5.2/default',
    flows: [
      flow('inet tcp 203.0.113.2:8080'),
      { ...flow('inet tcp 203.0.113.2:8080'), dst: addr('2001:db8:113::2') },
    ],
    neighbour: { flows: [flow('inet tcp 203.0.113.2:8080')] },
    finding: {
      cause: 'proxy-hides-ipv6-client',
      severity: 'info',
      params: { container: 'web', port: '8080/tcp', gateway: '172.17.0.1' },
      evidence: [
        {
          file: 'docker-proxy.txt',
          line: expect.any(Number),
          text: expect.stringContaining('-host-port 8080'),
        },
      ],
    },
  },
  'a smaller uplink, and a rule that stops the message that says so': {
    capture: '28.5.2/mtu-uplink-1400',
    edits: {
      'iptables-save.txt': (text) =>
        text.replace(/(\*filter\n(?::.*\n)*)/, '$1-A OUTPUT -p icmp -m icmp --icmp-type 3 -j DROP\n'),
    },
    finding: {
      cause: 'path-mtu-black-hole',
      severity: 'error',
      evidence: [
        {
          file: 'iptables-save.txt',
          line: expect.any(Number),
          text: '-A OUTPUT -p icmp -m icmp --icmp-type 3 -j DROP',
        },
      ],
    },
  },
  'a network without IPv6 addresses of its own, on the link of the uplink': {
    capture: '20.10.24/net-ipv6-only',
    edits: Object.fromEntries(
      [
        'docker-network-inspect.json',
        'docker-container-inspect.json',
        'sandboxes.json',
        'ip-addr.json',
        'ip6-route.json',
      ].map((file) => [file, (text: string) => text.replaceAll('fd00:56::', '2001:db8:113:0:56::')]),
    ),
    finding: {
      cause: 'ipv6-neighbour-proxy-missing',
      severity: 'error',
      decide: 'ip -6 neigh show proxy',
      params: expect.objectContaining({ link: 'eth0' }),
    },
  },
  'an address beyond the host that nobody has': {
    capture: '28.5.2/default',
    flows: [flow('web tcp 192.0.2.77:443')],
    neighbour: { flows: [flow('web tcp 198.51.100.7:7777')] },
    finding: {
      cause: 'upstream-drops',
      severity: 'error',
      params: { link: 'eth0', source: '203.0.113.2' },
      decide: 'tcpdump -ni eth0 host 203.0.113.2',
    },
  },
  'a neighbour that had the address before': {
    capture: '28.5.2/default',
    edits: {
      'ip-neigh.json': () =>
        '[{"dst":"172.17.0.3","dev":"docker0","lladdr":"02:42:ac:11:00:99","state":["STALE"]}]',
    },
    finding: { cause: 'stale-neighbour', severity: 'warning' },
  },
  'UDP clients from before the port was published': {
    capture: '28.5.2/default',
    edits: {
      'conntrack.txt': add(
        'ipv4     2 udp      17 25 src=203.0.113.9 dst=203.0.113.2 sport=4000 dport=5353 [UNREPLIED] src=203.0.113.2 dst=203.0.113.9 sport=5353 dport=4000 mark=0 zone=0 use=2',
      ),
    },
    neighbour: {
      edits: {
        'conntrack.txt': add(
          'ipv4     2 udp      17 25 src=203.0.113.9 dst=203.0.113.2 sport=4000 dport=5353 src=172.17.0.2 dst=203.0.113.9 sport=53 dport=4000 mark=0 zone=0 use=2',
        ),
      },
    },
    finding: {
      cause: 'stale-conntrack',
      severity: 'warning',
      params: { port: '5353', count: '1' },
      evidence: [{ file: 'conntrack.txt', line: 1, text: expect.stringContaining('dport=5353') }],
      decide: 'conntrack -L -p udp --orig-port-dst 5353',
    },
  },
  'one MAC address for two containers': {
    capture: '28.5.2/default',
    edits: {
      'sandboxes.json': (text) => {
        const [first, second] = [...text.matchAll(/"address": "([0-9a-f:]{17})"/g)]
          .map((m) => m[1])
          .filter((mac) => mac !== '00:00:00:00:00:00');
        return first === undefined || second === undefined ? text : text.replaceAll(second, first);
      },
    },
    finding: { cause: 'duplicate-mac', severity: 'warning' },
  },
  'routes by advertisement on a forwarding host': {
    capture: '28.5.2/default',
    edits: {
      'ip6-route.json': (text) =>
        text.replace(/"dst": ?"default"/, '"dst":"default","protocol":"ra","expires":1700'),
      'sysctl.txt': (text) =>
        set('net.ipv6.conf.eth0.accept_ra = 1')(set('net.ipv6.conf.eth0.forwarding = 1')(text)),
    },
    neighbour: {
      edits: {
        'ip6-route.json': (text) => text.replace(/"dst": ?"default"/, '"dst":"default","protocol":"ra"'),
        'sysctl.txt': (text) =>
          set('net.ipv6.conf.eth0.accept_ra = 2')(set('net.ipv6.conf.eth0.forwarding = 1')(text)),
      },
    },
    finding: {
      cause: 'ipv6-router-advertisements-ignored',
      severity: 'warning',
      repairs: [{ kind: 'command', change: 'sysctl -w net.ipv6.conf.eth0.accept_ra=2' }],
    },
  },
};

/** `docker inspect` of a container that the engine could not start. */
function stopped(name: string, error: string): (text: string) => string {
  return (text) => {
    const containers = JSON.parse(text) as { Name: string; State: Record<string, unknown> }[];
    for (const container of containers) {
      if (container.Name === `/${name}`)
        container.State = { ...container.State, Running: false, Pid: 0, Error: error };
    }
    return JSON.stringify(containers, null, 1);
  };
}

function without(name: string): (text: string) => string {
  return (text) => {
    const { [name]: _, ...others } = JSON.parse(text) as Record<string, unknown>;
    return JSON.stringify(others, null, 1);
  };
}

describe.each(Object.entries(cases))('%s', (_, { capture, edits = {}, flows, neighbour, finding }) => {
  test('is found', async () => {
    const { findings } = await doctor(capture, edits, flows);
    expect(findings).toContainEqual(expect.objectContaining(finding));
    const byHand = findings
      .filter((f) => f.cause === finding.cause)
      .flatMap((f) => f.repairs.filter((r) => r.kind === 'config').flatMap((r) => r.change.split('\n')));
    for (const phrase of byHand) expect(chinese.phrase(phrase)).toMatch(/[\u4e00-\u9fff]/);
  });

  test('and not beside it', async () => {
    const beside: NonNullable<Case['neighbour']> = neighbour ?? (flows === undefined ? {} : { flows });
    const { findings } = await doctor(capture, beside.edits, beside.flows);
    expect(findings.map((f) => f.cause)).not.toContain(finding.cause);
  });
});
