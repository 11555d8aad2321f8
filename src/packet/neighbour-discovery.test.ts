import { expect, test } from 'vitest';
import { parseAddr } from '../net/addr.ts';
import type { Hook, Verdict } from './hooks.ts';
import { discoveryUnheard } from './neighbour-discovery.ts';
import type { Packet } from './packet.ts';
import type { Node, Wire } from './world.ts';

const addr = (text: string) => {
  const parsed = parseAddr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

/** A device of a namespace that has nothing else. */
function wire(name: string): Wire {
  const node = { name } as Node;
  return {
    node,
    link: { mac: `mac:${name}` },
    peer: undefined,
    ports: [],
    master: undefined,
  } as unknown as Wire;
}

const question = {
  device: wire('asker'),
  answerer: wire('owner'),
  target: addr('fd00::1:2'),
  asker: addr('fd00::1'),
};

const drop: Verdict = { kind: 'drop', where: 'filter/INPUT', why: 'DROP' };
const pass: Verdict = { kind: 'accept' };

test('question and answer pass the hooks of both ends', () => {
  const met: string[] = [];
  const hook = (node: Node, name: Hook, { icmp, src, dst }: Packet) => {
    met.push(`${node.name} ${name} ${icmp?.type} ${src.value.toString(16)} ${dst.value.toString(16)}`);
    return pass;
  };
  expect(discoveryUnheard(question, hook)).toBeUndefined();
  const [asker, owner, group] = [
    'fd000000000000000000000000000001',
    'fd000000000000000000000000010002',
    'ff0200000000000000000001ff010002',
  ];
  expect(met).toEqual([
    `asker OUTPUT 135 ${asker} ${group}`,
    `asker POSTROUTING 135 ${asker} ${group}`,
    `owner PREROUTING 135 ${asker} ${group}`,
    `owner INPUT 135 ${asker} ${group}`,
    `owner OUTPUT 136 ${owner} ${asker}`,
    `owner POSTROUTING 136 ${owner} ${asker}`,
    `asker PREROUTING 136 ${owner} ${asker}`,
    `asker INPUT 136 ${owner} ${asker}`,
  ]);
});

test('where one is dropped nothing is heard', () => {
  const answer = (_: Node, name: Hook, { icmp }: Packet) =>
    name === 'INPUT' && icmp?.type === 136 ? drop : pass;
  expect(discoveryUnheard(question, answer)).toBe('filter/INPUT stops neighbour discovery');
});

test('a message with another hop limit is none', () => {
  const hook = (_: Node, name: Hook, packet: Packet) => {
    if (name === 'OUTPUT') packet.ttl = 64;
    return pass;
  };
  expect(discoveryUnheard(question, hook)).toBe('a changed hop limit stops neighbour discovery');
});

test('ARP is no packet of iptables', () => {
  const arp = { ...question, target: addr('172.17.0.2'), asker: addr('172.17.0.1') };
  expect(discoveryUnheard(arp, () => drop)).toBeUndefined();
});
