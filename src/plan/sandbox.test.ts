import { describe, expect, it } from 'vitest';
import { intentOf, lines, planOf } from '../../test/support/plan.ts';
import { printNft } from '../firewall/nft/print.ts';
import { printSave } from '../firewall/save.ts';
import { generations } from './generation.ts';
import type { Generation } from './plan.ts';
import { type PlannedSandbox, planSandboxes, type ResolverPorts } from './sandbox.ts';

const networks = [
  { name: 'bridge', subnet: '172.17.0.0/16' },
  { name: 'net1', subnet: '172.18.0.0/16' },
  { name: 'mac', driver: 'macvlan', subnet: '192.168.7.0/24' },
];

const intent = intentOf({
  networks,
  containers: [
    { name: 'web', on: { bridge: '172.17.0.2/16' } },
    { name: 'one', on: { net1: '172.18.0.2/16' } },
    { name: 'both', on: { bridge: '172.17.0.3/16', mac: '192.168.7.2/24' } },
    { name: 'stopped', on: { net1: '172.18.0.3/16' }, running: false },
  ],
});

function sandboxes(generation: Generation, ports: ResolverPorts = {}): readonly PlannedSandbox[] {
  return planSandboxes({ intent, generation, backend: 'iptables-nft', portsOf: () => ports });
}

describe('planSandboxes', () => {
  it('gives the resolver to running containers of networks that are not the default one', () => {
    for (const generation of generations)
      expect(sandboxes(generation).map(({ name }) => name)).toEqual(['one', 'both']);
  });

  it('has these rules, with the network as their reason', () => {
    const [one] = sandboxes('G9');
    expect(lines(printSave(one?.ruleset ?? { tables: [] }, { family: 'ipv4' })).slice(0, -1)).toEqual(
      lines(`
        *nat
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        :DOCKER_OUTPUT - [0:0]
        :DOCKER_POSTROUTING - [0:0]
        -A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
        -A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING
        -A DOCKER_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:PORT
        -A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:PORT
        -A DOCKER_POSTROUTING -s 127.0.0.11/32 -p tcp -m tcp --sport PORT -j SNAT --to-source :53
        -A DOCKER_POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport PORT -j SNAT --to-source :53
      `),
    );
    const chain = one?.ruleset.tables[0]?.chains.find(({ name }) => name === 'DOCKER_OUTPUT');
    expect(chain?.rules[0]?.reason?.because[0]).toMatchObject({ setting: 'network', value: 'net1' });
  });

  it("names the resolver's ports where they are known", () => {
    const [one] = sandboxes('G9', { tcp: 40001, udp: 40002 });
    const text = printSave(one?.ruleset ?? { tables: [] }, { family: 'ipv4' });
    expect(text).toContain('--to-destination 127.0.0.11:40001');
    expect(text).toContain('-p udp -m udp --sport 40002');
    expect(text).not.toContain('PORT -');
  });

  it('is a native table with the nftables backend', () => {
    const [one] = sandboxes('N1', { udp: 40002 });
    expect(one?.ruleset.tables).toEqual([]);
    expect(lines(printNft(one?.nft.tables ?? []))).toEqual(
      lines(`
        table ip docker-dns {
        chain dns-dnat {
        type nat hook output priority dstnat; policy accept;
        ip daddr 127.0.0.11 udp dport 53 counter dnat to 127.0.0.11:40002
        ip daddr 127.0.0.11 tcp dport 53 counter dnat to 127.0.0.11:PORT
        }
        chain dns-snat {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 127.0.0.11 udp sport 40002 counter snat to :53
        ip saddr 127.0.0.11 tcp sport PORT counter snat to :53
        }
        }
      `),
    );
  });

  it('is part of the plan, also of an engine without iptables', () => {
    const { sandboxes: planned } = planOf({
      engine: '28.5.2',
      config: '{"iptables":false}',
      networks,
      containers: [{ name: 'one', on: { net1: '172.18.0.2/16' } }],
    });
    expect(planned.map(({ name }) => name)).toEqual(['one']);
  });
});
